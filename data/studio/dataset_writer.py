"""Write synthetic photos and masks as a data set in the Carvana layout.

    OUT/train/<car>_<angle>.jpg              JPEG
    OUT/train_masks/<car>_<angle>_mask.gif   GIF, palette, 0 and 1
    OUT/train_masks.csv                      img,rle_mask: Kaggle run lengths

A car's name is 12 hex digits, made from all that its photos depend on; so a photo that is there
under its name is the right one, and an interrupted run goes on where it stopped.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
from joblib.externals.loky import get_reusable_executor
from numpy.typing import NDArray
from PIL import Image

from data import rle
from data.errors import InputError
from data.files import remove_partials, replacing
from data.geometry import Size
from data.masks import read_mask
from data.studio.photograph import FULL_SIZE, render_photo

STUDIO_VERSION = 1
"""To be raised when the same seed gives other pictures: cars then get other names."""

JPEG_QUALITY = 92

MAX_ANGLES = 99

TABLE = "train_masks.csv"
"""Their two digits are where a car's name ends, and so what keeps its photos together."""


@dataclass(frozen=True)
class _Photo:
    """A photo to be made, and its place."""

    out: Path
    seed: int
    car: int
    angle: int
    num_angles: int
    size: Size

    @property
    def stem(self) -> str:
        return f"{car_name(self.seed, self.car, self.num_angles, self.size)}_{self.angle:02d}"

    @property
    def photo(self) -> Path:
        return self.out / "train" / f"{self.stem}.jpg"

    @property
    def mask(self) -> Path:
        return self.out / "train_masks" / f"{self.stem}_mask.gif"


def car_name(seed: int, car: int, num_angles: int, size: Size) -> str:
    """Return the 12 hex digits by which a car's files are known."""
    text = f"studio {STUDIO_VERSION}/{seed}/{car}/{num_angles}/{size.height}x{size.width}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def write_dataset(
    out: Path,
    *,
    cars: int,
    angles: int = 16,
    seed: int = 0,
    size: Size = FULL_SIZE,
    on_photo: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Render cars from all sides, in parallel, into `out`; what is there already stays.

    Args:
        out: the data set's folder; it is made if need be.
        cars: number of cars.
        angles: photos of each car, evenly spaced around it.
        seed: of all that is random.
        size: of the photos.
        on_photo: called after each photo with the number of those done, and of all.

    Raises:
        ValueError: there would be no photo, or more angles than two digits can name, or the seed
            is negative.
        InputError: `out` holds photos of another data set.
    """
    if cars < 1 or not 1 <= angles <= MAX_ANGLES or seed < 0:
        raise ValueError(
            f"cars must be at least 1, angles from 1 to {MAX_ANGLES} and seed at least 0, not "
            f"{cars}, {angles} and {seed}"
        )
    photos = [
        _Photo(out, seed, car, angle, angles, size)
        for car in range(cars)
        for angle in range(1, angles + 1)
    ]
    _check_ours(out, photos)
    for folder in (out / "train", out / "train_masks"):
        folder.mkdir(parents=True, exist_ok=True)
        remove_partials(folder)
    remove_partials(out)
    missing = [photo for photo in photos if not photo.photo.exists() or not photo.mask.exists()]
    done = len(photos) - len(missing)
    # Processes: the painter's loop holds the interpreter's lock.
    workers = joblib.Parallel(n_jobs=-1, return_as="generator_unordered")
    try:
        for _ in workers(joblib.delayed(_write_photo)(photo) for photo in missing):
            done += 1
            on_photo(done, len(photos))
    finally:
        # They would stay for minutes, each with the textures of a car in its memory.
        get_reusable_executor().shutdown(wait=True)
    _write_csv(out / TABLE, photos)


def _check_ours(out: Path, photos: list[_Photo]) -> None:
    ours = {photo.photo.name for photo in photos}
    found = sorted(path.name for path in (out / "train").glob("*.*") if path.name[0] != ".")
    foreign = [name for name in found if name not in ours]
    if foreign:
        raise InputError(
            f"{out / 'train'} holds {len(foreign)} files of another data set, "
            f"such as {foreign[0]}; "
            "name an empty folder, or the numbers of cars and angles and the seed as before"
        )
    table = out / TABLE
    if table.exists() and not found:  # it is written last
        raise InputError(f"{table} is of another data set, and would be overwritten by ours")


def _write_photo(photo: _Photo) -> None:
    """Write mask, then photo: where the photo is, all is there."""
    picture, mask = render_photo(
        photo.seed, photo.car, photo.angle, num_angles=photo.num_angles, size=photo.size
    )
    with replacing(photo.mask, is_durable=False) as partial:
        _palette_image(mask).save(partial, format="GIF")
    image = Image.fromarray(picture)
    with replacing(photo.photo, is_durable=False) as partial:
        image.save(partial, format="JPEG", quality=JPEG_QUALITY, subsampling="4:2:0")


def _palette_image(mask: NDArray[np.bool_]) -> Image.Image:
    image = Image.fromarray(mask.astype(np.uint8)).convert("P")
    image.putpalette([0, 0, 0, 255, 255, 255])
    return image


def _write_csv(path: Path, photos: list[_Photo]) -> None:
    with replacing(path) as partial, partial.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(_csv_lines(photos))


def _csv_lines(photos: list[_Photo]) -> Iterator[str]:
    yield "img,rle_mask\n"
    for photo in sorted(photos, key=lambda photo: photo.stem):
        yield f"{photo.photo.name},{rle.encode(read_mask(photo.mask))}\n"
