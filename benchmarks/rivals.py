"""Other ways to a full-size mask, from file to file in the same run: photos a second and GMac.

All networks run as ours do, their batch norms folded, in the same precision, one photo at a time
on all cores. They take turns; medians count. None of them is trained: only time is measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.ablation import networks_of, num_parameters, seconds_of
from benchmarks.peer_networks import PlainUNet, gmac
from benchmarks.peer_training import View, masker
from coarse.enet import ENet
from data.arrays import Mask, Photo
from data.geometry import Size
from data.images import read_photo
from data.masks import write_mask
from pipeline.evaluation.evaluate import gmac as gmac_of_ours
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter

ROUNDS = 5
BUDGETS = (0, 64, 128, 256)

Masker = Callable[[Photo], Mask]


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
    # What untrained networks say is noise, which takes long to pack.
    written = segmenter(read_photo(photos[0]))
    for i in range(1 + ROUNDS):
        # In the first round one photo finds memory and kernels.
        some = photos if i else photos[:1]
        for entry, taken in zip(entries, times, strict=True):
            work = partial(from_file_to_file, entry.mask, written, folder / "mask.png")
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
            f"| {1 / seconds:.3g} | {seconds / first:.3g} |\n"
        )
    return text


def ours(segmenter: Segmenter, photos: Sequence[Path]) -> list[Entry]:
    """Return both stages with all uncertain tiles, with budgets, and with every tile there is."""
    model = segmenter.model
    size = sum(num_parameters(network) for network in networks_of(model))
    everywhere = Segmenter.from_model(
        replace(model, low=0.0, high=1.0), segmenter.device, segmenter.precision
    )
    variants: list[tuple[str, Segmenter, int | None]] = [
        ("foveamask, all uncertain tiles", segmenter, None),
        *((f"foveamask, {budget} tiles at most", segmenter, budget) for budget in BUDGETS),
        ("foveamask, every tile of the photo", everywhere, None),
    ]
    entries = []
    for name, one, budget in variants:
        options = MaskOptions(budget=budget)
        tiles = [len(one.predict(read_photo(photo), options).tiles) for photo in photos]
        cost = gmac_of_ours(one, photos[0], "refined", tiles)["refined"]
        entries.append(Entry(name, partial(one, options=options), cost, size))
    return entries


def others(segmenter: Segmenter, photos: Sequence[Path]) -> list[Entry]:
    """Return the networks that see the photo once."""
    side = segmenter.model.long_side
    whole, half = View(side, 0, 32), View(side, 1, 32)
    first = read_photo(photos[0])
    return [
        Entry(
            name=name,
            mask=masker(network.to(segmenter.device), view, segmenter.precision),
            gmac=gmac(network, Size(*view(first).shape[:2])),
            parameters=num_parameters(network),
        )
        for name, network, view in (
            ("ENet on the whole photo", ENet(), whole),
            ("U-Net of 31 M parameters, photo at half its size", PlainUNet(), half),
            ("U-Net of 31 M parameters on the whole photo", PlainUNet(), whole),
        )
    ]


def from_file_to_file(mask: Masker, written: Mask, target: Path, photo: Path) -> None:
    """Read a photo, make its mask, and write the one given, which takes as long for all."""
    mask(read_photo(photo))
    write_mask(target, written)
