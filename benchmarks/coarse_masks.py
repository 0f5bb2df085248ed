"""Coarse masks before and after `refine`: Dice and boundary error, kind by kind.

    python -m benchmarks.coarse_masks CARVANA OUT.json --every 8
    python -m benchmarks.coarse_masks studio OUT.json --every 2

The true masks of photos that the model was not trained on are shifted, blurred, cut from polygons
and reduced as other tools and hands leave them. Each is refined with the guard and without it. The
results of every photo are written to OUT.json as soon as they are known, and a call resumes there;
`--only` limits it to some kinds.
"""

import json
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
from cyclopts import App

from benchmarks.markdown import of_model, table
from benchmarks.thinning import one_in
from data import mask_errors
from data.arrays import Mask, Photo, Pixels
from data.errors import SettingsError
from data.files import write_bytes
from data.geometry import Size
from data.images import read_photo
from data.masks import read_mask
from data.samples import find_samples
from data.studio.truth import render_cutout
from pipeline import MASK_MODEL
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.evaluation.metrics import boundary_error, overlap
from pipeline.inference.mask_options import DEFAULT_OPTIONS
from pipeline.inference.mask_refining import MaskedPhoto, RefiningOptions, refinement
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from pipeline.progress import progress
from pipeline.seen_photos import seen_samples
from refine.uncertain_band import HALF, fitted

app = App(name="coarse_masks", help=__doc__, help_format="plaintext")

STUDIO = Path("studio")
"""Stands for cars that the synthetic studio renders."""

STUDIO_SEED, STUDIO_CARS = 5, 12

WORSE = 1e-4
"""Dice by which a mask must lose to count as worse."""

Random = np.random.Generator
Kind = Callable[[Mask, Random], Mask | Pixels]


@dataclass(frozen=True)
class Row:
    """One photo with one kind of coarse mask."""

    photo: str
    kind: str
    given: float
    """Dice of the coarse mask, at the photo's size."""
    refined: float
    """Dice without the guard."""
    guarded: float
    """Dice with it."""
    given_error: float
    """Boundary error in pixels, likewise."""
    refined_error: float
    guarded_error: float
    kept: float
    """Share of the changes that the guard turned down."""
    tiles: int
    """Refined in the first pass."""
    passes: int


@app.default
def coarse_masks(
    photos: Path,
    out: Path,
    /,
    *,
    model: str = MASK_MODEL,
    every: Count = 1,
    band: float | None = None,
    passes: Count = RefiningOptions.max_passes,
    only: tuple[str, ...] = (),
) -> None:
    """Print a table of masks before and after refining, one row a kind.

    Args:
        photos: data folder with true masks; or `studio`, for cars that are rendered.
        out: file for the results of every photo.
        model: whose second stage is run.
        every: only one photo of so many.
        band: pixels on either side of the contour that are uncertain; by default found.
        passes: most passes of the refiner over its own result.
        only: kinds to measure; by default all.
    """
    kinds = chosen(only)
    segmenter = Segmenter.load(model, "cpu")
    rows = read_rows(out)
    done = {(row.photo, row.kind) for row in rows}
    refining = RefiningOptions(band=band, max_passes=passes)
    with progress("refining") as on_photo:
        for number, num_all, (name, photo, truth) in numbered(photos, segmenter.model, every):
            missing = {kind: make for kind, make in kinds.items() if (name, kind) not in done}
            rows += measured(name, photo, truth, missing, segmenter, refining)
            if missing:
                content = json.dumps([asdict(row) for row in rows], indent=1)
                write_bytes(out, content.encode())
            on_photo(number, num_all)
    shown = [row for row in rows if row.kind in kinds]
    print(of_model(segmenter.model, len({row.photo for row in shown})))
    print(summary(shown), end="")


def all_kinds() -> dict[str, Kind]:
    """Return how coarse masks are made of true ones, by name."""
    kinds: dict[str, Kind] = {"exact": lambda mask, _: mask}
    for pixels in (1, 2, 4, 8):
        kinds[f"shifted {pixels} px"] = _shifted(pixels)
    for pixels in (1, 2, 4, 8):
        kinds[f"dilated {pixels} px"] = _grown(pixels)
        kinds[f"eroded {pixels} px"] = _grown(-pixels)
    for deviation in (4, 8, 16):
        kinds[f"blurred {deviation} px"] = _blurred(deviation)
    for tolerance in (2, 4, 8, 16):
        kinds[f"polygon {tolerance} px"] = _cornered(tolerance)
    for side in (256, 512, 1024):
        kinds[f"{side} x {side} nearest"] = _reduced(side, smoothly=False)
        kinds[f"{side} x {side} area"] = _reduced(side, smoothly=True)
    for amplitude in (2, 4):
        kinds[f"drawn by hand, {amplitude} px"] = _wobbly(amplitude)
    kinds["a hole, 60 px"] = _disc(inside=False)
    kinds["a lump, 60 px"] = _disc(inside=True)
    for pixels in (16, 32):
        kinds[f"shifted {pixels} px"] = _shifted(pixels)
    return kinds


