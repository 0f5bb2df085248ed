"""Masks of photos without labels, for training: what several models, and mirror images, agree on.

    python -m benchmarks.soft_labels PHOTOS OUT --model RUN/model
    python -m benchmarks.soft_labels score CARVANA --model RUN/model --every 4

The first writes a data folder: `OUT/images` and `OUT/masks`. The probability of a pixel is the mean
over all models, of the photo and of its mirror image. It is cut at one half at full size, so the
coarse network learns from the share of object in each of its pixels, as everywhere. A photo is left
out where too many pixels are in dispute. The second scores such labels on photos with masks.
"""

import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from cyclopts import App
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.thinning import one_in
from data.arrays import Mask, Photo
from data.errors import InputError
from data.folders import photos_at
from data.images import read_photo
from data.masks import read_mask, write_mask
from data.samples import find_samples
from pipeline import DEFAULT_MODEL
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.evaluation.metrics import overlap
from pipeline.inference.segmenter import Segmenter
from pipeline.progress import progress

log = logging.getLogger(__name__)

DISPUTED = (0.25, 0.75)
"""A pixel is in dispute if its mean probability lies between these."""

MOST_DISPUTED = 0.015
"""Largest share of pixels in dispute, of all that are object, of a photo that is not left out.

Of photos that the package's model was not trained on, two of its best have 0.009, five of its ten
worst 0.011 to 0.021.
"""

app = App(name="soft_labels", help_format="plaintext")


@app.default
def soft_labels(
    photos: Path,
    out: Path,
    /,
    *,
    model: tuple[str, ...] = (DEFAULT_MODEL,),
    most_disputed: float = MOST_DISPUTED,
) -> None:
    """Write masks of photos that have none, with the photos.

    Args:
        photos: folder of photos.
        out: data folder to write.
        model: models whose probabilities are averaged; for a fold of the recipe, the model of that
            fold alone, since the others were trained on its cars.
        most_disputed: largest share of disputed pixels, of all that are object, of a photo.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    segmenters, paths = [Segmenter.load(name) for name in model], photos_at(photos)
    for folder in ("images", "masks"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    left_out = 0
    with progress("labelling") as on_photo:
        for i, path in enumerate(paths):
            p = mean_probability(read_photo(path), segmenters)
            if disputed(p) <= most_disputed:
                write_mask(out / "masks" / f"{path.stem}.png", p > 0.5)
                shutil.copyfile(path, out / "images" / path.name)
            else:
                left_out += 1
            on_photo(i + 1, len(paths))
    print(f"{len(paths) - left_out} photos labelled, {left_out} left out")


@app.command
def score(data: Path, /, *, model: tuple[str, ...] = (DEFAULT_MODEL,), every: Count = 1) -> None:
    """Print the Dice of such labels on photos with masks, beside that of the first model alone.

    Args:
        data: photos with masks; only photos that no model was trained on are scored.
        model: models whose probabilities are averaged.
        every: one in so many photos.
    """
    segmenters = [Segmenter.load(name) for name in model]
    seen = frozenset().union(*(segmenter.model.seen for segmenter in segmenters))
    unseen = [sample for sample in find_samples(data) if sample.group not in seen]
    samples = one_in(every, unseen)
    if not samples:
        raise InputError(f"the models were trained on all photos in {data}")
    alone, together = [], []
    with progress("scoring") as on_photo:
        for i, sample in enumerate(samples):
            photo, truth = read_photo(sample.photo), read_mask(sample.mask)
            alone.append(overlap(segmenters[0].predict(photo).mask, truth).dice)
            together.append(overlap(mean_probability(photo, segmenters) > 0.5, truth).dice)
            on_photo(i + 1, len(samples))
    print(f"{len(samples)} photos: {fmean(alone):.5f} alone, {fmean(together):.5f} together")


def mean_probability(photo: Photo, segmenters: Sequence[Segmenter]) -> NDArray[np.float32]:
    """Return the mean probability (H, W) of `photo` and its mirror image, over all models."""
    mirrored = np.ascontiguousarray(photo[:, ::-1])
    total = np.zeros(photo.shape[:2], np.float32)
    for segmenter in segmenters:
        total += expit(segmenter.predict(photo).logits)
        total += expit(segmenter.predict(mirrored).logits)[:, ::-1]
    return np.asarray(total / (2 * len(segmenters)), np.float32)


def disputed(p: NDArray[np.float32]) -> float:
    """Return the share of pixels in dispute, of all that are object; 1 without an object."""
    mask: Mask = p > 0.5
    between = (p > DISPUTED[0]) & (p < DISPUTED[1])
    return float(between.sum() / mask.sum()) if mask.any() else 1.0


if __name__ == "__main__":
    sys.exit(run(app))
