"""The graph against a `Segmenter` of the same model: every network, every geometry, every size."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import nn

from coarse.enet import ENet
from coarse.linknet import LinkNet
from coarse.mlp import MLP
from coarse.novelty import fit_novelty
from data.errors import InputError
from data.geometry import Fovea
from pipeline.exporting.whole_graph import whole_graph
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from refine.postprocess import parse
from refine.refiner_network import Refiner
from tests.builders import CPU, shaded_photo
from tests.pipeline.exporting.exported import run, session_of

LONG_SIDE = 128

SIZES = [
    (85, 128),  # as it is
    (61, 113),  # odd sides, within a fifth
    (171, 256),  # halved
    (150, 220),  # reduced
    (40, 60),  # enlarged
    (9, 300),
    (1, 1),
]


def model_of(coarse: ENet | LinkNet | MLP, fovea: Fovea, **options: Any) -> Model:
    """A model of random weights that is sure of some tiles and not of others."""
    nn.init.normal_(coarse.head.weight, std=2 if isinstance(coarse, MLP) else 8)
    depths = options.pop("depths", (1, 2, 1, 1))
    refiner = Refiner(fovea, channels=(4,) * 4, depths=depths, **options)
    nn.init.normal_(refiner.head.weight)
    return Model(coarse, refiner, fovea, 0.2, 0.8, LONG_SIDE)


def small_mlp(stride: int) -> MLP:
    return MLP(grid=(5, 8), hidden=(8, 8), stride=stride)


MODELS: dict[str, Callable[[], Model]] = {
    "enet": lambda: model_of(ENet(), Fovea(16, 3)),
    "enet of stride 8, nearest": lambda: model_of(ENet(stride=8, unpool="nearest"), Fovea(32, 4)),
    "linknet": lambda: model_of(LinkNet(), Fovea(8, 2)),
    "mlp, tiles of one pixel": lambda: model_of(small_mlp(16), Fovea(16, 2)),
    "one level": lambda: model_of(small_mlp(4), Fovea(8, 1)),
    "photo alone": lambda: model_of(small_mlp(8), Fovea(8, 4), inputs="photo"),
    "mask around": lambda: model_of(small_mlp(4), Fovea(16, 3), inputs="mask_around"),
    "joined levels": lambda: model_of(small_mlp(4), Fovea(16, 3), depths=(0, 2, 1)),
    "replacing": lambda: model_of(small_mlp(4), Fovea(16, 3), residual=False),
}


def made(name: str) -> Model:
    """The same model in each process."""
    torch.manual_seed(1)
    return MODELS[name]()


SLOW = ("enet of stride 8, nearest", "linknet")


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in MODELS],
)
def pair(request: pytest.FixtureRequest) -> tuple[Segmenter, ort.InferenceSession]:
    """A model in the package, and exported."""
    model = made(request.param)
    return Segmenter.from_model(model, CPU, "fp32"), session_of(whole_graph(model))


@pytest.mark.parametrize("size", SIZES)
def test_masks_and_logits_are_those_of_the_package(
    pair: tuple[Segmenter, ort.InferenceSession], size: tuple[int, int]
):
    segmenter, session = pair
    photo = shaded_photo(size, seed=2)

    for budget in (None, 0, 1, 5):
        results = run(session, photo=photo, budget=np.array([-1 if budget is None else budget]))

        expected = segmenter.predict(photo, MaskOptions(budget=budget))
        logits, mask = results["logits"], results["mask"]
        assert logits.shape == mask.shape == size
        assert mask.dtype == np.uint8
        assert np.array_equal(mask, np.where(logits > 0, 255, 0))
        scale = np.abs(expected.logits).max()
        near = np.abs(logits - expected.logits) <= 1e-3 * scale
        assert near.mean() > 0.995, (budget, near.mean(), len(expected.tiles))
        assert np.mean((mask > 0) != expected.mask) < 2e-3


@pytest.mark.parametrize("name", MODELS)
def test_the_models_of_these_tests_are_sure_of_some_tiles(name: str):
    segmenter = Segmenter.from_model(made(name), CPU, "fp32")

    prediction = segmenter.predict(shaded_photo(SIZES[0], seed=2))

    assert 5 < len(prediction.tiles) < prediction.num_tiles or name == SLOW[0]
    assert 0 < prediction.mask.mean() < 1


def test_a_model_without_a_refiner_has_no_budget():
    model = replace(model_of(small_mlp(4), Fovea()), refiner=None)
    photo = shaded_photo((85, 128))

    session = session_of(whole_graph(model))

    expected = Segmenter.from_model(model, CPU, "fp32").predict(photo)
    assert [value.name for value in session.get_inputs()] == ["photo"]
    np.testing.assert_allclose(run(session, photo=photo)["logits"], expected.logits, atol=1e-3)


def test_the_novelty_is_that_of_the_package():
    coarse = small_mlp(4)
    features = np.random.default_rng(0).normal(size=(40, 8)) * np.arange(1, 9)
    detector = fit_novelty(features, [str(i) for i in range(40)])
    model = replace(model_of(coarse, Fovea(8, 2)), novelty=detector)
    photo = shaded_photo((85, 128))

    novelty = run(session_of(whole_graph(model)), photo=photo, budget=np.array([0]))["novelty"]

    expected = Segmenter.from_model(model, CPU, "fp32").predict(photo).proposal.novelty
    assert expected is not None
    assert expected[0] > 0.01
    np.testing.assert_allclose(novelty, expected.numpy(), rtol=1e-4)


def test_weights_of_16_bits_make_a_smaller_file_and_nearly_the_same_logits():
    model = model_of(small_mlp(4), Fovea(16, 3))
    photo = shaded_photo((85, 128))

    whole, half = (whole_graph(model, half_weights=is_half) for is_half in (False, True))

    assert len(half.SerializeToString()) < len(whole.SerializeToString())
    budget = np.array([-1])
    logits, rounded = (
        run(session_of(each), photo=photo, budget=budget)["logits"] for each in (whole, half)
    )
    assert 0 < np.abs(logits - rounded).mean() < 0.01 * np.abs(logits).max()


@pytest.mark.parametrize("steps", ["smooth=5", "close-open=3,smooth=3", "close-open=7"])
def test_the_post_processing_of_the_model_is_in_the_graph(steps: str):
    parsed = tuple(parse(text) for text in steps.split(","))
    model = replace(model_of(small_mlp(4), Fovea(8, 2)), postprocess=parsed)
    photo = shaded_photo((85, 128))

    results = run(session_of(whole_graph(model)), photo=photo, budget=np.array([-1]))

    expected = Segmenter.from_model(model, CPU, "fp32").predict(photo)
    assert not np.array_equal(expected.logits > 0, expected.mask)
    assert np.array_equal(results["mask"] > 0, expected.mask)


def test_a_step_that_labels_pieces_is_refused():
    model = replace(model_of(small_mlp(4), Fovea()), postprocess=(parse("components"),))

    with pytest.raises(InputError, match=r"components=200 cannot be part .* --postprocess none"):
        whole_graph(model)
