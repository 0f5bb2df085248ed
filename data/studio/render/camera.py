"""The camera: metres in the studio to pixels in the photo.

In the studio x is right, y away from the camera and z up; the turntable's centre is the origin.
"""

from dataclasses import dataclass

import numpy as np

from data.geometry import Size
from data.studio.render.mesh import FloatArray


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        position: (3,) metres.
        axes: (3, 3), the rows are the photo's right, up and away, in the studio.
        focal: focal length in pixels.
        size: the photo's size.
    """

    position: FloatArray
    axes: FloatArray
    focal: float
    size: Size

    @property
    def centre(self) -> FloatArray:
        """Column and row where the optical axis meets the photo, (2,)."""
        return np.array([(self.size.width - 1) / 2, (self.size.height - 1) / 2])

    @property
    def matrix(self) -> FloatArray:
        """(3, 3) from camera coordinates to homogeneous pixels."""
        column, row = self.centre
        return np.array([[self.focal, 0, column], [0, -self.focal, row], [0, 0, 1]])

    def project(self, points: FloatArray) -> FloatArray:
        """Return (..., 2) column and row of (..., 3) points; a pixel's centre is a whole number."""
        seen = (points - self.position) @ self.axes.T @ self.matrix.T
        pixels: FloatArray = seen[..., :2] / seen[..., 2:]
        return pixels

    def floor_homography(self) -> FloatArray:
        """Return the (3, 3) matrix from (x, y, 1) on the floor to homogeneous pixels."""
        origin = -self.axes @ self.position
        columns = [self.axes[:, 0], self.axes[:, 1], origin]
        return self.matrix @ np.stack(columns, axis=1)

    def rays(self, columns: FloatArray, rows: FloatArray) -> FloatArray:
        """Return (R, C, 3) directions, not normalised, through the grid of `columns` and `rows`."""
        centre_column, centre_row = self.centre
        right = (columns - centre_column)[None, :, None] / self.focal
        up = (centre_row - rows)[:, None, None] / self.focal
        rays: FloatArray = right * self.axes[0] + up * self.axes[1] + self.axes[2]
        return rays


def aim(distance: float, height: float, pitch: float, roll: float) -> tuple[FloatArray, FloatArray]:
    """Return position and axes of a camera that looks along y, `pitch` radians down."""
    away = np.array([0.0, np.cos(pitch), -np.sin(pitch)])
    up = np.array([0.0, np.sin(pitch), np.cos(pitch)])
    right = np.array([1.0, 0.0, 0.0])
    tilted_right = np.cos(roll) * right + np.sin(roll) * up
    tilted_up = np.cos(roll) * up - np.sin(roll) * right
    return np.array([0.0, -distance, height]), np.stack([tilted_right, tilted_up, away])
