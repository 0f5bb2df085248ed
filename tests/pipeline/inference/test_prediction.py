from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from coarse.coarse_network import CoarseNetwork
from data.geometry import Fovea
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from refine.postprocess import apply, parse
from tests.builders import CPU, shaded_photo, unsure_model, unsure_segmenter
from tests.spies import ByBrightness

Photo = NDArray[np.uint8]


@pytest.mark.parametrize("size", [(96, 128), (50, 61), (300, 400)])
def test_photos_together_are_predicted_as_each_alone(size: tuple[int, int]):
    photos = [shaded_photo(size, seed) for seed in range(3)]
    segmenter = unsure_segmenter(fovea=Fovea(8, 3))

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
            assert own.dtype == torch.uint8
            assert (own.int() - window.int()).abs().max() <= 1
            assert torch.equal(own[..., :3], window[..., :3])
        assert torch.equal(prediction.proposal.tiles, alone.proposal.tiles)
        for name in ("coarse", "upsampled", "tile_uncertainty"):
            own, wanted = (getattr(one.proposal, name) for one in (prediction, alone))
            torch.testing.assert_close(own, wanted, rtol=0, atol=1e-3)


def test_photos_without_an_uncertain_tile_may_be_among_those_of_a_batch():
    white = np.full((96, 128, 3), 255, np.uint8)
    photos = [white, shaded_photo((96, 128)), white]
    segmenter = Segmenter.from_model(replace(unsure_model(), coarse=ByBrightness()), CPU, "fp32")

    together = segmenter.predict_batch(photos)

    assert [len(prediction.tiles) > 0 for prediction in together] == [False, True, False]
    for prediction, photo in zip(together, photos, strict=True):
        np.testing.assert_array_equal(prediction.tiles, segmenter.predict(photo).tiles)


def test_a_logit_of_zero_is_not_object():
    prediction = unsure_segmenter().predict(shaded_photo((32, 32)))
    half = replace(
        prediction,
        on_device=torch.zeros(32, 32),
        proposal=replace(prediction.proposal, coarse=torch.zeros(1, 8, 8)),
    )

    assert not half.mask.any()
    assert not half.coarse_nearest.any()
    assert half.predicted_dice == 0


def test_numbers_of_pixels_and_tiles_are_whole():
    prediction = unsure_segmenter().predict(shaded_photo((96, 120)))

    assert repr(prediction.num_tiles) == "48"
    assert repr(prediction.proposal.stride) == "4"


def test_a_budget_is_one_of_each_photo_of_a_batch():
    photos = [shaded_photo((96, 128), seed) for seed in range(3)]

    together = unsure_segmenter().predict_batch(photos, MaskOptions(budget=4))

    assert [len(prediction.tiles) for prediction in together] == [4, 4, 4]


def test_photos_of_different_sizes_make_no_batch():
    with pytest.raises(ValueError, match="make no batch"):
        unsure_segmenter().predict_batch([shaded_photo((32, 32)), shaded_photo((32, 33))])
    with pytest.raises(ValueError, match="at least one photo"):
        unsure_segmenter().predict_batch([])


def test_a_prediction_that_is_kept_keeps_no_other():
    segmenter = unsure_segmenter()

    prediction, *_ = segmenter.predict_batch([shaded_photo((96, 128), seed) for seed in range(3)])

    own = prediction.proposal
    tensors = (prediction.on_device, own.coarse, own.upsampled, own.tile_uncertainty, own.tiles)
    for kept in (*tensors, *own.windows):
        assert kept.untyped_storage().nbytes() == kept.numel() * kept.element_size()


def test_masks_go_through_the_steps_of_the_model_or_those_asked_for():
    steps = (parse("smooth=3"), parse("components=10"))
    photo = shaded_photo((96, 128))
    segmenter = Segmenter.from_model(replace(unsure_model(), postprocess=steps), CPU, "fp32")

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


def test_the_dice_expected_is_that_of_the_probabilities():
    prediction = unsure_segmenter().predict(shaded_photo((50, 61)))
    p, mask = 1 / (1 + np.exp(-prediction.logits.astype(np.float64))), prediction.logits > 0

    expected = 2 * p[mask].sum() / (p.sum() + mask.sum())

    assert prediction.predicted_dice == pytest.approx(expected, abs=1e-6)
    shares = torch.sigmoid(prediction.on_device).double().numpy()
    exact = 2 * shares[mask].sum() / (shares.sum() + mask.sum())
    assert prediction.predicted_dice == pytest.approx(exact, rel=1e-12)
    assert 0 < prediction.predicted_dice < 1


@pytest.mark.parametrize(("logit", "dice"), [(30.0, 1.0), (-12.0, 0.0), (-200.0, 0.0)])
def test_the_dice_expected_is_one_of_a_sure_mask_and_none_of_an_empty_one(
    logit: float, dice: float
):
    prediction = unsure_segmenter().predict(shaded_photo((32, 32)))
    sure = replace(prediction, on_device=torch.full((32, 32), logit))

    assert sure.predicted_dice == pytest.approx(dice)


@pytest.mark.parametrize(
    "size",
    [(96, 128), (97, 125), (1, 1), (1, 300), (300, 1), (128, 85), (33, 40), (400, 611), (611, 400)],
)
def test_the_mask_has_the_size_of_the_photo(size: tuple[int, int]):
    segmenter = unsure_segmenter()

    prediction = segmenter.predict(shaded_photo(size))

    for mask in (prediction.mask, prediction.coarse_nearest):
        assert mask.shape == size
        assert mask.dtype == np.bool_
    for logits in (prediction.logits, prediction.coarse):
        assert logits.shape == size
        assert logits.dtype == np.float32
        assert np.isfinite(logits).all()
    np.testing.assert_array_equal(segmenter(shaded_photo(size)), prediction.mask)


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
    segmenter = Segmenter.from_model(
        replace(unsure_model(), coarse=Left(), refiner=None), CPU, "fp32"
    )

    prediction = segmenter.predict(photo)

    columns = prediction.mask.sum(1)
    scale = max(1, max(size) / 128)
    assert (columns == columns[0]).all()
    assert abs(columns[0] - edge) <= 2 * scale
    assert abs(int(prediction.coarse_nearest[0].sum()) - edge) <= 3 * scale
