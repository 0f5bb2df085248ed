"""Ways to run the same networks, in turn: how long a photo takes, and whether its mask changes.

* As trained, under autocast.
* As prediction runs them, with batch norms folded and weights cast.
* The same through `torch.compile`. The table has the time of its first call.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from benchmarks.markdown import table
from benchmarks.timing import seconds_in_turn, seconds_of
from data.arrays import Mask, Photo
from data.errors import InputError
from data.images import read_photo
from pipeline.evaluation.metrics import overlap
from pipeline.inference.devices import autocast, choose_device, to_device
from pipeline.inference.networks import Networks
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.torch_networks import TorchNetworks
from pipeline.model import NO_REFINER, Model
from pipeline.model_folder import load_model
from refine.fovea import Windows


@dataclass(frozen=True)
class Runtime:
    """One way to run networks."""

    name: str
    segmenter: Segmenter
    first_seconds: float
    """Seconds of the first photo, which compiles the networks where they are compiled."""


class AsTrained:
    """Networks run as they are trained: under autocast, with batch norms of their own."""

    def __init__(self, model: Model, device: torch.device) -> None:
        self.device = device
        self.coarse_network = to_device(model.coarse.eval(), device)
        self.refiner_network = model.refiner and to_device(model.refiner.eval(), device)

    def coarse(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return the coarse logits, and the descriptions of the photos."""
        with autocast(self.device, "auto"):
            return self.coarse_network.described(photos)

    def refiner(self, windows: Windows) -> Tensor:
        """Return the logits of all tiles at once."""
        if self.refiner_network is None:
            raise InputError(NO_REFINER)
        with autocast(self.device, "auto"):
            logits: Tensor = self.refiner_network(windows)
            return logits


def compiled(model: Model, device: torch.device) -> TorchNetworks:
    """Return networks that are compiled when they are first called."""
    networks = TorchNetworks(model, device)
    network = networks.coarse_network
    network.described = torch.compile(network.described)  # type: ignore[method-assign]
    if networks.refiner_network is not None:
        networks.refiner_network.compile()
    return networks


def table_of_runtimes(model_name: str, photos: Sequence[Path], device: str) -> str:
    """Return the table in Markdown; to be called with one thread."""
    decoded = [read_photo(photo) for photo in photos]
    ways: dict[str, Callable[[Model, torch.device], Networks]] = {
        "as trained, autocast": AsTrained,
        "folded and cast": TorchNetworks,
    }
    if has_compiler():
        ways["the same, compiled"] = compiled
    runtimes = [
        prepared(name, Segmenter(model, networks(model, chosen)), decoded[0])
        for name, networks in ways.items()
        for model, chosen in [(load_model(model_name), choose_device(device))]
    ]
    seconds = seconds_in_turn([runtime.segmenter for runtime in runtimes], decoded)
    expected = [runtimes[0].segmenter(photo) for photo in decoded]
    rows = []
    for runtime, taken in zip(runtimes, seconds, strict=True):
        masks = [runtime.segmenter(photo) for photo in decoded]
        rows.append(
            [
                runtime.name,
                f"{1000 * taken:.1f}",
                f"{agreement(masks, expected):.6f}",
                f"{runtime.first_seconds:.1f}",
            ]
        )
    return table(["networks", "ms a photo", "Dice with the first", "first photo, s"], rows)


def prepared(name: str, segmenter: Segmenter, photo: Photo) -> Runtime:
    """Return the runtime after its first photo."""
    return Runtime(name, segmenter, seconds_of(lambda: segmenter(photo)))


def has_compiler() -> bool:
    """Whether there is the C++ compiler that `torch.compile` needs on a CPU."""
    return shutil.which(os.environ.get("CXX", "g++")) is not None


def agreement(masks: Sequence[Mask], expected: Sequence[Mask]) -> float:
    """Return the mean Dice of masks with those expected."""
    return fmean(overlap(mask, other).dice for mask, other in zip(masks, expected, strict=True))
