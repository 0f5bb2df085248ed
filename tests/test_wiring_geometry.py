"""Where logits end up in a photo: cropped, enlarged, reduced, repeated; against slow twins."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from coarse.enet import ENet
from data.geometry import COARSE_STRIDES, Fovea, Size
from pipeline.inference.devices import to_device
from pipeline.inference.segmenter import Prediction, Segmenter
from pipeline.inference.torch_networks import fold_for_inference
from refine.refiner_network import Refiner
from refine.stitch import reduce
from tests.builders import CPU, noise, shaded_photo, tiny_model
from tests.spies import ByBrightness

LONG_SIDE = 128

Logits = NDArray[np.float64]


def triangle(before: int, after: int) -> Logits:
    """(after, before) weights of a line of pixels that is resampled, half-pixel centred.

    A new pixel is the mean of those around its centre, under a triangle as wide to each side as
    the pixel itself, or as an old one where that is wider; at the ends there is less to weigh.
    """
    scale = before / after
    width = max(scale, 1.0)
    weights = np.zeros((after, before))
    for i in range(after):
        centre = (i + 0.5) * scale
        for j in range(before):
            weights[i, j] = max(0.0, 1 - abs(j + 0.5 - centre) / width)
    mean: Logits = weights / weights.sum(1, keepdims=True)
    return mean


def linear(before: int, after: int) -> Logits:
    """(after, before) weights of the two nearest centres, the ends being repeated outwards."""
    weights = np.zeros((after, before))
    for i in range(after):
        at = (i + 0.5) * before / after - 0.5
        low = math.floor(at)
        for j, weight in ((low, 1 - (at - low)), (low + 1, at - low)):
            weights[i, min(max(j, 0), before - 1)] += weight
    return weights


def nearest(before: int, after: int) -> tuple[list[int], list[bool]]:
    """Of each of `after` pixels the one of `before` that its centre lies in, and whether it does.

    A centre that lies just between two of them is in either, as rounding has it.
    """
    centres = [Fraction((2 * i + 1) * before, 2 * after) for i in range(after)]
    inside = [before == after or at.denominator > 1 for at in centres]
    return [math.floor(at) for at in centres], inside


def predicted(size: tuple[int, int], stride: int = 4) -> Prediction:
    """The coarse stage's prediction of a photo of noise; no two neighbours have one logit."""
    coarse, fovea = ByBrightness(stride=stride), Fovea(16, 2)
    model = tiny_model(coarse=coarse, fovea=fovea, refined=False, long_side=LONG_SIDE)
    return Segmenter.from_model(model, CPU, "fp32").predict(noise((*size, 3)))


def cropped(prediction: Prediction) -> Logits:
    """The logits at working size of what is photo, not padding."""
    height, width = prediction.proposal.working
    return prediction.proposal.upsampled[0, :height, :width].double().numpy()


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_reducing_weighs_with_a_triangle_about_each_centre(
    height: int, width: int, data: st.DataObject
):
    size = Size(data.draw(st.integers(1, height)), data.draw(st.integers(1, width)))
    logits = torch.from_numpy(noise((2, height, width), 5).astype(np.float32) / 32 - 4)

    small = reduce(logits, size)

    rows, columns = triangle(height, size.height), triangle(width, size.width)
    np.testing.assert_allclose(small, rows @ logits.double().numpy() @ columns.T, atol=1e-4)


@pytest.mark.parametrize("size", [(50, 61), (33, 40), (90, 91), (1, 60), (70, 2)])
def test_the_logits_of_a_small_photo_are_those_at_working_size_reduced(size: tuple[int, int]):
    prediction = predicted(size)

    height, width = prediction.proposal.working
    assert max(height, width) == LONG_SIDE
    wanted = triangle(height, size[0]) @ cropped(prediction) @ triangle(width, size[1]).T
    np.testing.assert_allclose(prediction.logits, wanted, atol=1e-4)
    np.testing.assert_array_equal(prediction.coarse, prediction.logits)


@pytest.mark.parametrize("size", [(200, 300), (257, 190), (401, 333), (3, 400)])
def test_the_logits_of_a_large_photo_are_those_at_working_size_enlarged(size: tuple[int, int]):
    prediction = predicted(size)

    height, width = prediction.proposal.working
    assert max(height, width) == LONG_SIDE
    # To the pixel: with a row of padding more or less the last rows would be others.
    wanted = linear(height, size[0]) @ cropped(prediction) @ linear(width, size[1]).T
    np.testing.assert_allclose(prediction.logits, wanted, atol=1e-3)
    np.testing.assert_array_equal(prediction.coarse, prediction.logits)


@pytest.mark.parametrize("size", [(96, 128), (97, 121), (128, 110)])
def test_the_logits_of_a_photo_at_working_size_are_its_own(size: tuple[int, int]):
    prediction = predicted(size)

    assert prediction.proposal.working == size
    np.testing.assert_array_equal(prediction.logits, cropped(prediction))


@pytest.mark.parametrize("stride", COARSE_STRIDES)
@pytest.mark.parametrize("size", [(96, 128), (97, 121), (200, 300), (257, 190), (50, 61), (33, 40)])
def test_the_coarse_mask_repeats_the_coarse_pixel_that_each_pixel_lies_in(
    size: tuple[int, int], stride: int
):
    prediction = predicted(size, stride)

    height, width = prediction.proposal.working
    (rows, row_is_sure), (columns, column_is_sure) = (
        nearest(height, size[0]),
        nearest(width, size[1]),
    )
    coarse = prediction.proposal.coarse[0].numpy() > 0
    wanted = coarse[np.array(rows) // stride][:, np.array(columns) // stride]
    sure = np.outer(row_is_sure, column_is_sure)
    assert 0.2 < coarse.mean() < 0.8
    assert sure.mean() > 0.7
    np.testing.assert_array_equal(prediction.coarse_nearest[sure], wanted[sure])


def test_refined_logits_are_cropped_and_resampled_as_coarse_ones_are():
    model = tiny_model(long_side=LONG_SIDE)
    nothing = replace(model, refiner=Refiner(model.fovea, channels=(4, 4), depths=(1, 1)))
    pixels = shaded_photo((200, 300))

    prediction = Segmenter.from_model(nothing, CPU, "fp32").predict(pixels)

    assert len(prediction.tiles)
    np.testing.assert_array_equal(prediction.logits, prediction.coarse)


def is_fast(network: nn.Module) -> bool:
    """Whether all convolutions with more than one weight have them with channels last."""
    weights = [w for w in network.parameters() if w.ndim == 4 and min(w.shape) > 1]
    assert weights
    return all(w.is_contiguous(memory_format=torch.channels_last) for w in weights)


def test_networks_are_placed_in_the_format_of_fast_convolutions():
    network = ENet()
    assert not is_fast(network)

    assert is_fast(to_device(network, CPU))
    assert is_fast(fold_for_inference(ENet(), CPU, "fp32"))
    assert is_fast(fold_for_inference(Refiner(tiny_model().fovea), CPU, "bf16"))
