"""Which pictures of more than two values are masks."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from data.arrays import Pixels
from data.errors import InputError
from data.masks import decode_mask
from tests.data.mask_files import disc

Change = Callable[[Pixels], Pixels]


def silhouette() -> Pixels:
    """Two discs, a bar across them and a small island."""
    picture = np.zeros((240, 320), np.uint8)
    picture[:200, :200] = disc(side=200, radius=70) * 255
    cv2.line(picture, (10, 220), (310, 30), 255, 6)
    picture[100:112, 280:292] = 255
    return picture


def encoded(picture: Pixels) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])


def jpeg(quality: int) -> Change:
    def change(picture: Pixels) -> Pixels:
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)

    return change


def blurred(sigma: float) -> Change:
    return lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def enlarged(factor: int, interpolation: int) -> Change:
    def change(picture: Pixels) -> Pixels:
        small = picture[factor // 2 :: factor, factor // 2 :: factor]
        size = picture.shape[1], picture.shape[0]
        return np.asarray(cv2.resize(small, size, interpolation=interpolation), np.uint8)

    return change


def with_pixel(value: int, row: int, column: int) -> Change:
    def change(picture: Pixels) -> Pixels:
        picture[row, column] = value
        return picture

    return change


@pytest.mark.parametrize(
    "change",
    [
        *(jpeg(quality) for quality in (30, 50, 75, 95)),
        *(blurred(sigma) for sigma in (0.5, 1, 2)),
        *(enlarged(factor, cv2.INTER_LINEAR) for factor in (2, 3, 4, 8)),
        *(enlarged(factor, cv2.INTER_CUBIC) for factor in (2, 4, 8)),
        with_pixel(254, 100, 100),
        with_pixel(1, 2, 2),
        with_pixel(100, 2, 2),
        lambda picture: jpeg(75)(blurred(1)(picture)),
        lambda picture: np.minimum(blurred(1)(picture), 254),
        lambda picture: np.maximum(blurred(1)(picture), 2),
    ],
)
def test_a_mask_with_noise_or_a_soft_edge_is_cut_at_one_half(change: Change):
    picture = change(silhouette())
    assert len(np.unique(picture)) > 2

    mask = decode_mask(encoded(picture), "a.png")

    np.testing.assert_array_equal(mask, picture >= 128)


def band(width: int) -> Pixels:
    """Which pixels a trimap leaves open."""
    kernel = np.ones((width, width), np.uint8)
    picture = silhouette()
    return np.asarray(cv2.dilate(picture, kernel) != cv2.erode(picture, kernel))


@pytest.mark.parametrize(
    "picture",
    [
        np.where(band(9), 128, silhouette()),
        np.where(band(21), 128, silhouette()),
        jpeg(90)(np.where(band(21), 128, silhouette()).astype(np.uint8)),
        np.where(band(5), 255, silhouette() // 255),  # an index, and 255 around it
        silhouette() // 255 * 2 - np.where(disc(side=320, radius=90)[:240], 0, silhouette() // 255),
        np.where(disc(side=320, radius=90)[:240], 127, silhouette()),
        cv2.distanceTransform(silhouette(), cv2.DIST_L2, 5) * 3,
        blurred(3)(np.random.default_rng(0).integers(0, 2, (240, 320), np.uint8) * 255),
        np.tile(np.arange(320) * 255 // 319, (240, 1)),
    ],
    ids=[
        "narrow_trimap",
        "trimap",
        "trimap_jpeg",
        "void",
        "labels",
        "shades",
        "depth",
        "photo",
        "ramp",
    ],
)
def test_what_means_more_than_two_values_is_refused(picture: np.ndarray):
    with pytest.raises(InputError, match=r"^a\.png has \d+ values .*; set every pixel to 0 or"):
        decode_mask(encoded(picture.astype(np.uint8)), "a.png")


def test_a_few_pixels_between_are_strays_and_more_are_not():
    picture = silhouette()
    picture[230:232, 200:202] = 100
    decode_mask(encoded(picture), "a.png")

    picture[230:232, 200:203] = 100

    with pytest.raises(InputError, match="has 3 values"):
        decode_mask(encoded(picture), "a.png")
