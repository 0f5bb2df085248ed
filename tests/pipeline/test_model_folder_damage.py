"""Folders of models that are damaged, or that somebody has changed."""

import codecs
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from coarse.mlp import MLP
from data.errors import InputError
from pipeline.model import Model, identity, sha256
from pipeline.model_folder import load_model, save_model, weights_hash
from tests.model_folders import edit, model_of, weights_in


@pytest.mark.parametrize("network", ["coarse", "refiner"])
@pytest.mark.parametrize("damage", ["flip a bit", "cut", "empty"])
def test_damaged_weights_are_refused(tmp_path: Path, network: str, damage: str):
    save_model(model_of(), tmp_path)
    path = weights_in(tmp_path, network)
    data = bytearray(path.read_bytes())

    if damage == "flip a bit":
        data[-1] ^= 1
    else:
        del data[len(data) // 2 if damage == "cut" else 0 :]
    path.write_bytes(data)

    with pytest.raises(InputError, match=rf"{path.name} is damaged .*; train it again") as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("network", ["coarse", "refiner"])
def test_missing_weights_are_named(tmp_path: Path, network: str):
    save_model(model_of(), tmp_path)
    path = weights_in(tmp_path, network)
    path.unlink()

    with pytest.raises(InputError, match=rf"{path.name} is missing; train it again"):
        load_model(tmp_path)


def test_weights_of_another_network_are_refused(tmp_path: Path):
    save_model(model_of(), tmp_path)
    edit(tmp_path, lambda description: description["refiner"].update(channels=[4, 8]))

    with pytest.raises(InputError, match=r"the weights do not fit the refiner network") as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 4),
        ("format", 2.0),
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
    save_model(model_of(), tmp_path)
    edit(tmp_path, lambda description: description.update({key: value}))

    with pytest.raises(InputError, match=str(tmp_path)) as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)
    assert "`foveamask train-coarse`" in str(caught.value)


@pytest.mark.parametrize(
    "key", ["format", "long_side", "coarse", "refiner", "tiles", "provenance", "scores"]
)
def test_a_description_with_a_part_missing_is_refused(tmp_path: Path, key: str):
    save_model(model_of(), tmp_path)
    edit(tmp_path, lambda description: description.pop(key))

    with pytest.raises(InputError, match="train it again"):
        load_model(tmp_path)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"3", b"\xff\xfe", b'{"format": 1'])
def test_a_file_that_is_no_description_is_refused(tmp_path: Path, text: bytes):
    save_model(model_of(refined=False), tmp_path)
    (tmp_path / "model.json").write_bytes(text)

    with pytest.raises(InputError, match=r"train it again with `foveamask train-coarse`"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("refiner", "depths", [10**6, 2]),
        ("refiner", "channels", [10**6, 6]),
        ("coarse", "options", {"stride": 16, "grid": [10**5, 10**5], "hidden": [7]}),
        ("coarse", "options", {"stride": 16, "grid": [4, 5], "hidden": [4096] * 9}),
        ("tiles", "side", 16.0),
        ("tiles", "low", 0.9),
        ("tiles", "high", "0.9"),
        ("coarse", "sha256", "../../weights"),
    ],
)
def test_sizes_beyond_all_bounds_are_refused_in_a_line(
    tmp_path: Path, part: str, key: str, value: object
):
    save_model(model_of(coarse=MLP(grid=(4, 5), hidden=(7,), stride=16)), tmp_path)
    edit(tmp_path, lambda description: description[part].update({key: value}))

    with pytest.raises(InputError, match=r"model\.json is damaged \(.*\); train") as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


