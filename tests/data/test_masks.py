from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import ExifTags, Image, ImageOps

from data.arrays import Mask
from data.errors import InputError
from data.masks import decode_mask, encode_mask, read_mask, write_mask
from tests.data.mask_files import disc, palette_image, saved

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_the_palette_masks_of_carvana_are_read(tmp_path: Path, suffix: str):
    mask = disc()

    path = saved(tmp_path / f"a{suffix}", palette_image(mask, [BLACK, WHITE]))

    np.testing.assert_array_equal(read_mask(path), mask)


@pytest.mark.parametrize("suffix", [".gif", ".png"])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 255), (1, 2), (100, 200), (254, 255)])
def test_of_two_values_the_larger_is_the_object(tmp_path: Path, suffix: str, low: int, high: int):
    mask = disc()

    path = saved(tmp_path / f"a{suffix}", np.where(mask, high, low).astype(np.uint8))

    np.testing.assert_array_equal(read_mask(path), mask)


def test_a_mask_of_one_bit_is_read(tmp_path: Path):
    mask = disc()

    path = saved(tmp_path / "a.png", Image.fromarray(mask))

    with Image.open(path) as image:
        assert image.mode == "1"
    np.testing.assert_array_equal(read_mask(path), mask)


def test_sixteen_bits_are_read_by_their_upper_byte_where_one_needs_it(tmp_path: Path):
    values = np.array([[0, 255, 256, 65_535]] * 3, np.uint16)
    assert cv2.imwrite(str(tmp_path / "a.png"), values[:, :3])
    assert cv2.imwrite(str(tmp_path / "b.png"), values[:, [0, 1]])

    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), values[:, :3] == 256)
    np.testing.assert_array_equal(read_mask(tmp_path / "b.png"), values[:, [0, 1]] == 255)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 2**20), (-(2**20), 2**20)])
def test_what_no_sixteen_bits_hold_is_black_or_white(tmp_path: Path, low: int, high: int):
    mask = disc()

    path = saved(tmp_path / "a.tif", np.where(mask, high, low).astype(np.int32))

    with Image.open(path) as image:
        assert image.mode == "I"
    np.testing.assert_array_equal(read_mask(path), mask)


@pytest.mark.parametrize("high", [1, 255, 256, 65_535])
def test_a_mask_of_sixteen_bits_is_read(tmp_path: Path, high: int):
    mask = disc()
    assert cv2.imwrite(str(tmp_path / "a.png"), mask.astype(np.uint16) * high)

    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), mask)


@pytest.mark.parametrize("suffix", [".gif", ".png"])
@pytest.mark.parametrize(
    ("dark", "bright"),
    [
        (BLACK, (128, 0, 0)),
        ((0, 0, 255), (255, 255, 0)),
        ((128, 0, 0), WHITE),
        ((0, 76, 0), (150, 0, 0)),  # 44.6 and 44.9: of one grey where that is in whole numbers
        ((30, 30, 30), (31, 31, 31)),
    ],
)
def test_of_two_colours_of_a_palette_the_brighter_is_the_object(
    tmp_path: Path, suffix: str, dark: tuple[int, ...], bright: tuple[int, ...]
):
    mask = disc()
    straight = saved(tmp_path / f"a{suffix}", palette_image(mask, [dark, bright]))
    swapped = saved(tmp_path / f"b{suffix}", palette_image(~mask, [bright, dark]))

    np.testing.assert_array_equal(read_mask(straight), mask)
    np.testing.assert_array_equal(read_mask(swapped), mask)


def test_of_two_colours_equally_bright_the_second_is_the_object(tmp_path: Path):
    mask = disc()

    path = saved(tmp_path / "a.png", palette_image(mask, [(200, 0, 0), (200, 0, 0)]))

    # The same colour twice: as grey they are one value, and the mask would be full.
    np.testing.assert_array_equal(read_mask(path), mask)


@pytest.mark.parametrize(("colour", "expected"), [(BLACK, False), (WHITE, True), ((9, 0, 0), True)])
def test_one_colour_of_a_palette_is_empty_or_full(
    tmp_path: Path, colour: tuple[int, ...], expected: bool
):
    path = saved(tmp_path / "a.png", palette_image(np.zeros((4, 5), np.uint8), [colour]))

    np.testing.assert_array_equal(read_mask(path), np.full((4, 5), expected))


@pytest.mark.parametrize("suffix", [".gif", ".png"])
@pytest.mark.parametrize(("value", "expected"), [(0, False), (1, True), (255, True)])
def test_one_value_is_empty_or_full(tmp_path: Path, suffix: str, value: int, expected: bool):
    path = saved(tmp_path / f"a{suffix}", np.full((4, 5), value, np.uint8))

    np.testing.assert_array_equal(read_mask(path), np.full((4, 5), expected))


def test_an_anti_aliased_edge_is_cut_at_one_half(tmp_path: Path):
    large = disc(side=240, radius=80).astype(np.uint8) * 255
    soft = np.asarray(cv2.resize(large, (60, 60), interpolation=cv2.INTER_AREA), np.uint8)
    assert len(np.unique(soft)) > 3

    mask = read_mask(saved(tmp_path / "a.png", soft))

    np.testing.assert_array_equal(mask, soft >= 128)


def test_grey_saved_as_rgb_is_read(tmp_path: Path):
    mask = disc()
    rgb = np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)

    np.testing.assert_array_equal(read_mask(saved(tmp_path / "a.png", rgb)), mask)


