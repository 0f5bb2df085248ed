"""Other networks that give full-size masks, from file to file: photos a second and GMac.

All networks run like ours: batch norms folded, in the same precision, one photo at a time on all
cores. They take turns, and medians count. None of them is trained: only time is measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean

from benchmarks.markdown import table
from benchmarks.peer_networks import PlainUNet
from benchmarks.peer_training import View, masker
from benchmarks.timing import seconds_in_turn
from coarse.enet import ENet
from data.arrays import Mask, Photo
from data.geometry import Size
from data.images import read_photo, read_size
from data.masks import write_mask
from pipeline.evaluation.cost import gmac, networks_of, num_parameters, photo_cost
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter

BUDGETS = (0, 64, 128, 256)

Masker = Callable[[Photo], Mask]


@dataclass(frozen=True)
class Entry:
    """One network, or pair of networks, with its options."""

    name: str
    mask: Masker
    gmac: float
    """Mean multiply-adds of a photo, in 10^9."""
    parameters: int


def table_of_networks(segmenter: Segmenter, photos: Sequence[Path], folder: Path) -> str:
    """Return the table in Markdown; `folder` is to work in."""
    entries = [*ours(segmenter, photos), *others(segmenter, photos)]
    # Untrained networks give noise, which takes long to compress; so all write the same mask.
    written = segmenter(read_photo(photos[0]))
    seconds = seconds_in_turn(
        [partial(from_file_to_file, entry.mask, written, folder / "mask.png") for entry in entries],
        photos,
    )
    rows = [
        [
            entry.name,
            f"{entry.parameters / 1e6:.2f} M",
            f"{entry.gmac:.1f}",
            f"{1 / taken:.3g}",
            f"{taken / seconds[0]:.3g}",
        ]
        for entry, taken in zip(entries, seconds, strict=True)
    ]
    headings = ["parameters", "GMac a photo", "photos a second", "times as long as the first"]
    return table(["", *headings], rows)


def ours(segmenter: Segmenter, photos: Sequence[Path]) -> list[Entry]:
    """Return both stages with all uncertain tiles, with budgets, and with every tile of a photo."""
    model = segmenter.model
    parameters = num_parameters(*networks_of(model))
    everywhere = Segmenter(replace(model, low=0.0, high=1.0), segmenter.networks)
    variants: list[tuple[str, Segmenter, int | None]] = [
        ("foveamask, all uncertain tiles", segmenter, None),
        *((f"foveamask, {budget} tiles at most", segmenter, budget) for budget in BUDGETS),
        ("foveamask, every tile of the photo", everywhere, None),
    ]
    entries = []
    for name, one, budget in variants:
        options = MaskOptions(budget=budget)
        tiles = [len(one.predict(read_photo(photo), options).tiles) for photo in photos]
        cost = photo_cost(model, read_size(photos[0]), "refined", fmean(tiles))
        entries.append(Entry(name, partial(one, options=options), cost.total, parameters))
    return entries


def others(segmenter: Segmenter, photos: Sequence[Path]) -> list[Entry]:
    """Return networks of a single stage."""
    side = segmenter.model.long_side
    whole, half = View(side, 0, 32), View(side, 1, 32)
    first = read_photo(photos[0])
    return [
        Entry(
            name=name,
            mask=masker(network.to(segmenter.device), view, "auto"),
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
    """Read a photo, make its mask, and write the mask `written`, which takes as long for all."""
    mask(read_photo(photo))
    write_mask(target, written)
