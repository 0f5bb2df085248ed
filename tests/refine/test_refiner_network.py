from itertools import product

import pytest
import torch
from torch import Tensor, nn

from data.geometry import MAX_LEVELS, TILE_SIDES, Fovea
from refine.fovea import gather_windows
from refine.refiner_network import Refiner, input_halos, overlay, resize_halo, upsample_to
from tests.refine.windows import windows_of

CHANNELS, DEPTHS = (6, 5, 4, 3), (2, 3, 4, 4)

FOVEAS = [Fovea(tile, levels) for tile, levels in product(TILE_SIDES, range(1, MAX_LEVELS + 1))]
each_fovea = pytest.mark.parametrize("fovea", FOVEAS, ids=str)


def refiner_of(fovea: Fovea, *, trained: bool = True) -> Refiner:
    """A refiner with random weights, and norms that have seen something."""
    torch.manual_seed(2)
    refiner = Refiner(fovea, channels=CHANNELS, depths=DEPTHS)
    if trained:
        nn.init.normal_(refiner.head.weight)
        nn.init.normal_(refiner.head.bias)
        refiner.train()(windows_of(fovea, 8))
    return refiner.eval()


def influence(refiner: Refiner, windows: list[Tensor], pixels: slice) -> list[Tensor]:
    """Where, at each level, a change would change the residual at `pixels` of the tile."""
    floats = [window.float().requires_grad_() for window in windows]
    # Smooth activations: a ReLU that happens to be off would hide what reaches it.
    for module in refiner.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, nn.ReLU):
                setattr(module, name, nn.Softplus())
    refiner(floats)[:, pixels, pixels].sum().backward()
    return [
        torch.zeros(x.shape[1:3], dtype=torch.bool) if x.grad is None else x.grad.any(-1).any(0)
        for x in floats
    ]


@each_fovea
@torch.no_grad()
def test_an_untrained_refiner_gives_zero_everywhere(fovea: Fovea):
    refiner = refiner_of(fovea, trained=False)

    residuals = refiner(windows_of(fovea, 3))

    assert residuals.dtype == torch.float32
    assert torch.equal(residuals, torch.zeros(3, fovea.tile, fovea.tile))


@each_fovea
@torch.no_grad()
def test_no_tiles_give_no_residuals(fovea: Fovea):
    assert refiner_of(fovea)(windows_of(fovea, 0)).shape == (0, fovea.tile, fovea.tile)


@each_fovea
@torch.no_grad()
def test_what_is_the_same_everywhere_is_refined_the_same_everywhere(fovea: Fovea):
    refiner = refiner_of(fovea)
    windows = [torch.full_like(window, 200) for window in windows_of(fovea, 2)]

    residuals = refiner(windows)

    # A zero that leaked in from a padding would show at the rim of the tile.
    assert residuals.abs().max() > 0
    torch.testing.assert_close(residuals, residuals[:1, :1, :1].expand_as(residuals))


