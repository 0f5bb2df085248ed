from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.inference.cutouts.background import Background
from pipeline.inference.cutouts.compose import alpha_of, box_of, cutout, laid_on
from pipeline.inference.cutouts.crop_box import Box, Margin
from pipeline.inference.cutouts.cutout_options import CutoutOptions
from tests.builders import shaded_photo
from tests.refine.matte.shapes import SIDE, at_centres, disc_field

WHOLE = Box(0, 0, SIDE, SIDE)


def prediction(removed: bool = False) -> Any:
    logits = at_centres(disc_field(31.3, 30.6, 15.2))
    mask = np.zeros_like(logits, bool) if removed else logits > 0
    return SimpleNamespace(mask=mask, logits=logits)


def test_alpha_obeys_the_options():
    plain, grown, soft = (
        alpha_of(prediction(), options)
        for options in (
            CutoutOptions(),
            CutoutOptions(grow=1.5),
            CutoutOptions(alpha="probability"),
        )
    )

    assert plain.sum() == pytest.approx(np.pi * 15.2**2, rel=1e-3)
    assert grown.sum() == pytest.approx(np.pi * 16.7**2, rel=2e-3)
    assert ((soft > 0) & (soft < 1)).sum() > 2 * ((plain > 0) & (plain < 1)).sum()


def test_post_processing_is_obeyed_with_every_option():
    for options in (CutoutOptions(), CutoutOptions(grow=2), CutoutOptions(alpha="probability")):
        assert not alpha_of(prediction(removed=True), options).any()


def test_a_cutout_on_its_own_photo_is_the_photo():
    alpha, photo = alpha_of(prediction(), CutoutOptions()), shaded_photo((SIDE, SIDE))
    own = Background(photo, "own")

    found = cutout(photo, alpha, own, WHOLE).astype(int)

    np.testing.assert_array_equal(found[alpha == 0], photo[alpha == 0])
    deep = np.zeros_like(alpha, bool)
    deep[24:38, 24:38] = True
    np.testing.assert_array_equal(found[deep], photo[deep])


def test_a_transparent_cutout_has_alpha_as_its_fourth_channel():
    alpha, photo = alpha_of(prediction(), CutoutOptions()), shaded_photo((SIDE, SIDE))

    eight = cutout(photo, alpha, None, WHOLE)
    sixteen = cutout(photo.astype(np.uint16) * np.uint16(257), alpha, None, WHOLE)

    np.testing.assert_array_equal(eight[..., 3], np.rint(255 * alpha))
    np.testing.assert_array_equal(sixteen[..., 3], np.rint(65535 * alpha))
    assert np.abs(sixteen[..., :3] / 257 - eight[..., :3]).max() <= 1


def test_white_is_white_in_sixteen_bits():
    alpha = alpha_of(prediction(), CutoutOptions())
    photo = shaded_photo((SIDE, SIDE)).astype(np.uint16) * np.uint16(257)

    found = cutout(photo, alpha, Background.parse("white"), WHOLE)

    assert (found[alpha == 0] == 65535).all()


def test_a_box_cuts_the_same_pixels():
    alpha, photo = alpha_of(prediction(), CutoutOptions()), shaded_photo((SIDE, SIDE))
    box = Box(10, 12, 50, 49)

    np.testing.assert_array_equal(
        cutout(photo, alpha, None, box), cutout(photo, alpha, None, WHOLE)[10:50, 12:49]
    )


def test_mixed_pixels_are_between_both_colours():
    alpha = np.array([[0, 0.25, 1]], np.float32)
    colours, behind = np.full((1, 3, 3), 200, np.uint8), np.full((1, 3, 3), 100, np.uint8)

    assert laid_on(colours, alpha, behind)[0, :, 0].tolist() == [100, 125, 200]


def test_what_is_kept_of_a_photo():
    alpha = alpha_of(prediction(), CutoutOptions())
    tight = CutoutOptions(crop="object")
    wide = CutoutOptions(crop="object", margin=Margin(5, is_share=False))

    assert box_of(alpha, CutoutOptions()) == WHOLE
    assert box_of(alpha, tight) == Box(16, 15, 47, 47)
    assert box_of(alpha, wide) == Box(11, 10, 52, 52)
    assert box_of(alpha, wide, Box(0, 20, 60, 40)) == Box(0, 15, 64, 45)
    assert box_of(np.zeros_like(alpha), tight) == WHOLE
