"""Resampling as nodes of an ONNX graph: photos as `data.pyramid.resize`, logits as `refine.stitch`.

A side is resampled by a table: each new pixel is a weighted sum of K old ones. The table depends on
both sides, so the graph computes it; a loop of K turns then adds up the picture. `Resize` of ONNX
knows no area means, and runtimes differ in what else it does.

Shapes: n old and m new pixels of a side.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.exporting.onnx_graph import OnnxGraph, Value

CUBIC = -0.75
"""Slope of the cubic at one pixel's distance, as in OpenCV."""


@dataclass(frozen=True)
class Side:
    """One side of a picture before and after resampling."""

    graph: OnnxGraph
    before: Value
    """n, (1,) int64."""
    after: Value
    """m, (1,) int64."""

    @property
    def scale(self) -> Value:
        """Old pixels along a new one, (1,) float64."""
        old, new = (self.graph.cast(side, np.float64) for side in (self.before, self.after))
        return self.graph.op("Div", old, new)

    def new_pixels(self) -> Value:
        """Return the numbers of the new pixels, (m,) float64."""
        graph = self.graph
        last = graph.op("Squeeze", self.after)
        numbers = graph.op("Range", graph.number(0, np.int64), last, graph.number(1, np.int64))
        return graph.cast(numbers, np.float64)


@dataclass(frozen=True)
class Table:
    """How each new pixel of a side is made."""

    num: Value
    """K, int64 without axes."""
    pixels: Value
    """(K, m) int64: old pixels."""
    weights: Value
    """(K, m) float32: their weights."""


def area_table(side: Side) -> Table:
    """Return the table of means over the area of each new pixel, for sides that shrink."""
    graph, scale = side.graph, side.scale
    start = graph.op("Mul", side.new_pixels(), scale)
    end = graph.op("Add", start, scale)

    def overlap(pixel: Value) -> Value:
        next_one = graph.op("Add", pixel, graph.number(1, np.float64))
        length = graph.op("Sub", graph.op("Min", next_one, end), graph.op("Max", pixel, start))
        return graph.op("Max", length, graph.number(0, np.float64))

    return _table(side, graph.op("Floor", start), _number_above(graph, scale, 1), overlap)


def adaptive_table(side: Side) -> Table:
    """Return the table of means over all pixels that a new pixel touches, each counted whole."""
    graph = side.graph
    new = graph.cast(side.new_pixels(), np.int64)
    start = graph.op("Div", graph.op("Mul", new, side.before), side.after)
    next_start = graph.op("Mul", graph.op("Add", new, graph.ints(1)), side.before)
    rest = graph.op("Sub", side.after, graph.ints(1))
    end = graph.op("Div", graph.op("Add", next_start, rest), side.after)
    end = graph.cast(end, np.float64)

    def is_touched(pixel: Value) -> Value:
        return graph.cast(graph.op("Less", pixel, end), np.float64)

    num = _number_above(graph, side.scale, 1)
    return _table(side, graph.cast(start, np.float64), num, is_touched)


def linear_table(side: Side) -> Table:
    """Return the table of linear interpolation between the two nearest pixels."""
    return _triangles(side, side.graph.constant([1], np.float64))


def smoothing_table(side: Side) -> Table:
    """Return the table of linear interpolation; a side that shrinks is smoothed as much."""
    return _triangles(side, side.graph.op("Max", side.scale, side.graph.number(1, np.float64)))


def _triangles(side: Side, reach: Value) -> Table:
    """Return the table of weights that fall to zero at `reach`, (1,) float64, old pixels."""
    graph = side.graph
    centre = _centres(side)
    before = graph.op("Floor", graph.op("Sub", centre, reach))
    first = graph.op("Add", before, graph.number(1, np.float64))

    def triangle(pixel: Value) -> Value:
        distance = graph.op("Div", graph.op("Abs", graph.op("Sub", pixel, centre)), reach)
        height = graph.op("Sub", graph.number(1, np.float64), distance)
        return graph.op("Max", height, graph.number(0, np.float64))

    twice = graph.op("Mul", reach, graph.number(2, np.float64))
    return _table(side, first, _number_above(graph, twice, 0), triangle)


def cubic_table(side: Side) -> Table:
    """Return the table of cubic interpolation, edges replicated."""
    graph = side.graph
    centre = _centres(side)
    before = graph.op("Floor", centre)
    first = graph.op("Sub", before, graph.number(1, np.float64))
    fraction = graph.op("Sub", centre, before)
    offsets = np.arange(-1.0, 3.0).reshape(4, 1)
    distance = graph.op("Abs", graph.op("Sub", graph.constant(offsets, np.float64), fraction))
    near = _polynomial(graph, distance, (CUBIC + 2, -(CUBIC + 3), 0, 1))
    far = _polynomial(graph, distance, (CUBIC, -5 * CUBIC, 8 * CUBIC, -4 * CUBIC))
    is_near = graph.op("LessOrEqual", distance, graph.number(1, np.float64))
    pixels = graph.op("Add", first, graph.constant(np.arange(4.0).reshape(4, 1), np.float64))
    return Table(
        graph.number(4, np.int64),
        _clamped(side, pixels),
        graph.cast(graph.op("Where", is_near, near, far), np.float32),
    )


