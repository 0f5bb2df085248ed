"""A torch network as nodes of an ONNX graph.

`torch.export` traces the network's own `forward`, so there is no second copy of it;
`pipeline.exporting.operations` has the nodes of each operation in the trace.
"""

import operator
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram, export
from torch.fx import Node

from data.errors import InputError
from pipeline.exporting.onnx_graph import OnnxGraph, Value
from pipeline.exporting.operations import OPERATIONS
from pipeline.exporting.tensor_nodes import Traced


def add_network(
    graph: OnnxGraph,
    network: nn.Module,
    inputs: Sequence[Value],
    examples: Sequence[Sequence[Tensor]],
) -> list[Value]:
    """Add the nodes of `network` to `graph`, and return its outputs.

    Args:
        graph: receives the nodes.
        network: a network for prediction, in eval mode.
        inputs: the values that it is applied to.
        examples: lists of inputs, whose sizes differ in every axis that is free. The network is
            traced with each, and all traces must give the same nodes: then these hold for any size.

    Raises:
        InputError: it has an operation that cannot be exported, or one that depends on the size of
            its input.
    """
    traces = [_traced(network, example) for example in examples]
    trials = [OnnxGraph() for _ in traces]
    for trial, trace in zip(trials, traces, strict=True):
        _add_trace(trial, trace, [f"input_{i}" for i in range(len(inputs))])
    if any(trial.content() != trials[0].content() for trial in trials):
        raise InputError(
            f"{type(network).__name__} cannot be exported: what it computes depends on the size of "
            "its input"
        )
    return _add_trace(graph, traces[0], inputs)


def _traced(network: nn.Module, example: Sequence[Tensor]) -> ExportedProgram:
    """Return the operations of `network`, none of which changes a tensor in place."""
    with warnings.catch_warnings():
        # torch warns of parts of its own.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        program: ExportedProgram = export(network, tuple(example), strict=False)
        functional: ExportedProgram = program.run_decompositions({})
        return functional


def _add_trace(graph: OnnxGraph, program: ExportedProgram, inputs: Sequence[Value]) -> list[Value]:
    """Add the nodes of all operations of a trace, and return its outputs."""
    signature = program.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    weights = {**dict(program.named_parameters()), **dict(program.named_buffers())}
    free = iter(inputs)
    values: dict[Node, Any] = {}
    outputs: list[Value] = []
    for node in program.graph.nodes:
        if node.op == "placeholder":
            name = names.get(node.name)
            values[node] = next(free) if name is None else weights[name].detach()
        elif node.op == "output":
            outputs = [values[output] for output in node.args[0]]
        else:
            values[node] = _add_operation(graph, node, values)
    return outputs


def _add_operation(graph: OnnxGraph, node: Node, values: dict[Node, Any]) -> Any:
    """Add the nodes of one operation, and return its result."""
    arguments = [_resolved(argument, values) for argument in node.args]
    if node.target is operator.getitem:
        source, index = arguments
        return source[index]
    name = str(node.target).removeprefix("aten.").partition(".")[0]
    if name == "_assert_tensor_metadata":
        return None
    if name not in OPERATIONS:
        raise InputError(f"a network with the operation {name} cannot be exported to ONNX")
    options = {key: _resolved(value, values) for key, value in node.kwargs.items()}
    return OPERATIONS[name](graph, _known(node), *arguments, **options)


def _known(node: Node) -> Traced:
    """Return what the trace knows of an operation: axes of its first argument, type of its result.

    Of several results the first has the type.
    """
    source = node.args[0] if isinstance(node.args[0], Node) else node
    result = node.meta["val"]
    first = result[0] if isinstance(result, list | tuple) else result
    return Traced(source.meta["val"].dim(), torch.empty(0, dtype=first.dtype).numpy().dtype)


def _resolved(argument: Any, values: dict[Node, Any]) -> Any:
    """Return an argument of an operation with values instead of nodes."""
    if isinstance(argument, Node):
        return values[argument]
    if isinstance(argument, list | tuple):
        return [_resolved(item, values) for item in argument]
    return argument
