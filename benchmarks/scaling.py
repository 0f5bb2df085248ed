"""What the time of a photo grows with: its area, or the length of its object's boundary.

Two measurements. Photos of 1 to 40 megapixels, each looked at in all its pixels: the same photo
and the same object, enlarged. What is uncertain is the object's contour, as it would be with a
coarse network trained at that size, since that of the package was not; its time is that of the
real one. And photos of one size with ever more tiles on the boundary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

from benchmarks.seams import contour_length
from benchmarks.stage_times import Clock, clocks_inside
from coarse.coarse_network import CoarseNetwork
from data.arrays import Mask, Photo
from data.geometry import Size
from data.images import read_photo
from data.masks import read_mask
from data.pyramid import pad, pyramid, resize
from data.samples import Sample
from pipeline.inference.segmenter import Segmenter

ROUNDS = 5
FIRST = ("pyramid", "coarse network", "upsample", "choice of tiles")
SECOND = ("windows", "refiner", "stitch")
"""Stages of a photo, as the clocks inside its path call them."""
ROWS = 8
"""Photos of one size that the table has, about."""
MEGAPIXELS = (1.0, 2.5, 5.0, 10.0, 20.0, 40.0)
LEAST_SHARE = 1 / 32
"""Coarse pixels with at least so much of object and of background are uncertain, which are those
that the contour crosses: of their 4 x 4 pixels at least one is of the other kind."""


@dataclass(frozen=True)
class Point:
    """How long the stages take for one photo."""

    megapixels: float
    boundary: int
    """Pixels of the object's contour."""
    tiles: int
    first_ms: float
    """Pyramid, coarse network, upsampling and choice of tiles."""
    second_ms: float
    """Windows, refiner and stitch."""

    @property
    def row(self) -> str:
        """The point as a row in Markdown."""
        return (
            f"| {self.megapixels:.1f} | {self.boundary} | {self.tiles} | {self.first_ms:.1f} "
            f"| {self.second_ms:.1f} |\n"
        )


class Along(CoarseNetwork):
    """The coarse network, whose time it takes, and logits that a mask would have."""

    logits: Tensor

    def __init__(self, network: CoarseNetwork, mask: Mask, high: float) -> None:
        """Build it; pixels are uncertain where p < `high`, and as far below one half."""
        super().__init__(stride=network.stride)
        self.network = network
        whole = pad(mask.astype(np.uint8) * 255, alignment=network.alignment)
        share = torch.from_numpy(pyramid(whole, network.level + 1)[network.level]).float() / 255
        steepness = math.log(high / (1 - high)) / (0.5 - LEAST_SHARE)
        self.register_buffer("logits", steepness * (share - 0.5), persistent=False)

    @property
    def alignment(self) -> int:
        """That of the network."""
        return self.network.alignment

    def forward(self, photos: Tensor) -> Tensor:
        """Return the same (1, h, w) logits whatever the photo, as late as they would come."""
        self.network(photos)
        return self.logits.float()[None]


