"""A model takes the place of another; there is always one whole model in the folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.model import Model
from pipeline.model_folder import load_model, save_model, weights_hash
from tests.model_folders import edit, model_of, same_weights, weights_in


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


def test_an_interrupted_save_leaves_no_half_written_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(_: Path, data: bytes) -> int:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        save_model(model_of(), tmp_path)

    assert not list(tmp_path.iterdir())


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
