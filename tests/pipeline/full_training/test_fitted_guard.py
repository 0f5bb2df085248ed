"""The guard of given masks that the command `train` leaves in its model."""

from dataclasses import replace
from pathlib import Path

from torch import nn

from data.samples import find_samples
from pipeline.config import Config
from pipeline.evaluation.guard_fit import exact_changes
from pipeline.full_training.finishing import Trained, fit_guard
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model, identity
from pipeline.model_folder import load_model, save_model
from refine import guard
from refine.guard import LEAST
from tests.builders import CPU, tiny_model
from tests.pipeline.full_training.small_training import write_photos


def sure_model(seed: int) -> Model:
    """A model whose refiner is sure of what it makes up."""
    model = tiny_model(seed=seed)
    assert model.refiner is not None
    nn.init.normal_(model.refiner.head.weight, std=20)
    return model


def test_it_is_fitted_to_the_photos_that_each_training_held_out(tmp_path: Path):
    samples = find_samples(write_photos(tmp_path / "data", 5))
    held_out = [samples[:2], samples[2:], []]
    trained = []
    for i, own in enumerate(held_out):
        save_model(sure_model(i), tmp_path / str(i))
        trained.append(Trained(tmp_path / str(i), Config(), own))

    fit_guard(trained, CPU)

    model = load_model(tmp_path / "2")
    changes = [
        change
        for one in trained[:2]
        for change in exact_changes(
            one.held_out, Segmenter.from_model(load_model(one.folder), CPU), lambda *_: None
        )
    ]
    assert model.guard == guard.fit_guard(changes)
    assert model.guard.moved > LEAST[0]
    assert load_model(tmp_path / "0").guard == guard.DEFAULT_GUARD
    assert identity(model) == identity(replace(model, guard=guard.DEFAULT_GUARD))
