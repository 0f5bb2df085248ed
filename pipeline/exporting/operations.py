"""Operations of torch as nodes of an ONNX graph, one function for each.

Each takes the graph, the shapes and types that the operation has in the trace, and the arguments of
the operation: strings are values of the graph, tensors are stored weights.

Max-pooling of 2 x 2 that remembers where the maxima were becomes four slices and comparisons; its
second result is not the positions but four masks. Unpooling reads these, and puts values back with
`Where` and `DepthToSpace`. There is no scatter, so every runtime takes it.

Shapes: N photos or tiles, C channels, H x W pixels.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
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


def conv(  # noqa: PLR0913  the arguments are torch's
    graph: OnnxGraph,
    _traced: Traced,
    x: Value,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Value:
    """`torch.nn.functional.conv2d`."""
    return graph.op(
        "Conv",
        x,
        stored(graph, weight),
        *([] if bias is None else [stored(graph, bias)]),
        kernel_shape=weight.shape[2:],
        strides=stride,
        pads=[*padding, *padding],
        dilations=dilation,
        group=groups,
    )


def conv_transpose(  # noqa: PLR0913  the arguments are torch's
    graph: OnnxGraph,
    _traced: Traced,
    x: Value,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    output_padding: Sequence[int] = (0, 0),
    groups: int = 1,
    dilation: Sequence[int] = (1, 1),
) -> Value:
    """`torch.nn.functional.conv_transpose2d`."""
    return graph.op(
        "ConvTranspose",
        x,
        stored(graph, weight),
        *([] if bias is None else [stored(graph, bias)]),
        kernel_shape=weight.shape[2:],
        strides=stride,
        pads=[*padding, *padding],
        output_padding=output_padding,
        dilations=dilation,
        group=groups,
    )


def relu(graph: OnnxGraph, _traced: Traced, x: Value) -> Value:
    """`torch.relu`."""
    return graph.op("Relu", x)


def prelu(graph: OnnxGraph, traced: Traced, x: Value, slopes: Tensor) -> Value:
    """`torch.nn.functional.prelu`: a slope for each channel, which is axis 1."""
    return graph.op("PRelu", x, stored(graph, slopes.reshape(-1, *[1] * (traced.dims - 2))))


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


def max_pool(
    graph: OnnxGraph,
    _traced: Traced,
    x: Value,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    ceil_mode: bool = False,
) -> Value:
    """`torch.nn.functional.max_pool2d`."""
    return graph.op(
        "MaxPool",
        x,
        kernel_shape=kernel,
        strides=stride or kernel,
        pads=[*padding, *padding] if len(padding) > 1 else list(padding) * 4,
        dilations=dilation if len(dilation) > 1 else list(dilation) * 2,
        ceil_mode=int(ceil_mode),
    )


def max_pool_with_masks(
    graph: OnnxGraph, _traced: Traced, x: Value, kernel: Sequence[int], stride: Sequence[int] = ()
) -> tuple[Value, list[Value]]:
    """Return the maxima of 2 x 2 pixels, and four masks that say which pixel each came from.

    Of equal pixels the first is the maximum, as in torch.
    """
    if list(kernel) != [2, 2] or list(stride or kernel) != [2, 2]:
        raise InputError("a network that remembers maxima of other than 2 x 2 pixels cannot be "
                         "exported yet")  # fmt: skip
    pixels = [
        graph.op("Slice", x, graph.ints(i, j), graph.ints(*[sys.maxsize] * 2), graph.ints(2, 3),
                 graph.ints(2, 2))
        for i in range(2) for j in range(2)
    ]  # fmt: skip
    largest = graph.op("Max", *pixels)
    masks, found = [], ""
    for pixel in pixels[:3]:
        is_largest = graph.op("Equal", pixel, largest)
        masks.append(graph.op("And", is_largest, graph.op("Not", found)) if found else is_largest)
        found = graph.op("Or", found, is_largest) if found else is_largest
    return largest, [*masks, graph.op("Not", found)]


def max_unpool(
    graph: OnnxGraph, traced: Traced, x: Value, masks: Sequence[Value], _size: Any
) -> Value:
    """Return `x` at twice the size, each value where `masks` say and zero elsewhere."""
    zero = graph.number(0, traced.dtype)
    parts = [graph.op("Where", mask, x, zero) for mask in masks]
    return graph.op("DepthToSpace", graph.op("Concat", *parts, axis=1), blocksize=2, mode="DCR")


def upsample_nearest(
    graph: OnnxGraph, _traced: Traced, x: Value, _size: Any, scales: Sequence[float] | None
) -> Value:
    """`torch.nn.functional.interpolate` by whole factors, each pixel repeated."""
    if scales is None or any(scale != int(scale) for scale in scales):
        raise InputError("a network that repeats pixels by no whole factor cannot be exported")
    factors = graph.constant([1, 1, *scales], np.float32)
    return graph.op(
        "Resize",
        x,
        "",
        factors,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def batch_norm(  # noqa: PLR0913  the arguments are torch's
    graph: OnnxGraph,
    traced: Traced,
    x: Value,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
    _momentum: float,
    epsilon: float,
) -> tuple[Value]:
    """A batch norm with fixed statistics, as a factor and a summand for each channel."""
    factor = weight.double() / (variance.double() + epsilon).sqrt()
    summand = bias.double() - mean.double() * factor
    shape = (-1, *[1] * (traced.dims - 2))
    factor_value, summand_value = (
        graph.weight(values.float().reshape(shape).numpy()) for values in (factor, summand)
    )
    return (graph.op("Add", graph.op("Mul", x, factor_value), summand_value),)


def layer_norm(
    graph: OnnxGraph,
    _traced: Traced,
    x: Value,
    shape: Sequence[int],
    weight: Tensor,
    bias: Tensor,
    epsilon: float = 1e-5,
    *_options: Any,
) -> Value:
    """`torch.nn.functional.layer_norm`."""
    norm = (x, stored(graph, weight), stored(graph, bias))
    return graph.op("LayerNormalization", *norm, axis=-len(shape), epsilon=epsilon)


def linear(graph: OnnxGraph, _traced: Traced, x: Value, weight: Tensor, bias: Tensor) -> Value:
    """`torch.nn.functional.linear`."""
    return graph.op("Gemm", x, stored(graph, weight), stored(graph, bias), transB=1)


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


def numpy_dtype(dtype: torch.dtype) -> np.dtype[Any]:
    """Return the type of numpy that a type of torch is."""
    return torch.empty(0, dtype=dtype).numpy().dtype


OPERATIONS: dict[str, Callable[..., Any]] = {
    "_native_batch_norm_legit_no_training": batch_norm,
    "_to_copy": to_dtype,
    "add": elementwise("Add"),
    "alias": same,
    "cat": cat,
    "clone": same,
    "conv2d": conv,
    "conv_transpose2d": conv_transpose,
    "copy": copy,
    "detach": same,
    "div": elementwise("Div"),
    "dropout": same,
    "feature_dropout": same,
    "layer_norm": layer_norm,
    "linear": linear,
    "max_pool2d": max_pool,
    "max_pool2d_with_indices": max_pool_with_masks,
    "max_unpool2d": max_unpool,
    "maximum": maximum,
    "mul": elementwise("Mul"),
    "pad": pad,
    "permute": permute,
    "prelu": prelu,
    "relu": relu,
    "slice": cut,
    "slice_scatter": slice_scatter,
    "squeeze": squeeze,
    "std_mean": std_mean,
    "sub": elementwise("Sub"),
    "to": to_dtype,
    "upsample_nearest2d": upsample_nearest,
    "view": view,
}
"""The function for each operation of torch, by its name in a trace."""