def tables(segmenter: Segmenter, samples: Sequence[Sample], plot: Path | None) -> str:
    """Return both tables in Markdown; draw them to the file `plot`."""
    head = "| megapixels | boundary, px | tiles | first stage, ms | second stage, ms |\n"
    head += "|---" * 5 + "|\n"
    sizes = by_size(segmenter, samples[0])
    photos = by_boundary(segmenter, samples)
    some = photos[:: max(1, len(photos) // ROWS)]
    if plot is not None:
        draw(sizes, photos, plot)
    slope = exponent([p.megapixels for p in sizes], [p.second_ms for p in sizes])
    first = exponent([p.megapixels for p in sizes], [p.first_ms for p in sizes])
    ms_a_tile, rest = np.polyfit([p.tiles for p in photos], [p.second_ms for p in photos], 1)
    return (
        f"One photo in ever more pixels:\n\n{head}{''.join(p.row for p in sizes)}\n"
        f"Time grows with the area to the power of {first:.2f} in the first stage, "
        f"{slope:.2f} in the second (boundary: "
        f"{exponent([p.megapixels for p in sizes], [p.boundary for p in sizes]):.2f}).\n\n"
        f"Photos of one size, some of {len(photos)}:\n\n{head}{''.join(p.row for p in some)}\n"
        f"The second stage takes {rest:.1f} ms and {ms_a_tile:.3f} ms a tile.\n"
    )


def by_size(segmenter: Segmenter, sample: Sample) -> list[Point]:
    """Return the times of one photo in ever more pixels."""
    photo, mask = read_photo(sample.photo), read_mask(sample.mask)
    points = []
    for megapixels in MEGAPIXELS:
        scale = (1e6 * megapixels / mask.size) ** 0.5
        size = Size(*(round(scale * side) for side in mask.shape))
        larger = resize(mask.astype(np.uint8) * 255, size) > 127
        model = replace(
            segmenter.model,
            coarse=Along(segmenter.model.coarse, larger, segmenter.model.high),
            long_side=max(size),
        )
        one = Segmenter.from_model(model, segmenter.device, segmenter.precision)
        points.append(measured(one, resize(photo, size), larger))
    return points


def by_boundary(segmenter: Segmenter, samples: Sequence[Sample]) -> list[Point]:
    """Return the times of photos, those with the fewest tiles first."""
    points = [
        measured(segmenter, read_photo(sample.photo), read_mask(sample.mask)) for sample in samples
    ]
    return sorted(points, key=lambda point: point.tiles)


def measured(segmenter: Segmenter, photo: Photo, mask: Mask) -> Point:
    """Return the times of one photo."""
    first, second = [], []
    tiles = len(segmenter.predict(photo).tiles)
    for _ in range(ROUNDS):
        clock = Clock(segmenter.device)
        with clocks_inside(segmenter, clock):
            segmenter.predict(photo)
        first.append(sum(clock.times[stage] for stage in FIRST))
        second.append(sum(clock.times[stage] for stage in SECOND))
    return Point(
        megapixels=mask.size / 1e6,
        boundary=contour_length(mask),
        tiles=tiles,
        first_ms=1000 * median(first),
        second_ms=1000 * median(second),
    )


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """Return k where y goes as x^k, fitted to their logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def draw(sizes: Sequence[Point], photos: Sequence[Point], path: Path) -> None:
    """Draw both measurements side by side."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    area = [point.megapixels for point in sizes]
    left.loglog(area, [point.first_ms for point in sizes], "o-", label="first stage")
    left.loglog(area, [point.second_ms for point in sizes], "s-", label="second stage")
    start = sizes[0]
    for power, what in ((1.0, "as the area"), (0.5, "as the boundary")):
        anchor = start.first_ms if power == 1 else start.second_ms
        ideal = [anchor * (megapixels / start.megapixels) ** power for megapixels in area]
        left.loglog(area, ideal, ":", color="grey")
        left.annotate(what, (area[-1], ideal[-1]), ha="right", va="bottom", color="grey")
    left.set(xlabel="megapixels of one photo", ylabel="ms", title="Size")
    left.set_xticks(area, [f"{megapixels:.2g}" for megapixels in area], minor=False)
    left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.yaxis.set_major_formatter("{x:g}")
    for axis in (left.xaxis, left.yaxis):
        axis.set_minor_formatter("")
    left.legend()
    right.plot([p.tiles for p in photos], [p.first_ms for p in photos], "o", label="first stage")
    right.plot([p.tiles for p in photos], [p.second_ms for p in photos], "s", label="second stage")
    right.set(xlabel="tiles on the boundary", ylabel="ms", title="Boundary, one size of photo")
    right.set(xlim=(0, None), ylim=(0, None))
    right.legend()
    figure.savefig(path, dpi=120)
