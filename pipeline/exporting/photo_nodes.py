"""Photo to pyramid and logits to mask as nodes of an ONNX graph.

The same as `data.pyramid`, `refine.batch_pyramid` and the last step of a `Segmenter`; pixels are
float32 that hold whole numbers.

Shapes: H x W the photo, Hw x Ww its working size, Hp x Wp that padded, m the margin.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.exporting.onnx_graph import OnnxGraph, Value
from pipeline.exporting.resampling_nodes import (
    Side,
    Table,
    area_table,
    cubic_table,
    resampled,
    smoothing_table,
    tables,
)


@dataclass(frozen=True)
class Sizes:
    """Sizes of the photo, (2,) int64: rows and columns."""

    photo: Value
    working: Value
    is_same: Value
    """Whether both are the same, bool without axes."""


def working_size(graph: OnnxGraph, photo: Value, long_side: int) -> Sizes:
    """Return the sizes of a (H, W, 3) photo; see `data.geometry.working_size`."""
    size = graph.slice(graph.op("Shape", photo), [0], graph.ints(0), graph.ints(2))
    sides = graph.cast(size, np.float64)
    longest = graph.cast(graph.op("ReduceMax", size, graph.ints(0), keepdims=0), np.float64)
    scale = graph.op("Div", graph.number(long_side, np.float64), longest)
    rounded = graph.cast(graph.op("Round", graph.op("Mul", sides, scale)), np.int64)
    scaled = graph.op("Max", rounded, graph.ints(1))
    is_near = graph.op(
        "And",
        graph.op("GreaterOrEqual", scale, graph.number(0.8, np.float64)),
        graph.op("LessOrEqual", scale, graph.number(1.25, np.float64)),
    )
    return Sizes(size, graph.op("Where", is_near, size, scaled), is_near)


def to_working_size(graph: OnnxGraph, photo: Value, sizes: Sizes) -> Value:
    """Return a (H, W, 3) uint8 photo as (Hw, Ww, 3); see `data.pyramid.to_working_size`."""
    areas = [graph.op("ReduceProd", size, keepdims=0) for size in (sizes.working, sizes.photo)]
    shrinks = graph.op("Less", *areas)

    def by(table: Callable[[Side], Table]) -> Value:
        return resampled(graph, photo, *tables(graph, sizes.photo, sizes.working, table))

    def smaller() -> Value:
        means = by(area_table)
        # OpenCV rounds halves up where both sides halve, and to the even neighbour elsewhere.
        twice = graph.op("Equal", graph.op("Add", sizes.working, sizes.working), sizes.photo)
        both = graph.op("ReduceMin", graph.cast(twice, np.int32), keepdims=0)
        up = graph.op("Floor", graph.op("Add", means, graph.number(0.5)))
        return graph.op("Where", graph.cast(both, np.bool_), up, graph.op("Round", means))

    def larger() -> Value:
        inside = graph.op("Clip", by(cubic_table), graph.number(0), graph.number(255))
        return graph.op("Round", inside)

    def resized() -> Value:
        return graph.cast(graph.choose(shrinks, smaller, larger), np.uint8)

    return graph.choose(sizes.is_same, lambda: photo, resized)


def padded_pyramid(
    graph: OnnxGraph, picture: Value, size: Value, *, levels: int, margin: int, alignment: int
) -> list[Value]:
    """Return the levels of the pyramid; see `refine.batch_pyramid.padded_pyramid`.

    Args:
        graph: receives the nodes.
        picture: (1, C, H, W) float32 whole numbers.
        size: (2,) int64, H and W.
        levels: number of levels.
        margin: m.
        alignment: see there.

    Returns:
        Level k: (1, C, (Hp + 2 m) / 2^k, (Wp + 2 m) / 2^k) float32 whole numbers.
    """
    missing = graph.op("Mod", graph.op("Neg", size), graph.ints(alignment, alignment))
    ends = graph.op("Add", missing, graph.ints(margin, margin))
    starts = graph.ints(0, 0, margin, margin, 0, 0)
    pads = graph.op("Concat", starts, ends, axis=0)
    result = [graph.op("Pad", picture, pads, mode="edge")]
    while len(result) < levels:
        result.append(_halved(graph, result[-1]))
    return result


def at_photo_size(graph: OnnxGraph, logits: Value, sizes: Sizes) -> Value:
    """Return (Hp, Wp) logits cropped, and resampled to (H, W) if that is another size."""
    cropped = graph.slice(logits, [0, 1], graph.ints(0, 0), sizes.working)

    def resized() -> Value:
        both = tables(graph, sizes.working, sizes.photo, smoothing_table)
        return resampled(graph, cropped, *both)

    return graph.choose(sizes.is_same, lambda: cropped, resized)


def _halved(graph: OnnxGraph, picture: Value) -> Value:
    """Return the means of 2 x 2 pixels, halves rounded up."""
    mean = graph.op("AveragePool", picture, kernel_shape=[2, 2], strides=[2, 2])
    return graph.op("Floor", graph.op("Add", mean, graph.number(0.5)))
