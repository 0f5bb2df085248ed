"""Which pictures of more than two values are masks."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@pytest.mark.parametrize("side", [3, 40])
def test_a_spot_of_a_brush_is_no_label_unless_it_is_large(side: int):
    picture = silhouette()
    picture[190 : 190 + side, 200 : 200 + side] = 100
    data = encoded(picture)

    if side == 3:
        np.testing.assert_array_equal(decode_mask(data, "a.png"), picture >= 128)
    else:
        with pytest.raises(InputError, match="has 3 values"):
            decode_mask(data, "a.png")


@pytest.mark.parametrize(("dark", "bright"), [(16, 235), (0, 200), (50, 255)])
def test_levels_that_are_not_black_and_white_are_cut_halfway(dark: int, bright: int):
    picture = dark + blurred(1)(silhouette()) * ((bright - dark) / 255)

    mask = decode_mask(encoded(picture.round().astype(np.uint8)), "a.png")

    np.testing.assert_array_equal(mask, picture.round() >= (dark + bright + 1) // 2)


def drawing(kind: str, rng: np.random.Generator) -> Pixels:
    """Random objects of a kind, some large, some thin, some tiny."""
    picture = np.zeros((300, 400), np.uint8)
    points = rng.integers(0, 300, (12, 2), np.int32)
    if kind == "blob":
        cv2.fillPoly(picture, [cv2.convexHull(points)], 255)
    elif kind == "thin":
        cv2.circle(picture, (150, 150), 60, 255, -1)
        for start, end in zip(points[::2].tolist(), points[1::2].tolist(), strict=True):
            cv2.line(picture, start, end, 255, int(rng.integers(1, 5)))
    else:
        cv2.circle(picture, (200, 150), 120, 255, -1)
        for centre in points.tolist():
            cv2.circle(picture, centre, int(rng.integers(2, 10)), 0, -1)
    return picture


CHANGES: dict[str, Change] = {
    **{f"jpeg_{quality}": jpeg(quality) for quality in (30, 45, 60, 75, 90, 95)},
    **{f"blurred_{sigma}": blurred(sigma) for sigma in (0.5, 1, 2, 4, 8)},
    **{f"linear_{factor}": enlarged(factor, cv2.INTER_LINEAR) for factor in (2, 4, 8, 16)},
    **{f"cubic_{factor}": enlarged(factor, cv2.INTER_CUBIC) for factor in (2, 4, 8, 16)},
    "lanczos_8": enlarged(8, cv2.INTER_LANCZOS4),
    "jpeg_twice": lambda picture: jpeg(50)(np.roll(jpeg(40)(picture), 3, axis=(0, 1))),
    "blurred_then_jpeg": lambda picture: jpeg(75)(blurred(2)(picture)),
    "eight_shades": lambda picture: np.asarray(blurred(1)(picture) // 32 * 36, np.uint8),
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind in ("blob", "thin", "holes")
        for name in CHANGES
        # The ridge of a line blurred so much may be even: it is refused now and then.
        if (kind, name) != ("thin", "blurred_8")
    ],
)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_masks_of_any_shape_are_read_after_any_usual_change(name: str, kind: str, seed: int):
    picture = CHANGES[name](drawing(kind, np.random.default_rng(seed)))

    mask = decode_mask(encoded(picture), "a.png")

    differing = mask != (picture >= 128)
    assert np.count_nonzero(differing) <= 0.002 * differing.size


@pytest.mark.parametrize("width", [11, 21, 41])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), quality=st.integers(30, 100))
def test_trimaps_are_refused_even_after_jpeg(width: int, seed: int, quality: int):
    picture = drawing("holes", np.random.default_rng(seed))
    kernel = np.ones((width, width), np.uint8)
    unknown = cv2.dilate(picture, kernel) != cv2.erode(picture, kernel)

    trimap = jpeg(quality)(np.where(unknown, 128, picture).astype(np.uint8))

    with pytest.raises(InputError, match=r"has \d+ values"):
        decode_mask(encoded(trimap), "a.png")


def test_a_matte_of_hair_is_cut_at_one_half():
    """Its values between are many, and nowhere even."""
    noise = np.random.default_rng(0).normal(size=(240, 320)).astype(np.float32)
    depth = cv2.distanceTransform(silhouette(), cv2.DIST_L2, 5)
    hair = np.clip(128 + 90 * cv2.GaussianBlur(noise, (0, 0), 1) * 4, 0, 255)
    matte = np.where((depth > 0) & (depth < 12), hair, silhouette()).astype(np.uint8)

    mask = decode_mask(encoded(matte), "a.png")

    np.testing.assert_array_equal(mask, matte >= 128)
