"""Layers of torch as nodes of an ONNX graph, one function for each; see `tensor_nodes`.

Max-pooling of 2 x 2 that remembers where the maxima were becomes four slices and comparisons; its
second result is not the positions but four masks. Unpooling reads these, and puts values back with
`Where` and `DepthToSpace`. There is no scatter, so every runtime takes it.

Shapes: N photos or tiles, C channels, H x W pixels.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from data.errors import InputError
from pipeline.exporting.onnx_graph import OnnxGraph, Value
from pipeline.exporting.tensor_nodes import Traced, stored


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
        raise InputError(
            "a network that remembers maxima of more than 2 x 2 pixels cannot be exported"
        )
    axes, steps, ends = graph.ints(2, 3), graph.ints(2, 2), graph.ints(sys.maxsize, sys.maxsize)
    starts = [graph.ints(row, column) for row in range(2) for column in range(2)]
    pixels = [graph.op("Slice", x, start, ends, axes, steps) for start in starts]
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


def pixel_shuffle(graph: OnnxGraph, _traced: Traced, x: Value, factor: int) -> Value:
    """`torch.nn.functional.pixel_shuffle`."""
    return graph.op("DepthToSpace", x, blocksize=factor, mode="CRD")


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
