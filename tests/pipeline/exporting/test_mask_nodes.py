"""Post-processing in the graph and in the package."""

from functools import cache

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.exporting.mask_nodes import postprocessed
from pipeline.exporting.onnx_graph import OnnxGraph, named
from refine.postprocess import apply, parse
from tests.builders import grey
from tests.pipeline.exporting.exported import run, session_of


@cache
def step_alone(text: str) -> ort.InferenceSession:
    graph = OnnxGraph()
    mask = named("mask", np.float32, [1, 1, "height", "width"])
    result = postprocessed(graph, "mask", [parse(text)])
    output = graph.output("result", result, np.float32, [1, 1, "rows", "columns"])
    return session_of(graph.finish("test", [mask], [output]))


@pytest.mark.parametrize("step", ["smooth=3", "smooth=9", "close-open=3", "close-open=5"])
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1), st.integers(0, 5))
def test_a_step_gives_the_same_mask(step: str, height: int, width: int, share: float, seed: int):
    mask = np.random.default_rng(seed).random((height, width)) < share

    result = run(step_alone(step), mask=mask[None, None].astype(np.float32))["result"]

    expected = apply([parse(step)], mask, grey(0, (height, width)))
    assert np.array_equal(result[0, 0] > 0, expected)
