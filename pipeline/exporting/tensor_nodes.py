"""Arithmetic and indexing of torch as nodes of an ONNX graph, one function for each operation.

Each takes the graph, what a trace knows of the operation, and its arguments: strings are values of
the graph, tensors are stored weights.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from data.errors import InputError
from pipeline.exporting.onnx_graph import OnnxGraph, Value

Operand = Value | Tensor | float


@dataclass(frozen=True)
class Traced:
    """What a trace knows of an operation beside its arguments."""

    dims: int
    """Number of axes of its first argument."""
    dtype: np.dtype[Any]
    """Type of its result."""


def same(_graph: OnnxGraph, _traced: Traced, x: Value, *_options: Any) -> Value:
    """Return `x`: the operation changes nothing in a network for prediction."""
    return x


def elementwise(kind: str) -> Callable[..., Value]:
    """Return the function for an operation on two operands, of which one may be a number."""

    def add(graph: OnnxGraph, traced: Traced, x: Operand, y: Operand) -> Value:
        return graph.op(kind, operand(graph, traced, x), operand(graph, traced, y))

    return add


def maximum(graph: OnnxGraph, _traced: Traced, x: Value, y: Value) -> Value:
    """`torch.maximum`."""
    return graph.op("Max", x, y)


def cat(graph: OnnxGraph, _traced: Traced, parts: Sequence[Value], dim: int = 0) -> Value:
    """`torch.cat`."""
    return graph.op("Concat", *parts, axis=dim)


def cut(
    graph: OnnxGraph,
    _traced: Traced,
    x: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    """Return a slice of `x` along one axis."""
    last = sys.maxsize if end is None else end
    return graph.op(
        "Slice", x, graph.ints(start or 0), graph.ints(last), graph.ints(dim), graph.ints(step)
    )


def slice_scatter(  # noqa: PLR0913  the arguments are torch's
    graph: OnnxGraph,
    traced: Traced,
    x: Value,
    source: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    """Return `x` with `source` in place of its slice from `start` to `end`."""
    if step != 1:
        raise InputError("a network that writes to every other pixel cannot be exported yet")
    parts = [source]
    if start:
        parts.insert(0, cut(graph, traced, x, dim, 0, start))
    if end is not None and end != sys.maxsize:
        parts.append(cut(graph, traced, x, dim, end))
    return graph.op("Concat", *parts, axis=dim)


def copy(_graph: OnnxGraph, _traced: Traced, _x: Value, source: Value, *_options: Any) -> Value:
    """`torch.Tensor.copy_`, of a tensor of the same shape."""
    return source


def pad(
    graph: OnnxGraph,
    traced: Traced,
    x: Value,
    amounts: Sequence[int],
    mode: str = "constant",
    value: float | None = None,
) -> Value:
    """`torch.nn.functional.pad`: by zeros, or by replicating the edge."""
    if mode not in ("constant", "replicate") or value:
        raise InputError(f"a network that pads by {mode} {value} cannot be exported yet")
    starts, ends = [0] * traced.dims, [0] * traced.dims
    for i in range(len(amounts) // 2):
        starts[-1 - i], ends[-1 - i] = amounts[2 * i : 2 * i + 2]
    pads = graph.ints(*starts, *ends)
    return graph.op("Pad", x, pads, mode="edge" if mode == "replicate" else mode)


def view(graph: OnnxGraph, _traced: Traced, x: Value, shape: Sequence[int]) -> Value:
    """`torch.Tensor.view`."""
    return graph.op("Reshape", x, graph.ints(*shape))


def squeeze(graph: OnnxGraph, _traced: Traced, x: Value, dim: int) -> Value:
    """`torch.Tensor.squeeze` of one axis."""
    return graph.op("Squeeze", x, graph.ints(dim))


def permute(graph: OnnxGraph, _traced: Traced, x: Value, dims: Sequence[int]) -> Value:
    """`torch.Tensor.permute`."""
    return graph.transpose(x, dims)


def to_dtype(graph: OnnxGraph, traced: Traced, x: Value, *_options: Any, **_more: Any) -> Value:
    """`torch.Tensor.to` a type."""
    return graph.cast(x, traced.dtype)


def std_mean(
    graph: OnnxGraph, _traced: Traced, x: Value, dims: Sequence[int], correction: int
) -> tuple[Value, Value]:
    """`torch.std_mean` over `dims`, which it drops."""
    if correction:
        raise InputError("a network with an unbiased deviation cannot be exported yet")
    axes = graph.ints(*dims)
    mean = graph.op("ReduceMean", x, axes, keepdims=1)
    centred = graph.op("Sub", x, mean)
    variance = graph.op("ReduceMean", graph.op("Mul", centred, centred), axes, keepdims=0)
    return graph.op("Sqrt", variance), graph.op("Squeeze", mean, axes)


def stored(graph: OnnxGraph, tensor: Tensor) -> Value:
    """Return a stored tensor as a constant."""
    return graph.weight(tensor.contiguous().numpy())


def operand(graph: OnnxGraph, traced: Traced, x: Operand) -> Value:
    """Return a value, a stored tensor or a number as a value of the type of the result."""
    if isinstance(x, str):
        return x
    return stored(graph, x) if isinstance(x, Tensor) else graph.number(x, traced.dtype)
