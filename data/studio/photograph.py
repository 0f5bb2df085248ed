"""One photo: the car in the studio, through the lens, with its exact mask."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from data.geometry import Size
from data.studio.car.assembly import Car, assemble
from data.studio.car.styles import BodyStyle
from data.studio.render.camera import Camera, aim
from data.studio.render.mesh import FloatArray, Mesh, join
from data.studio.render.raster import (
    NOTHING,
    Fragments,
    Window,
    at_pixels,
    fine_mean,
    look_up,
    paint,
    window_around,
)
from data.studio.render.shade import GAMMA, FloatImage, Shaded, shade
from data.studio.room import Room, backdrop, furnish
from data.studio.scene import Lens, draw_scene

FULL_SIZE = Size(1280, 1918)


@dataclass(frozen=True)
class Setup:
    """What is the same in all photos of a car: the car, the studio and the lens."""

    car: Car
    room: Room
    lens: Lens


@dataclass(frozen=True)
class View:
    """A car as the camera sees it, in a window of the photo."""

    car: Car
    camera: Camera
    window: Window


@dataclass(frozen=True)
class Exposure:
    """Light before lens and sensor.

    Attributes:
        light: (H, W, 3) linear light.
        coverage: (H, W) share of each pixel that is car.
    """

    light: FloatImage
    coverage: FloatImage


def render_photo(
    seed: int, car: int, angle: int, *, num_angles: int = 16, size: Size = FULL_SIZE
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a photo of a car on the turntable, and its mask.

    Args:
        seed: of the whole set.
        car: number of the car in the set, from 0.
        angle: 1 to `num_angles`; 1 is from the front, then the car's left side comes.
        num_angles: photos in a full turn.
        size: of the photo.

    Returns:
        (H, W, 3) uint8 RGB; (H, W) bool, true where more than half of a pixel is car.

    Raises:
        ValueError: there is no such car or angle.
    """
    check_angle(seed, car, angle, num_angles)
    setup = set_up(seed, car, size.width)
    exposed = expose(setup, turn_of(angle, num_angles), size)
    grain = np.random.default_rng([seed, car, angle, num_angles])
    return develop(exposed.light, setup.lens, grain), exposed.coverage > 0.5


def check_angle(seed: int, car: int, angle: int, num_angles: int) -> None:
    """Raise unless there is such a photo.

    Raises:
        ValueError: there is no such car or angle.
    """
    if car < 0 or seed < 0:
        raise ValueError(f"seed and car must be at least 0, not {seed} and {car}")
    if not 1 <= angle <= num_angles:
        raise ValueError(f"angle must be from 1 to {num_angles}, not {angle}")


def turn_of(angle: int, num_angles: int) -> float:
    """Return the turn of the turntable in radians; the first angle shows the car's front."""
    return 2 * np.pi * (angle - 1) / num_angles


@lru_cache(maxsize=2)
def set_up(seed: int, car: int, width: int) -> Setup:
    """Return a car of a set and its studio, fine enough for photos of `width`."""
    scene = draw_scene(seed, car)
    return Setup(
        car=assemble(scene.design, 0.19 * width),
        room=furnish(scene.studio, width, np.random.default_rng([seed, car, 1])),
        lens=scene.lens,
    )


def expose(setup: Setup, turn: float, size: Size) -> Exposure:
    """Return the light of a car on the turntable, `turn` radians from its front view."""
    car, style = setup.car, setup.car.design.style
    camera = _camera(setup.lens, size)
    rotation, offset = _pose(style, turn)
    light = empty_studio(setup, turn, size)
    layers = [mesh.moved(rotation, offset) for mesh in _layers(car, rotation, offset, camera)]
    window = window_around(layers, camera)
    coverage = np.zeros(size, np.float32)
    coverage[window.slices] = _put(light[window.slices], layers, View(car, camera, window))
    return Exposure(light, coverage)


def empty_studio(setup: Setup, turn: float, size: Size) -> FloatImage:
    """Return the (H, W, 3) light of the studio, with the car's shadow, without the car."""
    rotation, offset = _pose(setup.car.design.style, turn)
    flat = np.array([[*rotation[0, :2], offset[0]], [*rotation[1, :2], offset[1]], [0, 0, 1]])
    return backdrop(setup.room, setup.car.design.style, _camera(setup.lens, size), flat)


def _camera(lens: Lens, size: Size) -> Camera:
    position, axes = aim(lens.distance, lens.height, lens.pitch, lens.roll)
    return Camera(position, axes, lens.focal * size.width, size)


def _pose(style: BodyStyle, turn: float) -> tuple[FloatArray, FloatArray]:
    """Return rotation and offset from the car to the studio."""
    rear = np.array([np.sin(turn), np.cos(turn), 0.0])
    left = np.array([np.cos(turn), -np.sin(turn), 0.0])
    rotation = np.stack([rear, left, [0.0, 0.0, 1.0]], axis=1)
    return rotation, -rotation @ [style.length / 2, 0.0, 0.0]