@each_fovea
def test_every_level_reaches_the_tile_as_far_as_its_convolutions(fovea: Fovea):
    refiner = refiner_of(fovea)

    seen = influence(refiner, windows_of(fovea, 2), slice(None))

    reach = 0
    for level, where in enumerate(seen):
        # Half as many pixels, each twice as large, and one more for each convolution.
        reach = -(-reach // 2) + DEPTHS[level]
        side = fovea.tile_side(level)
        rim = min(reach, level * side)
        wanted = torch.zeros_like(where)
        inner = slice(level * side - rim, (level + 1) * side + rim)
        wanted[inner, inner] = True
        assert torch.equal(where, wanted), f"level {level}"


def test_the_quarter_ring_matters_and_a_refiner_of_the_tile_alone_has_none():
    fovea = Fovea(16, 3)

    seen = influence(refiner_of(fovea), windows_of(fovea, 2), slice(None))
    alone = influence(refiner_of(Fovea(16, 1)), windows_of(fovea, 2), slice(None))

    outside = torch.ones(20, 20, dtype=torch.bool)
    outside[4:16, 4:16] = False
    assert (seen[2] & outside).sum() == 16**2 - 12**2  # two of the four pixels of its ring
    assert alone[0].all()
    assert not alone[1].any()
    assert not alone[2].any()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_middle_of_a_tile_does_not_see_further_than_its_convolutions(depth: int):
    torch.manual_seed(2)
    refiner = Refiner(Fovea(32, 1), channels=(6,), depths=(depth,)).eval()
    nn.init.normal_(refiner.head.weight)

    (seen,) = influence(refiner, windows_of(Fovea(32, 1), 1), slice(16, 17))

    rows, columns = seen.nonzero().T
    assert (rows.min(), rows.max()) == (16 - depth, 16 + depth)
    assert (columns.min(), columns.max()) == (16 - depth, 16 + depth)


@each_fovea
@torch.no_grad()
def test_a_photo_moved_by_a_tile_moves_its_residuals(fovea: Fovea):
    refiner = refiner_of(fovea)
    side = 2 * fovea.margin + 2 * fovea.tile
    photo = torch.randint(0, 256, (1, side + fovea.tile, side, 4), dtype=torch.uint8)

    def residual(pixels: Tensor, row: int) -> Tensor:
        levels = [pixels]
        for _ in range(fovea.levels - 1):
            x = levels[-1].int()
            rows = x[:, 0::2] + x[:, 1::2]
            levels.append(((rows[:, :, 0::2] + rows[:, :, 1::2] + 2) // 4).to(torch.uint8))
        return refiner(gather_windows(levels, torch.tensor([[0, row, 0]]), fovea))

    first = residual(photo[:, :side], 1)
    moved = residual(photo[:, fovea.tile :], 0)

    assert first.std() > 0
    torch.testing.assert_close(moved, first)


@torch.no_grad()
def test_tiles_are_refined_each_on_its_own():
    fovea = Fovea()
    refiner, windows = refiner_of(fovea), windows_of(fovea, 5)

    together = refiner(windows)

    each = torch.cat([refiner([window[i : i + 1] for window in windows]) for i in range(5)])
    torch.testing.assert_close(together, each, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_parts_of_the_residual_are_where_those_of_the_tile_are():
    """A point in one corner of the tile changes that corner, at each level."""
    fovea = Fovea(16, 3)
    torch.manual_seed(2)
    refiner = Refiner(fovea, channels=(8, 8, 8), depths=(1, 1, 1)).eval()  # a short reach
    nn.init.normal_(refiner.head.weight)
    windows = windows_of(fovea, 1)
    before = refiner(windows)

    for level in range(3):
        start, side = level * fovea.tile_side(level), fovea.tile_side(level)
        changed = [window.clone() for window in windows]
        changed[level][:, start, start + side - 1] = 250
        change = (refiner(changed) - before)[0].abs()
        assert change.max() > 1e-3
        assert change[:8, 8:].sum() > 2 * change[8:, :8].sum()
        assert change[:8, 8:].sum() > change[:8, :8].sum()
        assert change[:8, 8:].sum() > change[8:, 8:].sum()


@pytest.mark.parametrize(
    ("channels", "depths"), [((8, 8), (1, 1, 1)), ((8, 8, 8), (1, 1)), ((), ())]
)
def test_too_few_channels_or_depths_are_refused(channels: tuple[int, ...], depths: tuple[int, ...]):
    with pytest.raises(ValueError, match="3 levels need as many channels and depths"):
        Refiner(Fovea(16, 3), channels=channels, depths=depths)


def test_more_channels_than_levels_are_left_over():
    refiner = Refiner(Fovea(16, 2), channels=(4, 5, 6), depths=(1, 2, 3))

    assert (refiner.channels, refiner.depths) == ([4, 5], [1, 2])
    assert len(refiner.levels) == 2


@pytest.mark.parametrize(
    ("depths", "halos"), [((2, 3, 4), [2, 4, 6]), ((1,), [2]), ((4, 4, 4, 4), [4, 6, 8, 8])]
)
def test_the_halos_cover_what_the_finer_levels_need(depths: tuple[int, ...], halos: list[int]):
    assert input_halos(depths) == halos


def test_a_halo_is_cut_or_grown_about_the_centre():
    x = torch.arange(16.0).view(1, 1, 4, 4)

    assert resize_halo(x, 2).flatten().tolist() == [5, 6, 9, 10]
    assert torch.equal(resize_halo(x, 4), x)
    grown = resize_halo(x, 8)[0, 0]
    assert torch.equal(grown[2:6, 2:6], x[0, 0])
    assert grown[0].tolist() == [0, 0, 0, 1, 2, 3, 3, 3]


def test_the_middle_is_repeated_at_twice_the_resolution():
    x = torch.arange(16.0).view(1, 1, 4, 4)

    assert upsample_to(x, 4)[0, 0].tolist() == [[5, 5, 6, 6]] * 2 + [[9, 9, 10, 10]] * 2


def test_the_finer_level_lies_on_the_coarser_one():
    fine, coarse = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 4, 4)

    assert overlay(fine, coarse)[0, 0].tolist() == [[0] * 4, [0, 1, 1, 0], [0, 1, 1, 0], [0] * 4]
    assert not coarse.any()
    assert torch.equal(overlay(coarse, fine), torch.zeros(1, 1, 2, 2))


def test_every_parameter_has_a_gradient():
    refiner = refiner_of(Fovea()).train()

    refiner(windows_of(Fovea(), 8)).square().mean().backward()

    dead = [name for name, p in refiner.named_parameters() if p.grad is None or not p.grad.any()]
    assert not dead
