"""The painter's algorithm: which quad is seen where, and what lies at each pixel.

Quads are painted from far to near as numbers into a canvas three times as fine as the photo.
Three is odd: a pixel's centre is a sample, and half of a pixel's nine samples is never a tie,
so that the mask is not shifted against the blended edge.

Shapes: Q quads, N pixels of a window.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.studio.render.camera import Camera
from data.studio.render.mesh import FloatArray, Mesh

FINE = 3
"""Samples along a pixel's side."""

NOTHING = -1
BITS = 6


@dataclass(frozen=True)
class Window:
    """The part of the photo in which the car lies, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of this window in a photo."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@dataclass(frozen=True)
class Fragments:
    """What is seen of a mesh at N pixels.

    Attributes:
        position: (N, 3) metres.
        normal: (N, 3) unit vectors, outward.
        skin: (N, 2) column and row in the atlas.
    """

    position: NDArray[np.float32]
    normal: NDArray[np.float32]
    skin: NDArray[np.float32]


def window_around(meshes: list[Mesh], camera: Camera, margin: int = 4) -> Window:
    """Return the window that holds all `meshes`, as far as they are in the photo."""
    pixels = np.concatenate([camera.project(mesh.corners).reshape(-1, 2) for mesh in meshes])
    limits = np.array([camera.size.width, camera.size.height])
    low = np.clip(np.floor(pixels.min(axis=0)) - margin, 0, limits - 1).astype(int)
    high = np.clip(np.ceil(pixels.max(axis=0)) + margin, low + 1, limits).astype(int)
    return Window(low[1], low[0], high[1] - low[1], high[0] - low[0])


def paint(mesh: Mesh, camera: Camera, window: Window) -> NDArray[np.int32]:
    """Return the number of the nearest quad at each fine sample, `NOTHING` where there is none."""
    canvas = np.full((FINE * window.height, FINE * window.width), NOTHING, np.int32)
    pixels = camera.project(mesh.corners) - [window.left, window.top]
    fixed = np.round((FINE * pixels + (FINE - 1) / 2) * 2**BITS).astype(np.int32)
    distance = np.linalg.norm(mesh.corners.mean(axis=1) - camera.position, axis=1)
    order = np.argsort(-distance, kind="stable")
    for number, quad in zip(order.tolist(), fixed[order], strict=True):
        cv2.fillConvexPoly(canvas, quad, number, cv2.LINE_8, BITS)
    return canvas


def fine_mean(samples: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the share of each pixel's fine samples that are set."""
    height, width = samples.shape
    size = (width // FINE, height // FINE)
    mean = cv2.resize(samples.astype(np.uint8) * np.float32(1), size, interpolation=cv2.INTER_AREA)
    return np.asarray(mean, np.float32)


def at_pixels(canvas: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the quad of each pixel: the one at its centre, or else another inside the pixel."""
    middle = canvas[1::FINE, 1::FINE]
    highest = middle.copy()
    for row in range(FINE):
        for column in range(FINE):
            np.maximum(highest, canvas[row::FINE, column::FINE], out=highest)
    return np.where(middle >= 0, middle, highest)


def look_up(mesh: Mesh, camera: Camera, window: Window, quads: NDArray[np.int32]) -> Fragments:
    """Return what lies at the pixels where `quads`, (height, width), has a quad, in row order.

    Within a quad everything is taken as linear in the photo, which it nearly is: quads are small.
    """
    table = _planes(mesh, camera.project(mesh.corners) - [window.left, window.top])
    rows, columns = np.nonzero(quads >= 0)
    plane = table[quads[rows, columns]]
    right = columns.astype(np.float32) - plane[:, 0]
    down = rows.astype(np.float32) - plane[:, 1]
    first = np.clip(plane[:, 2] * right + plane[:, 3] * down, -0.6, 0.6)[:, None]
    second = np.clip(plane[:, 4] * right + plane[:, 5] * down, -0.6, 0.6)[:, None]
    values = plane[:, 6:14] + first * plane[:, 14:22] + second * plane[:, 22:30]
    normal = values[:, 3:6]
    normal /= np.sqrt(np.einsum("nc,nc->n", normal, normal))[:, None] + np.float32(1e-9)
    return Fragments(values[:, :3], normal, values[:, 6:8])


def _planes(mesh: Mesh, pixels: FloatArray) -> NDArray[np.float32]:
    """Return (Q, 30): middle, inverse of the two sides, then value and steps along the sides."""
    values = np.concatenate([mesh.corners, mesh.normals, mesh.skin], axis=2)
    side = _steps(pixels)
    area = side[0][:, 0] * side[1][:, 1] - side[0][:, 1] * side[1][:, 0]
    # A quad seen edge-on has no area: it gets its mean value everywhere.
    inverse = np.divide(1.0, area, out=np.zeros_like(area), where=np.abs(area) > 0.02)[:, None]
    across = np.stack([side[1][:, 1], -side[1][:, 0], -side[0][:, 1], side[0][:, 0]], axis=1)
    columns = [pixels.mean(axis=1), across * inverse, values.mean(axis=1), *_steps(values)]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _steps(corners: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean step from side to opposite side of each quad, both ways."""
    first = (corners[:, 1] + corners[:, 2] - corners[:, 0] - corners[:, 3]) / 2
    second = (corners[:, 3] + corners[:, 2] - corners[:, 0] - corners[:, 1]) / 2
    return first, second
