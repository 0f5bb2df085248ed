"""A trained model as a value, and the folder that holds it.

model.json           format, networks and their sizes, thresholds, provenance, scores
coarse.safetensors   weights of the coarse network
refiner.safetensors  weights of the refiner, where there is one
"""

import hashlib
import json
from collections.abc import Set
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from coarse import catalogue
from coarse.coarse_network import CoarseNetwork
from data.errors import InputError
from data.files import replacing
from data.geometry import Fovea
from refine.postprocess import Step, parse
from refine.refiner_network import Refiner

FORMAT = 1
WEIGHTS = Path(__file__).parent / "weights"
"""Models that come with the package."""

NO_REFINER = (
    "the model has no refiner yet; run `foveamask make-patches` and "
    "`foveamask train-refiner`, or use --stage coarse"
)

TRAIN_AGAIN = "train it again with `foveamask train-coarse` and what follows it"


@dataclass(frozen=True)
class Model:
    """Networks and what is needed to use them on a photo."""

    coarse: CoarseNetwork
    """(B, 3, h, w) uint8 photos to (B, h, w) logits."""
    refiner: Refiner | None
    """Windows of tiles to logits; None before stage two."""
    fovea: Fovea
    low: float
    high: float
    """A coarse pixel is uncertain where low < p < high."""
    long_side: int
    """Longer side of a photo at working size, in pixels."""
    postprocess: tuple[Step, ...] = ()
    """What finished masks go through."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """What it was trained from; `groups` are the groups of photos it has seen."""
    scores: dict[str, Any] = field(default_factory=dict)
    """What it reached on the photos held out."""

    @property
    def seen(self) -> frozenset[str]:
        """Groups of photos it has learnt from; empty where its provenance names none."""
        return frozenset(self.provenance.get("groups", ()))


def save(model: Model, folder: Path) -> None:
    """Write `model` to `folder`, model.json last, so that it never names what is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    description: dict[str, Any] = {
        "format": FORMAT,
        "long_side": model.long_side,
        "coarse": {
            "network": catalogue.name_of(model.coarse),
            "options": model.coarse.options(),
            "sha256": _save_weights(model.coarse, folder / "coarse"),
        },
        "refiner": None,
        "tiles": {
            "side": model.fovea.tile,
            "levels": model.fovea.levels,
            "low": model.low,
            "high": model.high,
        },
        "postprocess": [str(step) for step in model.postprocess],
    }
    if model.refiner is not None:
        description["refiner"] = model.refiner.options() | {
            "sha256": _save_weights(model.refiner, folder / "refiner")
        }
    description |= {"provenance": model.provenance, "scores": model.scores}
    with replacing(folder / "model.json") as partial:
        partial.write_text(json.dumps(description, indent=2) + "\n")


def load(name: str | Path) -> Model:
    """Return the model in the folder `name`, or the one of that name in the package.

    Raises:
        InputError: there is none, or it is damaged or of another format.
    """
    folder = find(name)
    try:
        description = json.loads((folder / "model.json").read_text())
    except ValueError as error:
        raise InputError(f"{folder / 'model.json'} is damaged; {TRAIN_AGAIN}") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        found = description.get("format") if isinstance(description, dict) else None
        raise InputError(
            f"the model {folder} has format {found}, this version reads {FORMAT}; {TRAIN_AGAIN}"
        )
    try:
        return _build(description, folder)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{folder / 'model.json'} is damaged ({error}); {TRAIN_AGAIN}") from error


def find(name: str | Path) -> Path:
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
    shipped = sorted(path.parent.name for path in WEIGHTS.glob("*/model.json"))
    known = f", or one of: {', '.join(shipped)}" if shipped else ""
    raise InputError(f"no model at {name}; give a folder with a model.json{known}")


def check_unseen(model: Model, held_out: Set[str], setting: str, todo: str) -> None:
    """Raise if `model`, which `setting` names to begin training with, knows what is held out.

    Raises:
        InputError: it has learnt from photos of the groups `held_out`; it ends with what `todo`.
    """
    seen = sorted(held_out & model.seen)
    if seen:
        raise InputError(
            f"{setting} has learnt from {len(seen)} groups that are held out here "
            f"({', '.join(seen[:3])}{', ...' if len(seen) > 3 else ''}), so their scores would "
            f"mean nothing; {todo}"
        )


def identity(model: Model) -> str:
    """Return a hash of all that decides which masks `model` makes."""
    parts = {
        "coarse": hashlib.sha256(_serialised(model.coarse)).hexdigest(),
        "refiner": model.refiner and hashlib.sha256(_serialised(model.refiner)).hexdigest(),
        "tiles": [model.fovea.tile, model.fovea.levels, model.low, model.high],
        "long_side": model.long_side,
        "postprocess": [str(step) for step in model.postprocess],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def own_version() -> str:
    """Return the version of this package, which goes into what it writes."""
    try:
        return version("foveamask")
    except PackageNotFoundError:
        return "not installed"


def is_finished(folder: Path, network: nn.Module) -> bool:
    """Whether the model in `folder` is whole, with a refiner and just these coarse weights."""
    try:
        found = load(folder)
    except InputError:
        return False
    same = weights_hash(folder) == hashlib.sha256(_serialised(network)).hexdigest()
    return same and found.refiner is not None


def weights_hash(folder: Path) -> str:
    """Return the SHA-256 of the coarse weights of the model in `folder`.

    Raises:
        InputError: they are not there.
    """
    path = folder / "coarse.safetensors"
    if not path.is_file():
        raise InputError(f"{path} is missing; {TRAIN_AGAIN}")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _build(description: dict[str, Any], folder: Path) -> Model:
    tiles, second = description["tiles"], description["refiner"]
    fovea = Fovea(tiles["side"], tiles["levels"])
    first = description["coarse"]
    coarse = catalogue.build(first["network"], first["options"])
    _load_weights(coarse, folder / "coarse", first["sha256"])
    refiner = None
    if second is not None:
        refiner = Refiner(
            fovea,
            channels=second["channels"],
            depths=second["depths"],
            sees=second["sees"],
            residual=second["residual"],
        )
        _load_weights(refiner, folder / "refiner", second["sha256"])
    return Model(
        coarse=coarse,
        refiner=refiner,
        fovea=fovea,
        low=tiles["low"],
        high=tiles["high"],
        long_side=description["long_side"],
        postprocess=tuple(parse(step) for step in description["postprocess"]),
        provenance=description["provenance"],
        scores=description["scores"],
    )


def _save_weights(network: nn.Module, stem: Path) -> str:
    """Write the weights of `network` to `stem`.safetensors and return their hash."""
    data = _serialised(network)
    with replacing(stem.with_suffix(".safetensors")) as partial:
        partial.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _serialised(network: nn.Module) -> bytes:
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()
    }
    return save_tensors(tensors)


def _load_weights(network: nn.Module, stem: Path, sha256: str) -> None:
    path = stem.with_suffix(".safetensors")
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InputError(f"{path} is damaged (its hash differs); {TRAIN_AGAIN}")
        network.load_state_dict(load_tensors(data))
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; {TRAIN_AGAIN}") from error
    except (SafetensorError, RuntimeError) as error:
        raise InputError(f"{path} does not fit the network in model.json; {TRAIN_AGAIN}") from error
