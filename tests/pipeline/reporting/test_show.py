from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from coarse.coarse_network import CoarseNetwork
from coarse.enet import ENet
from data.errors import InputError
from data.geometry import COARSE_STRIDES, Fovea
from data.images import write_png
from data.masks import write_mask
from pipeline.cli import main
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from pipeline.model_folder import save_model
from pipeline.reporting import show as showing
from pipeline.reporting.figures import view_tile
from pipeline.reporting.show import ShowOptions
from refine.postprocess import parse
from refine.refiner_network import Refiner
from tests.pipeline.inference.predicting import by_stems
from tests.spies import ByBrightness

CPU = torch.device("cpu")


EVER = ["fovea", "overlay", "tiles"]


def show(
    photos: Sequence[Path], out: Path, segmenter: Segmenter, options: ShowOptions = showing.DEFAULTS
) -> Iterator[Path]:
    """Draw photos that were given by their paths."""
    return showing.show(by_stems(photos), out, segmenter, options)


def photo_of(height: int = 96, width: int = 128) -> NDArray[np.uint8]:
    """Smooth shades."""
    shades = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(shades, (width, height)), np.uint8)


def model_of(coarse: CoarseNetwork | None = None, fovea: Fovea | None = None) -> Model:
    """A model with a refiner of random weights."""
    torch.manual_seed(3)
    fovea = fovea or Fovea()
    refiner = Refiner(fovea, channels=(8,) * fovea.levels, depths=(1, 2, 2, 2)[: fovea.levels])
    nn.init.normal_(refiner.head.weight, std=2)
    return Model(coarse or ByBrightness(), refiner, fovea, low=0.05, high=0.95, long_side=128)


def segmenter_of(model: Model | None = None) -> Segmenter:
    return Segmenter.from_model(model or model_of(), CPU, "fp32")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo with its mask in masks/."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "masks").mkdir()
    path = tmp_path / "photos" / "car.png"
    write_png(path, photo_of())
    write_mask(tmp_path / "masks" / "car.png", photo_of()[..., 1] > 120)
    return path


def names(out: Path, stem: str = "car") -> Sequence[str]:
    return sorted(path.stem.removeprefix(f"{stem}_") for path in out.glob("[!.]*"))


def pixels(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path))


def test_a_photo_alone_gives_three_pictures(photo: Path, tmp_path: Path):
    out = tmp_path / "new" / "out"

    written = list(show([photo], out, segmenter_of()))

    assert names(out) == EVER
    assert sorted(written) == sorted(out.glob("[!.]*"))
    assert pixels(out / "car_overlay.png").shape == (96, 128, 3)


def test_a_mask_and_steps_give_a_picture_each(photo: Path, tmp_path: Path):
    out, mask = tmp_path / "out", tmp_path / "masks"
    steps = (parse("smooth=3"), parse("components=10"))

    list(show([photo], out, segmenter_of(), ShowOptions(mask=mask, postprocess=steps)))

    assert names(out) == sorted([*EVER, "difference", "postprocess"])


def test_the_steps_are_those_of_the_model_unless_others_are_asked_for(photo: Path, tmp_path: Path):
    segmenter = segmenter_of(replace(model_of(), postprocess=(parse("smooth=3"),)))

    list(show([photo], tmp_path / "own", segmenter))
    list(show([photo], tmp_path / "none", segmenter, ShowOptions(postprocess=())))

    assert names(tmp_path / "own") == sorted([*EVER, "postprocess"])
    assert names(tmp_path / "none") == EVER


@pytest.mark.parametrize(
    "name", ["car_mask.gif", "car.gif", "car_mask.png", "car_mask.GIF", "car.PNG"]
)
def test_a_mask_is_found_under_the_names_that_masks_have(photo: Path, tmp_path: Path, name: str):
    mask = tmp_path / "masks" / "car.png"
    Image.open(mask).save(mask.with_name(name))
    mask.unlink()

    list(show([photo], tmp_path / "out", segmenter_of(), ShowOptions(mask=tmp_path / "masks")))
    list(show([photo], tmp_path / "two", segmenter_of(), ShowOptions(mask=mask.with_name(name))))

    assert "difference" in names(tmp_path / "out")
    one, other = (tmp_path / folder / "car_difference.png" for folder in ("out", "two"))
    np.testing.assert_array_equal(pixels(one), pixels(other))


