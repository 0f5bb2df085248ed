"""A trained model as a value, and its description as JSON.

`pipeline.model_folder` reads and writes it on disk.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from safetensors.torch import save as save_tensors
from torch import nn

from coarse import catalogue
from coarse.coarse_network import CoarseNetwork
from coarse.novelty import NoveltyDetector
from data.geometry import Fovea
from data.ranges import shown
from pipeline.config import LONG_SIDES, Config, TilesConfig
from pipeline.described_networks import (
    described_coarse,
    described_refiner,
    part_of,
    stored_novelty,
)
from pipeline.dice_interval import DiceInterval
from pipeline.provenance import check_provenance
from pipeline.toml_settings import from_table
from refine.guard import DEFAULT_GUARD, Guard
from refine.postprocess import Step, parse
from refine.refiner_network import Refiner

FORMAT = 3
FORMATS = (1, 2, 3)
"""Formats that can be read. In format 1, weights are not named by their hash, and
`refiner.inputs` is called `sees`. Formats 1 and 2 have no novelty detector and no interval of the
Dice."""

PARTS = ("coarse", "refiner", "novelty")
"""Parts of a model with weights. All but the first may be missing."""

NO_REFINER = (
    "the model has no refiner yet; run `foveamask make-patches` and "
    "`foveamask train-refiner`, or use --stage coarse"
)


@dataclass(frozen=True)
class Model:
    """Networks, and all values that are needed to use them on a photo.

    Raises:
        ValueError: a value is out of its range, or two do not fit together.
    """

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
    """Steps applied to finished masks."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Origin of the weights; `groups` are the groups of photos that they were trained on."""
    scores: dict[str, Any] = field(default_factory=dict)
    """Scores on the validation set."""
    novelty: NoveltyDetector | None = None
    """Tells photos that are unlike the training photos; None if the model cannot tell."""
    budget: int | None = None
    """Most tiles to refine per photo, unless a call says otherwise; None for all uncertain ones."""
    dice_interval: DiceInterval | None = None
    """How far the true Dice of its masks, made as it makes them by default, is from the expected
    one; None if that was not measured."""
    guard: Guard = DEFAULT_GUARD
    """By how much masks of others must differ from the refined ones to be replaced."""

    def __post_init__(self) -> None:
        if type(self.long_side) is not int or self.long_side not in LONG_SIDES:
            raise ValueError(f"long_side is {LONG_SIDES} pixels, not {shown(self.long_side)}")
        for bound in (self.low, self.high):
            if type(bound) not in (int, float):
                raise ValueError(f"low and high are numbers, not {shown(bound)}")
        if not 0 <= self.low < self.high <= 1:
            raise ValueError(f"low < high are from 0 to 1, not {self.low} and {self.high}")
        if self.refiner is not None and self.refiner.fovea != self.fovea:
            raise ValueError(f"a refiner of {self.refiner.fovea} does not fit {self.fovea}")
        if self.budget is not None and (type(self.budget) is not int or self.budget < 0):
            raise ValueError(f"budget is a number of tiles, not {shown(self.budget)}")
        check_provenance(self.provenance)
        if not isinstance(self.scores, dict) or not isinstance(self.validation_scores, dict):
            raise ValueError("scores are a table, and those of validation are one")

    @classmethod
    def without_refiner(
        cls,
        coarse: CoarseNetwork,
        config: Config,
        provenance: dict[str, Any],
        scores: dict[str, Any],
    ) -> "Model":
        """Return a model of `coarse` alone, with tiles, working size and steps of `config`."""
        return cls(
            coarse=coarse,
            refiner=None,
            fovea=config.tiles.fovea,
            low=config.tiles.low,
            high=config.tiles.high,
            long_side=config.data.long_side,
            postprocess=config.steps,
            provenance=provenance,
            scores=scores,
        )

    @property
    def seen(self) -> frozenset[str]:
        """Groups of photos it was trained on; empty if its provenance names none."""
        return frozenset(self.provenance.get("groups", ()))

    @property
    def validation_scores(self) -> dict[str, Any]:
        """Scores of both stages on the validation set, as far as they are known."""
        scores: dict[str, Any] = self.scores.get("validation", {})
        return scores

    def weights(self) -> dict[str, bytes]:
        """Return the weights of each part of the model as a safetensors file holds them."""
        parts = {"coarse": serialised(self.coarse)}
        if self.refiner is not None:
            parts["refiner"] = serialised(self.refiner)
        if self.novelty is not None:
            parts["novelty"] = save_tensors(vars(self.novelty))
        return parts


