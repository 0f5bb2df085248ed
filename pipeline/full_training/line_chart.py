"""Lines for a chart in a page: where points lie, and which values the axes name.

The template draws them as SVG.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEAST_ROOM = 0.0005
"""Above and below the values: smaller differences are noise, and shall not fill a chart."""

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 520, 200
"""Of the area in which lines are drawn, in pixels of the page."""

NUM_TICKS = 5
"""Values that an axis names, about."""

SHOWN_SHARE = 0.8
"""Share of the points that the axis of values spans at least, the best ones: the first scores of a
training are so low that the later ones would lie on one line."""


@dataclass(frozen=True)
class Tick:
    """A value that an axis names, and where it is."""

    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """A line by its name, and its points."""

    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def path(self) -> str:
        """The points as SVG has them."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True)
class Chart:
    """Lines and ticks, in pixels from the upper left corner."""

    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    upward: tuple[Tick, ...]
    width: int = WIDTH
    height: int = HEIGHT


def chart_of(series: Mapping[str, Points]) -> Chart:
    """Return the chart of `series` by their names; each point is (step, value)."""
    points = [point for line in series.values() for point in line]
    if not points:
        return Chart((), (), ())
    most = max(step for step, _ in points)
    low, high = shown_range([value for _, value in points])

    def place(step: float, value: float) -> tuple[float, float]:
        share = (min(max(value, low), high) - low) / (high - low)
        return WIDTH * step / most, HEIGHT * (1 - share)

    lines = [
        Line(name, tuple(place(*point) for point in line)) for name, line in series.items() if line
    ]
    across = [Tick(place(step, low)[0], f"{step:g}") for step in ticks(0, most)]
    values = ticks(low, high)
    digits = max(0, -math.floor(math.log10(values[1] - values[0]))) if len(values) > 1 else 4
    upward = [Tick(place(0, at)[1], f"{at:.{digits}f}") for at in values]
    return Chart(tuple(lines), tuple(across), tuple(upward))


def shown_range(values: Sequence[float]) -> tuple[float, float]:
    """Return the lowest and the highest value of the axis, which differ."""
    ordered = sorted(values)
    cut = math.floor(len(ordered) * (1 - SHOWN_SHARE))
    low, high = ordered[cut], ordered[-1]
    if ordered[0] >= low - (high - low):
        low = ordered[0]
    room = max(0.05 * (high - low), LEAST_ROOM)
    return low - room, high + room


def ticks(low: float, high: float) -> list[float]:
    """Return round values from `low` to `high`, which is larger."""
    raw = (high - low) / NUM_TICKS
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(i * step, 12) for i in range(first, last + 1)]
