"""Which weights the coarse network begins with, where the settings leave that open."""

from pathlib import Path

import pytest
import torch

from pipeline.config import CoarseConfig, Config
from pipeline.model_folder import load_model
from pipeline.network_config import EnetConfig
from pipeline.training import checkpoint, commands
from pipeline.training.initial_weights import with_coarse_init
from pipeline.training.run_folder import read_settings
from tests.builders import (
    tiny_config,
    with_coarse,
    write_grey_data,
    write_settings,
)

KNOWN = next(iter(load_model("carvana").seen))


@pytest.mark.parametrize(
    ("config", "groups", "init"),
    [
        pytest.param(Config(), {"a"}, "carvana", id="it fits"),
        pytest.param(Config(), {"a", KNOWN}, "", id="it knows a group"),
        pytest.param(Config(coarse=CoarseConfig(stride=8)), {"a"}, "", id="other size"),
        pytest.param(Config(coarse=CoarseConfig(network="linknet")), {"a"}, "", id="other network"),
        pytest.param(
            Config(coarse=CoarseConfig(enet=EnetConfig(unpool="nearest"))), {"a"}, "", id="option"
        ),
        pytest.param(Config(coarse=CoarseConfig(init="")), {"a"}, "", id="random weights"),
        pytest.param(Config(coarse=CoarseConfig(init="x")), {KNOWN}, "x", id="another model"),
    ],
)
def test_stage_one_begins_with_the_model_of_the_package_where_it_can(
    config: Config, groups: set[str], init: str
):
    chosen = with_coarse_init(config, groups)

    assert chosen.coarse.init == init
    assert chosen.refiner == config.refiner


def test_a_run_begins_with_the_weights_chosen_and_says_so_in_its_model(tmp_path: Path):
    data, run = write_grey_data(tmp_path / "data", 6), tmp_path / "run"
    settings = with_coarse(tiny_config(), init="auto", lr=1e-12)
    given = write_settings(tmp_path / "given.toml", settings)

    commands.train_coarse([data], run, given, "cpu")

    trained = checkpoint.read(run / "coarse" / "best.pt")["model"]
    for name, parameter in load_model("carvana").coarse.named_parameters():
        torch.testing.assert_close(trained[name], parameter)
    description = load_model(run / "model").provenance
    assert description["settings"]["coarse"]["init"] == "carvana"
    assert KNOWN in description["groups"]
    assert read_settings(run, None, "train-coarse").coarse.init == "auto"
    more = write_settings(tmp_path / "more.toml", with_coarse(settings, epochs=2))
    commands.train_coarse([data], run, more, "cpu")
    assert checkpoint.read(run / "coarse" / "last.pt")["epoch"] == 2
