import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from coarse.coarse_network import CoarseNetwork
from coarse.enet import ENet
from coarse.linknet import LinkNet
from coarse.mlp import MLP
from data.errors import InputError
from data.geometry import Fovea
from pipeline import model as models
from pipeline.model import Model, find, identity, load, save, weights_hash
from refine.postprocess import parse
from refine.refiner_network import Refiner


def model_of(*, refined: bool = True, coarse: CoarseNetwork | None = None) -> Model:
    torch.manual_seed(5)
    coarse = (coarse or ENet()).train()
    coarse(torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8))  # statistics of the norms
    fovea = Fovea(8, 2)
    refiner = Refiner(fovea, channels=(4, 6), depths=(1, 2)) if refined else None
    if refiner is not None:
        nn.init.normal_(refiner.head.weight)
    return Model(
        coarse=coarse,
        refiner=refiner,
        fovea=fovea,
        low=0.1,
        high=0.8,
        long_side=777,
        provenance={"groups": ["a", "b"], "photos": 12},
        scores={"validation": {"dice": 0.99}},
    )


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = folder / "model.json"
    description = json.loads(file.read_text())
    change(description)
    file.write_text(json.dumps(description))


@torch.no_grad()
def test_a_model_comes_back_from_its_folder(tmp_path: Path):
    model = model_of()
    photos = torch.randint(0, 256, (1, 3, 32, 40), dtype=torch.uint8)
    windows = [torch.randint(0, 256, (3, s, s, 4), dtype=torch.uint8) for s in (8, 12)]

    save(model, tmp_path / "model")
    again = load(tmp_path / "model")

    assert torch.equal(again.coarse.eval()(photos), model.coarse.eval()(photos))
    assert again.refiner is not None
    assert model.refiner is not None
    assert torch.equal(again.refiner.eval()(windows), model.refiner.eval()(windows))
    for name in ("fovea", "low", "high", "long_side", "provenance", "scores"):
        assert getattr(again, name) == getattr(model, name)


def test_a_model_of_one_stage_comes_back_without_a_refiner(tmp_path: Path):
    save(model_of(refined=False), tmp_path)

    assert load(tmp_path).refiner is None
    assert not (tmp_path / "refiner.safetensors").exists()


def test_a_refined_model_takes_the_place_of_the_one_before(tmp_path: Path):
    save(model_of(refined=False), tmp_path)
    before = weights_hash(tmp_path)

    save(model_of(), tmp_path)

    assert load(tmp_path).refiner is not None
    assert weights_hash(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "coarse.safetensors",
        "model.json",
        "refiner.safetensors",
    ]


def test_a_folder_holds_no_pickle_and_says_what_it_is(tmp_path: Path):
    save(model_of(), tmp_path)

    description = json.loads((tmp_path / "model.json").read_text())

    assert description["format"] == 1
    assert description["coarse"]["network"] == "enet"
    assert description["refiner"]["channels"] == [4, 6]
    assert description["tiles"] == {"side": 8, "levels": 2, "low": 0.1, "high": 0.8}


def test_a_model_of_the_package_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(models, "WEIGHTS", tmp_path)
    save(model_of(refined=False), tmp_path / "studio")

    assert load("studio").long_side == 777
    with pytest.raises(InputError, match=r"no model at nowhere; give a folder .* one of: studio$"):
        load("nowhere")


def test_where_the_package_has_no_models_none_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(models, "WEIGHTS", tmp_path)

    with pytest.raises(InputError, match=r"no model at nowhere; give a folder with a model.json$"):
        load("nowhere")


@pytest.mark.parametrize("file", ["coarse.safetensors", "refiner.safetensors"])
@pytest.mark.parametrize("damage", ["flip a bit", "cut", "empty"])
def test_damaged_weights_are_refused(tmp_path: Path, file: str, damage: str):
    save(model_of(), tmp_path)
    data = bytearray((tmp_path / file).read_bytes())

    if damage == "flip a bit":
        data[-1] ^= 1
    else:
        del data[len(data) // 2 if damage == "cut" else 0 :]
    (tmp_path / file).write_bytes(data)

    with pytest.raises(InputError, match=rf"{file} is damaged .*; train it again") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["coarse.safetensors", "refiner.safetensors"])
