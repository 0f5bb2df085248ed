import pytest
import torch

from data.datasets.patch_augment import PatchAugmentation, coloured, turned

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

    matrix, constant = PatchAugmentation(brightness=0.1, contrast=0.2, tint=0.05).draw_colour(
        5000, CPU
    )

    scale = matrix.diagonal(dim1=1, dim2=2)
    assert torch.allclose(matrix, torch.diag_embed(scale), atol=1e-6)
    # Grey in the middle of the scale moves by the brightness and the tint alone.
    assert (127.5 * scale + constant - 127.5).abs().max() <= 25.5 + 127.5 * 1.2 * 0.05 + 1e-3
    assert scale.min() == pytest.approx(0.8 * 0.95, abs=0.01)
    assert scale.max() == pytest.approx(1.2 * 1.05, abs=0.01)


def test_a_turn_of_a_third_goes_from_red_to_green_to_blue_and_leaves_grey():
    third = torch.tensor([2 * torch.pi / 3])

    matrix = turned(third, torch.ones(1))[0]

    torch.testing.assert_close(matrix, torch.eye(3).roll(1, 0), atol=1e-6, rtol=0)
    torch.testing.assert_close(matrix.sum(1), torch.ones(3))


def test_hue_and_saturation_keep_within_their_limits():
    torch.manual_seed(0)
    red = torch.tensor([200.0, 80, 80])

    matrix, constant = PatchAugmentation(hue=15, saturation=0.5).draw_colour(5000, CPU)

    assert (constant == 0).all()
    changed = matrix @ red
    torch.testing.assert_close(changed.mean(1), torch.full((5000,), 120.0))
    beside = changed - 120  # a vector across grey, whose length is the saturation
    length = beside.norm(dim=1) / (red - 120).norm()
    assert (length.min(), length.max()) == pytest.approx((0.5, 1.5), abs=0.01)
    cosine = torch.cosine_similarity(beside, red - 120, dim=1).clamp(-1, 1)
    assert torch.rad2deg(torch.acos(cosine)).max() == pytest.approx(30, abs=0.2)


def test_what_leaves_the_range_is_clipped():
    window = torch.tensor([0, 128, 255, 7], dtype=torch.uint8).expand(1, 2, 2, 4)

    changed = coloured(window, 2 * torch.eye(3)[None], torch.full((1, 1), -100.0))

    assert changed[0, 0, 0].tolist() == [0, 156, 255, 7]
