"""Other ways to a full-size mask, from file to file in the same run: photos a second and GMac.

All networks run as ours do, their batch norms folded, in the same precision, one photo at a time
on all cores. They take turns; medians count. None of them is trained: only time is measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.ablation import num_parameters, seconds_of
from benchmarks.peer_networks import PlainUNet, gmac
from benchmarks.peer_training import View
from coarse.enet import ENet
from data.geometry import Size
from data.images import read_photo
from data.masks import write_mask
from pipeline.evaluate import gmac as gmac_of_ours
from pipeline.inference import for_inference
from pipeline.segmenter import Segmenter

ROUNDS = 5
BUDGETS = (0, 64, 128, 256)

Masker = Callable[[NDArray[np.uint8]], NDArray[np.bool_]]


class Network:
    """A single network that sees a photo once, and its mask at the photo's own size."""

    def __init__(self, network: torch.nn.Module, view: View, device: torch.device) -> None:
        self.network = for_inference(network, device, "auto")
        self.view = view
        self.device = device

    @torch.inference_mode()
    def __call__(self, photo: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return the mask (H, W) of a photo (H, W, 3) uint8."""
        seen = torch.from_numpy(self.view(photo)).to(self.device).permute(2, 0, 1)[None]
        logits = self.view.back(self.network(seen).float(), Size(*photo.shape[:2]))
        return (logits > 0)[0].cpu().numpy()


@dataclass(frozen=True)
class Entry:
    """One way to masks."""

    name: str
    mask: Masker
    gmac: float
    """Multiply-adds of a photo in 10^9, on average."""
    parameters: int


def table(segmenter: Segmenter, photos: Sequence[Path], folder: Path) -> str:
    """Return the table in Markdown; `folder` is to work in."""
    entries = [*ours(segmenter, photos), *others(segmenter, photos)]
    times: list[list[float]] = [[] for _ in entries]
    for i in range(1 + ROUNDS):
        # In the first round one photo finds memory and kernels.
        some = photos if i else photos[:1]
        for entry, taken in zip(entries, times, strict=True):
            work = partial(from_file_to_file, entry.mask, folder / "mask.png")
            seconds = seconds_of(work, some) / len(some)
            if i:
                taken.append(seconds)
    first = median(times[0])
    text = "| | parameters | GMac a photo | photos a second | times as long as the first |\n"
    text += "|---" * 5 + "|\n"
    for entry, taken in zip(entries, times, strict=True):
        seconds = median(taken)
        text += (
            f"| {entry.name} | {entry.parameters / 1e6:.2f} M | {entry.gmac:.1f} "
            f"| {1 / seconds:.3g} | {seconds / first:.2g} |\n"
        )
    return text


def ours(segmenter: Segmenter, photos: Sequence[Path]) -> list[Entry]:
    """Return both stages with all uncertain tiles, with budgets, and with every tile there is."""
    model = segmenter.model
    networks = [network for network in (model.coarse, model.refiner) if network is not None]
    size = sum(num_parameters(network) for network in networks)
    everywhere = Segmenter(replace(model, low=0.0, high=1.0), segmenter.device, segmenter.precision)
    variants: list[tuple[str, Segmenter, int | None]] = [
        ("foveamask, all uncertain tiles", segmenter, None),
        *((f"foveamask, {budget} tiles at most", segmenter, budget) for budget in BUDGETS),
        ("foveamask, every tile of the photo", everywhere, None),
    ]
    entries = []
    for name, one, budget in variants:
        tiles = [len(one.predict(read_photo(photo), budget=budget).tiles) for photo in photos]
        cost = gmac_of_ours(one, photos[0], "refined", tiles)["refined"]
        entries.append(Entry(name, partial(one, budget=budget), cost, size))
    return entries


def others(segmenter: Segmenter, photos: Sequence[Path]) -> list[Entry]:
    """Return the networks that see the photo once."""
    side = segmenter.model.long_side
    whole, half = View(side, 0, 32), View(side, 1, 32)
    first = read_photo(photos[0])
    return [
        Entry(
            name=name,
            mask=Network(network, view, segmenter.device),
            gmac=gmac(network, Size(*view(first).shape[:2])),
            parameters=num_parameters(network),
        )
        for name, network, view in (
            ("ENet on the whole photo", ENet(), whole),
            ("U-Net of 31 M parameters, photo at half its size", PlainUNet(), half),
            ("U-Net of 31 M parameters on the whole photo", PlainUNet(), whole),
        )
    ]


def from_file_to_file(mask: Masker, target: Path, photo: Path) -> None:
    """Read a photo and write its mask."""
    write_mask(target, mask(read_photo(photo)))
