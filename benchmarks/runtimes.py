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
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.markdown import table
from benchmarks.timing import seconds_in_turn, seconds_of
from data.images import read_photo
from pipeline.evaluation.metrics import overlap
from pipeline.inference.devices import autocast, to_device
from pipeline.inference.segmenter import Segmenter


@dataclass(frozen=True)
class Runtime:
    """One way to run networks."""

    name: str
    segmenter: Segmenter
    first_seconds: float
    """Seconds of the first photo, which compiles the networks where they are compiled."""


def table_of_runtimes(model_name: str, photos: Sequence[Path], device: str) -> str:
    """Return the table in Markdown; to be called with one thread."""
    decoded = [read_photo(photo) for photo in photos]
    runtimes = [
        prepared(name, change, model_name, decoded[0], device)
        for name, change in (
            ("as trained, autocast", as_trained),
            ("folded and cast", unchanged),
            ("the same, compiled", compiled),
        )
        if change is not compiled or has_compiler()
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


def prepared(
    name: str,
    change: Callable[[Segmenter], None],
    model_name: str,
    photo: NDArray[np.uint8],
    device: str,
) -> Runtime:
    """Return the runtime after its first photo."""
    segmenter = Segmenter.load(model_name, device)
    change(segmenter)
    return Runtime(name, segmenter, seconds_of(lambda: segmenter(photo)))


def unchanged(segmenter: Segmenter) -> None:
    """Let `segmenter` run its networks as prediction does."""


def as_trained(segmenter: Segmenter) -> None:
    """Let `segmenter` run its networks as they are trained."""
    model = segmenter.model
    for fast, network in ((segmenter._coarse, model.coarse), (segmenter._refiner, model.refiner)):
        if fast is not None and network is not None:
            fast.forward = under_autocast(network, segmenter)  # type: ignore[method-assign]


def under_autocast(network: nn.Module, segmenter: Segmenter) -> Callable[[Any], Tensor]:
    """Return a function that runs `network` in the precision of its training."""
    placed = to_device(network.eval(), segmenter.device)

    def forward(x: Any) -> Tensor:
        with autocast(segmenter.device, segmenter.precision):
            logits: Tensor = placed(x)
            return logits

    return forward


def compiled(segmenter: Segmenter) -> None:
    """Let `segmenter` run its networks compiled."""
    for fast in (segmenter._coarse, segmenter._refiner):
        if fast is not None:
            fast.compile()


def has_compiler() -> bool:
    """Whether there is the C++ compiler that `torch.compile` needs on a CPU."""
    return shutil.which(os.environ.get("CXX", "g++")) is not None


def agreement(masks: Sequence[NDArray[np.bool_]], expected: Sequence[NDArray[np.bool_]]) -> float:
    """Return the mean Dice of masks with those expected."""
    return fmean(overlap(mask, other).dice for mask, other in zip(masks, expected, strict=True))
