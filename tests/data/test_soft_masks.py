"""Masks that are read with the values between background and object."""

import cv2
import numpy as np
import pytest

from data.arrays import Pixels
from data.errors import InputError
from data.masks import decode_mask, decode_soft_mask
from tests.builders import middle_disc, noise


def encoded(picture: Pixels) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])


def disc() -> Pixels:
    return middle_disc((120, 160)) * np.uint8(255)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 255), (3, 7), (10, 240)])
def test_of_two_values_the_larger_is_certain_object(low: int, high: int):
    picture = np.where(disc() > 0, high, low).astype(np.uint8)

    np.testing.assert_array_equal(decode_soft_mask(encoded(picture), "a.png"), disc())


@pytest.mark.parametrize("deviation", [1, 4, 10])
def test_a_blurred_mask_keeps_its_values(deviation: float):
    soft = np.asarray(cv2.GaussianBlur(disc(), (0, 0), deviation), np.uint8)

    np.testing.assert_array_equal(decode_soft_mask(encoded(soft), "a.png"), soft)


def test_a_trimap_has_an_unknown_band():
    outer = cv2.dilate(disc(), np.ones((9, 9)))
    trimap = np.where(disc() > 0, 255, np.where(outer > 0, 128, 0)).astype(np.uint8)

    np.testing.assert_array_equal(decode_soft_mask(encoded(trimap), "a.png"), trimap)
    with pytest.raises(InputError):
        decode_mask(encoded(trimap), "a.png")


def test_probabilities_of_a_network_may_be_even_inside_the_object():
    soft = np.asarray(cv2.GaussianBlur(disc(), (0, 0), 3), np.uint8)
    soft[50:60, 70:80] = 140

    np.testing.assert_array_equal(decode_soft_mask(encoded(soft), "a.png"), soft)


def test_grey_levels_that_do_not_reach_the_ends_are_spread():
    soft = np.asarray(cv2.GaussianBlur(disc(), (0, 0), 2) * (200 / 255) + 20, np.uint8)

    result = decode_soft_mask(encoded(soft), "a.png")

    assert (result.min(), result.max()) == (0, 255)
    np.testing.assert_array_equal(result >= 128, soft >= 120)


@pytest.mark.parametrize("deviation", [0.5, 2, 6])
def test_the_object_is_that_of_the_mask_cut_at_one_half(deviation: float):
    soft = np.asarray(cv2.GaussianBlur(disc(), (0, 0), deviation), np.uint8)

    result = decode_soft_mask(encoded(soft), "a.png")

    np.testing.assert_array_equal(result >= 128, decode_mask(encoded(soft), "a.png"))


@pytest.mark.parametrize("values", [(0, 1, 255), (0, 20, 255), (0, 1, 2), (0, 15, 30, 255)])
def test_a_map_of_labels_is_refused(values: tuple[int, ...]):
    labels = np.zeros((120, 160), np.uint8)
    for i, value in enumerate(values):
        labels[:, 40 * i : 40 * (i + 1)] = value

    with pytest.raises(InputError, match=r"a\.png has \d+ values .* probabilities of one object"):
        decode_soft_mask(encoded(labels), "a.png")


def test_a_photo_is_refused():
    photo = cv2.resize(noise((12, 16)), (160, 120), interpolation=cv2.INTER_CUBIC)

    with pytest.raises(InputError, match=r"a\.png"):
        decode_soft_mask(encoded(np.asarray(photo, np.uint8)), "a.png")
