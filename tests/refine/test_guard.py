"""Which refinements are accepted, with refined logits made up for the purpose."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.arrays import Mask
from data.mask_errors import shifted, with_disc, wobbly
from refine.distance import signed_distance
from refine.guard import DEFAULT_GUARD, LEAST, MARGIN, Guard, change, decide, fit_guard
from tests.builders import middle_disc

SIZE = (192, 256)
TRUTH = middle_disc(SIZE)
ALL = np.ones(SIZE, np.bool_)


def refined(truth: Mask, *, seed: int = 0, width: float = 1.2) -> NDArray[np.float32]:
    """Logits of a refiner that is off by some `width` pixels, and says so."""
    drawn = wobbly(truth, width / 4, np.random.default_rng(seed))
    return np.asarray(signed_distance(drawn) / width, np.float32)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.5, 3))
def test_an_exact_mask_is_kept(seed: int, width: float):
    logits = refined(TRUTH, seed=seed, width=width)

    decision = decide(TRUTH, logits, ALL)

    assert not decision.accepted.any()
    assert decision.kept == ((logits > 0) != TRUTH).any()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.floats(0, 6.28))
def test_a_mask_that_is_off_by_more_than_the_refiner_is_replaced(seed: int, angle: float):
    mask = shifted(TRUTH, round(8 * np.sin(angle)), round(8 * np.cos(angle)))

    decision = decide(mask, refined(TRUTH, seed=seed), ALL)

    assert decision.accepted.all()
    assert decision.kept == 0


def cut_off(mask: Mask) -> Mask:
    """A mask without a strip at its lower end, up to 13 pixels deep."""
    result = np.array(mask)
    result[147:] = False
    return result


def test_a_strip_that_alone_has_moved_is_kept_as_it_was():
    """Such as a dark sill that the refiner takes for shadow."""
    logits = refined(cut_off(TRUTH), width=0.6)

    decision = decide(TRUTH, logits, ALL)

    assert decision.moved > DEFAULT_GUARD.moved
    assert decision.kept == 1


def test_where_all_has_moved_a_little_no_place_moves_far():
    mask = signed_distance(TRUTH) > -3  # three pixels too large everywhere
    logits = refined(cut_off(TRUTH), width=0.6)

    decision = decide(mask, logits, ALL)

    taken = np.where(decision.accepted, logits > 0, mask)
    distance = np.abs(signed_distance(mask))
    assert 0 < decision.kept < 1
    np.testing.assert_array_equal(taken[:130], (logits > 0)[:130])
    assert 3 < distance[taken != mask].max() < 13 < distance[(logits > 0) != mask].max()


def test_nothing_is_accepted_outside_the_band():
    band = np.zeros(SIZE, np.bool_)
    band[:, :100] = True

    decision = decide(shifted(TRUTH, 0, 8), refined(TRUTH), band)

    np.testing.assert_array_equal(decision.accepted, band)


def test_a_hole_and_a_lump_alone_are_mended():
    centre_of_lump = (96, 128 + 64)  # on the contour, at the right
    for at, inside in (((96, 128), False), (centre_of_lump, True)):
        mask = with_disc(TRUTH, at, 26, inside=inside)

        decision = decide(mask, refined(TRUTH, width=1.4), ALL)

        mended = np.where(decision.accepted, refined(TRUTH, width=1.4) > 0, mask)
        far = np.hypot(*(np.indices(SIZE).T - at).T) > 32
        np.testing.assert_array_equal(mended[far], TRUTH[far])
        assert (mended != TRUTH).sum() < 0.2 * (mask != TRUTH).sum()
        assert 0 < decision.kept < 1


def test_a_large_hole_alone_does_not_have_the_rest_replaced():
    mask = with_disc(TRUTH, (96, 128), 40, inside=False)
    logits = refined(TRUTH, seed=3, width=1.4)

    decision = decide(mask, logits, ALL)

    np.testing.assert_array_equal(decision.accepted, mask != TRUTH)


@pytest.mark.parametrize(("probability", "is_taken"), [(0.73, False), (0.91, False), (0.93, True)])
def test_a_place_far_off_is_taken_only_where_the_refiner_is_certain(
    probability: float, is_taken: bool
):
    mask = with_disc(TRUTH, (96, 128), 24, inside=False)
    logits = refined(TRUTH, width=2.5)
    logits[mask != TRUTH] = np.log(probability / (1 - probability))

    decision = decide(mask, logits, ALL)

    np.testing.assert_array_equal(decision.accepted, (mask != TRUTH) & is_taken)


def test_where_nothing_differs_nothing_is_kept_from_changing():
    decision = decide(TRUTH, np.where(TRUTH, 5, -5).astype(np.float32), ALL)

    assert decision.kept == 0


def sure(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits of a refiner that is as wrong, but eight times as sure."""
    return np.asarray(8 * logits, np.float32)


def test_a_guard_that_is_fitted_keeps_exact_masks_of_a_refiner_that_is_too_sure():
    seen = [sure(refined(TRUTH, seed=seed, width=3)) for seed in range(8)]
    new = [sure(refined(TRUTH, seed=seed, width=3)) for seed in range(100, 140)]

    guard = fit_guard([change(TRUTH, logits, ALL) for logits in seen])

    assert any(decide(TRUTH, logits, ALL).kept == 0 for logits in new)
    kept = [decide(TRUTH, logits, ALL, guard).kept for logits in new]
    assert np.mean(np.equal(kept, 1)) > 0.9
    assert decide(shifted(TRUTH, 0, 16), new[0], ALL, guard).kept == 0


def test_a_fitted_guard_is_half_above_the_largest_changes_of_exact_masks():
    hole = np.where(with_disc(TRUTH, (96, 128), 40, inside=False), 4, -4).astype(np.float32)

    seen = change(TRUTH, hole, ALL)
    guard = fit_guard([seen, change(TRUTH, np.where(TRUTH, 4, -4).astype(np.float32), ALL)])

    distance = np.abs(signed_distance(TRUTH))
    assert seen.far == distance[(hole > 0) != TRUTH].max()
    assert guard.moved == pytest.approx(MARGIN * seen.moved, abs=5e-4)
    assert guard.far == pytest.approx(MARGIN * seen.far, abs=5e-4)
    assert not decide(TRUTH, hole, ALL, guard).accepted.any()
    assert decide(TRUTH, hole, ALL).accepted.any()


def test_a_refiner_that_knows_its_errors_has_the_guard_of_the_package():
    changes = [change(TRUTH, refined(TRUTH, seed=seed), ALL) for seed in range(8)]

    assert fit_guard(changes) == fit_guard([]) == DEFAULT_GUARD


@pytest.mark.parametrize("values", [{"moved": 0}, {"far": np.nan}, {"far": "12"}, {"near": 1}, 3])
def test_a_guard_of_other_values_is_refused(values: object):
    with pytest.raises(ValueError, match="guard"):
        Guard.from_json(values)

    assert Guard.from_json(Guard(2.5, 30.0).to_json()) == Guard(2.5, 30.0)
    assert (DEFAULT_GUARD.moved, DEFAULT_GUARD.far) == LEAST
