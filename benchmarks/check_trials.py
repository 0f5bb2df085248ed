"""How often `foveamask check` is right: faults are made in a good data set, those found counted.

    python -m benchmarks.check_trials LEAVES --others PEOPLE/photos --config settings.toml

Of every tenth photo the mask is moved or exchanged, or a changed copy is added. `--others` are
folders of photos of other kinds, of which three at a time are put among those of the data set.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from cyclopts import App, Parameter

from benchmarks.markdown import table
from benchmarks.thinning import one_in
from data.arrays import Mask, Photo
from data.files import read_bytes
from data.folders import photos_at
from data.geometry import Size
from data.images import decode_small_photo
from data.samples import Sample, find_samples, read_sample_mask
from data.threads import map_threads, raise_first
from pipeline.checking.edge_fit import edge_fit
from pipeline.checking.examination import FIT_SIDE, LEAST_SIDE, LOOK_SIDE, reduced, resized_mask
from pipeline.checking.looks import look_of, unlike_the_rest
from pipeline.checking.near_copies import near_copies
from pipeline.checking.photo_findings import doubtful_fits
from pipeline.cli.program import run
from pipeline.config import Config
from pipeline.toml_settings import load_settings

app = App(name="python -m benchmarks.check_trials", help_format="plaintext")

STEP = 10
"""Every so many photos one is spoilt."""

NUM_INTRUDERS = 3

SHARES = (0.01, 0.02, 0.04)
"""How far masks are moved."""


@dataclass(frozen=True, eq=False)
class Small:
    """A photo and its mask at the size at which they are checked."""

    photo: Photo
    mask: Mask
    group: str


Move = Callable[[Small, Small, np.random.Generator], Mask]
"""Returns a wrong mask for a photo, given another one of the set."""


def moved_by(share: float) -> Move:
    """Return what moves a mask by a share of its longer side."""
    return lambda small, _, random: moved(small.mask, share, random)


MOVES: dict[str, Move] = {
    **{f"mask moved by {share:.0%} of the longer side": moved_by(share) for share in SHARES},
    "mask of another photo": lambda small, other, _: fitted_to(other.mask, small.mask.shape),
    "mask mirrored": lambda small, _, __: small.mask[:, ::-1],
    "mask upside down": lambda small, _, __: small.mask[::-1],
}

CHANGES: dict[str, Callable[[Photo], Photo]] = {
    "saved as JPEG of quality 40": lambda photo: jpeg(photo, 40),
    "half as large": lambda photo: resized(photo, 0.5),
    "brighter by a fifth": lambda photo: np.clip(photo * 1.2, 0, 255).astype(np.uint8),
    "turned by 2 degrees": lambda photo: turned(photo, 2),
    "4 % cut off": lambda photo: cropped(photo, 0.02),
    "mirrored": lambda photo: np.ascontiguousarray(photo[:, ::-1]),
}


@app.default
def trials(
    data: Path,
    /,
    *,
    others: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
    config: Path | None = None,
    every: int = 1,
) -> None:
    """Print the faults that are found in a data set, and the false alarms, as a table.

    Args:
        data: data folder, whose masks are right.
        others: folders of photos of other kinds.
        config: settings file, for data.object and data.group.
        every: use every so many photos only.
    """
    settings = (load_settings(config) if config else Config()).data
    samples = find_samples(data, group_pattern=settings.group, object_values=settings.object)
    with closing(raise_first(map_threads(load, one_in(every, samples)))) as loaded:
        good = list(loaded)
    rows = [
        *edge_rows(good),
        *copy_rows(good),
        *(row for folder in others or () for row in intruder_rows(good, folder)),
    ]
    print(table(["fault", "found", "false alarms"], rows), end="")


def load(sample: Sample) -> Small:
    """Return a sample as it is checked."""
    photo = load_photo(sample.photo)
    mask = resized_mask(read_sample_mask(sample), Size(*photo.shape[:2]))
    return Small(photo, mask, sample.group)


def load_photo(path: Path) -> Photo:
    """Return a photo at the size at which it is checked."""
    photo, _ = decode_small_photo(read_bytes(path), str(path), LEAST_SIDE)
    return reduced(photo, FIT_SIDE)


def edge_rows(good: Sequence[Small]) -> Iterator[tuple[str, str, str]]:
    """Yield how many spoilt masks are found, and how many good ones are taken for such."""
    fits = [edge_fit(small.photo, small.mask) for small in good]
    for name, move in MOVES.items():
        random, spoilt = np.random.default_rng(0), dict(enumerate(fits))
        chosen = range(0, len(good), STEP)
        for i in chosen:
            other = good[(i + len(good) // 2) % len(good)]
            spoilt[i] = edge_fit(good[i].photo, move(good[i], other, random))
        known = [(i, fit) for i, fit in spoilt.items() if fit is not None]
        found = {known[j][0] for j in doubtful_fits([fit for _, fit in known])}
        yield row(name, found, chosen, len(good))


def copy_rows(good: Sequence[Small]) -> Iterator[tuple[str, str, str]]:
    """Yield how many copies are found, and how many photos are taken for copies of others."""
    looks = [look_of(reduced(small.photo, LOOK_SIDE)) for small in good]
    groups = [small.group for small in good]
    for name, change in CHANGES.items():
        chosen = range(0, len(good), STEP)
        copies = [look_of(reduced(change(good[i].photo), LOOK_SIDE)) for i in chosen]
        pairs = near_copies([*looks, *copies], [*groups, *(f"copy {i}" for i in chosen)])
        found = {(pair.first, pair.second) for pair in pairs}
        right = {(i, len(good) + j) for j, i in enumerate(chosen)}
        caught = {first for first, _ in found & right}
        wrong = {second for _, second in found - right}
        yield name, f"{len(caught)} of {len(chosen)}", f"{len(wrong)} of {len(good)}"


def intruder_rows(good: Sequence[Small], folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield how many photos of another kind are found, a few at a time."""
    looks = [look_of(reduced(small.photo, LOOK_SIDE)) for small in good]
    groups = [small.group for small in good]
    paths = photos_at(folder)
    caught = wrong = total = 0
    for start in range(0, len(paths) - NUM_INTRUDERS + 1, max(NUM_INTRUDERS, len(paths) // 10)):
        some = [load_photo(path) for path in paths[start : start + NUM_INTRUDERS]]
        more = [look_of(reduced(photo, LOOK_SIDE)) for photo in some]
        found = unlike_the_rest(
            [*looks, *more], [*groups, *(f"other {i}" for i in range(len(some)))]
        )
        caught += sum(i >= len(good) for i in found)
        wrong = max(wrong, sum(i < len(good) for i in found))
        total += len(some)
    yield f"photos of {folder.name} among them", f"{caught} of {total}", f"{wrong} of {len(good)}"


def row(name: str, found: set[int], chosen: Sequence[int], num: int) -> tuple[str, str, str]:
    """Return a row of the table."""
    spoilt = set(chosen)
    caught, wrong = len(found & spoilt), len(found - spoilt)
    return name, f"{caught} of {len(spoilt)}", f"{wrong} of {num - len(spoilt)}"


def moved(mask: Mask, share: float, random: np.random.Generator) -> Mask:
    """Return a mask moved by a share of its longer side, in any direction."""
    angle = random.uniform(0, 2 * np.pi)
    step = share * max(mask.shape) * np.array([np.cos(angle), np.sin(angle)])
    matrix = np.array([[1, 0, step[0]], [0, 1, step[1]]])
    return np.asarray(cv2.warpAffine(mask.astype(np.uint8), matrix, mask.shape[::-1]) > 0)


def fitted_to(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """Return a mask stretched to another shape."""
    return np.asarray(cv2.resize(mask.astype(np.uint8), shape[1::-1]) > 0)


def jpeg(photo: Photo, quality: int) -> Photo:
    """Return a photo after it was saved as JPEG."""
    _, encoded = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def resized(photo: Photo, factor: float) -> Photo:
    """Return a photo at another size."""
    small = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def turned(photo: Photo, degrees: float) -> Photo:
    """Return a photo turned about its middle."""
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    border: Any = cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(photo, matrix, (width, height), borderMode=border), np.uint8)


def cropped(photo: Photo, share: float) -> Photo:
    """Return a photo without a share of it on each side."""
    rows, columns = (round(share * side) for side in photo.shape[:2])
    return photo[rows:-rows, columns:-columns].copy()


if __name__ == "__main__":
    sys.exit(run(app))
