"""Building an ONNX graph node by node; values are the strings that name them.

Nodes stand in the order in which they are added. A constant is stored once, however often it is
asked for.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
"""Version of the operators: the first with reductions over axes that are values."""

IR_VERSION = 9
"""Version of the file format; onnxruntime has read it since 1.15."""

Value = str


class OnnxGraph:
    """A graph under construction."""

    def __init__(self, *, half_weights: bool = False) -> None:
        """Begin an empty graph; with `half_weights`, weights are stored as float16."""
        self._half_weights = half_weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._transposed: dict[Value, tuple[Value, tuple[int, ...]]] = {}
        self._count = 0

    def op(self, kind: str, *inputs: Value, **attributes: Any) -> Value:
        """Add a node with one output and return that output; an input "" is left out."""
        return self.ops(kind, inputs, 1, **attributes)[0]

    def ops(self, kind: str, inputs: Sequence[Value], num: int, **attributes: Any) -> list[Value]:
        """Add a node with `num` outputs and return them."""
        outputs = [self._name(kind) for _ in range(num)]
        self._nodes.append(helper.make_node(kind, inputs, outputs, outputs[0], **attributes))
        return outputs

    def constant(self, values: Any, dtype: Any) -> Value:
        """Return a constant of `dtype`, with the shape of `values`."""
        array = np.ascontiguousarray(np.asarray(values, dtype)).reshape(np.shape(values))
        content = hashlib.sha256(array.tobytes()).hexdigest()[:16]
        name = f"constant_{array.dtype}_{'x'.join(map(str, array.shape))}_{content}"
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def weight(self, array: NDArray[Any]) -> Value:
        """Return weights of a network, float32: a constant, or one of float16 and a cast."""
        if not self._half_weights:
            return self.constant(array, np.float32)
        return self.cast(self.constant(array, np.float16), np.float32)

    def ints(self, *values: int) -> Value:
        """Return a constant (len(values),) int64, such as axes, starts or a shape."""
        return self.constant(values, np.int64)

    def number(self, value: float, dtype: Any = np.float32) -> Value:
        """Return a constant of a single value, without axes."""
        return self.constant(value, dtype)

    def cast(self, x: Value, dtype: Any) -> Value:
        """Return `x` in another type."""
        return self.op("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def transpose(self, x: Value, axes: Sequence[int]) -> Value:
        """Return `x` with its axes in another order; going back gives the value it came from."""
        source, before = self._transposed.get(x, (x, tuple(range(len(axes)))))
        order = tuple(before[axis] for axis in axes)
        if order == tuple(range(len(axes))):
            return source
        y = self.op("Transpose", source, perm=order)
        self._transposed[y] = source, order
        return y

    def slice(self, x: Value, axes: Sequence[int], starts: Value, ends: Value) -> Value:
        """Return `x` from `starts` to `ends` along `axes`; both are (len(axes),) int64."""
        return self.op("Slice", x, starts, ends, self.ints(*axes))

    def choose(
        self, condition: Value, then: Callable[[], Value], otherwise: Callable[[], Value]
    ) -> Value:
        """Return what one of two functions adds; only that one is computed.

        Args:
            condition: a bool without axes.
            then: adds nodes for the case that it is true, and returns their result.
            otherwise: the same for the other case.
        """
        branches = {}
        for name, build in (("then_branch", then), ("else_branch", otherwise)):
            with self._body() as nodes:
                result = self.op("Identity", build())
            branches[name] = helper.make_graph(nodes, name, [], [_untyped(result)])
        return self.op("If", condition, **branches)

    def repeat(
        self,
        num_times: Value,
        start: Value,
        dtype: Any,
        step: Callable[[Value, Value], Value],
    ) -> Value:
        """Return the value that `step` has made of `start` after `num_times` turns.

        Args:
            num_times: int64 without axes.
            start: the value before the first turn.
            dtype: its type; its shape may change from turn to turn.
            step: adds the nodes of one turn. It takes the number of the turn from 0 on, int64
                without axes, and the value before the turn; it returns the value after it.
        """
        turn, goes_on, before = (self._name(kind) for kind in ("turn", "goes_on", "before"))
        with self._body() as nodes:
            still = self.op("Identity", goes_on)
            after = self.op("Identity", step(turn, before))
        elem = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        body = helper.make_graph(
            nodes,
            "body",
            [
                helper.make_tensor_value_info(turn, TensorProto.INT64, []),
                helper.make_tensor_value_info(goes_on, TensorProto.BOOL, []),
                helper.make_tensor_value_info(before, elem, None),
            ],
            [
                helper.make_tensor_value_info(still, TensorProto.BOOL, []),
                helper.make_tensor_value_info(after, elem, None),
            ],
        )
        return self.op("Loop", num_times, "", start, body=body)

    def output(
        self, name: str, x: Value, dtype: Any, shape: Sequence[int | str]
    ) -> onnx.ValueInfoProto:
        """Give `x` the name of an output."""
        self._nodes.append(helper.make_node("Identity", [x], [name], name))
        return named(name, dtype, shape)

    def content(self) -> list[bytes]:
        """Return all nodes and constants, to tell whether two graphs are the same."""
        nodes = [node.SerializeToString(deterministic=True) for node in self._nodes]
        return [*nodes, *(name.encode() for name in self._constants)]

    def finish(
        self,
        name: str,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
    ) -> onnx.ModelProto:
        """Return the model with these inputs and outputs, without nodes that lead to no output."""
        wanted = {output.name for output in outputs}
        kept = []
        for node in reversed(self._nodes):
            if wanted.intersection(node.output):
                kept.append(node)
                wanted.update(_values_read(node))
        constants = [tensor for key, tensor in self._constants.items() if key in wanted]
        graph = helper.make_graph(kept[::-1], name, inputs, outputs, constants)
        opset = helper.make_operatorsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)

    def _name(self, kind: str) -> Value:
        self._count += 1
        return f"{kind}_{self._count}"

    @contextmanager
    def _body(self) -> Any:
        """Collect the nodes that are added meanwhile in a list of their own."""
        outer, outer_transposed = self._nodes, dict(self._transposed)
        self._nodes = []
        try:
            yield self._nodes
        finally:
            self._nodes, self._transposed = outer, outer_transposed


def named(name: str, dtype: Any, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    """Return an input or output; sides of a shape are numbers, or names of what is free."""
    elem = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, elem, shape)


def _values_read(node: onnx.NodeProto) -> set[Value]:
    """Return all values that a node reads, those inside its bodies among them."""
    names = set(node.input)
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            for inner in attribute.g.node:
                names |= _values_read(inner)
    return names


def _untyped(name: Value) -> onnx.ValueInfoProto:
    return onnx.ValueInfoProto(name=name)
