import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from coarse.coarse_network import CoarseNetwork
from coarse.enet import ENet
from coarse.linknet import LinkNet
from coarse.mlp import MLP
from data.errors import InputError
from data.geometry import Fovea
from pipeline import model_folder
from pipeline.model import Model, identity, serialised, sha256
from pipeline.model_folder import find_model, load_model, save_model, weights_hash
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

    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")

    assert torch.equal(again.coarse.eval()(photos), model.coarse.eval()(photos))
    assert again.refiner is not None
    assert model.refiner is not None
    assert torch.equal(again.refiner.eval()(windows), model.refiner.eval()(windows))
    for name in ("fovea", "low", "high", "long_side", "provenance", "scores"):
        assert getattr(again, name) == getattr(model, name)


def test_a_model_of_one_stage_comes_back_without_a_refiner(tmp_path: Path):
    save_model(model_of(refined=False), tmp_path)

    assert load_model(tmp_path).refiner is None
    assert not list(tmp_path.glob("refiner*"))


def test_a_refined_model_takes_the_place_of_the_one_before(tmp_path: Path):
    save_model(model_of(refined=False), tmp_path)
    before = weights_hash(tmp_path)

    save_model(model_of(), tmp_path)

    assert load_model(tmp_path).refiner is not None
    assert weights_hash(tmp_path) == before
    assert [path.name.partition("-")[0] for path in sorted(tmp_path.iterdir())] == [
        "coarse",
        "model.json",
        "refiner",
    ]


def test_a_folder_holds_no_pickle_and_says_what_it_is(tmp_path: Path):
    save_model(model_of(), tmp_path)

    description = json.loads((tmp_path / "model.json").read_text())

    assert description["format"] == 2
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


def test_where_the_package_has_no_models_none_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(model_folder, "WEIGHTS", tmp_path)

    with pytest.raises(InputError, match=r"no model at nowhere; give a folder with a model.json$"):
        load_model("nowhere")


def weights_in(folder: Path, network: str) -> Path:
    (path,) = folder.glob(f"{network}-*.safetensors")
    return path


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
        ("format", 3),
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


def test_an_interrupted_save_leaves_no_half_written_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(_: Path, data: bytes) -> int:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        save_model(model_of(), tmp_path)

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


def save_as_format_1(model: Model, folder: Path) -> None:
    """What the version before wrote: weights of fixed names."""
    save_model(model, folder)
    for network in ("coarse", "refiner"):
        weights_in(folder, network).rename(folder / f"{network}.safetensors")

    def change(description: dict[str, Any]) -> None:
        description["format"] = 1
        description["refiner"]["sees"] = description["refiner"].pop("inputs")

    edit(folder, change)


def test_a_model_of_the_format_before_is_read_and_written_anew(tmp_path: Path):
    model = model_of()
    save_as_format_1(model, tmp_path)

    found = load_model(tmp_path)
    save_model(found, tmp_path)

    assert same_weights(found, model)
    assert same_weights(load_model(tmp_path), model)
    assert not list(tmp_path.glob("*r.safetensors")) + list(tmp_path.glob("*e.safetensors"))


def same_weights(one: Model, other: Model) -> bool:
    return one.weights() == other.weights()


@pytest.mark.parametrize("name", ["carvana", "carvana-base"])
def test_the_models_of_the_package_are_read(name: str):
    model = load_model(name)

    assert (model.refiner is None) == (name == "carvana-base")
    assert weights_hash(find_model(name)) == sha256(serialised(model.coarse))


class Killed(BaseException):
    """Ends a save as a kill would, without any clean-up of ours."""


STEPS = 5
"""Renames of two weights and of model.json, removals of two weights."""


@pytest.mark.parametrize("format_before", [1, 2])
@pytest.mark.parametrize("step", range(STEPS + 1))
def test_a_save_killed_at_any_step_leaves_one_whole_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, format_before: int
):
    old, new = model_of(), other_model()
    (save_as_format_1 if format_before == 1 else save_model)(old, tmp_path)
    left = step

    def killing(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(path: Path, *arguments: Any, **keywords: Any) -> Any:
            nonlocal left
            if arguments or path.suffix != ".partial":  # to remove those is no step
                if not left:
                    raise Killed
                left -= 1
            return function(path, *arguments, **keywords)

        return counted

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killing(Path.replace))
        patch.setattr(Path, "unlink", killing(Path.unlink))
        if step < STEPS:
            with pytest.raises(Killed):
                save_model(new, tmp_path)
        else:
            save_model(new, tmp_path)

    assert not left
    assert same_weights(load_model(tmp_path), old if step < 3 else new)
    save_model(new, tmp_path)
    assert same_weights(load_model(tmp_path), new)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def other_model() -> Model:
    """A model of other weights."""
    model = model_of()
    assert model.refiner is not None
    with torch.no_grad():
        model.coarse.get_parameter("head.weight").add_(1)
        model.refiner.head.weight.add_(1)
    return model


@pytest.mark.parametrize("network", ["coarse", "refiner"])
def test_a_reader_whose_model_is_replaced_meanwhile_gets_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str
):
    old, new = model_of(), other_model()
    save_model(old, tmp_path)
    read, waiting = Path.read_bytes, [new]

    def reading(path: Path) -> bytes:
        if path.name.startswith(network) and waiting:
            save_model(waiting.pop(), tmp_path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", reading)

    assert same_weights(load_model(tmp_path), new)


def test_other_files_in_the_folder_stay(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "mine.safetensors").write_text("mine")

    save_model(model_of(), tmp_path)
    save_model(other_model(), tmp_path)

    assert len(list(tmp_path.iterdir())) == 5


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


def test_weights_that_were_changed_are_refused_before_a_network_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    save_model(model_of(), tmp_path)
    weights_in(tmp_path, "refiner").write_bytes(b"other")
    monkeypatch.setattr("pipeline.model.new_coarse_network", None)

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
