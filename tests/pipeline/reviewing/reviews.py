"""Reviews of small photos, in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.testclient import TestClient

from data.arrays import Mask
from data.photo_files import find_photo_files
from pipeline.inference.given_masks import given_masks
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.reviewing.batch import BatchPhoto, load_batch
from pipeline.reviewing.corrected_folder import CorrectedFolder
from pipeline.reviewing.desk import ReviewDesk
from pipeline.reviewing.review_app import ReviewCalls, review_app
from pipeline.reviewing.review_files import ReviewFolder
from pipeline.reviewing.strokes import Stroke
from tests.bright_objects import SIZE, bright_segmenter, object_in, photo_of, write_objects
from tests.builders import unsure_segmenter
from tests.pipeline.serving.serving import engine_of

OPTIONS = MaskOptions()
GROUP = r"(\w+)_\d"

PHOTO = photo_of(object_in())


@cache
def heedful_segmenter(long_side: int = max(SIZE)) -> Segmenter:
    """Networks of random weights, unsure of some tiles; the refiner heeds the coarse mask."""
    return unsure_segmenter(long_side=long_side)


def stroke(*points: tuple[float, float], is_object: bool = True, radius: float = 3.0) -> Stroke:
    return Stroke(is_object, points, radius)


class Batch:
    """Photos and masks in a folder: three of one group, whose masks the network has made."""

    def __init__(self, folder: Path, segmenter: Segmenter | None = None, num: int = 3) -> None:
        self.segmenter = segmenter or bright_segmenter()
        self.photos, self.masks, self.out = (folder / name for name in ("photos", "masks", "out"))
        self.names = [f"car_{i}" for i in range(num)]
        self.photos.mkdir(parents=True)
        self.masks.mkdir()
        self.truths = write_objects(self.photos, self.names)

    def predict(self) -> "Batch":
        """Write the masks that the network makes."""
        from data.images import read_photo
        from tests.bright_objects import write_masks

        made = {
            name: self.segmenter(read_photo(self.photos / f"{name}.png")) for name in self.names
        }
        write_masks(self.masks, made)
        return self

    def load(self, segmenter: Segmenter | None = None) -> list[BatchPhoto]:
        photos, given = given_masks(find_photo_files([self.photos]), self.masks)
        kept = ReviewFolder.of(self.masks)
        kept.path.mkdir(exist_ok=True)
        used = segmenter or self.segmenter
        return load_batch(photos, given, used, OPTIONS, group=GROUP, kept=kept.expected)

    def desk(self) -> ReviewDesk:
        folder, out = ReviewFolder.of(self.masks), CorrectedFolder(self.out)
        return ReviewDesk.begin(self.segmenter, OPTIONS, self.load(), folder, out)


@contextmanager
def client_of(desk: ReviewDesk, below: float = 0.99) -> Iterator[TestClient]:
    """A client of the server of a review."""
    engine = engine_of(desk.segmenter)
    engine.start()
    try:
        app = review_app(engine, "bright", ReviewCalls(desk, None, below))
        yield TestClient(app, base_url="http://localhost:8000", raise_server_exceptions=False)
    finally:
        engine.stop()


def mask_of(desk: ReviewDesk, name: str) -> Mask:
    return desk.opened(name).correction.mask(desk.segmenter, OPTIONS)


def inflated(text: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The levels in an answer."""
    import base64
    import zlib

    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(shape)


def stitched(answer: dict[str, Any]) -> NDArray[np.uint8]:
    """The levels of a photo, as the page puts them together."""
    levels = inflated(answer["coarse"], tuple(answer["padded"])).copy()
    return patched(levels, answer)


def patched(levels: NDArray[np.uint8], answer: dict[str, Any]) -> NDArray[np.uint8]:
    """Levels with the tiles of an answer."""
    result, side = levels.copy(), 16
    columns = levels.shape[1] // side
    blocks = inflated(answer["refined"], (-1, side, side))
    for index, block in zip(answer["order"], blocks, strict=True):
        row, column = divmod(index, columns)
        result[row * side : (row + 1) * side, column * side : (column + 1) * side] = block
    return result
