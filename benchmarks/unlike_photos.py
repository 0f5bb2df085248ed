"""How many photos of each folder a model takes for photos unlike those that it was trained on.

    python -m benchmarks.unlike_photos carvana UNSEEN_CARS LEAVES PEOPLE
    python -m benchmarks.unlike_photos OLD_MODEL --fit NEW_MODEL CARVANA SMALL

The second form fits the detector of a model that has none to its training photos in data folders,
and writes the model to a new folder.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from cyclopts import App
from numpy.typing import NDArray

from benchmarks.markdown import of_model, table
from coarse.novelty import fit_novelty
from data.datasets.coarse_dataset import CoarseView, load_pairs
from data.folders import photos_at
from data.geometry import Size
from data.images import read_photo
from data.samples import find_samples
from pipeline.cli.program import run
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from pipeline.model_folder import load_model, save_model
from pipeline.progress import progress

app = App(name="python -m benchmarks.unlike_photos", help_format="plaintext")

FULL_SIZE = Size(1280, 1918)
"""Size of the challenge's photos, which smaller copies are stretched to."""

HEADINGS = ("photos in", "number", "unlike", "least novelty", "median", "largest")


@app.default
def novelty(model: str, folders: list[Path], /, *, fit: Path | None = None) -> None:
    """Print how many photos of each folder are unlike, or fit the detector.

    Args:
        model: name or folder of the model.
        folders: folders of photos; with --fit, data folders with photos it was trained on.
        fit: folder to write the model with its detector to.
    """
    if fit is not None:
        save_model(fitted(load_model(model), folders), fit)
        return
    segmenter = Segmenter.load(model)
    scores = [novelty_scores(segmenter, photos_at(folder)) for folder in folders]
    print(of_model(segmenter.model, sum(map(len, scores))))
    rows = [[path.name, *summary(each)] for path, each in zip(folders, scores, strict=True)]
    print(table(HEADINGS, rows))


def summary(scores: NDArray[np.float64]) -> list[str]:
    """Return how many photos there are, how many of them are unlike, and how far off they are."""
    spread = (scores.min(), np.median(scores), scores.max())
    return [str(len(scores)), str((scores > 1).sum()), *(f"{value:.3f}" for value in spread)]


def novelty_scores(segmenter: Segmenter, photos: list[Path]) -> NDArray[np.float64]:
    """Return the novelty of each photo; above 1 it is unlike the training photos.

    Raises:
        ValueError: the model has no detector.
    """
    scores = []
    with progress(photos[0].parent.name) as on_photo:
        for i, photo in enumerate(photos):
            found = segmenter.propose([read_photo(photo)], max_tiles=0).novelty
            if found is None:
                raise ValueError("the model has no novelty detector; see --fit")
            scores.append(float(found[0]))
            on_photo(i + 1, len(photos))
    return np.array(scores)


def fitted(model: Model, folders: list[Path], per_folder: int = 850) -> Model:
    """Return `model` with a detector fitted to `per_folder` of its photos in a folder at most."""
    descriptions, groups = [], []
    view = CoarseView(model.long_side, model.coarse.level, model.coarse.alignment, FULL_SIZE)
    for folder in folders:
        samples = [sample for sample in find_samples(folder) if sample.group in model.seen]
        samples = samples[:: -(-len(samples) // per_folder)]
        with progress(f"decoding {folder.name}") as on_photo:
            pairs = load_pairs(samples, view, on_photo)
        with torch.inference_mode():
            for pair in pairs:
                photo = torch.from_numpy(pair.photo).permute(2, 0, 1)[None]
                _, description = model.coarse.eval().described(photo)
                descriptions.append(description[0].double().numpy())
        groups += [sample.group for sample in samples]
    return replace(model, novelty=fit_novelty(np.array(descriptions), groups))


if __name__ == "__main__":
    sys.exit(run(app))
