"""Which weights the coarse network begins with, where the settings leave that open."""

import logging
from collections.abc import Set
from dataclasses import replace

from coarse import catalogue
from pipeline import DEFAULT_MODEL
from pipeline.config import AUTO, Config
from pipeline.model_folder import load_model
from pipeline.new_networks import new_coarse_network

log = logging.getLogger(__name__)


def with_coarse_init(config: Config, groups: Set[str]) -> Config:
    """Return `config` with the name of a model, or nothing, in place of `coarse.init` = "auto".

    That is the model of the package if it can be trained on further: its network is the one that is
    asked for, and it was trained on none of the `groups` to train or validate on.
    """
    if config.coarse.init != AUTO:
        return config
    model = load_model(DEFAULT_MODEL)
    asked, found = (
        (catalogue.name_of(network), network.options())
        for network in (new_coarse_network(config.coarse), model.coarse)
    )
    fits = asked == found and not groups & model.seen
    if fits:
        log.info("initialising from the model %s of the package", DEFAULT_MODEL)
    return replace(config, coarse=replace(config.coarse, init=DEFAULT_MODEL if fits else ""))
