import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as save_tensors

from coarse.coarse_network import CoarseNetwork
from coarse.enet import ENet
from coarse.linknet import LinkNet
from coarse.mlp import MLP
from data.errors import InputError
from data.geometry import Fovea
from pipeline import model_folder
from pipeline.model import serialised, sha256
from pipeline.model_folder import find_model, load_model, save_model, weights_hash
from refine.postprocess import parse
from refine.refiner_network import Refiner
from tests.model_folders import edit, model_of


@torch.no_grad()
def test_a_model_comes_back_from_its_folder(tmp_path: Path):
    model = model_of(detector=True)
    photos = torch.randint(0, 256, (1, 3, 32, 40), dtype=torch.uint8)
    windows = [torch.randint(0, 256, (3, s, s, 4), dtype=torch.uint8) for s in (8, 12)]

    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")

    assert torch.equal(again.coarse.eval()(photos), model.coarse.eval()(photos))
    assert again.refiner is not None
    assert model.refiner is not None
    assert torch.equal(again.refiner.eval()(windows), model.refiner.eval()(windows))
    for name, part in vars(model.novelty).items():
        assert torch.equal(vars(again.novelty)[name], part)
    for name in ("fovea", "low", "high", "long_side", "provenance", "scores"):
        assert getattr(again, name) == getattr(model, name)


def test_a_model_that_cannot_tell_what_is_novel_comes_back_without_a_detector(tmp_path: Path):
    save_model(model_of(detector=True), tmp_path)
    save_model(replace(model_of(detector=True), novelty=None), tmp_path)

    assert load_model(tmp_path).novelty is None
    assert not list(tmp_path.glob("novelty*"))


def test_a_detector_of_other_parts_is_refused(tmp_path: Path):
    model = model_of(detector=True)
    save_model(model, tmp_path)
    other = save_tensors({"mean": torch.zeros(3)})
    (tmp_path / f"novelty-{sha256(other)[:16]}.safetensors").write_bytes(other)
    edit(tmp_path, lambda description: description["novelty"].update(sha256=sha256(other)))

    with pytest.raises(InputError, match=r"model.json is damaged .*novelty detector"):
        load_model(tmp_path)


def test_a_model_of_one_stage_comes_back_without_a_refiner(tmp_path: Path):
    save_model(model_of(refined=False), tmp_path)

    assert load_model(tmp_path).refiner is None
    assert not list(tmp_path.glob("refiner*"))


def test_a_folder_holds_no_pickle_and_says_what_it_is(tmp_path: Path):
    save_model(model_of(), tmp_path)

    description = json.loads((tmp_path / "model.json").read_text())

    assert description["format"] == 3
    assert description["coarse"]["network"] == "enet"
    assert description["refiner"]["channels"] == [4, 6]
    assert description["tiles"] == {"side": 8, "levels": 2, "low": 0.1, "high": 0.8}


def test_a_model_of_the_package_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(model_folder, "WEIGHTS", tmp_path)
    save_model(model_of(refined=False), tmp_path / "studio")

    assert load_model("studio").long_side == 777
    with pytest.raises(InputError, match=r"no model at nowhere; give a folder .* one of: studio$"):
        load_model("nowhere")


@pytest.mark.parametrize("name", ["run", "run/model"])
def test_a_training_that_is_not_finished_is_named(tmp_path: Path, name: str):
    (tmp_path / "run" / "coarse").mkdir(parents=True)
    (tmp_path / "run" / "coarse" / "last.pt").touch()

    with pytest.raises(InputError, match=r"the training in .*/run is not finished"):
        load_model(tmp_path / name)


def test_where_the_package_has_no_models_none_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(model_folder, "WEIGHTS", tmp_path)

    with pytest.raises(InputError, match=r"no model at nowhere; give a folder with a model.json$"):
        load_model("nowhere")


@pytest.mark.parametrize(
    "coarse",
    [
        ENet(stride=8, unpool="nearest"),
        LinkNet(stride=4),
        MLP(grid=(4, 5), hidden=(7,), stride=16),
    ],
    ids=lambda network: type(network).__name__,
)
@torch.no_grad()
def test_every_coarse_network_comes_back(tmp_path: Path, coarse: CoarseNetwork):
    model = model_of(coarse=coarse)
    photos = torch.randint(0, 256, (1, 3, 32, 64), dtype=torch.uint8)

    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")

    assert type(again.coarse) is type(coarse)
    assert again.coarse.options() == coarse.options()
    assert again.coarse.stride == coarse.stride
    assert torch.equal(again.coarse.eval()(photos), coarse.eval()(photos))


def test_the_inputs_of_a_refiner_and_the_steps_after_it_come_back(tmp_path: Path):
    fovea = Fovea(8, 2)
    refiner = Refiner(fovea, channels=(4, 6), depths=(1, 2), inputs="mask_around", residual=False)
    steps = (parse("close-open=5"), parse("smooth=3"))

    save_model(replace(model_of(), refiner=refiner, postprocess=steps), tmp_path / "model")
    again = load_model(tmp_path / "model")

    assert again.refiner is not None
    assert (again.refiner.inputs, again.refiner.residual) == ("mask_around", False)
    assert again.postprocess == steps


def test_the_model_of_a_run_is_pointed_to(tmp_path: Path):
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "model" / "model.json").write_text("{}")

    with pytest.raises(InputError, match=r"which is a run; its model is .*run/model$"):
        find_model(tmp_path / "run")


@pytest.mark.parametrize("name", ["carvana", "carvana-base", "carvana-masks"])
def test_the_models_of_the_package_are_read(name: str):
    model = load_model(name)

    assert (model.refiner is None) == (name == "carvana-base")
    assert weights_hash(find_model(name)) == sha256(serialised(model.coarse))
