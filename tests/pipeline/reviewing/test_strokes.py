"""Strokes as values, and what they make of coarse logits."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data.geometry import Size
from pipeline.reviewing.strokes import CERTAIN, FADE, Canvas, Stroke
from tests.pipeline.reviewing.reviews import stroke

CANVAS = Canvas(Size(62, 93), Size(62, 93), Size(64, 96), 4)
NOTHING = torch.full((1, 16, 24), -2.0)

coordinates = st.floats(-20, 120)


def brute_distance(one: Stroke, x: float, y: float) -> float:
    """From a point to a stroke's edge, by trying many points along its line."""
    pairs = list(zip(one.points, one.points[1:], strict=False)) or [(one.points[0],) * 2]
    shares = np.linspace(0, 1, 1001)[:, None]
    line = np.concatenate([np.array(a) * (1 - shares) + np.array(b) * shares for a, b in pairs])
    return float(np.hypot(line[:, 0] - x, line[:, 1] - y).min()) - one.radius


@given(
    st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=4),
    st.floats(1, 12),
    st.booleans(),
)
def test_a_stroke_is_certain_and_fades_out_around_its_edge(
    points: list[tuple[float, float]], radius: float, is_object: bool
):
    drawn = Stroke(is_object, tuple(points), radius)

    painted = CANVAS.painted(NOTHING, [drawn])[0].numpy()

    target = CERTAIN if is_object else -CERTAIN
    for row, column in np.random.default_rng(0).integers(0, (16, 24), (8, 2)):
        distance = brute_distance(drawn, 4 * column + 2, 4 * row + 2)
        weight = min(1.0, max(0.0, 1 - distance / FADE))
        assert painted[row, column] == pytest.approx(-2 + weight * (target + 2), abs=0.02)
        if distance > FADE + 0.01:
            assert painted[row, column] == -2


def test_labels_are_those_of_pixels_whose_centres_are_under_it():
    line = stroke((20, 30), (50, 34), radius=2.7)

    labels = CANVAS.labels([line])

    expected = np.zeros((64, 96), np.int8)
    for row in range(24, 42):
        for column in range(14, 58):
            expected[row, column] = brute_distance(line, column + 0.5, row + 0.5) <= 0
    assert np.array_equal(labels, expected)


def test_of_two_strokes_the_later_one_counts():
    first, second = stroke((30, 30)), stroke((30, 30), is_object=False)

    assert CANVAS.labels([first, second])[30, 30] == -1
    assert CANVAS.labels([second, first])[30, 30] == 1
    assert CANVAS.painted(NOTHING, [second, first])[0, 7, 7] > 0


def test_what_is_surer_already_stays():
    sure = torch.full((1, 16, 24), 9.0)

    assert torch.equal(CANVAS.painted(sure, [stroke((30, 30))]), sure)


def test_nothing_that_is_given_is_changed():
    before = NOTHING.clone()

    CANVAS.painted(NOTHING, [stroke((30, 30))])

    assert torch.equal(NOTHING, before)


def test_strokes_are_in_pixels_of_the_photo_whatever_the_working_size():
    half = Canvas(Size(124, 186), Size(62, 93), Size(64, 96), 4)

    assert np.array_equal(
        half.labels([stroke((60, 60), (90, 40), radius=6)]),
        CANVAS.labels([stroke((30, 30), (45, 20), radius=3)]),
    )


def test_a_stroke_outside_of_the_photo_changes_nothing():
    far = stroke((-500, -500), (-400, -300))

    assert not CANVAS.labels([far]).any()
    assert torch.equal(CANVAS.painted(NOTHING, [far]), NOTHING)


@given(
    st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=9),
    st.floats(0.5, 100),
    st.booleans(),
)
def test_a_stroke_comes_back_from_json(
    points: list[tuple[float, float]], radius: float, is_object: bool
):
    drawn = Stroke(is_object, tuple(points), radius)

    assert Stroke.from_json(drawn.to_json()) == drawn


@pytest.mark.parametrize(
    "values",
    [
        None,
        {},
        {"label": "car", "points": [[1, 2]], "radius": 1},
        {"label": "object", "points": [], "radius": 1},
        {"label": "object", "points": [[1]], "radius": 1},
        {"label": "object", "points": "12", "radius": 1},
        {"label": "object", "points": [[1, math.nan]], "radius": 1},
        {"label": "object", "points": [[1, 1e300]], "radius": 1},
        {"label": "object", "points": [[1, 2]], "radius": 0},
        {"label": "object", "points": [[1, 2]], "radius": math.inf},
        {"label": "object", "points": [[1, 2]], "radius": "wide"},
        {"label": "object", "points": [[1, 2]] * 5000, "radius": 1},
        {"label": "object", "points": [[1, 2]], "radius": 1, "file": "/etc/passwd"},
    ],
)
def test_what_is_no_stroke_is_refused(values: object):
    with pytest.raises(ValueError, match=r"stroke|points"):
        Stroke.from_json(values)
