from itertools import product

import pytest
import torch
from torch import Tensor, nn

from data.geometry import Fovea
from refine.refiner_network import Inputs, Refiner, resize_halo
from tests.refine.windows import windows_of

CHANNELS, DEPTHS = (6, 5, 4, 3), (2, 3, 4, 4)


def test_by_default_a_refiner_sees_all_and_adds_to_what_is_there():
    refiner = Refiner(Fovea())

    assert refiner.options() == {
        "channels": [32, 32, 32],
        "depths": [2, 3, 4],
        "inputs": "all",
        "residual": True,
    }


def test_a_refiner_of_the_same_options_has_the_same_parameters():
    fovea = Fovea(8, 2)
    refiner = Refiner(fovea, channels=(4, 5), depths=(1, 2), inputs="photo", residual=False)

    again = Refiner(fovea, **refiner.options())

    again.load_state_dict(refiner.state_dict())
    assert again.options() == refiner.options()
    assert (again.inputs, again.residual) == ("photo", False)


def test_norms_make_a_bias_of_convolutions_needless():
    convolutions = [x for x in Refiner(Fovea()).levels.modules() if isinstance(x, nn.Conv2d)]

    assert len(convolutions) == 2 + 3 + 4
    assert all(convolution.bias is None for convolution in convolutions)


@pytest.mark.parametrize(
    ("inputs", "hidden"),
    [("all", [[], []]), ("photo", [[3]] * 2), ("mask_around", [[], [0, 1, 2]])],
)
@torch.no_grad()
def test_bytes_reach_the_levels_about_zero_and_what_is_hidden_as_zero(
    inputs: Inputs, hidden: list[list[int]]
):
    fovea = Fovea(8, 2)
    refiner = Refiner(fovea, channels=CHANNELS, depths=(4, 4), inputs=inputs).eval()
    reached: list[Tensor] = []
    for level in refiner.levels:
        level.register_forward_pre_hook(lambda _, given: reached.append(given[0]))
    windows = windows_of(fovea, 3)

    refiner(windows)

    around, tile = reached  # from the coarsest level on
    assert (around.shape[2:], tile.shape[2:]) == ((16, 16), (16, 16))
    for level, canvas, side in ((0, tile, 8), (1, around, 12)):
        wanted = (windows[level].movedim(-1, 1) - 127.5) / 64
        wanted[:, hidden[level]] = 0
        seen = resize_halo(canvas[:, :4], side)
        torch.testing.assert_close(seen, resize_halo(wanted, side))


@pytest.mark.parametrize(
    ("inputs", "seen"),
    [
        ("all", [True, True, True, True]),
        ("photo", [True, False, True, False]),
        ("mask_around", [True, True, False, True]),
    ],
)
def test_what_a_refiner_is_not_to_see_changes_nothing(inputs: Inputs, seen: list[bool]):
    fovea = Fovea(16, 2)
    torch.manual_seed(0)
    refiner = Refiner(fovea, channels=CHANNELS, depths=DEPTHS, inputs=inputs).eval()
    nn.init.normal_(refiner.head.weight)
    before = refiner(windows_of(fovea, 3))
    changed = []

    # In the tile and around it: the photo, the coarse probability.
    for level, channels in product((0, 1), (slice(0, 3), slice(3, 4))):
        windows = windows_of(fovea, 3)
        windows[level][..., channels] = windows_of(fovea, 3, seed=1)[level][..., channels]
        if level:  # what the tile covers is not around it
            windows[1][:, 8:16, 8:16] = windows_of(fovea, 3)[1][:, 8:16, 8:16]
        changed.append(not torch.equal(refiner(windows), before))

    assert changed == seen
