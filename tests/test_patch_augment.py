import pytest
import torch

from data.patch_augment import PatchAugmentation, coloured

CPU = torch.device("cpu")


def windows_of_noise(num: int = 64) -> tuple[list[torch.Tensor], torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    windows = [
        torch.randint(0, 256, (num, side, side, 4), dtype=torch.uint8, generator=generator)
        for side in (8, 12)
    ]
    return windows, torch.randint(0, 2, (num, 8, 8), dtype=torch.uint8, generator=generator)


def test_without_any_change_patches_stay_as_they_are():
    windows, target = windows_of_noise()

    same, same_target = PatchAugmentation(flip=0)(windows, target)

    for before, after in zip([*windows, target], [*same, same_target], strict=True):
        assert torch.equal(before, after)


def test_colours_change_patch_by_patch_and_the_probability_never():
    windows, target = windows_of_noise()
    torch.manual_seed(0)

    changed, _ = PatchAugmentation(flip=0, brightness=0.1, contrast=0.2, tint=0.1)(windows, target)

    for before, after in zip(windows, changed, strict=True):
        assert after.dtype == torch.uint8
        assert torch.equal(before[..., 3], after[..., 3])
        moved = (after[..., :3].float() - before[..., :3].float()).mean((1, 2))
        assert moved.std(0).min() > 3


def test_all_levels_of_a_patch_change_alike():
    torch.manual_seed(0)
    flat = [torch.full((16, side, side, 4), 100, dtype=torch.uint8) for side in (8, 12)]

    changed, _ = PatchAugmentation(brightness=0.2, contrast=0.2, tint=0.1)(
        flat, torch.zeros(16, 8, 8, dtype=torch.uint8)
    )

    assert torch.equal(changed[0][:, 0, 0], changed[1][:, 0, 0])
    assert len(changed[0][:, 0, 0].unique(dim=0)) == 16


def test_changes_keep_within_their_limits():
    torch.manual_seed(0)

    scale, shift = PatchAugmentation(brightness=0.1, contrast=0.2, tint=0.05).draw_colour(5000, CPU)

    # Grey in the middle of the scale moves by the brightness and the tint alone.
    assert (127.5 * scale + shift - 127.5).abs().max() <= 25.5 + 127.5 * 1.2 * 0.05 + 1e-3
    assert scale.min() == pytest.approx(0.8 * 0.95, abs=0.01)
    assert scale.max() == pytest.approx(1.2 * 1.05, abs=0.01)


def test_what_leaves_the_range_is_clipped():
    window = torch.tensor([0, 128, 255, 7], dtype=torch.uint8).expand(1, 2, 2, 4)

    changed = coloured(window, torch.full((1, 3), 2.0), torch.full((1, 1), -100.0))

    assert changed[0, 0, 0].tolist() == [0, 156, 255, 7]
