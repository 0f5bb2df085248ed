import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.measure import subdivide_polygon

from data.studio.car import outline
from data.studio.car.styles import STYLES, BodyStyle


def rounded_slowly(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two points beside each corner, then the library's subdivision."""
    curve = [points[0]]
    for before, point, after in zip(points[:-2], points[1:-1], points[2:], strict=True):
        for other in (before, after):
            length = np.linalg.norm(other - point)
            curve.append(point + (other - point) * min(0.38, 0.32 / length))
            if other is before:
                curve.append(point)
    result = np.array([*curve, points[-1]])
    for _ in range(3):
        result = subdivide_polygon(result, degree=2, preserve_ends=True)
    return result


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_the_outline_is_rounded_as_a_spline_is_subdivided(style: BodyStyle):
    points = outline.control_points(style)

    curve = outline.rounded(points)

    np.testing.assert_allclose(curve, rounded_slowly(points), rtol=0, atol=1e-12)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_the_outline_runs_from_nose_to_tail_in_even_steps_up_to_the_roof(style: BodyStyle):
    found = outline.outline_of(style)

    steps = np.hypot(*np.diff(found.top, axis=0).T)
    assert found.top[:, 0].min() == pytest.approx(0, abs=0.02)
    assert found.top[:, 0].max() == pytest.approx(style.length, abs=0.02)
    assert found.top[:, 1].max() == pytest.approx(style.height, abs=0.03)
    assert np.ptp(steps) < 0.1 * steps.mean()
