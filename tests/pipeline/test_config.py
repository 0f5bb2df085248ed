"""Settings are checked wherever they are made."""

from collections.abc import Callable
from typing import Any

import pytest

from coarse import catalogue
from data.datasets.augment import Augmentation
from data.errors import SettingsError
from pipeline.config import (
    CoarseConfig,
    Config,
    EnetConfig,
    MlpConfig,
    RefinerConfig,
    TilesConfig,
)
from pipeline.schedule_config import PlateauConfig


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CoarseConfig(steps=-1), "steps must be from 0 to 100000000, not -1"),
        (lambda: CoarseConfig(epochs=-3), "epochs must be from 0 to 1000000, not -3"),
        (lambda: CoarseConfig(epochs=True), "epochs must be int, not True"),
        (lambda: CoarseConfig(lr=float("nan")), "lr must be at least 1e-12, not nan"),
        (lambda: CoarseConfig(weight_decay=float("inf")), "weight_decay must be at least 0, not"),
        (lambda: CoarseConfig(seed=10**5000), "seed must be from 0 to"),
        (lambda: CoarseConfig(folds=1), "folds = 1 would leave nothing to train on"),
        (lambda: RefinerConfig(augment=3), "augment must be a table of settings, not 3"),  # type: ignore[arg-type]
        (lambda: RefinerConfig(channels=(4,)), "channels has 1 levels, depths 4"),
        (lambda: Augmentation(hue=91), "hue must be from 0 to 90, not 91"),
        (lambda: TilesConfig(low=0.5, high=0.4), "low = 0.5 must be below high = 0.4"),
        (lambda: Config(postprocess=("sharpen=3",)), "postprocess: no step 'sharpen'"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_in_python(make: Callable[[], Any], message: str):
    with pytest.raises(SettingsError) as caught:
        make()

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: CoarseConfig(mlp=MlpConfig(grid=(3, 4))),
            "mlp.grid was set, but network = 'enet'",
        ),
        (
            lambda: CoarseConfig(network="mlp", enet=EnetConfig(unpool="nearest")),
            "enet.unpool was set, but network = 'mlp'",
        ),
        (
            lambda: RefinerConfig(plateau=PlateauConfig(patience=9)),
            "plateau.patience was set, but schedule = 'cosine'",
        ),
    ],
)
def test_options_of_what_is_not_chosen_are_refused(make: Callable[[], Any], message: str):
    with pytest.raises(SettingsError, match=message):
        make()


def test_a_network_too_large_for_any_machine_is_refused():
    with pytest.raises(SettingsError, match="make more than 100000000 weights"):
        MlpConfig(grid=(1000, 1000))
    with pytest.raises(SettingsError, match=r"hidden = \[4096, 4096, 4096, .*weights"):
        MlpConfig(hidden=(4096,) * 10)
    with pytest.raises(SettingsError, match="depths must be from 0 to 16, not 1000000"):
        RefinerConfig(depths=(10**6, 3, 4, 4))


def test_equal_settings_are_equal_however_they_were_written():
    one = CoarseConfig(lr=1, network="mlp", mlp=MlpConfig(hidden=[8]))  # type: ignore[arg-type]

    assert one == CoarseConfig(lr=1.0, network="mlp", mlp=MlpConfig(hidden=(8,)))
    assert type(one.lr) is float
    assert one.mlp.hidden == (8,)


@pytest.mark.parametrize("network", catalogue.NETWORKS)
def test_each_network_is_made_from_its_own_options(network: Any):
    config = CoarseConfig(network=network, stride=8)

    made = catalogue.build(network, config.network_options())

    assert catalogue.name_of(made) == network
    assert made.stride == 8