def test_a_mask_in_the_alpha_channel_is_read(tmp_path: Path):
    mask = disc()
    rgba = np.full((*mask.shape, 4), 255, np.uint8)
    rgba[..., 3] = mask * 255

    # Without the alpha channel this would be a full mask.
    np.testing.assert_array_equal(read_mask(saved(tmp_path / "a.png", rgba)), mask)


@pytest.mark.parametrize("colours", [(255, 255), (255, 0), (0, 0)])
@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_what_a_palette_has_transparent_is_background(
    tmp_path: Path, suffix: str, colours: tuple[int, int]
):
    mask = disc()
    outside, inside = colours
    image = Image.fromarray(mask.astype(np.uint8), "P")
    image.putpalette([outside] * 3 + [inside] * 3 + [0] * 3 * 254)
    image.save(tmp_path / f"a{suffix}", transparency=0)

    np.testing.assert_array_equal(read_mask(tmp_path / f"a{suffix}"), mask)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (40, 90, 200), None])
def test_the_opaque_part_is_the_object_whatever_its_colour(
    tmp_path: Path, colour: tuple[int, ...] | None
):
    mask = disc()
    rgba = np.random.default_rng(0).integers(0, 256, (*mask.shape, 4), np.uint8)
    if colour is not None:
        rgba[..., :3] = colour
    rgba[..., 3] = mask * 255
    grey_alpha = rgba[..., [0, 3]]

    np.testing.assert_array_equal(read_mask(saved(tmp_path / "rgba.png", rgba)), mask)
    np.testing.assert_array_equal(read_mask(saved(tmp_path / "la.png", grey_alpha)), mask)


def test_a_soft_edge_of_opacity_is_cut_at_one_half(tmp_path: Path):
    large = disc(side=240, radius=80).astype(np.uint8) * 255
    soft = np.asarray(cv2.resize(large, (60, 60), interpolation=cv2.INTER_AREA), np.uint8)
    la = np.dstack([np.zeros_like(soft), soft])

    np.testing.assert_array_equal(read_mask(saved(tmp_path / "a.png", la)), soft >= 128)


def test_black_and_white_with_a_transparent_margin_is_read_by_its_colours(tmp_path: Path):
    mask = disc()
    la = np.dstack([mask * np.uint8(255), np.full(mask.shape, 255, np.uint8)])
    la[:5, :, 1] = 0

    np.testing.assert_array_equal(read_mask(saved(tmp_path / "a.png", la)), mask)


def test_a_picture_that_is_transparent_everywhere_is_refused_and_nothing_at_all_is_empty(
    tmp_path: Path,
):
    mask = disc()
    hidden = np.dstack([mask * np.uint8(255), np.zeros(mask.shape, np.uint8)])

    with pytest.raises(InputError, match=r"a\.png is transparent everywhere"):
        read_mask(saved(tmp_path / "a.png", hidden))
    assert not read_mask(saved(tmp_path / "b.png", hidden * 0)).any()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_is_turned_as_its_exif_data_says(tmp_path: Path, suffix: str, orientation: int):
    mask = disc()[:40]
    mask[:10, :10] = True
    stored = Image.fromarray(mask * np.uint8(255))
    exif = stored.getexif()
    exif[ExifTags.Base.Orientation] = orientation
    upright = np.asarray(ImageOps.exif_transpose(stored)) >= 128
    stored.save(tmp_path / f"a{suffix}", exif=exif, quality=100, lossless=True)

    np.testing.assert_array_equal(read_mask(tmp_path / f"a{suffix}"), upright)


@pytest.mark.parametrize("transparency", [0, 7], ids=["background", "a colour not used"])
@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_a_red_object_on_nothing_is_the_object(tmp_path: Path, suffix: str, transparency: int):
    mask = disc()
    image = Image.fromarray(mask.astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 255, 0, 0] + [9] * 3 * 254)
    image.save(tmp_path / f"a{suffix}", transparency=transparency)

    np.testing.assert_array_equal(read_mask(tmp_path / f"a{suffix}"), mask)


def test_the_transparent_grey_of_a_picture_in_grey_is_background(tmp_path: Path):
    mask = disc()
    # The lighter one: were it not transparent, it would be the object.
    Image.fromarray(np.where(mask, 128, 255).astype(np.uint8)).save(
        tmp_path / "a.png", transparency=255
    )

    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), mask)


def test_alpha_that_says_nothing_changes_nothing(tmp_path: Path):
    mask = disc()
    la = np.dstack([mask * np.uint8(255), np.full(mask.shape, 255, np.uint8)])

    path = saved(tmp_path / "a.png", Image.fromarray(la))

    np.testing.assert_array_equal(read_mask(path), mask)


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_a_mask_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, mask: Mask):
    path = tmp_path_factory.mktemp("masks") / "a.png"

    write_mask(path, mask)

    np.testing.assert_array_equal(read_mask(path), mask)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), mask * 255)


def test_a_mask_is_encoded_as_it_is_written_and_decoded_as_it_is_read(tmp_path: Path):
    mask = disc()

    data = encode_mask(mask)

    write_mask(tmp_path / "a.png", mask)
    assert data == (tmp_path / "a.png").read_bytes()
    np.testing.assert_array_equal(decode_mask(data, "a"), mask)