def identity(model: Model) -> str:
    """Return a hash of everything that decides which masks `model` makes of photos alone."""
    hashes = {name: sha256(data) for name, data in model.weights().items()}
    description = to_json(model, hashes)
    for name in ("format", "provenance", "scores", "dice_interval", "guard"):
        description.pop(name, None)
    return sha256(json.dumps(description, sort_keys=True).encode())


def to_json(model: Model, hashes: Mapping[str, str]) -> dict[str, Any]:
    """Return the description of `model`; `hashes` are those of the weights of its networks."""
    fovea, refiner = model.fovea, model.refiner
    return {
        "format": FORMAT,
        "long_side": model.long_side,
        "coarse": {
            "network": catalogue.name_of(model.coarse),
            "options": model.coarse.options(),
            "sha256": hashes["coarse"],
        },
        "refiner": refiner and refiner.options() | {"sha256": hashes["refiner"]},
        "tiles": {
            "side": fovea.tile,
            "levels": fovea.levels,
            "low": model.low,
            "high": model.high,
            **({} if model.budget is None else {"budget": model.budget}),
        },
        "novelty": model.novelty and {"sha256": hashes["novelty"]},
        "postprocess": [str(step) for step in model.postprocess],
        "provenance": model.provenance,
        "scores": model.scores,
        "dice_interval": model.dice_interval and model.dice_interval.to_json(),
        **({} if model.guard == DEFAULT_GUARD else {"guard": model.guard.to_json()}),
    }


@cache
def own_version() -> str:
    """Return the version of this package, which is recorded in the files it writes."""
    try:
        return version("foveamask")
    except PackageNotFoundError:
        return "not installed"


def from_json(description: Mapping[str, Any], weights: Mapping[str, bytes]) -> Model:
    """Return the model of a `description` and the `weights` of its networks.

    Raises:
        ValueError: `description` is incomplete or wrong, or the weights do not fit it.
    """
    for name in ("long_side", "refiner", "postprocess", "provenance", "scores"):
        if name not in description:
            raise ValueError(f"{name} is missing")
    values = part_of(description, "tiles", ("side", "levels", "low", "high"))
    tiles = from_table(TilesConfig, values, "tiles.")
    refiner = None
    if description["refiner"] is not None:
        refiner = described_refiner(description, tiles.fovea, weights["refiner"])
    steps, interval = description["postprocess"], description.get("dice_interval")
    if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
        raise ValueError("postprocess is a list of steps")
    return Model(
        coarse=described_coarse(description, weights["coarse"]),
        refiner=refiner,
        fovea=tiles.fovea,
        low=tiles.low,
        high=tiles.high,
        long_side=description["long_side"],
        postprocess=tuple(parse(step) for step in steps),
        provenance=description["provenance"],
        scores=description["scores"],
        novelty=stored_novelty(weights["novelty"]) if "novelty" in weights else None,
        budget=description["tiles"].get("budget"),
        dice_interval=None if interval is None else DiceInterval.from_json(interval),
        guard=Guard.from_json(description["guard"]) if "guard" in description else DEFAULT_GUARD,
    )


def weights_hashes(description: Mapping[str, Any]) -> dict[str, str]:
    """Return the hash of the weights of each part that a description names.

    Raises:
        ValueError: `description` is not a description of a model.
    """
    names = [PARTS[0], *(name for name in PARTS[1:] if description.get(name) is not None)]
    hashes = {name: part_of(description, name, ("sha256",))["sha256"] for name in names}
    for name, value in hashes.items():
        if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
            raise ValueError(f"{name}.sha256 is no hash")
    return hashes


def serialised(network: nn.Module) -> bytes:
    """Return the weights of `network` as a safetensors file holds them."""
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()
    }
    return save_tensors(tensors)


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