def tables(
    graph: OnnxGraph, before: Value, after: Value, table: Callable[[Side], Table]
) -> tuple[Table, Table]:
    """Return the tables that resample pictures of one size, (2,) int64, to another."""
    rows, columns = (
        [graph.slice(size, [0], graph.ints(i), graph.ints(i + 1)) for size in (before, after)]
        for i in range(2)
    )
    return table(Side(graph, *rows)), table(Side(graph, *columns))


def resampled(graph: OnnxGraph, picture: Value, rows: Table, columns: Table) -> Value:
    """Return a picture, (H, W) or (H, W, C) of any type, as float32 of the size of the tables."""
    return _along(graph, _along(graph, picture, rows, 0), columns, 1)


def _along(graph: OnnxGraph, picture: Value, table: Table, axis: int) -> Value:
    """Return `picture` resampled along one axis, float32."""
    shape = graph.op("Shape", picture)
    before, after = (
        graph.slice(shape, [0], graph.ints(start), graph.ints(end))
        for start, end in ((0, axis), (axis + 1, 3))
    )
    num = graph.op("Shape", table.pixels)
    new_side = graph.slice(num, [0], graph.ints(1), graph.ints(2))
    whole = graph.op("Concat", before, new_side, after, axis=0)
    # A row of weights gets as many axes after it as the picture has.
    ones = graph.op("Expand", graph.ints(1), graph.op("Shape", after))
    weight_shape = graph.op("Concat", new_side, ones, axis=0)

    def add(turn: Value, total: Value) -> Value:
        pixels = graph.op("Gather", picture, graph.op("Gather", table.pixels, turn), axis=axis)
        weights = graph.op("Reshape", graph.op("Gather", table.weights, turn), weight_shape)
        return graph.op("Add", total, graph.op("Mul", graph.cast(pixels, np.float32), weights))

    zeros = graph.op("Expand", graph.number(0), whole)
    return graph.repeat(table.num, zeros, np.float32, add)


def _table(side: Side, first: Value, num: Value, weight: Callable[[Value], Value]) -> Table:
    """Return the table of `num` old pixels from `first` on, (m,) float64, weighted by `weight`.

    Pixels beyond the picture have no weight; the weights of a new pixel sum to 1.
    """
    graph = side.graph
    numbers = graph.op("Range", graph.number(0, np.int64), num, graph.number(1, np.int64))
    steps = graph.op("Unsqueeze", graph.cast(numbers, np.float64), graph.ints(1))
    pixels = graph.op("Add", first, steps)
    inside = graph.op(
        "And",
        graph.op("GreaterOrEqual", pixels, graph.number(0, np.float64)),
        graph.op("Less", pixels, graph.cast(side.before, np.float64)),
    )
    weights = graph.op("Where", inside, weight(pixels), graph.number(0, np.float64))
    total = graph.op("ReduceSum", weights, graph.ints(0), keepdims=1)
    weights = graph.cast(graph.op("Div", weights, total), np.float32)
    return Table(num, _clamped(side, pixels), weights)


def _centres(side: Side) -> Value:
    """Return where the centre of each new pixel lies among the centres of the old ones."""
    graph, half = side.graph, side.graph.number(0.5, np.float64)
    edges = graph.op("Mul", graph.op("Add", side.new_pixels(), half), side.scale)
    return graph.op("Sub", edges, half)


def _clamped(side: Side, pixels: Value) -> Value:
    """Return float64 numbers of pixels as int64 ones that exist."""
    graph = side.graph
    last = graph.op("Sub", side.before, graph.ints(1))
    above = graph.op("Max", graph.cast(pixels, np.int64), graph.number(0, np.int64))
    return graph.op("Min", above, last)


def _number_above(graph: OnnxGraph, length: Value, more: int) -> Value:
    """Return (1,) float64 `length` rounded up plus `more`, int64 without axes."""
    whole = graph.cast(graph.op("Ceil", length), np.int64)
    return graph.op("Squeeze", graph.op("Add", whole, graph.ints(more)))


def _polynomial(graph: OnnxGraph, x: Value, coefficients: tuple[float, ...]) -> Value:
    """Return the polynomial of float64 `x`, the coefficient of its highest power first."""
    result = graph.number(coefficients[0], np.float64)
    for coefficient in coefficients[1:]:
        product = graph.op("Mul", result, x)
        result = graph.op("Add", product, graph.number(coefficient, np.float64))
    return result