def harmed(folder: Path, network: str, change: Callable[[dict[str, Tensor]], None]) -> None:
    """Change the weights of a network, and the hash in the description with them."""
    tensors = load_tensors(weights_in(folder, network).read_bytes())
    change(tensors)
    data = save_tensors(tensors)
    (folder / f"{network}-{sha256(data)[:16]}.safetensors").write_bytes(data)
    edit(folder, lambda description: description[network].update(sha256=sha256(data)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda old: old * torch.nan, "is not finite"),
        (lambda old: old / 0, "is not finite"),
        (lambda old: old.double(), r"is of torch\.float64"),
        (lambda old: old.int(), r"is of torch\.int32"),
        (lambda old: old[:0], "the weights do not fit"),
        (lambda old: old.reshape(-1), "the weights do not fit"),
    ],
)
@pytest.mark.parametrize("network", ["coarse", "refiner"])
def test_weights_that_no_network_has_are_refused(
    tmp_path: Path, network: str, change: Callable[[Tensor], Tensor], message: str
):
    save_model(model_of(), tmp_path)
    name = "head.weight"
    harmed(tmp_path, network, lambda weights: weights.update({name: change(weights[name] + 9)}))

    with pytest.raises(InputError, match=rf"model\.json is damaged \(.*{message}.*\); train"):
        load_model(tmp_path)


def test_a_byte_order_mark_is_accepted(tmp_path: Path):
    save_model(model_of(), tmp_path)
    path = tmp_path / "model.json"
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())

    assert load_model(tmp_path).long_side == 777


@pytest.mark.parametrize("name", ["long_side", "stride", "two\nlines"])
def test_a_name_that_is_there_twice_is_damage(tmp_path: Path, name: str):
    save_model(model_of(), tmp_path)
    path, twice = tmp_path / "model.json", json.dumps({name: 1})[1:-1]
    path.write_text(path.read_text().replace('"options": {', f'"options": {{{twice}, {twice}, '))

    with pytest.raises(InputError, match=rf"damaged \({re.escape(repr(name))} is there twice\);"):
        load_model(tmp_path)


def test_weights_that_were_changed_are_refused_before_a_network_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    save_model(model_of(), tmp_path)
    weights_in(tmp_path, "refiner").write_bytes(b"other")
    monkeypatch.setattr("pipeline.described_networks.new_coarse_network", None)

    with pytest.raises(InputError, match="its hash differs"):
        load_model(tmp_path)


def paths_in(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where all values in a description are."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    return [at, *(path for key, inner in items for path in paths_in(inner, (*at, key)))]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


SCALARS = st.sampled_from(
    [0, 1, -1, 2, 8, 16, 16.0, 0.5, 10**6, 10**30, math.nan, math.inf, True, None, "", "enet"]
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that is quickly read."""
    folder = tmp_path_factory.mktemp("small")
    model = model_of(coarse=MLP(grid=(4, 5), hidden=(7,), stride=16))
    provenance = {"groups": ["a"], "settings": {"data": {"group": "(a)", "exclude": []}}}
    save_model(replace(model, provenance=provenance), folder)
    return folder


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_change_of_a_description_gives_a_model_or_one_error(small: Path, data: st.DataObject):
    whole = (small / "model.json").read_text()
    description = json.loads(whole)
    path = data.draw(st.sampled_from(paths_in(description)))
    value = data.draw(SCALARS | JSON)
    if path:
        *outer, key = path
        place = description
        for step in outer:
            place = place[step]
        if data.draw(st.booleans()) or isinstance(place, list):
            place[key] = value
        else:
            place[str(value)] = place.pop(key)
    else:
        description = value
    try:
        (small / "model.json").write_text(json.dumps(description))
        model, message = attempt(small)
    finally:
        (small / "model.json").write_text(whole)

    if model is None:
        assert "\n" not in message
        assert "train it again" in message
        return
    assert 0 <= model.low < model.high <= 1
    assert all(isinstance(group, str) for group in model.seen)
    assert len(identity(model)) == 64


def attempt(folder: Path) -> tuple[Model | None, str]:
    try:
        return load_model(folder), ""
    except InputError as error:
        return None, str(error)


@pytest.mark.parametrize(
    "text", ['{"format": ' + "[" * 5000 + "]" * 5000 + "}", '{"format": ' + "9" * 5000 + "}"]
)
def test_json_beyond_what_python_reads_is_refused(tmp_path: Path, text: str):
    (tmp_path / "model.json").write_text(text)

    with pytest.raises(InputError, match="train it again"):
        load_model(tmp_path)
    with pytest.raises(InputError, match="train it again"):
        weights_hash(tmp_path)
