"""Networks as nodes of a graph: each operation, and what cannot be exported."""

from collections.abc import Callable
from functools import cache

import numpy as np
import onnxruntime as ort
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from data.errors import InputError
from pipeline.exporting.network_nodes import add_network
from pipeline.exporting.onnx_graph import OnnxGraph, named
from tests.pipeline.exporting.exported import computed, run, session_of


class Function(nn.Module):
    """A network of one function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def nodes_of(function: Callable[[Tensor], Tensor]) -> tuple[OnnxGraph, str]:
    """A graph of `function`, traced at two sizes of photos of three channels, and its result."""
    graph = OnnxGraph()
    examples = [[torch.zeros(1, 3, *sides)] for sides in ((8, 12), (16, 4))]
    (value,) = add_network(graph, Function(function), ["x"], examples)
    return graph, value


def there_and_back(x: Tensor) -> Tensor:
    maxima, indices = F.max_pool2d(x, 2, return_indices=True)
    return F.max_unpool2d(maxima + 1, indices, [2, 2])


@cache
def there_and_back_session() -> ort.InferenceSession:
    graph, value = nodes_of(there_and_back)
    x = named("x", np.float32, [1, 3, "height", "width"])
    output = graph.output("result", value, np.float32, [1, 3, "rows", "columns"])
    return session_of(graph.finish("test", [x], [output]))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 9))
def test_of_equal_pixels_the_first_is_the_maximum(rows: int, columns: int, few: int, seed: int):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(-few, few + 1, (1, 3, 2 * rows, 2 * columns), generator=generator).float()

    result = run(there_and_back_session(), x=x.numpy())["result"]

    assert np.array_equal(result, there_and_back(x))


def overwritten(x: Tensor) -> Tensor:
    result = x.clone()
    result[:, :, 1:-1, :2] = x[:, :, 2:, 1:3] * 2
    return result


@pytest.mark.parametrize(
    "function",
    [
        overwritten,
        lambda x: F.pad(x, (1, 2, 0, 1)),
        lambda x: F.pad(x, (1, 2, 0, 1), mode="replicate"),
        lambda x: F.max_pool2d(x, 3, stride=2, padding=1),
        lambda x: F.interpolate(x, scale_factor=2, mode="nearest"),
        lambda x: torch.cat(torch.std_mean(x, dim=(-2, -1), correction=0), dim=1),
        lambda x: torch.maximum(x[:, :, ::2], x[:, :, 1::2]) / 3 - 1,
        lambda x: (x + 1).permute(0, 2, 3, 1).permute(0, 3, 1, 2).relu_(),
    ],
)
def test_operations_give_what_torch_gives(function: Callable[[Tensor], Tensor]):
    x = torch.randn(1, 3, 6, 10, generator=torch.Generator().manual_seed(0))

    result = computed(*nodes_of(function), function(x).numpy(), x=x.numpy())

    np.testing.assert_allclose(result, function(x).numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (torch.erf, "the operation erf cannot be exported"),
        (lambda x: x / x.shape[-1], "depends on the size of its input"),
        (lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"), "pads by reflect"),
        (lambda x: F.max_pool2d(x, 3, return_indices=True)[1].float(), "more than 2 x 2"),
        (lambda x: F.interpolate(x, scale_factor=1.5, mode="nearest"), "no whole factor"),
    ],
)
def test_what_cannot_be_exported_is_refused(function: Callable[[Tensor], Tensor], message: str):
    with pytest.raises(InputError, match=message):
        nodes_of(function)
