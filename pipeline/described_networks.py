"""The networks that a model.json describes, with their weights."""

from collections.abc import Mapping
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import nn

from coarse.coarse_network import CoarseNetwork
from coarse.novelty import NoveltyDetector
from data.geometry import Fovea
from pipeline.config import CoarseConfig, RefinerConfig
from pipeline.new_networks import new_coarse_network, new_refiner
from pipeline.toml_settings import from_table
from refine.refiner_network import Refiner

Description = Mapping[str, Any]


def described_coarse(description: Description, weights: bytes) -> CoarseNetwork:
    """Return the coarse network of a description.

    Raises:
        ValueError: the description is incomplete or wrong, or the weights do not fit it.
    """
    part = part_of(description, "coarse", ("network", "options"))
    name, options = part["network"], part["options"]
    if not isinstance(name, str) or not isinstance(options, dict):
        raise ValueError("coarse has no network by name, or no options")
    own = {key: value for key, value in options.items() if key != "stride"}
    table = {"network": name, "stride": options.get("stride")} | ({name: own} if own else {})
    network = new_coarse_network(from_table(CoarseConfig, table, "coarse."))
    _load_weights(network, weights, "coarse")
    return network


def described_refiner(description: Description, fovea: Fovea, weights: bytes) -> Refiner:
    """Return the refiner of a description, for windows of `fovea`.

    Raises:
        ValueError: the description is incomplete or wrong, or the weights do not fit it.
    """
    inputs = "inputs" if description["format"] > 1 else "sees"
    part = part_of(description, "refiner", ("channels", "depths", inputs, "residual"))
    table = part | {"inputs": part.pop(inputs)}
    refiner = new_refiner(from_table(RefinerConfig, table, "refiner."), fovea)
    _load_weights(refiner, weights, "refiner")
    return refiner


def stored_novelty(weights: bytes) -> NoveltyDetector:
    """Return the novelty detector that a safetensors file holds.

    Raises:
        ValueError: it holds something else.
    """
    try:
        return NoveltyDetector(**load_tensors(weights))
    except (SafetensorError, TypeError) as error:
        raise ValueError("these are not the parts of a novelty detector") from error


def part_of(description: Description, name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of `keys` in the part `name` of a description.

    Raises:
        ValueError: there is no such table, or it lacks one of them.
    """
    part = description.get(name)
    if not isinstance(part, dict):
        raise ValueError(f"{name} is no table")
    missing = [key for key in keys if key not in part]
    if missing:
        raise ValueError(f"{name} has no {missing[0]}")
    return {key: part[key] for key in keys}


def _load_weights(network: nn.Module, data: bytes, name: str) -> None:
    """Load the weights in `data` into `network`.

    Raises:
        ValueError: they are of another network or another type, or not finite.
    """
    try:
        tensors = load_tensors(data)
        network.load_state_dict(tensors)
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"the weights do not fit the {name} network") from error
    for key, own in network.state_dict().items():
        if tensors[key].dtype != own.dtype:
            raise ValueError(f"{key} of the {name} network is of {tensors[key].dtype}")
        if not tensors[key].isfinite().all():
            raise ValueError(f"{key} of the {name} network is not finite")
