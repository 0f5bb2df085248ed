"""Uncertain tiles, their windows and the stitch as nodes of an ONNX graph.

The same as `coarse.uncertainty`, `refine.fovea` and `refine.stitch`, by reading and writing rows:
where a tile lies, its rows of T pixels are rows of the picture reshaped to (H x W / T, T). So
windows are gathered and tiles put back by whole rows, without transposing the picture.

Shapes: h x w the coarse size, H x W the padded full size, th x tw the grid of tiles, T the side of
a tile, k a level of the fovea, T_k and S_k the sides of tile and window there, N chosen tiles.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from data.geometry import Fovea
from pipeline.exporting.onnx_graph import OnnxGraph, Value

TILES_AT_ONCE = 128
"""Tiles refined together: so few that features between layers stay in the cache of a CPU."""


@dataclass(frozen=True)
class Tiles:
    """The tiles to refine."""

    numbers: Value
    """(N,) int64: row times tw plus column."""
    columns: Value
    """tw, (1,) int64."""


def upsampled(graph: OnnxGraph, logits: Value, stride: int) -> Value:
    """Return (1, h, w) coarse logits as (1, 1, H, W), bilinearly; see `refine.stitch.upsample`."""
    return graph.op(
        "Resize",
        graph.op("Unsqueeze", logits, graph.ints(1)),
        "",
        graph.constant([1, 1, stride, stride], np.float32),
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )


def probability(graph: OnnxGraph, logits: Value) -> Value:
    """Return logits as whole numbers from 0 to 255, float32; see `refine.stitch.probability`."""
    return graph.op("Round", graph.op("Mul", graph.op("Sigmoid", logits), graph.number(255)))


def uncertain_tiles(
    graph: OnnxGraph, logits: Value, budget: Value, *, side: int, low: float, high: float
) -> Tiles:
    """Return the tiles to refine, the most uncertain first; see `coarse.uncertainty`.

    Args:
        graph: receives the nodes.
        logits: (1, h, w) coarse logits.
        budget: (1,) int64: most tiles; all uncertain ones where it is negative.
        side: coarse pixels along the side of a tile.
        low: probability above which a pixel is uncertain.
        high: probability below which it is.
    """
    p = graph.op("Sigmoid", graph.op("Unsqueeze", logits, graph.ints(1)))
    doubt = graph.op("Min", p, graph.op("Sub", graph.number(1), p))
    is_uncertain = graph.op(
        "And", graph.op("Greater", p, graph.number(low)), graph.op("Less", p, graph.number(high))
    )
    square = {"kernel_shape": [side, side], "strides": [side, side]}
    mean = graph.op("AveragePool", doubt, **square)
    has_one = graph.op("MaxPool", graph.cast(is_uncertain, np.float32), **square)
    grid = graph.op("Mul", graph.op("Mul", mean, graph.number(side**2)), has_one)
    flat = graph.op("Reshape", grid, graph.ints(-1))
    is_chosen = graph.cast(graph.op("Greater", flat, graph.number(0)), np.int64)
    num = graph.op("ReduceSum", is_chosen, graph.ints(0), keepdims=1)
    is_limited = graph.op("GreaterOrEqual", budget, graph.ints(0))
    num = graph.op("Where", is_limited, graph.op("Min", num, budget), num)
    _, numbers = graph.ops("TopK", [flat, num], 2)
    columns = graph.slice(graph.op("Shape", grid), [0], graph.ints(3), graph.ints(4))
    return Tiles(numbers, columns)


def refined_tiles(
    graph: OnnxGraph,
    pyramids: Sequence[Sequence[Value]],
    tiles: Tiles,
    fovea: Fovea,
    refiner: Callable[[list[Value]], Value],
) -> Value:
    """Return what the refiner makes of the tiles, (N, T, T) float32, computed in parts.

    Args:
        graph: receives the nodes.
        pyramids: those of RGB and of the coarse probability. Level k is (1, C, (H + 2 m) / 2^k,
            (W + 2 m) / 2^k) float32, with C of 3 and 1 and m the margin of the fovea.
        tiles: the tiles.
        fovea: sides of tile and windows.
        refiner: adds the nodes of the refiner; it takes windows, level k (N, S_k, S_k, 4).
    """
    rgb, probabilities = (
        [_LevelView.of(graph, level, num_channels, fovea, k) for k, level in enumerate(levels)]
        for levels, num_channels in zip(pyramids, (3, 1), strict=True)
    )
    num = graph.op("Shape", tiles.numbers)
    more = graph.op("Add", num, graph.ints(TILES_AT_ONCE - 1))
    turns = graph.op("Squeeze", graph.op("Div", more, graph.ints(TILES_AT_ONCE)))

    def refine_some(turn: Value, before: Value) -> Value:
        start = graph.op("Mul", turn, graph.ints(TILES_AT_ONCE))
        end = graph.op("Add", start, graph.ints(TILES_AT_ONCE))
        numbers = graph.slice(tiles.numbers, [0], start, end)
        row = graph.op("Div", numbers, tiles.columns)
        column = graph.op("Mod", numbers, tiles.columns)
        windows = []
        for pair in zip(rgb, probabilities, strict=True):
            planes = graph.op("Concat", *(view.windows(row, column) for view in pair), axis=1)
            windows.append(graph.transpose(planes, (0, 2, 3, 1)))
        return graph.op("Concat", before, refiner(windows), axis=0)

    none = graph.constant(np.zeros((0, fovea.tile, fovea.tile)), np.float32)
    return graph.repeat(turns, none, np.float32, refine_some)


def stitched(
    graph: OnnxGraph, logits: Value, tiles: Tiles, refined: Value, *, side: int, residual: bool
) -> Value:
    """Return (1, 1, H, W) logits with (N, T, T) refined ones in their tiles; see `refine.stitch`.

    Args:
        graph: receives the nodes.
        logits: upsampled coarse logits.
        tiles: the tiles.
        refined: in the order of `tiles`.
        side: T.
        residual: whether `refined` is added to the coarse logits, or replaces them.
    """
    rows = graph.op("Reshape", logits, graph.ints(-1, side))
    row = graph.op("Mul", graph.op("Div", tiles.numbers, tiles.columns), graph.ints(side))
    column = graph.op("Mod", tiles.numbers, tiles.columns)
    within = graph.constant(np.arange(side), np.int64)
    inside = graph.op("Add", graph.op("Unsqueeze", row, graph.ints(1)), within)
    first = graph.op("Mul", inside, tiles.columns)
    numbers = graph.op("Add", first, graph.op("Unsqueeze", column, graph.ints(1)))
    if residual:
        refined = graph.op("Add", graph.op("Gather", rows, numbers, axis=0), refined)
    index = graph.op("Unsqueeze", numbers, graph.ints(2))
    result = graph.op("ScatterND", rows, index, refined)
    return graph.op("Reshape", result, graph.op("Shape", logits))


@dataclass(frozen=True)
class _LevelView:
    """A level of the pyramid as rows of T_k pixels, and where the window of a tile lies in it."""

    graph: OnnxGraph
    rows: Value
    """(C height width / T_k, T_k)."""
    width: Value
    """Rows of T_k pixels side by side, (1,) int64."""
    offsets: Value
    """(C, S_k, 2 k + 1) int64: rows of a window, from its first one on."""
    num_channels: int
    """C."""
    fovea: Fovea
    level: int

    @classmethod
    def of(
        cls, graph: OnnxGraph, level: Value, num_channels: int, fovea: Fovea, k: int
    ) -> "_LevelView":
        """Return the view of level k, (1, C, height, width)."""
        side, window = fovea.tile_side(k), fovea.window_side(k)
        shape = graph.op("Shape", level)
        height, width = (graph.slice(shape, [0], graph.ints(i), graph.ints(i + 1)) for i in (2, 3))
        width = graph.op("Div", width, graph.ints(side))
        channels = graph.constant(np.arange(num_channels).reshape(-1, 1, 1), np.int64)
        channel = graph.op("Mul", channels, height)
        row = graph.op("Add", channel, graph.constant(np.arange(window).reshape(-1, 1), np.int64))
        beside = graph.constant(np.arange(2 * k + 1), np.int64)
        return cls(
            graph,
            graph.op("Reshape", level, graph.ints(-1, side)),
            width,
            graph.op("Add", graph.op("Mul", row, width), beside),
            num_channels,
            fovea,
            k,
        )

    def windows(self, row: Value, column: Value) -> Value:
        """Return the windows of tiles, (N, C, S_k, S_k); `row` and `column` are (N,) int64."""
        graph, side = self.graph, self.fovea.tile_side(self.level)
        # Tiles that the margin is wider than this window's reach.
        rim = self.fovea.levels - 1 - self.level
        first_row = graph.op("Mul", graph.op("Add", row, graph.ints(rim)), graph.ints(side))
        first_column = graph.op("Add", column, graph.ints(rim))
        first = graph.op("Add", graph.op("Mul", first_row, self.width), first_column)
        first = graph.op("Unsqueeze", first, graph.ints(1, 2, 3))
        pieces = graph.op("Gather", self.rows, graph.op("Add", first, self.offsets), axis=0)
        window = self.fovea.window_side(self.level)
        return graph.op("Reshape", pieces, graph.ints(0, self.num_channels, window, window))
