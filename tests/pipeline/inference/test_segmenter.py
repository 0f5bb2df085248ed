from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from coarse.coarse_network import CoarseNetwork
from coarse.enet import ENet
from data.errors import InputError
from data.geometry import COARSE_STRIDES, Fovea
from data.pyramid import pad
from pipeline.inference import torch_networks
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from refine.postprocess import apply, parse
from refine.refiner_network import Refiner

Photo = NDArray[np.uint8]

CPU = torch.device("cpu")


def photo_of(height: int, width: int, seed: int = 0) -> Photo:
    """Smooth shades with some detail."""
    random = np.random.default_rng(seed)
    shades = cv2.resize(
        random.integers(0, 256, (3, 4, 3), dtype=np.uint8), (width, height)
    ).reshape(height, width, 3)
    detail = random.integers(-20, 21, shades.shape)
    return np.clip(shades + detail, 0, 255).astype(np.uint8)


def model_of(
    *,
    fovea: Fovea | None = None,
    trained: bool = True,
    low: float = 0.05,
    high: float = 0.95,
    long_side: int = 128,
) -> Model:
    """A model with random weights; `trained` says whether its refiner does anything."""
    torch.manual_seed(3)
    fovea = fovea or Fovea()
    coarse = ENet()
    # Nothing here is trained: the head's scale decides how many tiles are uncertain.
    nn.init.normal_(coarse.head.weight, std=2)
    refiner = Refiner(fovea, channels=(8,) * fovea.levels, depths=(1, 2, 2, 2)[: fovea.levels])
    if trained:
        nn.init.normal_(refiner.head.weight, std=2)
    return Model(coarse, refiner, fovea, low, high, long_side)


def segmenter_of(**settings: object) -> Segmenter:
    return Segmenter.from_model(model_of(**settings), CPU, "fp32")  # type: ignore[arg-type]


