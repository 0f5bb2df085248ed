import numpy as np
import pytest
from numpy.typing import NDArray

from data.geometry import Size
from data.studio.render import raster
from data.studio.render.camera import Camera
from data.studio.render.mesh import Mesh


def disc(radius: float, centre: NDArray[np.float64], sectors: int = 360) -> Mesh:
    """A disc in the plane y = 0, as quads with two corners in its middle."""
    turn = np.linspace(0, 2 * np.pi, sectors + 1)
    rim = centre + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    middle = np.broadcast_to(centre, rim[1:].shape)
    flat = np.stack([middle, rim[:-1], rim[1:], middle], axis=1)
    corners = np.stack([flat[..., 0], 0 * flat[..., 0], flat[..., 1]], axis=2)
    return Mesh(corners, np.zeros_like(corners) - [0.0, 1.0, 0.0], np.zeros((sectors, 4, 2)))


@pytest.mark.parametrize("radius", [11.3, 20.8, 37.5])
@pytest.mark.parametrize("shift", [0.12, 0.29, 0.43])
def test_a_discs_mask_lies_where_its_blended_edge_does(radius: float, shift: float):
    size = Size(101, 121)
    camera = Camera(
        np.array([0.0, -10.0, 0.0]), np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]]), 100.0, size
    )
    mesh = disc(radius / 10, np.array([shift / 10, -shift / 10]))

    samples = raster.paint(mesh, camera, raster.Window(0, 0, *size)) != raster.NOTHING
    coverage = raster.fine_mean(samples)
    mask = coverage > 0.5

    edge = 2 * np.pi * radius
    assert abs(mask.sum() - coverage.sum()) / edge < 0.06
    # OpenCV fills whatever a polygon touches: both grow by half a fine sample, together.
    assert abs(coverage.sum() / edge - radius / 2) < 0.25
    rows, columns = np.indices(size)
    for place, middle in ((rows, 50 + shift), (columns, 60 + shift)):
        assert abs((coverage * place).sum() / coverage.sum() - middle) < 0.05
        assert abs((mask * place).sum() / mask.sum() - middle) < 0.1


def test_a_pixel_shows_the_quad_at_its_centre_or_else_another_inside_it():
    canvas = np.full((3, 9), raster.NOTHING, np.int32)
    canvas[1, 1], canvas[0, 0] = 4, 7
    canvas[2, 3] = 5

    assert raster.at_pixels(canvas).tolist() == [[4, 5, raster.NOTHING]]
