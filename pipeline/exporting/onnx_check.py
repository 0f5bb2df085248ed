"""Checking an ONNX file against the package: the same photos through both, pixel by pixel."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray

from data.arrays import Mask, Photo
from data.geometry import Size
from data.images import read_photo
from data.pyramid import resize
from pipeline.evaluation.metrics import Overlap, overlap
from pipeline.exporting.whole_graph import ALL_TILES, BUDGET, MASK, PHOTO
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from pipeline.progress import OnStep

PIXELS_PER_ERROR = 10_000
"""Of so many pixels of the object one may differ. One pixel of a photo always may."""

MAX_LOSS = 0.0001
"""Most that the Dice of both masks may be below 1."""

OTHER_SIDES = (0.6, 1.7)
"""Sizes that the first photo is checked at as well, as shares of the model's working size."""


@dataclass(frozen=True)
class Comparison:
    """The masks of one photo with one budget: the package's and the file's."""

    name: str
    size: Size
    num_tiles: int
    """Refined tiles."""
    masks: Overlap
    """The file's mask against the package's."""

    @property
    def num_different(self) -> int:
        """Number of pixels that differ."""
        return self.masks.predicted + self.masks.truth - 2 * self.masks.intersection

    @property
    def is_equal(self) -> bool:
        """Whether the masks are equal, but for what is allowed."""
        if self.num_different <= 1:
            return True
        few = self.num_different * PIXELS_PER_ERROR <= self.masks.truth
        return few and 1 - self.masks.dice <= MAX_LOSS


class OnnxSegmenter:
    """An ONNX file run by onnxruntime on the CPU: photo in, mask out."""

    def __init__(self, file: bytes, num_threads: int = 0) -> None:
        """Load a file; `num_threads` 0 leaves their number to onnxruntime."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.enable_cpu_mem_arena = False  # photos of many sizes would fill it
        self._session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self._inputs = {value.name for value in self._session.get_inputs()}

    def __call__(self, photo: Photo, budget: int = ALL_TILES) -> NDArray[np.uint8]:
        """Return the (H, W) mask of a photo, 0 and 255."""
        feeds = {PHOTO: photo, BUDGET: np.array([budget], np.int64)}
        given = {name: feeds[name] for name in self._inputs}
        (mask,) = self._session.run([MASK], given)
        return np.asarray(mask, np.uint8)


def compare(
    file: bytes, model: Model, photos: Sequence[Path], on_photo: OnStep | None = None
) -> Iterator[Comparison]:
    """Yield the comparisons of each photo, with budgets from no tile to all that are uncertain.

    The package computes in float32 on the CPU. The first photo is compared at other sizes too, so
    that it is reduced, enlarged and padded.

    Args:
        file: content of the ONNX file.
        model: the model that it was made from.
        photos: paths of photos.
        on_photo: called after each photo.

    Raises:
        InputError: a photo cannot be read.
    """
    theirs = OnnxSegmenter(file)
    ours = Segmenter.from_model(model, torch.device("cpu"), "fp32")
    for i, path in enumerate(photos):
        photo = read_photo(path)
        yield from _budgets(path.name, photo, ours, theirs)
        for other in _other_sizes(photo, model.long_side) if not i else ():
            yield from _budgets(path.name, other, ours, theirs)
        if on_photo is not None:
            on_photo(i + 1, len(photos))


def _budgets(
    name: str, photo: Photo, ours: Segmenter, theirs: OnnxSegmenter
) -> Iterator[Comparison]:
    """Yield the comparisons of a photo; the networks of the package run once."""
    has_refiner = ours.model.refiner is not None
    proposal = ours.propose([photo], None if has_refiner else 0)
    refined = ours.refine(proposal)
    num_uncertain = len(proposal.tiles)
    for num in sorted({0, min(1, num_uncertain), num_uncertain // 2, num_uncertain}):
        (prediction,) = ours.finish([photo], proposal, refined, MaskOptions(budget=num))
        mask = theirs(photo, ALL_TILES if num == num_uncertain else num) > 0
        yield _comparison(name, num, mask, prediction.mask)


def _comparison(name: str, num_tiles: int, theirs: Mask, ours: Mask) -> Comparison:
    return Comparison(name, Size(*ours.shape), num_tiles, overlap(theirs, ours))


def _other_sizes(photo: Photo, long_side: int) -> Iterator[Photo]:
    """Yield `photo` with odd sides, and at sizes that are enlarged and reduced to be worked on."""
    height, width = photo.shape[:2]
    yield photo[: max(1, height - 3), : max(1, width - 5)]
    for share in OTHER_SIDES:
        target = round(share * long_side)
        scale = target / max(height, width)
        yield resize(photo, Size(*(max(1, round(side * scale)) for side in (height, width))))
