"""The empty studio: floor, turntable, round wall with its lettering, and the car's shadow.

`furnish` paints what is the same in all photos of a car: the turntable from above and the wall
unrolled, each (rows, columns, 4), the last its opacity. `backdrop` puts them into one photo.

Colours are linear. Shapes: H x W the photo.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.studio.car.styles import BodyStyle
from data.studio.render.camera import Camera
from data.studio.render.mesh import FloatArray
from data.studio.render.shade import FloatImage, linear
from data.studio.scene import Studio

BELOW = 0.3
"""Metres of the wall's picture that lie below the cove's edge, and are transparent."""

RIM = 1.025
"""Half the side of the turntable's picture, in radii."""

GRID = 16
"""Smooth fields are worked out at every 16th pixel and interpolated."""


@dataclass(frozen=True)
class Room:
    """What is the same in all photos of a car.

    Attributes:
        studio: its colours and lengths.
        turntable: (T, T, 4), seen from above.
        wall: (rows, columns, 4), unrolled, seen from inside.
        wall_scale: the wall's pixels in a metre.
    """

    studio: Studio
    turntable: FloatImage
    wall: FloatImage
    wall_scale: float


def furnish(studio: Studio, width: int, rng: np.random.Generator) -> Room:
    """Return the pictures of a studio, fine enough for photos of `width`."""
    scale = 0.075 * width
    turntable = _turntable(studio, max(256, int(0.8 * width)), rng)
    return Room(studio, turntable, _wall(studio, scale, rng), scale)


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


def _turntable(studio: Studio, side: int, rng: np.random.Generator) -> FloatImage:
    """Return a disc of worn concrete with seams."""
    middle, radius = side / 2, side / (2 * RIM)
    wear = sum(
        _blotches(rng, side, cells) * depth for cells, depth in ((5, 0.10), (19, 0.06), (90, 0.05))
    )
    colour = linear(studio.turntable) * (1 + np.asarray(wear, np.float32))[..., None]
    seams = np.zeros((side, side), np.uint8)
    for turn in rng.uniform(0, np.pi) + np.arange(3) * np.pi / 3:
        step = radius * np.array([np.cos(turn), np.sin(turn)])
        start, end = (np.round((middle + sign * step) * 16).astype(int) for sign in (-1, 1))
        cv2.line(seams, start.tolist(), end.tolist(), 70, 1, cv2.LINE_AA, 4)
    for _ in range(40):
        spot = rng.uniform(0, side, 2).astype(int).tolist()
        cv2.circle(seams, spot, int(rng.integers(1, 3)), int(rng.integers(20, 90)), -1, cv2.LINE_AA)
    colour *= 1 - seams[..., None].astype(np.float32) / 255
    far = np.hypot(*(np.indices((side, side)) - middle)).astype(np.float32)
    rim = np.exp(-(((far - radius + 1.5) / 1.4) ** 2))
    colour *= 1 - 0.4 * rim[..., None]
    opacity = np.clip(radius - far + 0.5, 0, 1) * np.float32(0.75)
    return np.concatenate([colour, opacity[..., None]], axis=2).astype(np.float32)


def _blotches(rng: np.random.Generator, side: int, cells: int) -> FloatImage:
    """Return smooth noise, (side, side), of about -1 to 1."""
    coarse = rng.normal(0, 0.5, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC))


def _wall(studio: Studio, scale: float, rng: np.random.Generator) -> FloatImage:
    """Return the wall, unrolled. Row 0 is at the top."""
    tall, wide = int(5.0 * scale), int(2.4 * studio.wall_radius * scale)
    canvas: NDArray[np.uint8] = np.zeros((tall, wide), np.uint8)
    bottom = int(tall - (BELOW + 0.04) * scale)
    _letter(canvas, studio, scale, bottom)
    door = wide // 2 + int(rng.uniform(-1, 0.5) * scale)
    top = int(bottom - 1.15 * studio.word_height * scale)
    frame = np.array(
        [
            [door, bottom],
            [door, top],
            [door + int(2.2 * scale), top],
            [door + int(2.2 * scale), bottom],
        ]
    )
    cv2.polylines(canvas, [frame], False, 60, 1, cv2.LINE_AA)
    ink = canvas[..., None].astype(np.float32) / 255
    above = np.linspace(1, 0, tall, dtype=np.float32)[:, None, None]
    light = 1.06 - 0.15 * above
    colour = light * linear(studio.wall) * np.ones((1, wide, 1), np.float32)
    colour += ink * (linear(studio.letters) - colour)
    from_bottom = np.arange(tall, 0, -1, dtype=np.float32) - BELOW * scale
    opacity = np.broadcast_to(
        np.clip(from_bottom / 1.5 + 0.5, 0, 1)[:, None, None], (tall, wide, 1)
    )
    return np.concatenate([colour, opacity], axis=2)


def _letter(canvas: NDArray[np.uint8], studio: Studio, scale: float, bottom: int) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    size = studio.word_height * scale / 21
    thickness = max(1, round(0.16 * studio.word_height * scale))
    (wide, _), _ = cv2.getTextSize(studio.word, font, size, thickness)
    at = ((canvas.shape[1] - wide) // 2, bottom - thickness // 2)
    cv2.putText(canvas, studio.word, at, font, size, 255, thickness, cv2.LINE_AA)


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
    # A ray that misses the wall is taken to meet it where it passes nearest.
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
