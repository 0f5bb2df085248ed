from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from coarse.coarse_network import CoarseNetwork
from data.errors import InputError
from data.geometry import COARSE_STRIDES, Fovea
from data.pyramid import pad
from pipeline.inference import segmenter as segmenter_module
from pipeline.inference import torch_networks
from pipeline.inference.devices import choose_device
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.model_folder import save_model
from tests.builders import CPU, shaded_photo, unsure_model, unsure_segmenter
from tests.spies import ByBrightness

Photo = NDArray[np.uint8]


def inside_tiles(tiles: NDArray[np.int64], side: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    inside = np.zeros(shape, np.bool_)
    for row, column in tiles:
        inside[row * side : (row + 1) * side, column * side : (column + 1) * side] = True
    return inside


@pytest.mark.parametrize("size", [(96, 128), (50, 61), (300, 400)])
def test_an_untrained_refiner_changes_nothing(size: tuple[int, int]):
    segmenter = unsure_segmenter(trained=False)

    prediction = segmenter.predict(shaded_photo(size))

    assert len(prediction.tiles)
    np.testing.assert_array_equal(prediction.logits, prediction.coarse)


@pytest.mark.parametrize("tile", [8, 16, 32])
@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_the_refiner_changes_its_tiles_and_nothing_else(tile: int, levels: int):
    segmenter = unsure_segmenter(fovea=Fovea(tile, levels))
    photo = shaded_photo((96, 128))

    prediction = segmenter.predict(photo, MaskOptions(budget=3))

    inside = inside_tiles(prediction.tiles, tile, (96, 128))
    assert len(prediction.tiles) == 3
    assert prediction.num_tiles == 96 * 128 // tile**2
    np.testing.assert_array_equal(prediction.logits[~inside], prediction.coarse[~inside])
    assert (prediction.logits != prediction.coarse)[inside].mean() > 0.9


def test_no_tile_may_be_uncertain():
    segmenter = unsure_segmenter(low=0.5, high=0.5 + 1e-7)

    prediction = segmenter.predict(shaded_photo((96, 128)))

    assert prediction.tiles.shape == (0, 2)
    np.testing.assert_array_equal(prediction.logits, prediction.coarse)


def test_every_tile_may_be_uncertain(monkeypatch: pytest.MonkeyPatch):
    segmenter = unsure_segmenter(low=0.0, high=1.0, fovea=Fovea(8, 3))
    photo = shaded_photo((96, 128))

    at_once = segmenter.predict(photo)
    monkeypatch.setattr(torch_networks, "CPU_TILES_AT_ONCE", 32)
    by_and_by = segmenter.predict(photo)

    assert len(at_once.tiles) == at_once.num_tiles == 12 * 16
    assert (at_once.logits != at_once.coarse).mean() > 0.9
    np.testing.assert_allclose(by_and_by.logits, at_once.logits, atol=1e-4)


def test_a_budget_of_nothing_is_the_coarse_stage():
    segmenter = unsure_segmenter()
    photo = shaded_photo((96, 128))

    prediction = segmenter.predict(photo, MaskOptions(budget=0))

    coarse = segmenter.predict(photo, MaskOptions(stage="coarse"))
    np.testing.assert_array_equal(prediction.logits, coarse.logits)
    np.testing.assert_array_equal(coarse.logits, coarse.coarse)
    assert len(coarse.tiles) == len(prediction.tiles) == 0


def test_a_budget_takes_the_most_uncertain_tiles():
    segmenter = unsure_segmenter(fovea=Fovea(8, 2))
    photo = shaded_photo((96, 128))
    p = torch.sigmoid(segmenter.propose([photo]).coarse[0])
    doubt = torch.minimum(p, 1 - p).reshape(12, 2, 16, 2).sum((1, 3))

    few = segmenter.predict(photo, MaskOptions(budget=5)).tiles
    every = segmenter.predict(photo).tiles

    chosen = {tuple(tile) for tile in few.tolist()}
    assert len(chosen) == 5 < len(every)
    left = [tile for tile in map(tuple, every.tolist()) if tile not in chosen]
    assert min(doubt[tile] for tile in chosen) >= max(doubt[tile] for tile in left)


def test_a_model_without_a_refiner_goes_as_far_as_it_can():
    segmenter = Segmenter.from_model(replace(unsure_model(), refiner=None), CPU, "fp32")
    photo = shaded_photo((96, 128))

    prediction = segmenter.predict(photo)

    np.testing.assert_array_equal(prediction.logits, prediction.coarse)
    with pytest.raises(InputError, match="no refiner yet; run `foveamask make-patches`"):
        segmenter.predict(photo, MaskOptions(stage="refined"))


def test_the_same_photo_gives_the_same_logits():
    photo = shaded_photo((90, 131))

    first = unsure_segmenter().predict(photo)
    second = unsure_segmenter().predict(photo.copy())

    np.testing.assert_array_equal(first.logits, second.logits)
    np.testing.assert_array_equal(first.tiles, second.tiles)


def test_a_photo_that_is_a_view_gives_the_same_mask():
    photo = shaded_photo((90, 131))
    mirrored = np.ascontiguousarray(photo[:, ::-1])
    photo.flags.writeable = False
    segmenter = unsure_segmenter()

    np.testing.assert_array_equal(segmenter(mirrored[:, ::-1]), segmenter(photo))


def test_a_prediction_leaves_photo_and_model_as_they_were():
    model = unsure_model()
    weights = {name: value.clone() for name, value in model.coarse.state_dict().items()}
    photo = shaded_photo((96, 128))
    before = photo.copy()

    Segmenter.from_model(model, CPU, "fp32").predict(photo)

    np.testing.assert_array_equal(photo, before)
    for name, value in model.coarse.state_dict().items():
        assert torch.equal(value, weights[name]), name


def test_the_networks_see_the_photo_in_one_pyramid():
    """The coarse network gets the quarter of the photo, the refiner the windows of the same."""
    seen: list[torch.Tensor] = []

    class Spy(CoarseNetwork):
        multiple = 8

        def forward(self, photos: torch.Tensor) -> torch.Tensor:
            seen.append(photos)
            return torch.linspace(-2, 1, photos[:, 0].numel()).view(photos[:, 0].shape)

    photo = np.repeat(np.repeat(shaded_photo((24, 32)), 4, axis=0), 4, axis=1)
    segmenter = Segmenter.from_model(replace(unsure_model(), coarse=Spy()), CPU, "fp32")

    proposal = segmenter.propose([photo])

    np.testing.assert_array_equal(seen[0][0].permute(1, 2, 0), photo[::4, ::4])
    assert seen[0].shape[-1] * 4 == proposal.upsampled.shape[-1]
    first = proposal.tiles.tolist().index([0, 2, 3])
    np.testing.assert_array_equal(proposal.windows[0][first][..., :3], photo[32:48, 48:64])
    np.testing.assert_array_equal(proposal.windows[2][first][..., :3], photo[0:80:4, 16:96:4])
    p = (255 * torch.sigmoid(proposal.upsampled[0])).round()
    np.testing.assert_array_equal(proposal.windows[0][first][..., 3], p[32:48, 48:64])
    assert abs(proposal.windows[2][first][0, 0, 3] - p[:4, 16:20].mean()) < 1


@pytest.mark.parametrize(
    "photo",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((1, 8, 8, 3), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((8, 0, 3), np.uint8),
    ],
    ids=lambda photo: f"{photo.shape} {photo.dtype}",
)
def test_what_is_no_photo_is_refused(photo: Photo):
    with pytest.raises(ValueError, match=r"a photo is \(H, W, 3\) uint8, not"):
        unsure_segmenter()(photo)


def test_a_call_takes_the_options_of_a_prediction():
    segmenter, photo = unsure_segmenter(), shaded_photo((96, 128))
    options = MaskOptions(stage="coarse")

    mask = segmenter(photo, options)

    np.testing.assert_array_equal(mask, segmenter.predict(photo, options).mask)
    assert not np.array_equal(mask, segmenter(photo))


def test_the_device_and_the_precision_are_those_asked_for_or_the_best_there_are(tmp_path: Path):
    save_model(unsure_model(), tmp_path)
    meta = torch.device("meta")  # without any memory, on every machine

    asked = [
        Segmenter.from_model(unsure_model(), meta, "bf16"),
        Segmenter.load(tmp_path, "cpu", "bf16"),
        Segmenter.load(tmp_path),
        Segmenter.from_model(unsure_model()),
    ]

    best = choose_device("auto")
    assert [segmenter.device for segmenter in asked] == [meta, CPU, best, best]
    precisions = [segmenter.networks.precision for segmenter in asked]
    assert precisions == ["bf16", "bf16", "auto", "auto"]
    for segmenter in asked[:2]:
        for network in (segmenter.networks.coarse_network, segmenter.networks.refiner_network):
            weights = {(weight.device, weight.dtype) for weight in network.head.parameters()}
            assert weights == {(segmenter.device, torch.bfloat16)}


def test_a_model_is_loaded_onto_the_device_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    save_model(unsure_model(), tmp_path)
    monkeypatch.setattr(segmenter_module, "choose_device", torch.device)

    assert Segmenter.load(tmp_path, "meta").device == torch.device("meta")


def test_a_negative_budget_is_refused():
    with pytest.raises(ValueError, match="at least 0, not -1"):
        unsure_segmenter()(shaded_photo((32, 32)), MaskOptions(budget=-1))


@pytest.mark.parametrize("stride", COARSE_STRIDES)
@pytest.mark.parametrize("fovea", [Fovea(16, 1), Fovea(16, 2), Fovea(32, 4), Fovea(16, 3)])
def test_whatever_the_stride_of_the_coarse_network_the_refiner_sees_the_same_places(
    stride: int, fovea: Fovea
):
    photo = cv2.resize(shaded_photo((12, 17)), (257, 190))
    model = replace(unsure_model(fovea=fovea), coarse=ByBrightness(stride=stride), long_side=257)
    segmenter = Segmenter.from_model(model, CPU, "fp32")

    proposal = segmenter.propose([photo])

    assert proposal.padded.height == proposal.coarse.shape[1] * stride
    assert proposal.padded.height % (8 * stride) == 0
    assert len(proposal.tiles)
    whole = pad(photo, alignment=max(32, 8 * stride))
    for (_, row, column), window in zip(proposal.tiles, proposal.windows[0], strict=True):
        rows = slice(row * fovea.tile, (row + 1) * fovea.tile)
        columns = slice(column * fovea.tile, (column + 1) * fovea.tile)
        np.testing.assert_array_equal(window[..., :3], whole[rows, columns])


def test_a_refiner_that_is_no_residual_stands_in_the_place_of_the_coarse_logits():
    model = unsure_model()
    assert model.refiner is not None
    model.refiner.residual = False
    segmenter = Segmenter.from_model(model, CPU, "fp32")

    prediction = segmenter.predict(shaded_photo((96, 128)))

    refined = segmenter.networks.refiner(prediction.proposal.windows).detach().numpy()
    for (row, column), block in zip(prediction.tiles, refined, strict=True):
        rows, columns = slice(row * 16, row * 16 + 16), slice(column * 16, column * 16 + 16)
        np.testing.assert_array_equal(prediction.logits[rows, columns], block)
