"""Small inputs for tests: photos, masks, data folders, models and runs, all of them made anew."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from coarse.coarse_network import CoarseNetwork
from coarse.enet import ENet
from data.datasets.augment import Augmentation
from data.errors import SettingsError
from data.geometry import Fovea, Size
from data.samples import Sample
from pipeline import config
from pipeline.cli import main
from pipeline.config import (
    CoarseConfig,
    Config,
    DataConfig,
    RefinerConfig,
)
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from pipeline.toml_settings import save_settings
from refine.refiner_network import Refiner

Pixels = NDArray[np.uint8]

Mask = NDArray[np.bool_]


CPU = torch.device("cpu")


SIZE = Size(64, 96)


UNCHANGED = Augmentation(flip=0, shift=0, scale=0, brightness=0, contrast=0, saturation=0, tint=0)
"""No augmentation: what a network is given is what is in the files."""


def noise(size: tuple[int, ...], seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def disc(centre: tuple[float, float], radius: float, size: tuple[int, int] = SIZE) -> Mask:
    rows, columns = np.ogrid[: size[0], : size[1]]
    inside: Mask = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2
    return inside


def middle_disc(size: tuple[int, int] = SIZE) -> Mask:
    height, width = size
    return disc((height / 2, width / 2), min(size) / 3, size)


def area_mean(pixels: NDArray[Any], side: int) -> NDArray[np.float64]:
    """Return (H, W[, C]) as the means of squares of `side` pixels."""
    height, width = pixels.shape[0] // side, pixels.shape[1] // side
    squares = pixels.reshape(height, side, width, side, *pixels.shape[2:])
    mean: NDArray[np.float64] = squares.mean((1, 3))
    return mean


def shaded_photo(size: tuple[int, int], seed: int = 0) -> Pixels:
    """Smooth shades with some detail."""
    random = np.random.default_rng(seed)
    few = random.integers(0, 256, (3, 4, 3), dtype=np.uint8)
    smooth = cv2.resize(few, size[::-1]).reshape(*size, 3)
    return np.clip(smooth + random.integers(-20, 21, smooth.shape), 0, 255).astype(np.uint8)


def grey(shade: int, size: tuple[int, int] = SIZE) -> Pixels:
    """A photo of one shade, by which it is known wherever a piece of it turns up."""
    return np.full((*size, 3), shade, np.uint8)


def car_name(car: int, angle: int = 1) -> str:
    """A stem whose group is `group_name(car)`."""
    return f"{group_name(car)}_{angle:02d}"


def group_name(car: int) -> str:
    return f"{car:012x}"


def write_sample(folder: Path, stem: str, pixels: Pixels, mask: Mask) -> None:
    """Write a photo and its mask into a data folder, both without loss."""
    for name, picture in (("images", pixels), ("masks", mask)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / name / f"{stem}.png")


def write_data(folder: Path, photos: Mapping[str, Pixels]) -> Path:
    """Write a data folder of `photos` by their stems; every mask is a disc in the middle."""
    for stem, pixels in photos.items():
        height, width, _ = pixels.shape
        write_sample(folder, stem, pixels, middle_disc((height, width)))
    return folder


def ellipse_sample(folder: Path, size: tuple[int, int], seed: int = 0) -> Sample:
    """Write a photo of smooth shades; its mask is an ellipse with a ragged edge."""
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    radius = np.hypot((rows + 0.5) / height - 0.5, (columns + 0.5) / width - 0.5)
    ragged = radius + np.random.default_rng(seed).uniform(-0.05, 0.05, size) < 0.4
    name = f"{height}x{width}-{seed}"
    write_sample(folder, name, shaded_photo(size, seed), ragged)
    photo, mask = (folder / kind / f"{name}.png" for kind in ("images", "masks"))
    return Sample(name, photo, mask, name, folder)


def shades(num_cars: int) -> dict[str, int]:
    """A shade of grey for one photo of each car, by the photo's stem; no two are near."""
    return {car_name(car): 8 + car * 240 // num_cars for car in range(num_cars)}


def write_grey_data(folder: Path, num_cars: int) -> Path:
    """Write a data folder of the photos that `shades` names."""
    return write_data(folder, {stem: grey(shade) for stem, shade in shades(num_cars).items()})


def tiny_config() -> Config:
    """Settings of a run of seconds on photos of `SIZE`, in this process, without augmentation."""
    return Config(
        data=DataConfig(long_side=max(SIZE), val_share=0.4),
        coarse=CoarseConfig(
            init="", epochs=1, batch_size=1, num_workers=0, precision="fp32", augment=UNCHANGED
        ),
        tiles=config.TilesConfig(side=8, levels=2, low=0.0, high=1.0),
        refiner=RefinerConfig(
            init="", epochs=1, batch_size=8, channels=(4, 4), depths=(1, 1), precision="fp32"
        ),
    )


def with_coarse(settings: Config, **changes: object) -> Config:
    return replace(settings, coarse=replace(settings.coarse, **changes))  # type: ignore[arg-type]


def with_data(settings: Config, **changes: object) -> Config:
    return replace(settings, data=replace(settings.data, **changes))  # type: ignore[arg-type]


def with_refiner(settings: Config, **changes: object) -> Config:
    return replace(settings, refiner=replace(settings.refiner, **changes))  # type: ignore[arg-type]


def other_values(settings: Any) -> dict[str, Any]:
    """Of each setting of a dataclass that dataclass with another value, which is allowed as well.

    Names of settings in tables have that of the table before them. Options of what is not chosen
    are left out, since they cannot be set.
    """
    hints, others = get_type_hints(type(settings)), dict[str, Any]()
    for f in fields(settings):
        value = getattr(settings, f.name)
        if is_dataclass(value):
            tables = {f"{f.name}.{name}": table for name, table in other_values(value).items()}
        else:
            tables = {f.name: _other(hints[f.name], value)}
        for name, other in tables.items():
            with suppress(SettingsError):
                others[name] = replace(settings, **{f.name: other})
    return others


def setting_names(kind: Any, at: str = "") -> list[str]:
    """The names of all settings of a dataclass, in order, as a table of tables has them."""
    hints, names = get_type_hints(kind), list[str]()
    for f in fields(kind):
        inner = hints[f.name]
        names += setting_names(inner, f"{at}{f.name}.") if is_dataclass(inner) else [at + f.name]
    return names


def _other(kind: Any, value: Any) -> Any:
    if get_origin(kind) is Literal:
        return next(choice for choice in get_args(kind) if choice != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return value / 2 or 0.25
    if isinstance(value, tuple):
        return tuple(number + 1 for number in value) if value else _items(kind)
    return value + 1 if isinstance(value, int) else f"({value})"


def _items(kind: Any) -> tuple[Any, ...]:
    """Two items for a tuple that is empty."""
    return ("a", "b") if get_args(kind)[0] is str else (64, 96)


def write_toml(folder: Path, text: str) -> Path:
    """Write the text of a settings file."""
    path = folder / "run.toml"
    path.write_text(text)
    return path


def write_settings(path: Path, settings: Config) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_settings(settings, path)
    return path


def tiny_model(
    *,
    coarse: CoarseNetwork | None = None,
    fovea: Fovea | None = None,
    refined: bool = True,
    long_side: int = max(SIZE),
    seed: int = 0,
) -> Model:
    """A model of random weights, unsure of everything, whose refiner changes what it sees."""
    torch.manual_seed(seed)
    fovea = fovea or Fovea(8, 2)
    network = coarse or ENet()
    refiner = Refiner(fovea, channels=(4,) * fovea.levels, depths=(1,) * fovea.levels)
    nn.init.normal_(refiner.head.weight)
    return Model(network, refiner if refined else None, fovea, 0.0, 1.0, long_side)


def unsure_model(
    *,
    fovea: Fovea | None = None,
    trained: bool = True,
    low: float = 0.05,
    high: float = 0.95,
    long_side: int = 128,
) -> Model:
    """A model of random weights that is unsure of some tiles, not of all.

    `trained` says whether its refiner does anything.
    """
    torch.manual_seed(3)
    fovea = fovea or Fovea()
    coarse = ENet()
    # Nothing here is trained: the head's scale decides how many tiles are uncertain.
    nn.init.normal_(coarse.head.weight, std=2)
    refiner = Refiner(fovea, channels=(8,) * fovea.levels, depths=(1, 2, 2, 2)[: fovea.levels])
    if trained:
        nn.init.normal_(refiner.head.weight, std=2)
    return Model(coarse, refiner, fovea, low, high, long_side)


def unsure_segmenter(**settings: Any) -> Segmenter:
    return Segmenter.from_model(unsure_model(**settings), CPU, "fp32")


def model_trained_on(*groups: str) -> Model:
    """A model of stage one that names the groups that it was trained on."""
    return replace(tiny_model(refined=False), provenance={"groups": list(groups)})


def foveamask(*arguments: object) -> int:
    """Run a command; return its exit status."""
    return main([str(argument) for argument in arguments])
