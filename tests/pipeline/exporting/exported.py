"""Graphs and models run by onnxruntime, for the tests of this folder."""

from collections.abc import Mapping
from typing import Any

import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from pipeline.exporting.onnx_graph import OnnxGraph, named

Arrays = Mapping[str, NDArray[Any]]


def session_of(model: onnx.ModelProto) -> ort.InferenceSession:
    onnx.checker.check_model(model, full_check=True)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options)


def run(session: ort.InferenceSession, **feeds: Any) -> dict[str, NDArray[Any]]:
    """All outputs of a model by their names; inputs that it does not have are left out."""
    given = {value.name: feeds[value.name] for value in session.get_inputs()}
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


def computed(graph: OnnxGraph, value: str, like: NDArray[Any], **feeds: Any) -> NDArray[Any]:
    """What the nodes of a graph make of arrays, which have the names of its inputs.

    The result has the type and the number of axes of `like`.
    """
    inputs = [named(name, array.dtype, _free(name, array)) for name, array in feeds.items()]
    output = graph.output("result", value, like.dtype, _free("result", like))
    return run(session_of(graph.finish("test", inputs, [output])), **feeds)["result"]


def _free(name: str, array: NDArray[Any]) -> list[str]:
    return [f"{name}_{i}" for i in range(array.ndim)]
