from dataclasses import replace
from typing import Any

import pytest
import torch

from coarse.enet import ENet
from data.geometry import Fovea
from pipeline.config import Config, DataConfig, TilesConfig
from pipeline.model import Model, identity, to_json
from refine.postprocess import parse
from refine.refiner_network import Refiner
from tests.model_folders import model_of


def test_the_identity_of_a_model_changes_with_what_decides_its_masks_alone():
    model = model_of()
    assert model.refiner is not None
    first = identity(model)

    others = [
        replace(model, low=0.2),
        replace(model, long_side=778),
        replace(model, refiner=None),
        replace(model, postprocess=(parse("smooth=3"),)),
    ]
    same = replace(model, provenance={}, scores={})
    assert identity(same) == first == identity(model_of())
    assert len({first, *map(identity, others)}) == 5
    with torch.no_grad():
        model.refiner.head.weight[0, 0] += 1e-6
    assert identity(model) != first


def test_a_change_of_the_coarse_weights_is_another_identity():
    model = model_of()
    first = identity(model)

    with torch.no_grad():
        model.coarse.get_parameter("head.weight")[0, 0] += 1e-6

    assert identity(model) != first


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"long_side": 0}, "long_side is from 64 to 16384 pixels, not 0"),
        ({"long_side": 63}, "long_side is from 64 to 16384 pixels, not 63"),
        ({"long_side": 16385}, "long_side is from 64 to 16384 pixels, not 16385"),
        ({"long_side": None}, "long_side is from 64 to 16384 pixels, not None"),
        ({"long_side": "x" * 9999}, "long_side is from 64 to 16384 pixels, not 'xxx"),
        ({"long_side": 777.0}, "not 777.0"),
        ({"long_side": True}, "not True"),
        ({"low": "0.1"}, "low and high are numbers, not '0.1'"),
        ({"low": 0.9}, "low < high are from 0 to 1, not 0.9 and 0.8"),
        ({"low": 0.8}, "not 0.8 and 0.8"),
        ({"high": float("nan")}, "not 0.1 and nan"),
        ({"high": 1.5}, "not 0.1 and 1.5"),
        ({"fovea": Fovea(16, 2)}, "a refiner of Fovea"),
        ({"provenance": []}, "provenance is a table"),
        ({"provenance": {"groups": "abc"}}, "provenance.groups is a list of names"),
        ({"provenance": {"groups": [1]}}, "provenance.groups is a list of names"),
        ({"provenance": {"settings": []}}, "provenance.settings"),
        ({"provenance": {"settings": {"data": []}}}, "provenance.settings"),
        ({"provenance": {"settings": {"data": {"group": 3}}}}, "provenance.settings"),
        ({"provenance": {"group_patterns": "(a)"}}, "provenance.group_patterns is a list"),
        ({"provenance": {"photo_hashes": "12ab"}}, "provenance.photo_hashes is a text of hashes"),
        ({"provenance": {"validation_photo_hashes": ["0" * 16]}}, "validation_photo_hashes is a"),
        ({"scores": []}, "scores are a table"),
        ({"scores": {"validation": 0.9}}, "scores are a table"),
    ],
)
def test_values_that_make_no_sense_are_refused(values: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")) as caught:
        replace(model_of(), **values)
    assert len(str(caught.value)) < 300


def test_a_model_without_a_refiner_is_used_as_the_settings_say():
    config = Config(
        data=DataConfig(long_side=640),
        tiles=TilesConfig(side=8, levels=2, low=0.2, high=0.7),
        postprocess=("smooth=3",),
    )
    coarse = ENet()

    model = Model.without_refiner(coarse, config, {"groups": ["a"]}, {"validation": {"photos": 3}})

    assert model.coarse is coarse
    assert model.refiner is None
    assert (model.fovea, model.low, model.high) == (Fovea(8, 2), 0.2, 0.7)
    assert model.long_side == 640
    assert model.postprocess == (parse("smooth=3"),)
    assert model.seen == {"a"}
    assert model.validation_scores == {"photos": 3}


def test_a_description_says_which_networks_the_weights_are_of():
    fovea = Fovea(8, 2)
    refiner = Refiner(fovea, channels=(4, 6), depths=(1, 2), inputs="photo")

    description = to_json(replace(model_of(), refiner=refiner), {"coarse": "a", "refiner": "b"})

    assert description["coarse"]["sha256"] == "a"
    assert description["refiner"] == {
        "channels": [4, 6], "depths": [1, 2], "inputs": "photo", "residual": True, "sha256": "b"
    }  # fmt: skip
