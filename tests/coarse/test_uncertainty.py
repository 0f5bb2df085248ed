import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from coarse.uncertainty import select_tiles, tile_uncertainty
from data.geometry import COARSE_STRIDES, TILE_SIDES

SURE = 20.0
"""A logit far beyond every threshold."""


def uncertainty_slowly(tile: Tensor, low: float, high: float) -> float:
    """Add up the uncertainty of one tile of logits, pixel by pixel."""
    p = [1 / (1 + math.exp(-value)) for value in tile.flatten().tolist()]
    if not any(low < value < high for value in p):
        return 0.0
    return sum(min(value, 1 - value) for value in p)


def most_uncertain_slowly(uncertainty: list[float], max_tiles: int) -> set[int]:
    """Take the most uncertain tile, the first of equal ones, up to `max_tiles` times."""
    left = {i for i, value in enumerate(uncertainty) if value > 0}
    taken: set[int] = set()
    while left and len(taken) < max_tiles:
        best = min(left, key=lambda i: (-uncertainty[i], i))
        taken.add(best)
        left.remove(best)
    return taken


@st.composite
def photos(draw: st.DrawFn) -> tuple[Tensor, int, int]:
    """Logits of a few photos in which some tiles are certain, sides of tile and coarse pixel."""
    tile = draw(st.sampled_from(TILE_SIDES))
    stride = draw(st.sampled_from([stride for stride in COARSE_STRIDES if stride <= tile]))
    side = tile // stride
    batch, rows, columns = (draw(st.integers(1, 4)) for _ in range(3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    scale = torch.randint(0, 8, (batch, rows, columns), generator=generator)
    scale = scale.repeat_interleave(side, 1).repeat_interleave(side, 2)
    noise = torch.randn(scale.shape, generator=generator)
    return noise + scale * draw(st.sampled_from([-1, 1])), tile, stride


thresholds = st.tuples(st.floats(0, 0.49), st.floats(0.51, 1))


@given(photos(), thresholds)
def test_a_tile_is_as_uncertain_as_its_pixels_together(
    case: tuple[Tensor, int, int], limits: tuple[float, float]
):
    logits, tile, stride = case
    side = tile // stride

    uncertainty = tile_uncertainty(logits, tile=tile, stride=stride, low=limits[0], high=limits[1])

    for photo, row, column in torch.cartesian_prod(*map(torch.arange, uncertainty.shape)).tolist():
        rows = slice(row * side, (row + 1) * side)
        columns = slice(column * side, (column + 1) * side)
        wanted = uncertainty_slowly(logits[photo, rows, columns].double(), *limits)
        assert uncertainty[photo, row, column].item() == pytest.approx(wanted, rel=1e-4, abs=1e-6)


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0]), min_size=6, max_size=6),
        min_size=1,
        max_size=3,
    ),
    st.integers(0, 8),
)
def test_the_most_uncertain_tiles_of_each_photo_are_taken(rows: list[list[float]], max_tiles: int):
    uncertainty = torch.tensor(rows).view(-1, 2, 3)

    tiles = select_tiles(uncertainty, max_tiles)

    wanted = [
        [photo, i // 3, i % 3]
        for photo, row in enumerate(rows)
        for i in sorted(most_uncertain_slowly(row, max_tiles))
    ]
    assert tiles.tolist() == wanted


@given(photos())
def test_without_a_limit_every_uncertain_tile_is_taken(case: tuple[Tensor, int, int]):
    logits, tile, stride = case
    uncertainty = tile_uncertainty(logits, tile=tile, stride=stride)

    tiles = select_tiles(uncertainty)

    assert tiles.tolist() == (uncertainty > 0).nonzero().tolist()
    assert torch.equal(tiles, select_tiles(uncertainty, uncertainty[0].numel()))


@pytest.mark.parametrize("tile", TILE_SIDES)
@pytest.mark.parametrize(("value", "share"), [(SURE, 0), (-SURE, 0), (0.0, 1)])
def test_nothing_or_everything_may_be_uncertain(tile: int, value: float, share: int):
    logits = torch.full((2, 16, 24), value)

    tiles = select_tiles(tile_uncertainty(logits, tile=tile, stride=4))

    assert tiles.shape == (share * 2 * 16 * 24 * 16 // tile**2, 3)
    assert tiles.dtype == torch.int64


def test_one_uncertain_pixel_makes_its_tile_uncertain_and_no_other():
    logits = torch.full((1, 12, 12), SURE)
    logits[0, 7, 8] = 0.0

    uncertainty = tile_uncertainty(logits, tile=16, stride=4)

    assert uncertainty.nonzero().tolist() == [[0, 1, 2]]
    assert uncertainty.sum().item() == pytest.approx(0.5, abs=1e-6)


def test_the_thresholds_themselves_are_certain():
    logits = torch.zeros(1, 4, 4)

    assert not tile_uncertainty(logits, tile=16, stride=4, low=0.5, high=0.9).any()
    assert not tile_uncertainty(logits, tile=16, stride=4, low=0.1, high=0.5).any()
    assert tile_uncertainty(logits, tile=16, stride=4, low=0.49, high=0.51).all()


def test_from_one_to_nineteen_twentieths_is_uncertain_by_default():
    p = torch.tensor([[[0.04, 0.06, 0.94, 0.96]]])

    uncertainty = tile_uncertainty(torch.logit(p), tile=8, stride=8)

    torch.testing.assert_close(uncertainty, torch.tensor([[[0.0, 0.06, 0.06, 0.0]]]))


def test_of_equal_tiles_the_first_ones_are_taken():
    uncertainty = torch.ones(2, 40, 60)

    tiles = select_tiles(uncertainty, max_tiles=70)

    first = [[row, column] for row in range(2) for column in range(60)][:70]
    assert tiles.tolist() == [[photo, *cell] for photo in range(2) for cell in first]


def test_a_negative_number_of_tiles_is_refused():
    with pytest.raises(ValueError, match="at least 0 tiles, not -1"):
        select_tiles(torch.ones(1, 2, 2), -1)


@pytest.mark.parametrize("shape", [(1, 6, 8), (1, 8, 6)])
def test_tiles_that_do_not_fit_are_refused(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="tiles of 4 coarse pixels do not fit"):
        tile_uncertainty(torch.zeros(shape), tile=16, stride=4)


def test_tiles_smaller_than_a_coarse_pixel_are_refused():
    with pytest.raises(ValueError, match="tiles of 0 coarse pixels do not fit"):
        tile_uncertainty(torch.zeros(1, 8, 8), tile=8, stride=16)


def test_a_tile_may_be_one_coarse_pixel():
    logits = torch.tensor([[[0.0, SURE], [-SURE, 1.0]]])

    uncertainty = tile_uncertainty(logits, tile=16, stride=16)

    p = torch.sigmoid(torch.tensor(1.0)).item()
    torch.testing.assert_close(uncertainty, torch.tensor([[[0.5, 0.0], [0.0, 1 - p]]]))
