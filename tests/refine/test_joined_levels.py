"""Refiners whose finest level joins the next one, because its depth is 0."""

import pytest
import torch
from torch import Tensor, nn

from data.geometry import Fovea
from refine.refiner_network import IN_CHANNELS, PIXELS_IN_ONE, Inputs, Refiner, input_halos
from tests.refine.windows import windows_of


@pytest.mark.parametrize("levels", [2, 3, 4])
@pytest.mark.parametrize("channel", range(4))
@torch.no_grad()
def test_each_pixel_of_a_tile_keeps_its_place(levels: int, channel: int):
    """Weights that hand one channel on give the tile itself, wherever its pixels are put."""
    fovea = Fovea(8, levels)
    refiner = Refiner(fovea, channels=(4,) * levels, depths=(0, 1, 1, 1)).eval()
    convolution = refiner.levels[1][0]
    convolution.weight.zero_()
    refiner.head.weight.zero_()
    for pixel in range(PIXELS_IN_ONE):
        convolution.weight[pixel, IN_CHANNELS * pixel + channel, 1, 1] = 1
        refiner.head.weight[pixel, pixel] = 1
    windows = [window // 2 + 128 for window in windows_of(fovea, 3)]  # above zero for the ReLU

    logits = refiner(windows)

    wanted = (windows[0][..., channel].float() - 127.5) / 64
    torch.testing.assert_close(logits, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("inputs", ["all", "photo", "mask_around"])
@torch.no_grad()
def test_around_a_tile_each_pixel_of_the_next_level_is_four(inputs: Inputs):
    fovea = Fovea(8, 2)
    refiner = Refiner(fovea, channels=(4, 4), depths=(0, 2), inputs=inputs).eval()
    reached: list[Tensor] = []
    refiner.levels[1].register_forward_pre_hook(lambda _, given: reached.append(given[0]))
    windows = windows_of(fovea, 3)

    refiner(windows)

    (canvas,) = reached
    assert canvas.shape == (3, 16, 8, 8)
    around = (windows[1].movedim(-1, 1)[:, :, 2:10, 2:10] - 127.5) / 64
    if inputs == "photo":
        around[:, 3] = 0
    if inputs == "mask_around":
        around[:, :3] = 0
    around = around.repeat(1, PIXELS_IN_ONE, 1, 1)
    around[..., 2:6, 2:6] = canvas[..., 2:6, 2:6]
    torch.testing.assert_close(canvas, around)


def test_the_joined_level_needs_no_halo():
    assert input_halos([0, 4, 4]) == [0, 4, 6]


def test_every_parameter_has_a_gradient_and_none_is_without_effect():
    refiner = Refiner(Fovea(), channels=(7, 6, 5), depths=(0, 2, 1)).train()
    nn.init.normal_(refiner.head.weight)

    refiner(windows_of(Fovea(), 8)).square().mean().backward()

    assert all(p.grad is not None and p.grad.any() for p in refiner.parameters())
    assert 7 not in {p.shape[0] for p in refiner.parameters()}


@pytest.mark.parametrize(("levels", "depths"), [(3, (1, 0, 1)), (3, (0, 1, 0)), (1, (0,))])
def test_no_other_level_can_be_without_convolutions(levels: int, depths: tuple[int, ...]):
    with pytest.raises(ValueError, match="only the finest of several levels"):
        Refiner(Fovea(16, levels), depths=depths)


def test_a_coarser_level_that_the_fovea_does_not_have_is_ignored():
    assert Refiner(Fovea(16, 2), depths=(0, 2, 0)).depths == [0, 2]
