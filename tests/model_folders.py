"""Models on disk, and how to change what is written of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from coarse.coarse_network import CoarseNetwork
from coarse.enet import ENet
from coarse.novelty import fit_novelty
from data.geometry import Fovea
from pipeline.model import Model
from refine.refiner_network import Refiner


def model_of(
    *, refined: bool = True, detector: bool = False, coarse: CoarseNetwork | None = None
) -> Model:
    torch.manual_seed(5)
    coarse = (coarse or ENet()).train()
    coarse(torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8))  # statistics of the norms
    fovea = Fovea(8, 2)
    refiner = Refiner(fovea, channels=(4, 6), depths=(1, 2)) if refined else None
    if refiner is not None:
        nn.init.normal_(refiner.head.weight)
    features = np.random.default_rng(0).normal(size=(9, 256))
    return Model(
        coarse=coarse,
        refiner=refiner,
        fovea=fovea,
        low=0.1,
        high=0.8,
        long_side=777,
        provenance={"groups": ["a", "b"], "photos": 12},
        scores={"validation": {"dice": 0.99}},
        novelty=fit_novelty(features, "abcdefghi") if detector else None,
    )


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = folder / "model.json"
    description = json.loads(file.read_text())
    change(description)
    file.write_text(json.dumps(description))


def weights_in(folder: Path, network: str) -> Path:
    (path,) = folder.glob(f"{network}-*.safetensors")
    return path


def same_weights(one: Model, other: Model) -> bool:
    return one.weights() == other.weights()