@pytest.mark.parametrize("size", [(1, 1), (40, 300), (300, 222)])
def test_photos_of_any_size_are_drawn(tmp_path: Path, size: tuple[int, int]):
    (tmp_path / "photos").mkdir()
    path, mask = tmp_path / "photos" / "a.png", tmp_path / "a.png"
    write_png(path, photo_of(*size))
    write_mask(mask, photo_of(*size)[..., 1] > 120)
    options = ShowOptions(mask=mask, postprocess=(parse("smooth=3"),))

    list(show([path], tmp_path / "out", segmenter_of(), options))

    assert len(names(tmp_path / "out", "a")) == 5
    assert pixels(tmp_path / "out" / "a_overlay.png").shape[:2] == size


FOVEAS = [Fovea(8, 1), Fovea(16, 2), Fovea(16, 3), Fovea(32, 4)]


FITTING = [(fovea, s) for fovea in FOVEAS for s in COARSE_STRIDES if s <= fovea.tile]


@pytest.mark.parametrize(("fovea", "stride"), FITTING)
def test_the_windows_drawn_are_bit_for_bit_those_that_the_refiner_sees(fovea: Fovea, stride: int):
    segmenter = segmenter_of(model_of(ByBrightness(stride=stride), fovea))
    prediction = segmenter.predict(photo_of(190, 257))
    assert len(prediction.tiles)

    for i in (0, len(prediction.tiles) // 2, -1):
        tile = int(prediction.tiles[i][0]), int(prediction.tiles[i][1])
        view = view_tile(segmenter, prediction, tile, "refined")

        for seen, window in zip(view.windows, prediction.proposal.windows, strict=True):
            np.testing.assert_array_equal(seen, window[i])
        rim = fovea.margin
        middle = view.around[rim : rim + fovea.tile, rim : rim + fovea.tile]
        np.testing.assert_array_equal(middle, view.rgb[0])


def test_the_refined_tile_drawn_is_that_of_the_prediction():
    segmenter = segmenter_of()
    prediction = segmenter.predict(photo_of())
    row, column = (int(at) for at in prediction.tiles[3])

    view = view_tile(segmenter, prediction, (row, column), "refined")

    logits = prediction.logits[row * 16 :, column * 16 :][:16, :16]
    assert view.refined is not None
    np.testing.assert_allclose(view.refined, 255 / (1 + np.exp(-logits)), atol=1)


def test_any_tile_of_the_grid_can_be_viewed(photo: Path, tmp_path: Path):
    segmenter = segmenter_of()
    for i, tile in enumerate([(0, 0), (5, 7), None]):
        list(show([photo], tmp_path / str(i), segmenter, ShowOptions(tile=tile)))

    first, last, heaviest = (pixels(tmp_path / str(i) / "car_fovea.png") for i in range(3))
    assert not np.array_equal(first, last)
    assert not np.array_equal(first, heaviest)


@pytest.mark.parametrize("tile", [(6, 0), (0, 8), (-1, 0), (100, 100)])
def test_a_tile_outside_the_grid_is_refused_with_its_size(
    photo: Path, tmp_path: Path, tile: tuple[int, int]
):
    with pytest.raises(InputError, match=r"car.png has no tile .*: its grid is 6 x 8, 0,0 to 5,7"):
        list(show([photo], tmp_path / "out", segmenter_of(), ShowOptions(tile=tile)))


def test_a_model_without_a_refiner_is_drawn_as_far_as_it_goes(photo: Path, tmp_path: Path):
    options = ShowOptions(mask=tmp_path / "masks")

    list(show([photo], tmp_path / "coarse", segmenter_of(), replace(options, stage="coarse")))
    alone = segmenter_of(replace(model_of(), refiner=None))
    list(show([photo], tmp_path / "alone", alone, options))

    assert names(tmp_path / "alone") == sorted([*EVER, "difference"])
    for path in (tmp_path / "alone").glob("[!.]*"):
        np.testing.assert_array_equal(pixels(path), pixels(tmp_path / "coarse" / path.name))
    with pytest.raises(InputError, match="no refiner yet"):
        list(show([photo], tmp_path / "out", alone, ShowOptions(stage="refined")))


def test_a_photo_of_which_the_model_is_sure_is_drawn_as_well(tmp_path: Path):
    (tmp_path / "photos").mkdir()
    write_png(tmp_path / "photos" / "car.png", np.zeros((96, 128, 3), np.uint8))

    list(show([tmp_path / "photos" / "car.png"], tmp_path / "out", segmenter_of()))

    assert names(tmp_path / "out") == EVER


def test_a_mask_of_another_size_is_refused(photo: Path, tmp_path: Path):
    write_mask(tmp_path / "masks" / "car.png", np.eye(50, dtype=np.bool_))

    with pytest.raises(InputError, match="is 96 x 128, its mask 50 x 50"):
        list(show([photo], tmp_path / "out", segmenter_of(), ShowOptions(mask=tmp_path / "masks")))

    assert not (tmp_path / "out").exists()


def test_a_mask_must_be_there_once(photo: Path, tmp_path: Path):
    masks, out, segmenter = tmp_path / "masks", tmp_path / "out", segmenter_of()
    other = photo.with_name("other.png")
    write_png(other, photo_of())

    with pytest.raises(InputError, match=r"no mask of .*other.png .*other, other-gt, "):
        list(show([photo, other], out, segmenter, ShowOptions(mask=masks)))
    with pytest.raises(InputError, match="one mask for 2 photos; name a folder"):
        list(show([photo, other], out, segmenter, ShowOptions(mask=masks / "car.png")))
    with pytest.raises(InputError, match="no such mask or folder"):
        list(show([photo], out, segmenter, ShowOptions(mask=masks / "none")))
    write_mask(masks / "car_mask.png", np.eye(50, dtype=np.bool_))
    with pytest.raises(InputError, match="2 masks of"):
        list(show([photo], out, segmenter, ShowOptions(mask=masks)))
    assert not out.exists()


def test_pictures_never_lie_among_photos_or_masks_or_take_each_others_place(
    photo: Path, tmp_path: Path
):
    segmenter, options = segmenter_of(), ShowOptions(mask=tmp_path / "masks")
    twin = photo.with_suffix(".bmp")
    Image.open(photo).save(twin)

    with pytest.raises(InputError, match="holds the photos"):
        list(show([photo], photo.parent, segmenter))
    with pytest.raises(InputError, match="holds the masks"):
        list(show([photo], tmp_path / "masks", segmenter, options))
    with pytest.raises(InputError, match="is a file; the last argument names the folder"):
        list(show([photo], twin, segmenter))
    with pytest.raises(InputError, match="would both be called car"):
        list(show([photo, twin], tmp_path / "out", segmenter))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An untrained model on disk."""
    save_model(model_of(ENet()), tmp_path / "model")
    return tmp_path / "model"


def test_the_command_draws_several_photos_and_prints_the_files(
    photo: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    other, out = photo.with_name("other.png"), tmp_path / "out"
    write_png(other, photo_of(70, 90))

    assert main(["show", str(photo), str(other), str(out), "--model", str(folder)]) == 0

    printed = capsys.readouterr().out.splitlines()
    assert sorted(printed) == sorted(str(path) for path in out.glob("[!.]*"))
    assert len(printed) == 6


def test_the_command_says_in_one_line_what_is_wrong(
    photo: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    broken = photo.with_name("broken.jpg")
    broken.write_bytes(b"no photo")
    out = str(tmp_path / "out")
    cases = [
        (1, [str(broken), out], "broken.jpg is not an image"),
        (1, [str(photo), out, "--tile", "99,0"], "has no tile 99,0: its grid is 6 x 8"),
        (2, [str(photo), out, "--tile", "middle"], "--tile takes ROW,COL"),
        (2, [str(photo), out, "--postprocess", "shine"], "--postprocess: no step 'shine'"),
    ]

    for status, arguments, said in cases:
        assert main(["show", *arguments, "--model", str(folder)]) == status
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line

    assert main(["show", str(photo)]) == 2
    assert "PHOTOS" in capsys.readouterr().err
