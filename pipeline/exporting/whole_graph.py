"""The whole journey of a `Segmenter` as one ONNX graph: photo in, mask out.

Shapes: H x W the photo, h x w the coarse size.
"""

from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from coarse.coarse_network import CoarseNetwork
from coarse.mlp import MLP
from coarse.novelty import NoveltyDetector
from data.errors import InputError
from pipeline.exporting import photo_nodes, tile_nodes
from pipeline.exporting.mask_nodes import EXPORTABLE, postprocessed
from pipeline.exporting.network_nodes import add_network
from pipeline.exporting.onnx_graph import OnnxGraph, Value, named
from pipeline.exporting.resampling_nodes import adaptive_table, linear_table, resampled, tables
from pipeline.inference.torch_networks import fold_for_inference
from pipeline.model import Model
from refine.refiner_network import Refiner

PHOTO, BUDGET, MASK, LOGITS, NOVELTY = "photo", "budget", "mask", "logits", "novelty"
"""Names of inputs and outputs."""

ALL_TILES = -1
"""The budget of all uncertain tiles."""

CPU = torch.device("cpu")


def whole_graph(model: Model, *, half_weights: bool = False) -> onnx.ModelProto:
    """Return `model` as an ONNX graph; one without a refiner has the coarse stage alone.

    Args:
        model: the model, whose post-processing becomes part of the graph.
        half_weights: whether the weights of the networks are stored as float16. Everything is
            computed in float32.

    Raises:
        InputError: a post-processing step or a network cannot be part of a graph.
    """
    check_steps(model)
    graph = OnnxGraph(half_weights=half_weights)
    sizes = photo_nodes.working_size(graph, PHOTO, model.long_side)
    levels = _pyramid(graph, photo_nodes.to_working_size(graph, PHOTO, sizes), sizes, model)
    coarse, *description = _coarse(graph, levels, model)
    logits = tile_nodes.upsampled(graph, coarse, model.coarse.stride)
    inputs = [named(PHOTO, np.uint8, ["height", "width", 3])]
    if model.refiner is not None:
        inputs.append(named(BUDGET, np.int64, [1]))
        network = fold_for_inference(model.refiner, CPU, "fp32")
        logits = _refined(graph, levels, coarse, logits, model, network)
    logits = graph.op("Squeeze", logits, graph.ints(0, 1))
    logits = photo_nodes.at_photo_size(graph, logits, sizes)
    results: dict[str, tuple[Value, Any, list[int | str]]] = {
        MASK: (_mask(graph, logits, model), np.uint8, ["height", "width"]),
        LOGITS: (logits, np.float32, ["height", "width"]),
    }
    if model.novelty is not None:
        results[NOVELTY] = (_novelty(graph, description[0], model.novelty), np.float32, [1])
    outputs = [graph.output(name, *result) for name, result in results.items()]
    return graph.finish("foveamask", inputs, outputs)


def check_steps(model: Model) -> None:
    """Raise unless all post-processing steps of `model` can be part of a graph.

    Raises:
        InputError: one cannot.
    """
    for step in model.postprocess:
        if step.name not in EXPORTABLE:
            raise InputError(
                f"the post-processing step {step} cannot be part of an ONNX graph, only "
                f"{' and '.join(EXPORTABLE)} can; export with --postprocess none"
            )


