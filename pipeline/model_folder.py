"""The folder that holds a model.

model.json                   format, networks and their sizes, thresholds, provenance, scores
coarse-<hash>.safetensors    weights of the coarse network, named by their SHA-256
refiner-<hash>.safetensors   weights of the refiner, if there is one
novelty-<hash>.safetensors   the novelty detector, if there is one

New weights are written first. Then model.json, which names them, is replaced in one step. Old
weights are removed last. So at any moment, even if the writing process is killed, the folder holds
one complete model.
"""

import json
from pathlib import Path
from typing import Any

from torch import nn

from data.errors import InputError
from data.files import remove_partials, write_bytes
from data.ranges import shown
from pipeline.model import (
    FORMAT,
    FORMATS,
    Model,
    from_json,
    serialised,
    sha256,
    to_json,
    weights_hashes,
)

WEIGHTS = Path(__file__).parent / "weights"
"""Models that come with the package."""

TRAIN_AGAIN = "train it again with `foveamask train-coarse` and the commands after it"

PATTERNS = (
    "coarse.safetensors",
    "refiner.safetensors",
    "coarse-*.safetensors",
    "refiner-*.safetensors",
    "novelty-*.safetensors",
)
"""Names of weights files, in all formats."""


def save_model(model: Model, folder: Path) -> None:
    """Write `model` to `folder`, replacing the model there."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_partials(folder)
    weights = model.weights()
    hashes = {network: sha256(data) for network, data in weights.items()}
    description = to_json(model, hashes)
    paths = {network: folder / _file_name(network, sha) for network, sha in hashes.items()}
    for network, path in paths.items():
        write_bytes(path, weights[network])
    write_bytes(folder / "model.json", f"{json.dumps(description, indent=2)}\n".encode())
    for pattern in PATTERNS:
        for path in folder.glob(pattern):
            if path not in paths.values():
                path.unlink(missing_ok=True)


def load_model(name: str | Path) -> Model:
    """Return the model in the folder `name`, or the one of that name in the package.

    Raises:
        InputError: there is none, or it is damaged or of another format.
    """
    folder = find_model(name)
    while True:
        text = (folder / "model.json").read_bytes()
        try:
            return _load(folder, text)
        except FileNotFoundError as error:
            # Another process may have replaced the model meanwhile, and removed these weights.
            if (folder / "model.json").read_bytes() == text:
                raise InputError(f"{error.filename} is missing; {TRAIN_AGAIN}") from error


def find_model(name: str | Path) -> Path:
    """Return the folder of the model `name`.

    Raises:
        InputError: there is no such model.
    """
    for folder in (Path(name), WEIGHTS / name):
        if (folder / "model.json").is_file():
            return folder
    inner = Path(name) / "model"
    if (inner / "model.json").is_file():
        raise InputError(f"no model at {name}, which is a run; its model is {inner}")
    run = Path(name).parent if Path(name).name == "model" else Path(name)
    if (run / "coarse" / "last.pt").is_file():
        raise InputError(
            f"no model at {name}: the training in {run} is not finished; the command that began it "
            "goes on with it"
        )
    shipped = sorted(path.parent.name for path in WEIGHTS.glob("*/model.json"))
    known = f", or one of: {', '.join(shipped)}" if shipped else ""
    raise InputError(f"no model at {name}; give a folder with a model.json{known}")


def is_finished(folder: Path, network: nn.Module) -> bool:
    """Whether the model in `folder` has a refiner, and the coarse weights of `network`."""
    try:
        model = load_model(folder)
    except InputError:
        return False
    return model.refiner is not None and serialised(model.coarse) == serialised(network)


def weights_hash(folder: Path) -> str:
    """Return the SHA-256 of the coarse weights of the model in `folder`.

    Raises:
        InputError: there is no model, or its description is damaged.
    """
    path = find_model(folder) / "model.json"
    try:
        return weights_hashes(_description(path, path.read_bytes()))["coarse"]
    except ValueError as error:
        raise _damaged(path, error) from error


def _load(folder: Path, text: bytes) -> Model:
    """Return the model in `folder` whose model.json holds `text`.

    Raises:
        FileNotFoundError: weights are missing.
        InputError: it is damaged or of another format.
    """
    path = folder / "model.json"
    try:
        description = _description(path, text)
        hashes = weights_hashes(description)
        weights = {
            network: _checked_weights(folder / _file_name(network, sha, description["format"]), sha)
            for network, sha in hashes.items()
        }
        return from_json(description, weights)
    except ValueError as error:
        raise _damaged(path, error) from error


def _description(path: Path, text: bytes) -> dict[str, Any]:
    """Return the description in `text`, the content of the model.json at `path`.

    Raises:
        InputError: it is not JSON, or of a format that this version does not read.
    """
    try:
        description = json.loads(text.decode("utf-8-sig"), object_pairs_hook=_table)
    except InputError as error:
        raise _damaged(path, error) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "no JSON") from error
    version = description.get("format") if isinstance(description, dict) else None
    if type(version) is not int or version not in FORMATS:
        raise InputError(
            f"the model {path.parent} has format {shown(version)}, this version reads "
            f"{' and '.join(map(str, FORMATS))}; {TRAIN_AGAIN}"
        )
    return dict(description)


def _table(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the table of `items`, the content of an object of JSON.

    Raises:
        InputError: two of them have the same name.
    """
    table = dict(items)
    if len(table) < len(items):
        names = [name for name, _ in items]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{shown(twice)} is there twice")
    return table


def _checked_weights(path: Path, sha: str) -> bytes:
    data = path.read_bytes()
    if sha256(data) != sha:
        raise InputError(f"{path} is damaged (its hash differs); {TRAIN_AGAIN}")
    return data


def _file_name(network: str, sha: str, version: int = FORMAT) -> str:
    """Return the name of the weights of `network` in a folder of the format `version`."""
    return f"{network}-{sha[:16]}.safetensors" if version > 1 else f"{network}.safetensors"


def _damaged(path: Path, reason: object) -> InputError:
    if isinstance(reason, InputError) and TRAIN_AGAIN in str(reason):
        return reason
    return InputError(f"{path} is damaged ({reason}); {TRAIN_AGAIN}")
