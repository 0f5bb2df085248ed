"""Findings about photos: damage, sizes, copies, odd ones, and masks that do not follow them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from data.folders import counted
from data.geometry import Size
from pipeline.checking.edge_fit import EdgeFit
from pipeline.checking.examination import Examined
from pipeline.checking.findings import Finding
from pipeline.checking.looks import LEAST_PHOTOS, unlike_the_rest
from pipeline.checking.phrases import how_many_are, how_many_have, named, part_of, some

TITLES = {
    "damaged-photo": "photo that cannot be read",
    "unreadable-mask": "mask that cannot be read",
    "sizes-differ": "mask of another size than its photo",
}

MOST_REASONS = 3
"""Most messages of single files that a finding repeats."""

FLAT = 2.0
"""Standard deviation of the brightness below which a photo shows nothing."""

SMALL = 256
"""Longer side below which a photo has hardly an edge to learn from."""

MOST_SIZES = 4

LOW_FIT, LOW_SHARE = 3.0, 0.4
"""A contour is doubtful if its score is below both: the first, and this share of that of the set's
middle mask. The scores of 31 cars, 30 leaves and 40 people were 1.1 to 10; with masks moved by 2 %
of the photo or more, or of another photo, most were below these."""

NO_FIT = 1.2
"""If the middle mask's score is below this, the masks of the whole set are doubtful."""

CLEAR_GAIN = 1.3
"""If the edges are so many times stronger elsewhere, the message says where."""


def problem_findings(examined: Sequence[Examined]) -> Iterator[Finding]:
    """Yield the files that cannot be read, or do not fit together."""
    for code, title in TITLES.items():
        found = [(e.sample.photo, p) for e in examined for p in e.problems if p.code == code]
        if found:
            reasons = [f"    {problem.message}" for _, problem in found[:MOST_REASONS]]
            more = len(found) - MOST_REASONS
            tail = [f"    and {more} more"] if more > 0 else []
            what = title if len(found) == 1 else title.replace(" that", "s that", 1)
            if code == "sizes-differ" and len(found) > 1:
                what = "masks of another size than their photos"
            yield Finding(
                code,
                "fatal",
                "\n".join([f"{len(found)} {what}:", *reasons, *tail]),
                tuple(photo for photo, _ in found),
            )


def size_findings(examined: Sequence[Examined]) -> Iterator[Finding]:
    """Yield how large the photos are, and which way up."""
    sizes = [(e, e.size) for e in examined if e.size is not None]
    if not sizes:
        return
    total, counts = len(sizes), Counter(size for _, size in sizes)
    shown = [
        f"{_shape(size)} ({num})" if len(counts) > 1 else _shape(size)
        for size, num in counts.most_common(MOST_SIZES)
    ]
    more = f" and {len(counts) - MOST_SIZES} more sizes" if len(counts) > MOST_SIZES else ""
    yield Finding(
        "sizes", "note", f"{counted(total, 'photo')} of {', '.join(shown)}{more}, width x height."
    )
    upright = [e.sample.photo for e, size in sizes if size.height > size.width]
    wide = [e.sample.photo for e, size in sizes if size.width > size.height]
    if upright and wide:
        fewer = upright if len(upright) <= len(wide) else wide
        yield Finding(
            "orientations",
            "note",
            f"{part_of(len(upright), total).capitalize()} upright, {len(wide)} wide. Both are "
            "fine. If an object lies on its side in some of them, have the photos turned.",
            tuple(fewer),
        )
    small = [e.sample.photo for e, size in sizes if max(size) < SMALL]
    if small:
        yield Finding(
            "small-photo",
            "suspect",
            f"{how_many_have(len(small), total)} less than {SMALL} "
            f"pixels on the longer side: {named(small)}. Are these thumbnails of larger photos?",
            some(small, total),
        )


def odd_findings(examined: Sequence[Examined]) -> Iterator[Finding]:
    """Yield the photos that show nothing, and those that are unlike the rest."""
    looks = [(e, e.look) for e in examined if e.look is not None]
    flat = [e.sample.photo for e, look in looks if look.contrast < FLAT]
    if flat:
        yield Finding(
            "flat-photo",
            "suspect",
            f"{how_many_have(len(flat), len(looks))} one brightness "
            f"all over, so there is nothing to see: {named(flat)}.",
            tuple(flat),
        )
    groups = [e.sample.group for e, _ in looks]
    odd = [looks[i][0].sample.photo for i in unlike_the_rest([look for _, look in looks], groups)]
    odd = [photo for photo in odd if photo not in flat]
    if odd:
        yield Finding(
            "unlike-photo",
            "suspect",
            f"{how_many_are(len(odd), len(looks))} unlike the rest in "
            f"colours, light or detail: {named(odd)}. Do they belong here?",
            tuple(odd),
        )


def edge_findings(examined: Sequence[Examined]) -> Iterator[Finding]:
    """Yield the masks whose contour does not follow the edges of the photo."""
    fits = [(e, e.fit) for e in examined if e.fit is not None]
    if len(fits) >= LEAST_PHOTOS and median(fit.score for _, fit in fits) < NO_FIT:
        yield Finding(
            "edges-disagree-set",
            "suspect",
            f"The masks do not follow the edges in the photos, in {part_of(len(fits), len(fits))}. "
            "Do they belong to other photos, or have photos been cropped since they were labelled?",
        )
        return
    doubtful = [fits[i] for i in doubtful_fits([fit for _, fit in fits])]
    if doubtful:
        photos = tuple(e.sample.photo for e, _ in doubtful)
        yield Finding(
            "edges-disagree",
            "suspect",
            f"{how_many_have(len(photos), len(fits), 'mask')} a contour that does not follow the "
            f"edges in the photo: {named(photos)}.{_moved(doubtful)} Look whether these masks "
            "belong to these photos, and lie where the object is.",
            photos,
        )


def doubtful_fits(fits: Sequence[EdgeFit]) -> list[int]:
    """Return the indices of the fits that are far worse than those of the others, worst first."""
    if not fits:
        return []
    limit = min(LOW_FIT, LOW_SHARE * median(fit.score for fit in fits))
    found = [i for i, fit in enumerate(fits) if fit.score < limit and fit.gain > 1]
    return sorted(found, key=lambda i: fits[i].score)


def _moved(doubtful: Sequence[tuple[Examined, EdgeFit]]) -> str:
    """Return where the contour of the first mask that has slipped would fit better."""
    for e, fit in doubtful:
        if fit.gain > CLEAR_GAIN and e.size is not None and fit.best != (0, 0):
            rows, columns = (round(step * max(e.size)) for step in fit.best)
            parts = [
                f"{abs(num)} pixels {direction[num > 0]}"
                for num, direction in ((columns, ("left", "right")), (rows, ("up", "down")))
                if num
            ]
            return f" That of {e.sample.photo.name} would fit better about {' and '.join(parts)}."
    return ""


def _shape(size: Size) -> str:
    return f"{size.width} x {size.height}"
