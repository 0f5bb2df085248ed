"""What `data.masks` does not take for a mask, and what it says of it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from data.errors import InputError
from data.masks import decode_mask, read_mask
from tests.data.mask_files import disc, palette_image, saved

BLACK = 0, 0, 0


@pytest.mark.parametrize("suffix", [".gif", ".png"])
@pytest.mark.parametrize("values", [(0, 1, 2), (0, 100, 200), (0, 128, 255), (10, 20, 255)])
def test_a_label_map_is_refused(tmp_path: Path, suffix: str, values: tuple[int, ...]):
    labels = np.repeat(np.array(values, np.uint8), 20)
    path = saved(tmp_path / f"labels{suffix}", np.tile(labels, (30, 1)))

    listed = ", ".join(map(str, values))
    with pytest.raises(InputError, match=rf"labels{suffix} has 3 values \({listed}\)"):
        read_mask(path)


@pytest.mark.parametrize("values", [(0, 128, 200), (10, 128, 255), (0, 60, 120)])
def test_a_label_map_of_thin_stripes_is_refused(tmp_path: Path, values: tuple[int, ...]):
    # All pixels are close to some contour, as those of an anti-aliased edge are.
    stripes = np.repeat(np.array(values * 6, np.uint8), 2)

    with pytest.raises(InputError, match="has 3 values"):
        read_mask(saved(tmp_path / "a.png", np.tile(stripes, (30, 1))))


def test_a_label_map_of_sixteen_bits_is_refused(tmp_path: Path):
    labels = np.tile(np.repeat(np.array([0, 300, 600], np.uint16), 20), (30, 1))
    assert cv2.imwrite(str(tmp_path / "a.png"), labels)

    with pytest.raises(InputError, match="has 3 values"):
        read_mask(tmp_path / "a.png")


def test_a_palette_of_three_colours_is_refused(tmp_path: Path):
    labels = np.tile(np.repeat(np.arange(3), 20), (30, 1))
    # The first two are equally bright: as grey there would be two values.
    image = palette_image(labels, [(255, 0, 0), (0, 130, 0), BLACK])

    listed = r"0 \(#ff0000\), 1 \(#008200\), 2 \(#000000\)"
    with pytest.raises(InputError, match=rf"a\.png has 3 values \({listed}\); a mask has two"):
        read_mask(saved(tmp_path / "a.png", image))


@pytest.mark.parametrize(
    ("count", "listed"), [(6, "0, 1, 2, 3, 4, 5"), (7, "0, 1, 2, 3, 4, 5, ..."), (3, "0, 1, 2")]
)
def test_six_values_at_most_are_listed(tmp_path: Path, count: int, listed: str):
    path = saved(tmp_path / "a.png", np.tile(np.arange(count, dtype=np.uint8), (30, 1)))

    with pytest.raises(InputError) as caught:
        read_mask(path)

    assert f"has {count} values ({listed}); " in str(caught.value)


def test_a_palette_of_three_opacities_is_refused(tmp_path: Path):
    light, lighter = (220,) * 3, (250,) * 3
    image = palette_image(np.repeat([[0, 1, 2]], 4, axis=0), [lighter, lighter, light])
    image.save(tmp_path / "a.png", transparency=bytes([20, 200]))

    with pytest.raises(InputError, match=r"has 3 values \(20, 200, 255\)"):
        read_mask(tmp_path / "a.png")


def test_what_is_half_transparent_is_refused(tmp_path: Path):
    rgba = np.full((30, 3, 4), 255, np.uint8)
    rgba[..., 3] = 0, 100, 255

    with pytest.raises(InputError, match=r"has 3 values \(0, 100, 255\)"):
        read_mask(saved(tmp_path / "a.png", np.repeat(rgba, 20, axis=1)))


def test_a_trimap_is_refused(tmp_path: Path):
    trimap = disc(radius=25).astype(np.uint8) * 128
    trimap[disc(radius=15)] = 255

    with pytest.raises(InputError, match=r"a\.png has 3 values \(0, 128, 255\)"):
        read_mask(saved(tmp_path / "a.png", trimap))


def test_a_grey_photo_is_refused(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8)
    photo = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8)
    photo[0, :2] = 0, 255

    with pytest.raises(
        InputError, match=r"a\.png has \d+ values \(0, .*, \.\.\.\); a mask has two"
    ):
        read_mask(saved(tmp_path / "a.png", photo))


def test_a_colour_picture_is_refused(tmp_path: Path):
    photo = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)

    # And is not called damaged, which the message of any other error would do.
    with pytest.raises(
        InputError, match=r"^\S+/a\.png is a picture in colour, not a mask; make the "
    ):
        read_mask(saved(tmp_path / "a.png", photo))


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_damaged_mask_is_refused(tmp_path: Path, share: float):
    noise = np.random.default_rng(0).integers(0, 2, (99, 99), np.uint8) * 255
    path = saved(tmp_path / "a.png", noise)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    with pytest.raises(InputError, match=r"a\.png is damaged"):
        read_mask(path)


def test_messages_call_a_mask_what_they_are_told_to(tmp_path: Path):
    labels = np.tile(np.repeat(np.array([0, 1, 2], np.uint8), 20), (30, 1))
    data = saved(tmp_path / "a.png", labels).read_bytes()

    with pytest.raises(InputError, match=r"^the mask of a\.jpg has 3 values"):
        decode_mask(data, "the mask of a.jpg")
    with pytest.raises(InputError, match=r"^the mask of a\.jpg holds too many pixels: 60 x 30"):
        decode_mask(data, "the mask of a.jpg", max_pixels=60 * 30 - 1)
    with pytest.raises(InputError, match=r"a\.png holds too many pixels: 60 x 30"):
        read_mask(tmp_path / "a.png", max_pixels=60 * 30 - 1)
