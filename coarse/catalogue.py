"""All coarse networks by name."""

from collections.abc import Mapping
from typing import Any

from coarse.coarse_network import CoarseNetwork
from coarse.enet import ENet
from coarse.linknet import LinkNet
from coarse.mlp import MLP

NETWORKS: dict[str, type[CoarseNetwork]] = {"enet": ENet, "linknet": LinkNet, "mlp": MLP}


def build(name: str, options: Mapping[str, Any]) -> CoarseNetwork:
    """Return the untrained network `name`; `options` are arguments of its constructor.

    Raises:
        ValueError: there is no such network, or it has no such option.
    """
    if name not in NETWORKS:
        raise ValueError(f"no coarse network {name!r}; there are {', '.join(NETWORKS)}")
    try:
        return NETWORKS[name](**options)
    except TypeError as error:
        raise ValueError(f"the options {dict(options)} do not fit {name}: {error}") from error


def name_of(network: CoarseNetwork) -> str:
    """Return the name of the class of `network` in `NETWORKS`."""
    return next(name for name, cls in NETWORKS.items() if type(network) is cls)