def _layers(car: Car, rotation: FloatArray, offset: FloatArray, camera: Camera) -> list[Mesh]:
    """Return what is seen inside, of the shell, and outside, in the car's coordinates."""
    eye = rotation.T @ (camera.position - offset)
    front = car.body.facing(eye)
    low = car.design.style.belt[0] - 0.35
    far_shell = car.body.where(~front & (car.body.corners[..., 2].max(axis=1) > low))
    solid = [mesh.where(mesh.facing(eye)) for mesh in (car.wheels, car.cabin)]
    inside = join([far_shell, car.wells, *solid])
    return [inside, car.body.where(front), car.outside.where(car.outside.facing(eye))]


def _put(picture: FloatImage, layers: list[Mesh], view: View) -> FloatImage:
    """Put the car into `picture`, the window's part of the photo; return its coverage."""
    inside, shell, outside = (paint(mesh, view.camera, view.window) for mesh in layers)
    is_shell, is_outside = shell != NOTHING, outside != NOTHING
    is_inside = inside != NOTHING
    behind, is_behind = _inside_view(picture, layers[0], inside, view)
    quads = at_pixels(shell)
    at = quads >= 0
    seen, shaded = _shade(layers[1], quads, view, inside=False)
    # Panes are not optically flat, and the inside has no fine samples to blend its edges.
    through = cv2.GaussianBlur(behind, (0, 0), 0.7)[at]
    front = shaded.colour + shaded.glass * shaded.tint * through
    # A wheel well has no way through: what the arch does not show of it is dark.
    well = np.where(is_behind[at][:, None], behind[at], np.float32(0.003))
    front += shaded.hole * (well - front)
    studio_at = picture[at]
    picture += fine_mean(is_inside & ~is_shell)[..., None] * (behind - picture)
    picture[at] += fine_mean(is_shell)[at][:, None] * (front - studio_at)
    depth = np.full(at.shape, np.inf, np.float32)
    depth[at] = _depth(seen, view.camera)
    _put_outside(picture, layers[2], outside, depth, view)
    return fine_mean(is_inside | is_shell | is_outside)


def _shade(
    mesh: Mesh, quads: NDArray[np.int32], view: View, *, inside: bool
) -> tuple[Fragments, Shaded]:
    seen = look_up(mesh, view.camera, view.window, quads)
    eye = view.camera.position.astype(np.float32)
    return seen, shade(seen, view.car.atlas, eye, view.car.design.metallic, inside=inside)


def _depth(seen: Fragments, camera: Camera) -> FloatImage:
    result: FloatImage = (seen.position @ camera.axes[2]).astype(np.float32)
    return result


def _inside_view(
    picture: FloatImage, mesh: Mesh, canvas: NDArray[np.int32], view: View
) -> tuple[FloatImage, NDArray[np.bool_]]:
    """Return `picture` with the inside of the car in it, and where that is.

    The far windows are open to the studio.
    """
    behind = picture.copy()
    quads = at_pixels(canvas)
    at = quads >= 0
    _, shaded = _shade(mesh, quads, view, inside=True)
    through = behind[at]
    light = shaded.colour * (1 - shaded.glass) + shaded.glass * shaded.tint * through
    behind[at] = light
    return behind, at


def _put_outside(
    picture: FloatImage, mesh: Mesh, canvas: NDArray[np.int32], depth: FloatImage, view: View
) -> None:
    """Put mirrors, rails and antenna where they are nearer than the shell."""
    quads = at_pixels(canvas)
    at = quads >= 0
    seen, shaded = _shade(mesh, quads, view, inside=False)
    near = _depth(seen, view.camera) < depth[at] + 0.02
    share = (fine_mean(canvas != NOTHING)[at] * near)[:, None]
    picture[at] += share * (shaded.colour - picture[at])


def develop(light: FloatImage, lens: Lens, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the sRGB photo of (H, W, 3) linear light: blur, vignette, cast, noise."""
    height, width, _ = light.shape
    picture = sharp_picture(through_lens(light, lens), lens)
    picture += lens.noise * _grain(rng, height, width)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def through_lens(light: FloatImage, lens: Lens) -> FloatImage:
    """Return (H, W) or (H, W, 3) light as the lens blurs it."""
    sigma = lens.blur * light.shape[1] / FULL_SIZE.width
    return np.asarray(cv2.GaussianBlur(light, (0, 0), max(sigma, 0.3)), np.float32)


def sharp_picture(light: FloatImage, lens: Lens) -> FloatImage:
    """Return the (H, W, 3) sRGB values, from 0 to 255, of linear light: vignette, cast, gamma."""
    height, width, _ = light.shape
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    falloff = 1 - lens.vignette * (rows**2 + columns**2) / 2
    exposed = light * falloff[..., None] * np.array(lens.cast, np.float32)
    return 255 * np.asarray(cv2.pow(np.clip(exposed, 0, 1), 1 / GAMMA), np.float32)


def _grain(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """Return (H, W, 3) noise, mostly the same in all channels, as cameras leave it."""
    shared = rng.standard_normal((height, width, 1), np.float32)
    coarse = rng.standard_normal((height // 2 + 1, width // 2 + 1, 3), np.float32)
    chroma = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return shared * np.float32(0.85) + chroma * np.float32(0.6)