class _WithDescription(nn.Module):
    """A coarse network whose `forward` returns the description of each photo as well."""

    def __init__(self, network: CoarseNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        return self.network.described(photos)


class _OfWindows(nn.Module):
    """A refiner that takes the windows one by one, as a trace needs them."""

    def __init__(self, network: Refiner) -> None:
        super().__init__()
        self.network = network

    def forward(self, *windows: Tensor) -> Tensor:
        logits: Tensor = self.network(windows)
        return logits


def _pyramid(
    graph: OnnxGraph, at_work: Value, sizes: photo_nodes.Sizes, model: Model
) -> list[Value]:
    """Return the levels of the photo's pyramid; see `Segmenter.pyramid`."""
    planes = graph.cast(graph.transpose(at_work, (2, 0, 1)), np.float32)
    return photo_nodes.padded_pyramid(
        graph,
        graph.op("Unsqueeze", planes, graph.ints(0)),
        sizes.working,
        levels=max(model.fovea.levels, model.coarse.level + 1),
        margin=model.fovea.margin,
        alignment=model.coarse.alignment,
    )


def _coarse(graph: OnnxGraph, levels: list[Value], model: Model) -> list[Value]:
    """Return the (1, h, w) logits of the coarse network, and the description if it is needed."""
    coarse, seen = model.coarse, levels[model.coarse.level]
    rim = model.fovea.margin // coarse.stride
    if rim:
        seen = graph.slice(seen, [2, 3], graph.ints(rim, rim), graph.ints(-rim, -rim))
    folded = fold_for_inference(coarse, CPU, "fp32")
    network = folded if model.novelty is None else _WithDescription(folded)
    if isinstance(coarse, MLP):
        return _on_grid(graph, seen, network, coarse.grid)
    sides = [[coarse.multiple * number for number in pair] for pair in ((2, 3), (4, 2))]
    return add_network(graph, network, [seen], [[torch.zeros(1, 3, *pair)] for pair in sides])


def _on_grid(
    graph: OnnxGraph, seen: Value, network: nn.Module, grid: tuple[int, ...]
) -> list[Value]:
    """Return the logits of a network of one size, resampled to it and back; see `coarse.mlp`."""
    size = graph.slice(graph.op("Shape", seen), [0], graph.ints(2), graph.ints(4))
    fixed = graph.ints(*grid)
    pixels = graph.transpose(graph.op("Squeeze", seen, graph.ints(0)), (1, 2, 0))
    small = resampled(graph, pixels, *tables(graph, size, fixed, adaptive_table))
    planes = graph.op("Unsqueeze", graph.transpose(small, (2, 0, 1)), graph.ints(0))
    logits, *description = add_network(graph, network, [planes], [[torch.zeros(1, 3, *grid)]])
    flat = graph.op("Squeeze", logits, graph.ints(0))
    large = resampled(graph, flat, *tables(graph, fixed, size, linear_table))
    return [graph.op("Unsqueeze", large, graph.ints(0)), *description]


def _refined(
    graph: OnnxGraph,
    levels: list[Value],
    coarse: Value,
    logits: Value,
    model: Model,
    refiner: Refiner,
) -> Value:
    """Return the upsampled `logits` with refined tiles in them."""
    fovea = model.fovea
    tiles = tile_nodes.uncertain_tiles(
        graph,
        coarse,
        BUDGET,
        side=fovea.tile // model.coarse.stride,
        low=model.low,
        high=model.high,
    )
    size = graph.slice(graph.op("Shape", logits), [0], graph.ints(2), graph.ints(4))
    p_levels = photo_nodes.padded_pyramid(
        graph,
        tile_nodes.probability(graph, logits),
        size,
        levels=fovea.levels,
        margin=fovea.margin,
        alignment=1,
    )

    def refine(windows: list[Value]) -> Value:
        sides = [fovea.window_side(level) for level in range(fovea.levels)]
        examples = [[torch.zeros(num, side, side, 4) for side in sides] for num in (2, 3)]
        (result,) = add_network(graph, _OfWindows(refiner), windows, examples)
        return result

    refined = tile_nodes.refined_tiles(
        graph, [levels[: fovea.levels], p_levels], tiles, fovea, refine
    )
    return tile_nodes.stitched(
        graph, logits, tiles, refined, side=fovea.tile, residual=refiner.residual
    )


def _mask(graph: OnnxGraph, logits: Value, model: Model) -> Value:
    """Return the mask of (H, W) logits, uint8, 0 and 255."""
    is_object = graph.op("Greater", logits, graph.number(0))
    if model.postprocess:
        picture = graph.op("Unsqueeze", graph.cast(is_object, np.float32), graph.ints(0, 1))
        finished = postprocessed(graph, picture, model.postprocess)
        is_object = graph.cast(graph.op("Squeeze", finished, graph.ints(0, 1)), np.bool_)
    full, empty = (graph.number(value, np.uint8) for value in (255, 0))
    return graph.op("Where", is_object, full, empty)


def _novelty(graph: OnnxGraph, description: Value, detector: NoveltyDetector) -> Value:
    """Return the (1,) novelty of (1, D) descriptions; see `NoveltyDetector.score`."""
    mean, axes, variances = (
        graph.constant(tensor.numpy(), np.float32)
        for tensor in (detector.mean, detector.axes.T, detector.variances)
    )
    centred = graph.op("Sub", description, mean)
    along = graph.op("MatMul", centred, axes)
    squares = graph.op("Mul", along, along)
    total, kept, scaled = (
        graph.op("ReduceSum", values, graph.ints(1), keepdims=0)
        for values in (
            graph.op("Mul", centred, centred),
            squares,
            graph.op("Div", squares, variances),
        )
    )
    rest = graph.op("Max", graph.op("Sub", total, kept), graph.number(0))
    rest = graph.op("Div", rest, graph.number(float(detector.rest)))
    distance = graph.op("Sqrt", graph.op("Add", scaled, rest))
    return graph.op("Div", distance, graph.number(float(detector.limit)))
