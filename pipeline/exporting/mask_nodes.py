"""Post-processing of masks as nodes of an ONNX graph: the steps that need no labelling of pieces.

The same as `refine.postprocess`. Masks are (1, 1, H, W) float32, 0 and 1.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.exporting.onnx_graph import OnnxGraph, Value
from refine.postprocess import Step


def postprocessed(graph: OnnxGraph, mask: Value, steps: Sequence[Step]) -> Value:
    """Return `mask` after steps of `EXPORTABLE`."""
    for step in steps:
        mask = EXPORTABLE[step.name](graph, mask, step.value)
    return mask


def smooth(graph: OnnxGraph, mask: Value, side: int) -> Value:
    """See `refine.postprocess.smooth`."""
    votes = graph.op("Sub", graph.op("Add", mask, mask), graph.number(1))
    for kernel in ((side, 1), (1, side)):
        ones = graph.constant(np.ones((1, 1, *kernel)), np.float32)
        pads = [kernel[0] // 2, kernel[1] // 2] * 2
        votes = graph.op("Conv", votes, ones, kernel_shape=kernel, pads=pads)
    zero = graph.number(0)
    is_tie = graph.op("Equal", votes, zero)
    majority = graph.cast(graph.op("Greater", votes, zero), np.float32)
    return graph.op("Where", is_tie, mask, majority)


def close_open(graph: OnnxGraph, mask: Value, side: int) -> Value:
    """See `refine.postprocess.close_open`."""
    closed = _shrunk(graph, _thickened(graph, mask, side), side)
    return _thickened(graph, _shrunk(graph, closed, side), side)


EXPORTABLE = {"smooth": smooth, "close-open": close_open}
"""Post-processing steps that can be part of a graph."""


def _thickened(graph: OnnxGraph, mask: Value, side: int) -> Value:
    for kernel in ((side, 1), (1, side)):
        pads = [kernel[0] // 2, kernel[1] // 2] * 2
        mask = graph.op("MaxPool", mask, kernel_shape=kernel, pads=pads)
    return mask


def _shrunk(graph: OnnxGraph, mask: Value, side: int) -> Value:
    return graph.op("Neg", _thickened(graph, graph.op("Neg", mask), side))
