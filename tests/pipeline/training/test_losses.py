import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.training.losses import bce, bce_dice, masked_bce, soft_dice

seeds = st.integers(0, 2**32 - 1)


def noise(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seeds, st.floats(0, 4), st.floats(0.01, 2))
def test_the_loss_is_least_at_the_soft_target_itself(seed: int, weight: float, step: float):
    exact = noise(2, 6, 7, seed=seed)
    target = torch.sigmoid(exact)

    least = bce_dice(exact, target, weight)

    assert bce_dice(exact + step * noise(2, 6, 7, seed=seed + 1), target, weight) > least


@given(seeds)
def test_the_gradient_vanishes_at_the_soft_target(seed: int):
    exact = noise(2, 6, 7, seed=seed).requires_grad_()

    bce_dice(exact, torch.sigmoid(exact).detach(), 1.0).backward()

    assert exact.grad is not None
    assert exact.grad.abs().max() < 1e-12


def test_dice_is_that_of_counting_photo_by_photo():
    target = torch.tensor([[[1.0, 1, 0, 0]], [[1, 0, 0, 0]]])
    logits = torch.tensor([[[50.0, -50, 50, -50]], [[50, -50, -50, -50]]])

    # One pixel of two right: (2 * 1 + 1) / (2 + 2 + 1); all right: 1.
    assert soft_dice(logits, target).item() == pytest.approx((1 - 3 / 5 + 0) / 2)


def test_an_empty_mask_found_empty_costs_nothing():
    assert soft_dice(torch.full((1, 4, 4), -50.0), torch.zeros(1, 4, 4)).item() == 0


def test_without_a_weight_only_cross_entropy_is_left():
    logits, target = noise(2, 3, 3, seed=0), torch.rand(2, 3, 3, dtype=torch.float64)

    assert bce_dice(logits, target, 0) == bce(logits, target)
    assert bce_dice(logits, target, 2.0) == bce(logits, target) + 2 * soft_dice(logits, target)


def test_a_network_that_knows_nothing_pays_ln_2():
    assert bce(torch.zeros(1, 4, 4), torch.ones(1, 4, 4)).item() == pytest.approx(math.log(2))


@given(seeds)
def test_masked_pixels_have_no_influence(seed: int):
    logits = noise(3, 4, 4, seed=seed).requires_grad_()
    target = (noise(3, 4, 4, seed=seed + 1) > 0).double()
    valid = noise(3, 4, 4, seed=seed + 2) > 0.3
    valid[0, 0, 0] = True

    loss = masked_bce(logits, target, valid)
    loss.backward()

    assert logits.grad is not None
    assert not logits.grad[~valid].any()
    assert logits.grad[valid].all()
    assert loss.item() == pytest.approx(bce(logits[valid], target[valid]).item())
    other = torch.where(valid, target, 1 - target)
    assert masked_bce(logits, other, valid) == loss


def test_a_batch_of_masked_pixels_costs_nothing():
    logits = torch.ones(2, 4, 4, requires_grad=True)

    loss = masked_bce(logits, torch.ones(2, 4, 4), torch.zeros(2, 4, 4, dtype=torch.bool))
    loss.backward()

    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("value", [1e4, -1e4, 1e30, -1e30, 0.0])
@pytest.mark.parametrize("truth", [0.0, 0.5, 1.0])
def test_gradients_are_finite_at_extreme_logits(value: float, truth: float):
    logits = torch.full((1, 4, 4), value, requires_grad=True)
    target = torch.full((1, 4, 4), truth)

    loss = bce_dice(logits, target, 1.0) + masked_bce(logits, target, target > -1)
    loss.backward()

    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
