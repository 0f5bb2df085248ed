import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from data.geometry import COARSE_STRIDES, Size
from refine.stitch import enlarge, enlarge_anywhere, logit, probability, reduce, stitch, upsample

SIDE = 192
"""Of the photo that the disc is on, in full-resolution pixels."""


def noise(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def upsample_slowly(coarse: NDArray[np.float32], stride: int) -> NDArray[np.float64]:
    """Weigh the four nearest coarse centres of each full pixel's centre, edges replicated."""
    height, width = coarse.shape
    full = np.zeros((stride * height, stride * width))
    for row, column in np.ndindex(*full.shape):
        y, x = ((i + 0.5) / stride - 0.5 for i in (row, column))
        top, left = math.floor(y), math.floor(x)
        for i, j in product((top, top + 1), (left, left + 1)):
            weight = (1 - abs(y - i)) * (1 - abs(x - j))
            full[row, column] += (
                weight * coarse[min(max(i, 0), height - 1), min(max(j, 0), width - 1)]
            )
    return full


def disc(centre: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """The share of each pixel that the disc covers; pixel i reaches from i to i + 1."""
    at = (np.arange(SIDE * 4) + 0.5) / 4
    inside = (at[:, None] - centre[0]) ** 2 + (at - centre[1]) ** 2 <= radius**2
    return area_mean(inside.astype(np.float64), 4)


def area_mean(pixels: NDArray[np.float64], scale: int) -> NDArray[np.float64]:
    height, width = pixels.shape
    mean: NDArray[np.float64] = pixels.reshape(height // scale, scale, width // scale, scale).mean(
        (1, 3)
    )
    return mean


def centroid(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    middle: NDArray[np.float64] = np.argwhere(mask).mean(0) + 0.5
    return middle


@st.composite
def logits_and_tiles(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of a few photos, some of their tiles in any order, a residual for each."""
    side = draw(st.sampled_from([8, 16, 32]))
    grid = draw(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)))
    cells = st.tuples(*(st.integers(0, count - 1) for count in grid))
    tiles = draw(st.lists(cells, unique=True))
    seed = draw(st.integers(0, 2**32 - 1))
    logits = noise((grid[0], grid[1] * side, grid[2] * side), seed)
    residuals = noise((len(tiles), side, side), seed + 1)
    return logits, torch.tensor(tiles, dtype=torch.int64).reshape(-1, 3), residuals


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from(COARSE_STRIDES),
    st.integers(0, 2**32 - 1),
)
def test_upsampling_is_bilinear_between_the_centres_of_pixels(
    height: int, width: int, stride: int, seed: int
):
    coarse = noise((2, height, width), seed)

    full = upsample(coarse, stride)

    wanted = np.stack([upsample_slowly(one.numpy(), stride) for one in coarse])
    np.testing.assert_allclose(full.numpy(), wanted, rtol=1e-5, atol=1e-5)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(COARSE_STRIDES), st.integers(0, 99))
def test_a_cpu_upsamples_as_every_device_does(height: int, width: int, stride: int, seed: int):
    coarse = 8 * noise((2, height, width), seed)

    full = upsample(coarse, stride)

    elsewhere = enlarge_anywhere(coarse, Size(height * stride, width * stride))
    torch.testing.assert_close(full, elsewhere, rtol=0, atol=1e-5)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 50), st.integers(0, 50))
def test_a_cpu_enlarges_as_every_device_does(height: int, width: int, more: int, wider: int):
    logits = noise((2, height + 3, width + 2), 0)[:, :height, :width]
    size = Size(height + more, width + wider)

    large = enlarge(logits, size)

    elsewhere = enlarge_anywhere(logits, size)
    torch.testing.assert_close(large, elsewhere, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 37, 41), (1, 64, 50), (3, 7)])
def test_probabilities_are_rounded_sigmoids(shape: tuple[int, ...]):
    logits = 8 * noise(shape, 0)

    p = probability(logits)

    assert torch.equal(p, (torch.sigmoid(logits) * 255).round().to(torch.uint8))


@pytest.mark.parametrize(
    ("stride", "shift", "growth"), [(4, 0.2, 0.01), (8, 0.5, 0.03), (16, 1.2, 0.12)]
)
def test_discs_sent_down_and_up_and_through_the_stitch_stay_where_they_are(
    stride: int, shift: float, growth: float
):
    random = np.random.default_rng(0)
    every = torch.cartesian_prod(torch.zeros(1).long(), *[torch.arange(SIDE // 16)] * 2)
    moved, grown = [], []

    for _ in range(24 * stride * stride // 16):
        centre, radius = random.uniform(70, SIDE - 70, 2), random.uniform(30, 60)
        coarse = area_mean(disc(centre, radius), stride)
        p = torch.from_numpy(coarse.clip(0.01, 0.99)).float()[None]
        upsampled = upsample(torch.log(p) - torch.log1p(-p), stride)
        mask = stitch(upsampled, every, torch.zeros(len(every), 16, 16))[0].numpy() > 0
        moved.append(centroid(mask) - centre)
        grown.append(mask.sum() / (np.pi * radius**2) - 1)

    # One disc may move by some of a coarse pixel, where its edge happens to cut the coarse pixels;
    # what all of them have in common would be a shift between the grids.
    assert np.hypot(*np.mean(moved, axis=0)) < 0.05
    assert np.hypot(*np.transpose(moved)).max() < shift
    assert np.abs(grown).max() < growth


@pytest.mark.parametrize("stride", COARSE_STRIDES)
def test_a_disc_about_a_corner_of_coarse_pixels_does_not_move_at_all(stride: int):
    coarse = area_mean(disc(np.full(2, SIDE / 2), 40), stride)

    mask = upsample(torch.from_numpy(coarse - 0.5).float()[None], stride)[0].numpy() > 0

    np.testing.assert_allclose(centroid(mask), SIDE / 2, atol=1e-9)


@given(logits_and_tiles())
def test_residuals_are_added_tile_by_tile_and_nowhere_else(case: tuple[Tensor, Tensor, Tensor]):
    logits, tiles, residuals = case
    before = logits.clone()

    result = stitch(logits, tiles, residuals)

    wanted = before.clone()
    side = residuals.shape[-1]
    for (photo, row, column), residual in zip(tiles.tolist(), residuals, strict=True):
        for i, j in np.ndindex(side, side):
            wanted[photo, row * side + i, column * side + j] += residual[i, j]
    assert torch.equal(result, wanted)  # outside the tiles bit for bit those given
    assert torch.equal(logits, before)  # the input is left as it was


def test_the_result_shares_no_memory_with_the_input():
    logits = torch.zeros(1, 32, 32)

    stitch(logits, torch.zeros(0, 3).long(), torch.zeros(0, 16, 16)).fill_(1)

    assert not logits.any()


@pytest.mark.parametrize(
    ("shape", "num_tiles", "residuals"),
    [
        ((1, 32, 32), 2, (1, 16, 16)),
        ((1, 32, 32), 1, (2, 16, 16)),
        ((1, 24, 32), 1, (1, 16, 16)),
        ((1, 32, 40), 1, (1, 16, 16)),
    ],
)
def test_residuals_that_do_not_fit_are_refused(
    shape: tuple[int, ...], num_tiles: int, residuals: tuple[int, ...]
):
    tiles = torch.zeros(num_tiles, 3, dtype=torch.int64)

    with pytest.raises(ValueError, match="do not fit"):
        stitch(torch.zeros(shape), tiles, torch.zeros(residuals))


def test_a_tile_outside_the_photo_is_refused():
    with pytest.raises(IndexError):
        stitch(torch.zeros(1, 32, 32), torch.tensor([[0, 2, 0]]), torch.zeros(1, 16, 16))


def test_every_byte_but_the_last_ones_comes_back_from_its_logit():
    every = torch.arange(256, dtype=torch.uint8)

    again = probability(logit(every))
    assert again.dtype == torch.uint8

    assert torch.equal(again[1:-1], every[1:-1])
    # 0 and 255 stand for half a step from there, so that no logit is infinite.
    assert again[0] <= 1
    assert again[-1] >= 254


@given(st.floats(-60, 60, width=32))
def test_a_logit_comes_back_within_the_quantisation(value: float):
    exact = torch.tensor(value)

    again = logit(probability(exact))

    assert again.isfinite()
    assert again.abs() < 6.3
    assert (torch.sigmoid(again) - torch.sigmoid(exact)).abs() <= 0.5 / 255 + 1e-6


def test_quantising_changes_no_side_of_the_threshold():
    logits = torch.cat([torch.linspace(-8, -1e-3, 999), torch.linspace(1e-3, 8, 999)])

    again = logit(probability(logits))

    assert torch.equal(again > 0, logits > 0)


def test_without_residual_the_refined_logits_stand_in_the_place_of_the_coarse_ones():
    logits, refined = noise((1, 32, 48), 0), noise((2, 16, 16), 1)
    tiles = torch.tensor([[0, 1, 2], [0, 0, 0]])

    result = stitch(logits, tiles, refined, residual=False)

    assert torch.equal(result[0, 16:, 32:], refined[0])
    assert torch.equal(result[0, :16, :16], refined[1])
    assert torch.equal(result[0, :16, 16:], logits[0, :16, 16:])


@pytest.mark.parametrize("size", [Size(16, 24), Size(7, 100), Size(1, 1)])
def test_reduced_logits_are_means_of_what_they_stand_for(size: Size):
    logits = torch.full((2, 64, 160), -3.0)
    logits[1, :, 80:] = 3.0

    small = reduce(logits, size)

    assert small.shape == (2, *size)
    torch.testing.assert_close(small[0], torch.full(tuple(size), -3.0))
    assert abs(float(small[1].mean())) < 0.1


def test_logits_that_are_not_on_the_cpu_stay_where_they_are():
    logits = torch.empty(2, 5, 7, device="meta")

    assert (enlarge(logits, Size(9, 8)).shape, enlarge(logits, Size(9, 8)).device.type) == (
        (2, 9, 8),
        "meta",
    )
    assert probability(logits).shape == logits.shape
    assert probability(logits).device.type == reduce(logits, Size(2, 3)).device.type == "meta"
    assert probability(logits[:0]).shape == (0, 5, 7)
