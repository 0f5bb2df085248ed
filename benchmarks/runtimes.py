"""Ways to run the same networks, in turn: how long a photo takes, and whether its mask changes.

As trained, under autocast; as prediction runs them, with batch norms folded and weights cast; and
that through `torch.compile`, whose first call takes as long as the table says.
"""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from torch import Tensor, nn

from data.arrays import Mask, Photo
from data.images import read_photo
from pipeline.evaluation.metrics import overlap
from pipeline.inference.devices import autocast, to_device
from pipeline.inference.segmenter import Segmenter

ROUNDS = 5


@dataclass(frozen=True)
class Runtime:
    """One way to run networks."""

    name: str
    segmenter: Segmenter
    first_seconds: float
    """Of the first photo, in which what is compiled is compiled."""


def table(model_name: str, photos: Sequence[Path], device: str) -> str:
    """Return the table in Markdown; to be called with one thread."""
    decoded = [read_photo(photo) for photo in photos]
    runtimes = [
        prepared(name, change, model_name, decoded[0], device)
        for name, change in (
            ("as trained, autocast", as_trained),
            ("folded and cast", as_ever),
            ("the same, compiled", compiled),
        )
        if change is not compiled or has_compiler()
    ]
    times: list[list[float]] = [[] for _ in runtimes]
    for _ in range(ROUNDS):
        for runtime, taken in zip(runtimes, times, strict=True):
            started = time.perf_counter()
            for photo in decoded:
                _ = runtime.segmenter(photo)
            taken.append((time.perf_counter() - started) / len(decoded))
    wanted = [runtimes[0].segmenter(photo) for photo in decoded]
    text = "| networks | ms a photo | Dice with the first | first photo, s |\n" + "|---" * 4 + "|\n"
    for runtime, taken in zip(runtimes, times, strict=True):
        masks = [runtime.segmenter(photo) for photo in decoded]
        text += (
            f"| {runtime.name} | {1000 * median(taken):.1f} | {agreement(masks, wanted):.6f} "
            f"| {runtime.first_seconds:.1f} |\n"
        )
    return text


def prepared(
    name: str,
    change: Callable[[Segmenter], None],
    model_name: str,
    photo: Photo,
    device: str,
) -> Runtime:
    """Return the runtime after its first photo."""
    segmenter = Segmenter.load(model_name, device)
    change(segmenter)
    started = time.perf_counter()
    segmenter(photo)
    return Runtime(name, segmenter, time.perf_counter() - started)


def as_ever(segmenter: Segmenter) -> None:
    """Let `segmenter` run its networks as it does."""


def as_trained(segmenter: Segmenter) -> None:
    """Let `segmenter` run its networks as they are trained."""
    model = segmenter.model
    for fast, network in ((segmenter._coarse, model.coarse), (segmenter._refiner, model.refiner)):
        if fast is not None and network is not None:
            fast.forward = under_autocast(network, segmenter)  # type: ignore[method-assign]


def under_autocast(network: nn.Module, segmenter: Segmenter) -> Callable[[Any], Tensor]:
    """Return what runs `network` in the precision of its training."""
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
    """Whether there is what `torch.compile` needs on a CPU."""
    return shutil.which(os.environ.get("CXX", "g++")) is not None


def agreement(masks: Sequence[Mask], wanted: Sequence[Mask]) -> float:
    """Return the mean Dice of masks with those wanted."""
    return fmean(overlap(mask, one).dice for mask, one in zip(masks, wanted, strict=True))
