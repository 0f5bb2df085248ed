"""Both networks as settings describe them, untrained."""

from coarse import catalogue
from coarse.coarse_network import CoarseNetwork
from data.geometry import Fovea
from pipeline.config import CoarseConfig, RefinerConfig
from refine.refiner_network import Refiner


def new_coarse_network(config: CoarseConfig) -> CoarseNetwork:
    """Return the coarse network that `config` chooses."""
    return catalogue.build(config.network, config.network_options())


def new_refiner(config: RefinerConfig, fovea: Fovea) -> Refiner:
    """Return the refiner that `config` describes, for tiles of `fovea`."""
    return Refiner(
        fovea,
        channels=config.channels,
        depths=config.depths,
        inputs=config.inputs,
        residual=config.residual,
    )
