"""Photos to working size and logits back, in the graph and in the package."""

from functools import cache

import numpy as np
import onnxruntime as ort
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.nn import functional as F

from data.geometry import Size
from data.geometry import working_size as working_size_of
from data.pyramid import to_working_size
from pipeline.exporting import photo_nodes
from pipeline.exporting.onnx_graph import OnnxGraph, named
from pipeline.exporting.resampling_nodes import (
    adaptive_table,
    linear_table,
    resampled,
    tables,
)
from refine.stitch import enlarge, reduce
from tests.builders import shaded_photo
from tests.pipeline.exporting.exported import computed, run, session_of

LONG_SIDE = 64

SIDES = st.integers(1, 150)


@cache
def to_work() -> ort.InferenceSession:
    """Photo to its working size."""
    graph = OnnxGraph()
    sizes = photo_nodes.working_size(graph, "photo", LONG_SIDE)
    result = photo_nodes.to_working_size(graph, "photo", sizes)
    photo = named("photo", np.uint8, ["height", "width", 3])
    output = graph.output("result", result, np.uint8, ["rows", "columns", 3])
    return session_of(graph.finish("test", [photo], [output]))


@cache
def and_back() -> ort.InferenceSession:
    """Padded logits to the size of the photo."""
    graph = OnnxGraph()
    sizes = photo_nodes.working_size(graph, "photo", LONG_SIDE)
    result = photo_nodes.at_photo_size(graph, "logits", sizes)
    photo = named("photo", np.uint8, ["height", "width", 3])
    logits = named("logits", np.float32, ["padded_height", "padded_width"])
    output = graph.output("result", result, np.float32, ["rows", "columns"])
    return session_of(graph.finish("test", [photo, logits], [output]))


@given(SIDES, SIDES, st.integers(0, 3))
@example(64, 96, 0)  # kept
@example(128, 86, 0)  # halved exactly: halves are rounded up
@example(64, 128, 0)
@example(192, 129, 0)  # a third
@example(100, 40, 0)
@example(20, 31, 0)  # enlarged
@example(1, 150, 0)
@example(1, 1, 0)
def test_a_photo_has_the_same_working_size_and_pixels(height: int, width: int, seed: int):
    photo = shaded_photo((height, width), seed)

    result = run(to_work(), photo=photo)["result"]

    expected = to_working_size(photo, LONG_SIDE)
    assert result.shape == expected.shape
    difference = np.abs(result.astype(int) - expected)
    assert difference.max() <= 1  # OpenCV computes with other numbers of bits
    assert (difference > 0).mean() < 0.02 or min(height, width) < 4


def test_a_photo_of_twice_the_size_is_the_same_in_every_pixel():
    photo = shaded_photo((86, 128), 1)

    result = run(to_work(), photo=photo)["result"]

    assert np.array_equal(result, to_working_size(photo, LONG_SIDE))


@given(SIDES, SIDES)
@example(40, 64)
@example(100, 77)
@example(21, 30)
@example(150, 1)
def test_logits_have_the_size_of_the_photo_again(height: int, width: int):
    working = working_size_of(Size(height, width), LONG_SIDE)
    padded = np.random.default_rng(0).normal(size=(96, 96)).astype(np.float32)
    photo = np.zeros((height, width, 3), np.uint8)

    result = run(and_back(), photo=photo, logits=padded)["result"]

    cropped = torch.from_numpy(padded)[None, : working.height, : working.width]
    size = Size(height, width)
    back = enlarge if size.area > working.area else reduce
    expected = cropped if size == working else back(cropped, size)
    np.testing.assert_allclose(result, expected[0].numpy(), atol=2e-4)


@pytest.mark.parametrize("size", [(4, 6), (8, 9), (3, 17), (5, 6)])
def test_a_picture_fits_a_network_of_one_size_and_goes_back(size: tuple[int, int]):
    grid = (4, 6)
    picture = np.random.default_rng(0).normal(size=(*size, 3)).astype(np.float32)
    there, back = OnnxGraph(), OnnxGraph()
    means = tables(there, there.ints(*size), there.ints(*grid), adaptive_table)
    linear = tables(back, back.ints(*grid), back.ints(*size), linear_table)

    small = computed(there, resampled(there, "x", *means), picture, x=picture)
    large = computed(back, resampled(back, "x", *linear), picture, x=small)

    planes = torch.from_numpy(picture).permute(2, 0, 1)[None]
    smaller = F.interpolate(planes, grid, mode="area")
    np.testing.assert_allclose(small, smaller[0].permute(1, 2, 0), atol=1e-5)
    again = F.interpolate(smaller, size, mode="bilinear")
    np.testing.assert_allclose(large, again[0].permute(1, 2, 0), atol=1e-5)
