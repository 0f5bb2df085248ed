"""What is said against a mask: parts that are wrong, and shifts, but not how contours are drawn."""

import cv2
import numpy as np
import pytest

from pipeline.auditing.disagreement import disagreement, signed_distance
from tests.builders import Mask, disc

SIZE = (240, 320)
TRUE = disc((120, 160), 70, SIZE)
LOGITS = np.clip(signed_distance(TRUE), -8, 8) * 2


def moved(mask: Mask, rows: float, columns: float) -> Mask:
    matrix = np.array([[1, 0, columns], [0, 1, rows]], np.float32)
    return np.asarray(cv2.warpAffine(mask.astype(np.uint8), matrix, mask.shape[::-1]) > 0)


def test_nothing_is_said_against_a_right_mask():
    found = disagreement(LOGITS, TRUE)

    assert found.score == 0
    assert abs(found.offset) < 0.1
    assert found.shift < 0.2


@pytest.mark.parametrize("radius", [69, 71])
def test_a_contour_a_pixel_wide_or_tight_is_no_error(radius: int):
    found = disagreement(LOGITS, disc((120, 160), radius, SIZE))

    assert found.score == 0
    assert found.offset == pytest.approx(radius - 70, abs=0.3)


def test_a_missing_part_is_found_where_it_is():
    hole = disc((120, 225), 20, SIZE)

    found = disagreement(LOGITS, TRUE & ~hole)

    assert found.kind == "part missing"
    assert 300 < found.score < np.count_nonzero(TRUE & hole)
    assert abs(found.centre[0] - 120) < 3
    assert 205 < found.centre[1] < 228


def test_a_part_too_much_is_found():
    found = disagreement(LOGITS, TRUE | disc((40, 160), 20, SIZE))

    assert found.kind == "part too much"
    assert found.score > 300
    assert found.missing == 0


@pytest.mark.parametrize("way", [(3, 0), (0, -3), (2, 2)])
def test_a_shift_is_told_from_a_wide_contour(way: tuple[int, int]):
    found = disagreement(LOGITS, moved(TRUE, *way))

    assert found.kind == "shifted"
    assert found.shift == pytest.approx(np.hypot(*way), abs=0.5)
    assert abs(found.offset) < 0.8


@pytest.mark.parametrize("value", [False, True])
def test_an_empty_or_full_mask_is_the_worst_there_is(value: bool):
    found = disagreement(LOGITS, np.full(SIZE, value))

    wrong = TRUE if not value else ~TRUE
    assert found.score > 0.9 * np.count_nonzero(wrong)
