"""The empty studio: floor, turntable, round wall with its lettering, and the car's shadow.

Colours are linear. Shapes: H x W the photo.
"""

import cv2
import numpy as np

from data.studio.camera import Camera
from data.studio.mesh import FloatArray
from data.studio.room import BELOW, RIM, Room, linear
from data.studio.scene import Studio
from data.studio.shade import FloatImage
from data.studio.styles import BodyStyle

GRID = 16
"""Smooth fields are worked out at every 16th pixel and interpolated."""


def backdrop(room: Room, style: BodyStyle, camera: Camera, pose: FloatArray) -> FloatImage:
    """Return the (H, W, 3) picture of the studio, shadow included, without the car.

    Args:
        room: the studio.
        style: of the car that throws the shadow.
        camera: where it is seen from.
        pose: (3, 3) from the car's (x, y, 1) to the floor's.
    """
    picture = _floor(room.studio, camera)
    _lay(picture, room.turntable, _turntable_place(room, camera, pose))
    _hang(picture, room, camera)
    shadow, place = _shadow(style, room.studio.shadow)
    part, seen = _on_floor(picture, shadow, camera.floor_homography() @ pose @ place)
    part *= (1 - seen)[..., None]
    return picture


def _floor(studio: Studio, camera: Camera) -> FloatImage:
    """Return the floor, a little lighter where it becomes the cove."""
    height, width = camera.size
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    light = 0.98 + 0.05 * rows - 0.05 * columns**2 - 0.07 * np.exp(-(((rows + 0.25) / 0.3) ** 2))
    return np.asarray(light[..., None] * linear(studio.floor), np.float32)


def _on_floor(
    picture: FloatImage, texture: FloatImage, homography: FloatArray
) -> tuple[FloatImage, FloatImage]:
    """Return the rows of `picture` that show `texture`, (rows, columns, C), and it in them.

    Rows above are left out because there the homography has its horizon, and behind that no sense.
    """
    height, width, _ = picture.shape
    tall, wide = texture.shape[:2]
    corners = np.array([[0, 0, 1], [wide, 0, 1], [0, tall, 1], [wide, tall, 1]]) @ homography.T
    top = int(np.clip((corners[:, 1] / corners[:, 2]).min(), 0, height - 1))
    lower = np.array([[1, 0, 0], [0, 1, -top], [0, 0, 1]]) @ homography
    seen = cv2.warpPerspective(texture, lower, (width, height - top), flags=cv2.INTER_LINEAR)
    return picture[top:], np.asarray(seen, np.float32)


def _lay(picture: FloatImage, texture: FloatImage, homography: FloatArray) -> None:
    """Put a texture with an opacity, (T, T, 4), on the floor of `picture`."""
    part, seen = _on_floor(picture, texture, homography)
    part += seen[..., 3:] * (seen[..., :3] - part)


def _turntable_place(room: Room, camera: Camera, pose: FloatArray) -> FloatArray:
    half = RIM * room.studio.radius
    scale = 2 * half / len(room.turntable)
    turn = pose.copy()
    turn[:2, 2] = 0
    place = np.array([[scale, 0, -half], [0, scale, -half], [0, 0, 1]])
    return np.asarray(camera.floor_homography() @ turn @ place)


def _hang(picture: FloatImage, room: Room, camera: Camera) -> None:
    """Put the round wall above the cove into `picture`."""
    height, width, _ = picture.shape
    studio, wall, scale = room.studio, room.wall, room.wall_scale
    rows = np.arange(0, height // 2 + GRID, GRID, dtype=np.float64)
    columns = np.arange(0, width + 2 * GRID, GRID, dtype=np.float64)
    turn, z = _wall_places(camera.rays(columns, rows), camera.position, studio.wall_radius)
    column = wall.shape[1] / 2 + turn * studio.wall_radius * scale
    row = wall.shape[0] - (z - studio.cove + BELOW) * scale
    at_column, at_row = (
        _finer(field, len(rows) * GRID, len(columns) * GRID)[: height // 2, :width]
        for field in (column, row)
    )
    seen = cv2.remap(wall, at_column, at_row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    opacity = seen[..., 3:]
    part = picture[: height // 2]
    part += opacity * (seen[..., :3] - part)


def _finer(field: FloatArray, height: int, width: int) -> FloatImage:
    """Return `field`, given at every 16th pixel, at every pixel; at its own it is unchanged."""
    matrix = np.array([[1 / GRID, 0, 0], [0, 1 / GRID, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(
            field.astype(np.float32),
            matrix,
            (width, height),
            flags=flags,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )


def _wall_places(rays: FloatArray, eye: FloatArray, radius: float) -> tuple[FloatArray, FloatArray]:
    """Return turn and height where rays meet the round wall."""
    across = rays[..., 0] ** 2 + rays[..., 1] ** 2
    along = rays[..., 0] * eye[0] + rays[..., 1] * eye[1]
    rest = eye[0] ** 2 + eye[1] ** 2 - radius**2
    # A ray that would miss the wall meets it, for our purpose, where it passes nearest.
    root = np.sqrt(np.maximum(along**2 - across * rest, 0))
    reach = (root - along) / across
    hit = eye + reach[..., None] * rays
    return np.arctan2(hit[..., 0], hit[..., 1]), hit[..., 2]


def _shadow(style: BodyStyle, depth: float) -> tuple[FloatImage, FloatArray]:
    """Return what share of light the car takes from the floor, and where that texture lies.

    Returns:
        (rows, columns) 0 to 1; (3, 3) from its pixels to the car's (x, y, 1) in metres.
    """
    step, margin = 0.02, 1.8
    tall, wide = (int((side + 2 * margin) / step) for side in (style.width, style.length))
    body, tyres = np.zeros((tall, wide), np.float32), np.zeros((tall, wide), np.float32)
    edge = int(margin / step)
    inner = int(0.10 / step)
    body[edge + inner : -edge - inner, edge + 2 * inner : -edge - 2 * inner] = 1
    for share in style.axles:
        column = edge + int(share * style.length / step)
        for row in (edge + int(0.13 / step), tall - edge - int(0.13 / step)):
            tyres[row - 6 : row + 6, column - 8 : column + 8] = 1
    layers = ((body, 0.10, depth), (body, 0.3, 0.35), (body, 0.75, 0.25), (tyres, 0.07, 0.95))
    light = np.ones_like(body)
    for layer, sigma, weight in layers:
        light *= 1 - weight * cv2.GaussianBlur(layer, (0, 0), sigma / step)
    place = np.array([[step, 0, -margin], [0, step, -margin - style.width / 2], [0, 0, 1]])
    return 1 - light, place