def chosen(names: Sequence[str]) -> dict[str, Kind]:
    """Return the kinds of coarse masks of these names, or all.

    Raises:
        SettingsError: there is no such kind.
    """
    kinds = all_kinds()
    unknown = [name for name in names if name not in kinds]
    if unknown:
        raise SettingsError(f"--only takes some of {', '.join(kinds)}, not {unknown[0]!r}")
    return {name: kinds[name] for name in names or kinds}


def numbered(
    place: Path, model: Model, every: int
) -> Iterator[tuple[int, int, tuple[str, Photo, Mask]]]:
    """Yield the number of each photo, how many there are, and its name, pixels and true mask."""
    if place == STUDIO:
        cars = range(0, STUDIO_CARS, every)
        for i, car in enumerate(cars, 1):
            truth = render_cutout(STUDIO_SEED, car, 2 + 3 * car % 14)
            yield i, len(cars), (f"studio_{car}", truth.photo, truth.coverage > 0.5)
        return
    samples = find_samples(place)
    seen = seen_samples(model, samples)
    unseen = [sample for sample, is_seen in zip(samples, seen, strict=True) if not is_seen]
    used = one_in(every, unseen)
    for i, sample in enumerate(used, 1):
        yield i, len(used), (sample.name, read_photo(sample.photo), read_mask(sample.mask))


def measured(
    name: str,
    photo: Photo,
    truth: Mask,
    kinds: Mapping[str, Kind],
    segmenter: Segmenter,
    refining: RefiningOptions,
) -> list[Row]:
    """Return the row of each kind for one photo; random errors follow from names."""
    rows = []
    for kind, make in kinds.items():
        mask = make(truth, np.random.default_rng(zlib.crc32(f"{name} {kind}".encode())))
        grey = np.asarray(mask * np.uint8(255) if mask.dtype == np.bool_ else mask, np.uint8)
        given = fitted(grey, Size(*truth.shape)) >= HALF
        done = refinement(segmenter, MaskedPhoto(photo, grey), DEFAULT_OPTIONS, refining)
        refined, guarded = (done.result(guard=guard) for guard in (False, True))
        masks = {"given": given, "refined": refined.mask, "guarded": guarded.mask}
        dice = {key: overlap(result, truth).dice for key, result in masks.items()}
        error = {f"{key}_error": boundary_error(result, truth) for key, result in masks.items()}
        rows.append(
            Row(
                photo=name,
                kind=kind,
                **dice,
                **error,
                kept=guarded.kept,
                tiles=len(refined.tiles),
                passes=done.num_passes,
            )
        )
    return rows


def read_rows(path: Path) -> list[Row]:
    """Return the rows of earlier calls; none if there is no such file."""
    return [Row(**row) for row in json.loads(path.read_text())] if path.exists() else []


def summary(rows: Sequence[Row]) -> str:
    """Return the table of all kinds, in the order of the rows."""
    by_kind: dict[str, list[Row]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row)
    headings = ["mask", "Dice given", "refined", "guarded", "error given, px", "refined", "guarded"]
    headings += ["kept as given", "worse than given"]
    lines = []
    for kind, own in by_kind.items():
        means = [
            fmean(getattr(row, name) for row in own) for name in ("given", "refined", "guarded")
        ]
        errors = [
            fmean(getattr(row, f"{name}_error") for row in own)
            for name in ("given", "refined", "guarded")
        ]
        kept = fmean(row.kept == 1 for row in own)
        worse = fmean(row.guarded < row.given - WORSE for row in own)
        cells = [*(f"{mean:.4f}" for mean in means), *(f"{error:.2f}" for error in errors)]
        lines.append([kind, *cells, f"{100 * kept:.0f} %", f"{100 * worse:.0f} %"])
    return table(headings, lines)


def _shifted(pixels: int) -> Kind:
    def change(mask: Mask, random: Random) -> Mask:
        angle = random.uniform(0, 2 * np.pi)
        return mask_errors.shifted(
            mask, round(pixels * np.sin(angle)), round(pixels * np.cos(angle))
        )

    return change


def _grown(pixels: int) -> Kind:
    return lambda mask, _: mask_errors.grown(mask, pixels)


def _blurred(deviation: float) -> Kind:
    return lambda mask, _: mask_errors.blurred(mask, deviation)


def _cornered(tolerance: float) -> Kind:
    return lambda mask, _: mask_errors.cornered(mask, tolerance)


def _reduced(side: int, *, smoothly: bool) -> Kind:
    return lambda mask, _: mask_errors.reduced(mask, Size(side, side), smoothly=smoothly)


def _wobbly(amplitude: float) -> Kind:
    return lambda mask, random: mask_errors.wobbly(mask, amplitude, random)


def _disc(*, inside: bool) -> Kind:
    return lambda mask, random: mask_errors.disc_on_contour(mask, 30, random, inside=inside)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    sys.exit(run(app))
