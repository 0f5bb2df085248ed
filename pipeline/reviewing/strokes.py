"""Strokes and clicks of a person, and what they make of the coarse logits.

A stroke is a line of some width that a person draws over object or background; a click is one of a
single point. Along it the coarse mask becomes certain, and around it that fades out. The refiner
sees it as it sees any coarse mask, and draws the contour anew. Under the stroke itself the
person is right.

Shapes: H x W a photo at working size, h x w the coarse size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.geometry import Size

LABELS = ("background", "object")

MOST_POINTS = 4096
"""Most points of a stroke."""

FARTHEST = 1e5
"""Largest coordinate, in pixels."""

WIDEST = 200.0
"""Largest radius, in pixels of the photo."""

CERTAIN = 4.0
"""Logit of the coarse mask under a stroke, 0.98 of certain."""

FADE = 4.0
"""Pixels at working size over which a stroke fades out around its edge."""

FORCED = 8.0
"""Logit of the finished mask under a stroke, 0.9997 of certain."""

Points = tuple[tuple[float, float], ...]
Window = tuple[slice, slice]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Stroke:
    """A line that a person has drawn.

    Raises:
        ValueError: a value is out of its range.
    """

    is_object: bool
    points: Points
    """x and y of at least one, in pixels of the photo; (0, 0) is its corner."""
    radius: float
    """Half of its width, in pixels of the photo."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.points) <= MOST_POINTS:
            raise ValueError(f"a stroke has 1 to {MOST_POINTS} points, not {len(self.points)}")
        if not all(
            isfinite(value) and abs(value) <= FARTHEST for xy in self.points for value in xy
        ):
            raise ValueError("the points of a stroke are pairs of finite numbers, in the photo")
        if not (isfinite(self.radius) and 0 < self.radius <= WIDEST):
            raise ValueError(f"the radius of a stroke is above 0 and at most {WIDEST:g} pixels")

    @classmethod
    def from_json(cls, values: Any) -> "Stroke":
        """Return the stroke that `to_json` describes.

        Raises:
            ValueError: `values` are something else.
        """
        if not isinstance(values, Mapping) or set(values) != {"label", "points", "radius"}:
            raise ValueError("a stroke has a label, points and a radius")
        if values["label"] not in LABELS:
            raise ValueError(f"the label of a stroke is one of {', '.join(LABELS)}")
        try:
            points = tuple((float(x), float(y)) for x, y in values["points"])
            radius = float(values["radius"])
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError("points are pairs of numbers, and the radius is a number") from error
        return cls(values["label"] == "object", points, radius)

    def to_json(self) -> dict[str, Any]:
        """Return all values by their names."""
        points = [list(xy) for xy in self.points]
        return {"label": LABELS[self.is_object], "points": points, "radius": self.radius}


@dataclass(frozen=True)
class Canvas:
    """The sizes between which strokes are carried over."""

    photo: Size
    """Size of the photo, in whose pixels strokes are."""
    working: Size
    """Working size, without padding."""
    padded: Size
    """Working size, with it."""
    stride: int
    """Pixels at working size along the side of a coarse pixel."""

    def painted(self, coarse: Tensor, strokes: Sequence[Stroke], fade: float = FADE) -> Tensor:
        """Return (1, h, w) coarse logits with all strokes, later ones above earlier ones."""
        result = coarse.clone()
        for stroke in strokes:
            target = CERTAIN if stroke.is_object else -CERTAIN
            window, distance = self._distance_to(stroke, self.stride, fade)
            weight = torch.from_numpy(np.clip(1 - distance / max(fade, 1e-6), 0, 1)).to(result)
            part = result[0][window]
            # A place that is surer already is left so.
            surer = part.clamp(min=target) if stroke.is_object else part.clamp(max=target)
            result[0][window] = torch.lerp(part, surer, weight)
        return result

    def labels(self, strokes: Sequence[Stroke]) -> NDArray[np.int8]:
        """Return (Hp, Wp): 1 under strokes of the object, -1 under those of background, else 0."""
        result = np.zeros(self.padded, np.int8)
        for stroke in strokes:
            window, distance = self._distance_to(stroke, 1, 0.0)
            result[window][distance <= 0] = 1 if stroke.is_object else -1
        return result

    def _distance_to(self, stroke: Stroke, stride: int, reach: float) -> tuple[Window, Floats]:
        """Return the part of a grid of `stride` around a stroke, and the distance of its pixels.

        Distances are from the stroke's edge, in pixels at working size, below 0 inside. What is
        farther than `reach` away may be given as infinite.
        """
        across = self.working.width / self.photo.width
        down = self.working.height / self.photo.height
        points = np.array(stroke.points, np.float64) * np.array([across, down])
        radius = max(0.5, stroke.radius * max(across, down))
        size = Size(self.padded.height // stride, self.padded.width // stride)
        rim = radius + reach
        whole = _window(points, rim, stride, size)
        rows, columns = whole
        distance = np.full((rows.stop - rows.start, columns.stop - columns.start), np.inf)
        for pair in zip(points, points[1:] if len(points) > 1 else points, strict=False):
            window = _window(np.array(pair), rim, stride, size)
            y, x = (
                (np.arange(side.start, side.stop, dtype=np.float64) + 0.5) * stride
                for side in window
            )
            own = tuple(
                slice(side.start - all_.start, side.stop - all_.start)
                for side, all_ in zip(window, whole, strict=True)
            )
            to_piece = _to_piece(x[None], y[:, None], *pair) - radius
            distance[own] = np.minimum(distance[own], to_piece)
        return whole, distance.astype(np.float32)


def _window(points: Doubles, rim: float, stride: int, size: Size) -> Window:
    """Return rows and columns of a grid of `size` that lie up to `rim` pixels around points."""
    low = np.floor((points.min(0) - rim) / stride)
    high = np.ceil((points.max(0) + rim) / stride)
    columns, rows = (
        slice(*(int(np.clip(end, 0, side)) for end in ends))
        for ends, side in zip(zip(low, high, strict=True), size[::-1], strict=True)
    )
    return rows, columns


def _to_piece(
    x: Doubles,
    y: Doubles,
    start: Doubles,
    end: Doubles,
) -> Doubles:
    """Return the distances of points (x, y) to the piece of a line from `start` to `end`."""
    along = end - start
    length = float(along @ along)
    dx, dy = x - start[0], y - start[1]
    share = np.clip((dx * along[0] + dy * along[1]) / length, 0, 1) if length else np.zeros(())
    return np.asarray(np.hypot(dx - share * along[0], dy - share * along[1]))