def inside_tiles(tiles: NDArray[np.int64], side: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    inside = np.zeros(shape, np.bool_)
    for row, column in tiles:
        inside[row * side : (row + 1) * side, column * side : (column + 1) * side] = True
    return inside


@pytest.mark.parametrize(
    "size",
    [(96, 128), (97, 125), (1, 1), (1, 300), (300, 1), (128, 85), (33, 40), (400, 611), (611, 400)],
)
def test_the_mask_has_the_size_of_the_photo(size: tuple[int, int]):
    segmenter = segmenter_of()

    prediction = segmenter.predict(photo_of(*size))

    for mask in (prediction.mask, prediction.coarse_nearest):
        assert mask.shape == size
        assert mask.dtype == np.bool_
    for logits in (prediction.logits, prediction.coarse):
        assert logits.shape == size
        assert logits.dtype == np.float32
        assert np.isfinite(logits).all()
    np.testing.assert_array_equal(segmenter(photo_of(*size)), prediction.mask)


@pytest.mark.parametrize("size", [(96, 128), (50, 61), (300, 400)])
def test_an_untrained_refiner_changes_nothing(size: tuple[int, int]):
    segmenter = segmenter_of(trained=False)

    prediction = segmenter.predict(photo_of(*size))

    assert len(prediction.tiles)
    np.testing.assert_array_equal(prediction.logits, prediction.coarse)


@pytest.mark.parametrize("tile", [8, 16, 32])
@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_the_refiner_changes_its_tiles_and_nothing_else(tile: int, levels: int):
    segmenter = segmenter_of(fovea=Fovea(tile, levels))
    photo = photo_of(96, 128)

    prediction = segmenter.predict(photo, MaskOptions(budget=3))

    inside = inside_tiles(prediction.tiles, tile, (96, 128))
    assert len(prediction.tiles) == 3
    assert prediction.num_tiles == 96 * 128 // tile**2
    np.testing.assert_array_equal(prediction.logits[~inside], prediction.coarse[~inside])
    assert (prediction.logits != prediction.coarse)[inside].mean() > 0.9


def test_no_tile_may_be_uncertain():
    segmenter = segmenter_of(low=0.5, high=0.5 + 1e-7)

    prediction = segmenter.predict(photo_of(96, 128))

    assert prediction.tiles.shape == (0, 2)
    np.testing.assert_array_equal(prediction.logits, prediction.coarse)


def test_every_tile_may_be_uncertain(monkeypatch: pytest.MonkeyPatch):
    segmenter = segmenter_of(low=0.0, high=1.0, fovea=Fovea(8, 3))
    photo = photo_of(96, 128)

    at_once = segmenter.predict(photo)
    monkeypatch.setattr(torch_networks, "CPU_TILES_AT_ONCE", 32)
    by_and_by = segmenter.predict(photo)

    assert len(at_once.tiles) == at_once.num_tiles == 12 * 16
    assert (at_once.logits != at_once.coarse).mean() > 0.9
    np.testing.assert_allclose(by_and_by.logits, at_once.logits, atol=1e-4)


def test_a_budget_of_nothing_is_the_coarse_stage():
    segmenter = segmenter_of()
    photo = photo_of(96, 128)

    prediction = segmenter.predict(photo, MaskOptions(budget=0))

    coarse = segmenter.predict(photo, MaskOptions(stage="coarse"))
    np.testing.assert_array_equal(prediction.logits, coarse.logits)
    np.testing.assert_array_equal(coarse.logits, coarse.coarse)
    assert len(coarse.tiles) == len(prediction.tiles) == 0


def test_a_budget_takes_the_most_uncertain_tiles():
    segmenter = segmenter_of(fovea=Fovea(8, 2))
    photo = photo_of(96, 128)
    p = torch.sigmoid(segmenter.propose([photo]).coarse[0])
    doubt = torch.minimum(p, 1 - p).reshape(12, 2, 16, 2).sum((1, 3))

    few = segmenter.predict(photo, MaskOptions(budget=5)).tiles
    every = segmenter.predict(photo).tiles

    chosen = {tuple(tile) for tile in few.tolist()}
    assert len(chosen) == 5 < len(every)
    left = [tile for tile in map(tuple, every.tolist()) if tile not in chosen]
    assert min(doubt[tile] for tile in chosen) >= max(doubt[tile] for tile in left)


def test_a_model_without_a_refiner_goes_as_far_as_it_can():
    segmenter = Segmenter.from_model(replace(model_of(), refiner=None), CPU, "fp32")
    photo = photo_of(96, 128)

    prediction = segmenter.predict(photo)

    np.testing.assert_array_equal(prediction.logits, prediction.coarse)
    with pytest.raises(InputError, match="no refiner yet; run `foveamask make-patches`"):
        segmenter.predict(photo, MaskOptions(stage="refined"))


def test_the_same_photo_gives_the_same_logits():
    photo = photo_of(90, 131)

    first = segmenter_of().predict(photo)
    second = segmenter_of().predict(photo.copy())

    np.testing.assert_array_equal(first.logits, second.logits)
    np.testing.assert_array_equal(first.tiles, second.tiles)


def test_a_photo_that_is_a_view_gives_the_same_mask():
    photo = photo_of(90, 131)
    mirrored = np.ascontiguousarray(photo[:, ::-1])
    photo.flags.writeable = False
    segmenter = segmenter_of()

    np.testing.assert_array_equal(segmenter(mirrored[:, ::-1]), segmenter(photo))


def test_a_prediction_leaves_photo_and_model_as_they_were():
    model = model_of()
    weights = {name: value.clone() for name, value in model.coarse.state_dict().items()}
    photo = photo_of(96, 128)
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

    photo = np.repeat(np.repeat(photo_of(24, 32), 4, axis=0), 4, axis=1)
    segmenter = Segmenter.from_model(replace(model_of(), coarse=Spy()), CPU, "fp32")

    proposal = segmenter.propose([photo])

    np.testing.assert_array_equal(seen[0][0].permute(1, 2, 0), photo[::4, ::4])
    assert seen[0].shape[-1] * 4 == proposal.upsampled.shape[-1]
    first = proposal.tiles.tolist().index([0, 2, 3])
    np.testing.assert_array_equal(proposal.windows[0][first][..., :3], photo[32:48, 48:64])
    np.testing.assert_array_equal(proposal.windows[2][first][..., :3], photo[0:80:4, 16:96:4])
    p = (255 * torch.sigmoid(proposal.upsampled[0])).round()
    np.testing.assert_array_equal(proposal.windows[0][first][..., 3], p[32:48, 48:64])
    assert abs(proposal.windows[2][first][0, 0, 3] - p[:4, 16:20].mean()) < 1


@pytest.mark.parametrize("size", [(96, 128), (97, 121), (200, 300), (40, 33), (257, 90)])
def test_where_the_coarse_network_says_half_of_the_photo_half_of_the_mask_is_set(
    size: tuple[int, int],
):
    class Left(CoarseNetwork):
        """Says that the left half of what is the photo, without its padding, is the object."""

        multiple = 8

        def forward(self, photos: torch.Tensor) -> torch.Tensor:
            # The photo is white on the left and black on the right.
            return photos[:, 0].float() - 127.5

    photo = np.zeros((*size, 3), np.uint8)
    edge = size[1] // 2
    photo[:, :edge] = 255
    segmenter = Segmenter.from_model(replace(model_of(), coarse=Left(), refiner=None), CPU, "fp32")

    prediction = segmenter.predict(photo)

    columns = prediction.mask.sum(1)
    scale = max(1, max(size) / 128)
    assert (columns == columns[0]).all()
    assert abs(columns[0] - edge) <= 2 * scale
    assert abs(int(prediction.coarse_nearest[0].sum()) - edge) <= 3 * scale


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
        segmenter_of()(photo)


def test_a_negative_budget_is_refused():
    with pytest.raises(ValueError, match="at least 0 tiles, not -1"):
        segmenter_of()(photo_of(32, 32), MaskOptions(budget=-1))


def test_a_model_in_training_predicts_as_it_will_and_stays_in_training():
    model = model_of()
    photo = photo_of(96, 128)
    wanted = Segmenter.from_model(model, CPU, "fp32").predict(photo)
    model.coarse.train()

    prediction = Segmenter.from_model(model, CPU, "fp32").predict(photo)

    np.testing.assert_array_equal(prediction.logits, wanted.logits)
    assert model.coarse.training


@pytest.mark.parametrize("size", [(96, 128), (50, 61), (300, 400)])
def test_photos_together_are_predicted_as_each_alone(size: tuple[int, int]):
    photos = [photo_of(*size, seed=seed) for seed in range(3)]
    segmenter = segmenter_of(fovea=Fovea(8, 3))

    together = segmenter.predict_batch(photos)

    assert len({len(prediction.tiles) for prediction in together}) > 1
    for photo, prediction in zip(photos, together, strict=True):
        alone = segmenter.predict(photo)
        assert prediction.photo is photo
        np.testing.assert_array_equal(prediction.tiles, alone.tiles)
        np.testing.assert_allclose(prediction.coarse, alone.coarse, atol=1e-3)
        np.testing.assert_array_equal(prediction.coarse_nearest, alone.coarse_nearest)
        # Other shapes round otherwise, and now and then a probability to the next byte.
        np.testing.assert_allclose(prediction.logits, alone.logits, atol=0.1)
        for own, window in zip(prediction.proposal.windows, alone.proposal.windows, strict=True):
            assert (own.int() - window.int()).abs().max() <= 1
            assert torch.equal(own[..., :3], window[..., :3])


def test_a_budget_is_one_of_each_photo_of_a_batch():
    photos = [photo_of(96, 128, seed=seed) for seed in range(3)]

    together = segmenter_of().predict_batch(photos, MaskOptions(budget=4))

    assert [len(prediction.tiles) for prediction in together] == [4, 4, 4]


def test_photos_of_different_sizes_make_no_batch():
    with pytest.raises(ValueError, match="make no batch"):
        segmenter_of().predict_batch([photo_of(32, 32), photo_of(32, 33)])
    with pytest.raises(ValueError, match="at least one photo"):
        segmenter_of().predict_batch([])


def test_a_prediction_that_is_kept_keeps_no_other():
    segmenter = segmenter_of()

    prediction, *_ = segmenter.predict_batch([photo_of(96, 128, seed=seed) for seed in range(3)])

    own = prediction.proposal
    for kept in (prediction.on_device, own.coarse, own.upsampled, own.tiles, *own.windows):
        assert kept.untyped_storage().nbytes() == kept.numel() * kept.element_size()


class ByBrightness(CoarseNetwork):
    """Says that what is bright is the object, as surely as it is bright."""

    multiple = 8

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        return (photos[:, 0].float() - 127.5) / 16


@pytest.mark.parametrize("stride", COARSE_STRIDES)
@pytest.mark.parametrize("fovea", [Fovea(16, 1), Fovea(16, 2), Fovea(32, 4), Fovea(16, 3)])
def test_whatever_the_stride_of_the_coarse_network_the_refiner_sees_the_same_places(
    stride: int, fovea: Fovea
):
    photo = cv2.resize(photo_of(12, 17), (257, 190))
    model = replace(model_of(fovea=fovea), coarse=ByBrightness(stride=stride), long_side=257)
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


def test_masks_go_through_the_steps_of_the_model_or_those_asked_for():
    steps = (parse("smooth=3"), parse("components=10"))
    photo = photo_of(96, 128)
    segmenter = Segmenter.from_model(replace(model_of(), postprocess=steps), CPU, "fp32")

    plain = segmenter.predict(photo, MaskOptions(postprocess=()))
    own = segmenter.predict(photo)
    one = segmenter.predict(photo, MaskOptions(postprocess=steps[:1]))

    np.testing.assert_array_equal(plain.mask, plain.logits > 0)
    np.testing.assert_array_equal(own.mask, apply(steps, plain.mask, photo))
    np.testing.assert_array_equal(one.mask, apply(steps[:1], plain.mask, photo))
    np.testing.assert_array_equal(own.logits, plain.logits)
    assert not np.array_equal(own.mask, one.mask)
    assert not np.array_equal(one.mask, plain.mask)
    np.testing.assert_array_equal(segmenter(photo), own.mask)


def test_a_refiner_that_is_no_residual_stands_in_the_place_of_the_coarse_logits():
    model = model_of()
    assert model.refiner is not None
    model.refiner.residual = False
    segmenter = Segmenter.from_model(model, CPU, "fp32")

    prediction = segmenter.predict(photo_of(96, 128))

    refined = segmenter.networks.refiner(prediction.proposal.windows).detach().numpy()
    for (row, column), block in zip(prediction.tiles, refined, strict=True):
        rows, columns = slice(row * 16, row * 16 + 16), slice(column * 16, column * 16 + 16)
        np.testing.assert_array_equal(prediction.logits[rows, columns], block)


def test_however_many_tiles_there_are_the_refiner_sees_few_shapes():
    """Each new shape would cost time, and memory for good."""
    segmenter = segmenter_of(low=0.0, high=1.0, fovea=Fovea(8, 2))
    refiner = segmenter.networks.refiner_network
    proposal = segmenter.propose([photo_of(96, 128)])
    seen = set()
    refiner.register_forward_pre_hook(lambda _, inputs: seen.add(len(inputs[0][0])))
    every = segmenter.networks.refiner(proposal.windows)

    for num in range(1, len(proposal.tiles), 7):
        some = segmenter.networks.refiner([window[:num] for window in proposal.windows])

        assert some.shape == (num, 8, 8)
        torch.testing.assert_close(some, every[:num], rtol=1e-4, atol=1e-4)
    assert len(proposal.tiles) > 128
    assert seen <= {32, 64, 96, 128}


def test_the_dice_expected_is_that_of_the_probabilities():
    prediction = segmenter_of().predict(photo_of(50, 61))
    p, mask = 1 / (1 + np.exp(-prediction.logits.astype(np.float64))), prediction.logits > 0

    expected = 2 * p[mask].sum() / (p.sum() + mask.sum())

    assert prediction.predicted_dice == pytest.approx(expected, abs=1e-6)
    assert 0 < prediction.predicted_dice < 1


@pytest.mark.parametrize(("logit", "dice"), [(30.0, 1.0), (-12.0, 0.0), (-200.0, 0.0)])
def test_the_dice_expected_is_one_of_a_sure_mask_and_none_of_an_empty_one(
    logit: float, dice: float
):
    prediction = segmenter_of().predict(photo_of(32, 32))
    sure = replace(prediction, on_device=torch.full((32, 32), logit))

    assert sure.predicted_dice == pytest.approx(dice)
