"""Lines and bars of a chart in a page: where they lie, and which values the axes name.

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

NUM_BINS = 24
"""Bars of a histogram."""

FAR_SHARE = 50
"""One of so many values on either side may lie far from all others."""

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
class Bar:
    """A bar, and what it stands for."""

    x: float
    width: float
    height: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Lines, bars and ticks, in pixels from the upper left corner."""

    lines: tuple[Line, ...] = ()
    across: tuple[Tick, ...] = ()
    upward: tuple[Tick, ...] = ()
    bars: tuple[Bar, ...] = ()
    across_title: str = "steps"
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def is_drawn(self) -> bool:
        """Whether there is anything to see."""
        return bool(self.lines or self.bars)


def chart_of(
    series: Mapping[str, Points],
    across_title: str = "steps",
    upward: tuple[float, float] | None = None,
) -> Chart:
    """Return the chart of `series` by their names.

    Args:
        series: each point is (step, value); steps are not negative.
        across_title: what the steps are.
        upward: lowest and highest value of the axis; by default those of the points, but for the
            lowest of them.
    """
    points = [point for line in series.values() for point in line]
    if not points:
        return Chart()
    most = max(step for step, _ in points) or 1.0
    low, high = upward or shown_range([value for _, value in points])

    def place(step: float, value: float) -> tuple[float, float]:
        share = (min(max(value, low), high) - low) / (high - low)
        return WIDTH * step / most, HEIGHT * (1 - share)

    lines = [
        Line(name, tuple(place(*point) for point in line)) for name, line in series.items() if line
    ]
    across = [Tick(place(step, low)[0], f"{step:g}") for step in ticks(0, most)]
    named = [Tick(place(0, at)[1], text) for at, text in _texts(ticks(low, high))]
    return Chart(tuple(lines), tuple(across), tuple(named), across_title=across_title)


def histogram_of(values: Sequence[float], across_title: str) -> Chart:
    """Return how many of `values`, of which there may be none, lie in each of `NUM_BINS` ranges.

    The few values far below or above all others are counted in the first and the last range.
    """
    if not values:
        return Chart()
    ordered = sorted(values)
    few = len(ordered) // FAR_SHARE
    low, high = ordered[few], ordered[len(ordered) - 1 - few]
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    counts = [0] * NUM_BINS
    for value in values:
        share = (min(max(value, low), high) - low) / (high - low)
        counts[min(int(share * NUM_BINS), NUM_BINS - 1)] += 1
    edges = [low + (high - low) * i / NUM_BINS for i in range(NUM_BINS + 1)]
    names = [f"{edges[i]:.4g} to {edges[i + 1]:.4g}" for i in range(NUM_BINS)]
    if ordered[0] < low:
        names[0] = f"up to {edges[1]:.4g}"
    if ordered[-1] > high:
        names[-1] = f"{edges[-2]:.4g} and more"
    across = [
        Tick(WIDTH * (at - low) / (high - low), text) for at, text in _texts(ticks(low, high))
    ]
    return _bars(names, counts, tuple(across), across_title)


def bars_of(values: Mapping[str, float], across_title: str) -> Chart:
    """Return a bar for each of `values`, none of them negative, with its name below it."""
    step = WIDTH / max(1, len(values))
    across = tuple(Tick((i + 0.5) * step, name) for i, name in enumerate(values))
    return _bars(list(values), list(values.values()), across, across_title)


def _bars(
    names: Sequence[str], values: Sequence[float], across: tuple[Tick, ...], across_title: str
) -> Chart:
    most, step = max([*values, 0]), WIDTH / max(1, len(values))
    if not most:
        return Chart()
    bars = tuple(
        Bar(i * step + 1, step - 2, HEIGHT * value / most, f"{name}: {value:.6g}")
        for i, (name, value) in enumerate(zip(names, values, strict=True))
    )
    upward = tuple(Tick(HEIGHT * (1 - at / most), text) for at, text in _texts(ticks(0, most)))
    return Chart((), across, upward, bars, across_title)


def _texts(values: Sequence[float]) -> list[tuple[float, str]]:
    """Return values with their texts, of as many digits as they need."""
    digits = max(0, -math.floor(math.log10(values[1] - values[0]))) if len(values) > 1 else 4
    return [(value, f"{value:.{digits}f}") for value in values]


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
