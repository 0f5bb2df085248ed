import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from data.arrays import Mask
from refine.distance import FAR, signed_distance


@given(arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_it_is_what_a_slow_twin_finds(mask: Mask):
    found = signed_distance(mask)

    for place in np.ndindex(mask.shape):
        others = np.argwhere(mask != mask[place])
        nearest = np.hypot(*(others - place).T).min() - 0.5 if len(others) else FAR
        assert abs(found[place]) == pytest.approx(nearest, abs=1e-4)
        assert (found[place] > 0) == mask[place]


@given(st.integers(1, 9), st.booleans())
def test_of_a_straight_edge_it_counts_pixels(column: int, is_left: bool):
    mask = np.zeros((5, 10), np.bool_)
    mask[:, :column] = True

    distance = signed_distance(mask if is_left else ~mask)

    expected = column - 0.5 - np.arange(10)
    np.testing.assert_allclose(distance[2], expected if is_left else -expected)