def test_missing_weights_are_named(tmp_path: Path, file: str):
    save(model_of(), tmp_path)
    (tmp_path / file).unlink()

    with pytest.raises(InputError, match=rf"{file} is missing; train it again"):
        load(tmp_path)


def test_weights_of_another_network_are_refused(tmp_path: Path):
    save(model_of(), tmp_path)
    edit(tmp_path, lambda description: description["refiner"].update(channels=[4, 8]))

    with pytest.raises(InputError, match=r"does not fit the network in model\.json") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("format", None),
        ("tiles", {"side": 12, "levels": 2, "low": 0, "high": 1}),
        ("tiles", {"side": 8}),
        ("tiles", None),
        ("coarse", {"network": "enet"}),
        ("coarse", {"network": "unet", "sha256": ""}),
        ("coarse", []),
        ("refiner", {"channels": [4]}),
        ("refiner", {"channels": [4], "depths": [1], "sha256": ""}),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(tmp_path: Path, key: str, value: object):
    save(model_of(), tmp_path)
    edit(tmp_path, lambda description: description.update({key: value}))

    with pytest.raises(InputError, match=str(tmp_path)) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)
    assert "`foveamask train-coarse`" in str(caught.value)


@pytest.mark.parametrize(
    "key", ["format", "long_side", "coarse", "refiner", "tiles", "provenance", "scores"]
)
def test_a_description_with_a_part_missing_is_refused(tmp_path: Path, key: str):
    save(model_of(), tmp_path)
    edit(tmp_path, lambda description: description.pop(key))

    with pytest.raises(InputError, match="train it again"):
        load(tmp_path)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"3", b"\xff\xfe", b'{"format": 1'])
def test_a_file_that_is_no_description_is_refused(tmp_path: Path, text: bytes):
    save(model_of(refined=False), tmp_path)
    (tmp_path / "model.json").write_bytes(text)

    with pytest.raises(InputError, match=r"train it again with `foveamask train-coarse`"):
        load(tmp_path)


def test_an_interrupted_save_leaves_no_half_written_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(_: Path, data: bytes) -> int:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        save(model_of(), tmp_path)

    assert not list(tmp_path.iterdir())


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

    save(model, tmp_path / "model")
    again = load(tmp_path / "model")

    assert type(again.coarse) is type(coarse)
    assert again.coarse.options() == coarse.options()
    assert again.coarse.stride == coarse.stride
    assert torch.equal(again.coarse.eval()(photos), coarse.eval()(photos))


def test_what_a_refiner_sees_and_the_steps_after_it_come_back(tmp_path: Path):
    fovea = Fovea(8, 2)
    refiner = Refiner(fovea, channels=(4, 6), depths=(1, 2), sees="mask_around", residual=False)
    steps = (parse("close-open=5"), parse("smooth=3"))

    save(replace(model_of(), refiner=refiner, postprocess=steps), tmp_path / "model")
    again = load(tmp_path / "model")

    assert again.refiner is not None
    assert (again.refiner.sees, again.refiner.residual) == ("mask_around", False)
    assert again.postprocess == steps


def test_the_identity_of_a_model_changes_with_what_decides_its_masks_alone():
    model = model_of()
    assert model.refiner is not None
    first = identity(model)

    others = [
        replace(model, low=0.2),
        replace(model, long_side=778),
        replace(model, refiner=None),
        replace(model, postprocess=(parse("smooth=3"),)),
    ]
    same = replace(model, provenance={}, scores={})
    assert identity(same) == first == identity(model_of())
    assert len({first, *map(identity, others)}) == 5
    with torch.no_grad():
        model.refiner.head.weight[0, 0] += 1e-6
    assert identity(model) != first


def test_the_model_of_a_run_is_pointed_to(tmp_path: Path):
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "model" / "model.json").write_text("{}")

    with pytest.raises(InputError, match=r"which is a run; its model is .*run/model$"):
        find(tmp_path / "run")
