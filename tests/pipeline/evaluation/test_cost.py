from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from coarse.coarse_network import CoarseNetwork
from coarse.enet import ENet
from coarse.linknet import LinkNet
from data.geometry import Fovea, Size
from pipeline.evaluation.cost import PhotoCost, gmac, networks_of, num_parameters, photo_cost
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.torch_networks import TILES_MULTIPLE
from pipeline.model import Model
from refine.refiner_network import Refiner

CPU = torch.device("cpu")


def model_of(coarse: CoarseNetwork) -> Model:
    fovea = Fovea(16, 2)
    return Model(coarse, Refiner(fovea, channels=(8, 8)), fovea, 0.0, 1.0, long_side=192)


@pytest.mark.parametrize(
    ("coarse", "size"),
    [(ENet(), Size(128, 192)), (ENet(stride=8), Size(100, 511)), (LinkNet(), Size(60, 90))],
    ids=["enet", "stride 8, reduced", "linknet, enlarged"],
)
def test_the_cost_is_that_of_predicting_a_photo(coarse: CoarseNetwork, size: Size):
    segmenter = Segmenter.from_model(model_of(coarse), CPU, "fp32")
    photo = np.zeros((*size, 3), np.uint8)

    with FlopCounterMode(display=False) as counter:
        prediction = segmenter.predict(photo, MaskOptions(budget=TILES_MULTIPLE))

    num = len(prediction.tiles)
    cost = photo_cost(segmenter.model, size, "refined", num)
    assert num == TILES_MULTIPLE  # fewer would be padded
    assert cost.total == pytest.approx(counter.get_total_flops() / 2e9)


def test_a_stage_that_is_not_run_costs_nothing():
    model = model_of(ENet())
    cost = photo_cost(model, Size(128, 192), "refined", 10)

    coarse = photo_cost(model, Size(128, 192), "coarse", 10)
    alone = photo_cost(replace(model, refiner=None), Size(128, 192), "refined", 10)

    assert coarse == alone == PhotoCost(cost.coarse)
    assert coarse.total == cost.coarse < cost.total
    assert coarse.to_json() == {"coarse": cost.coarse}
    assert cost.to_json() == {"coarse": cost.coarse, "refined": cost.total}


def test_a_network_stays_where_it_is_when_it_is_counted():
    network = ENet()

    twice = gmac(network, Size(64, 64)) / gmac(network, Size(32, 64))

    assert twice == 2
    assert network.head.weight.device == CPU
    assert network.training


def test_parameters_are_those_of_all_networks():
    model = model_of(ENet())
    assert model.refiner is not None

    assert networks_of(model) == [model.coarse, model.refiner]
    assert networks_of(replace(model, refiner=None)) == [model.coarse]
    parts = [num_parameters(network) for network in networks_of(model)]
    assert parts[0] == 359_136
    assert num_parameters(*networks_of(model)) == sum(parts)
