"""What the time of a photo grows with: its area, or the length of its object's boundary.

There are two measurements. The first has one photo with its object, enlarged to 1 to 40 megapixels
and processed at full size. The coarse network of the package was not trained at these sizes. So its
time is measured, but its logits are replaced by those of a mask, uncertain along the contour. The
second has photos of one size, with different numbers of tiles on the boundary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

from benchmarks.markdown import table
from benchmarks.stage_times import Clock, TimedSegmenter
from benchmarks.timing import ROUNDS
from coarse.coarse_network import CoarseNetwork
from data.arrays import Mask, Photo
from data.geometry import Size
from data.images import read_photo
from data.pyramid import pad, pyramid, resize
from data.samples import Sample, read_sample_mask
from pipeline.evaluation.metrics import contour
from pipeline.inference.networks import Networks
from pipeline.inference.segmenter import Segmenter
from refine.fovea import Windows

FIRST = ("pyramid", "coarse network", "upsample", "choice of tiles")
SECOND = ("windows", "refiner", "stitch")
"""Parts of the two stages, as `benchmarks.stage_times` names them."""
ROWS = 8
"""Rows of the table of photos of one size, about."""
MEGAPIXELS = (1.0, 2.5, 5.0, 10.0, 20.0, 40.0)
LEAST_SHARE = 1 / 32
"""Coarse pixels are uncertain where object and background each have at least this share. These are
the pixels that the contour crosses: at least one in 4 x 4 pixels is of the other kind."""


@dataclass(frozen=True)
class Point:
    """The times of both stages for one photo."""

    megapixels: float
    boundary: int
    """Pixels of the object's contour."""
    tiles: int
    first_ms: float
    """Pyramid, coarse network, upsampling and choice of tiles."""
    second_ms: float
    """Windows, refiner and stitch."""


class WithLogitsOfMask:
    """A runtime whose coarse network is run, but whose logits are replaced by those of a mask."""

    def __init__(self, networks: Networks, logits: Tensor) -> None:
        """Build it; `logits` are (h, w), of the photo that it will be given."""
        self.networks = networks
        self.device = networks.device
        self.logits = logits.to(networks.device)

    def coarse(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Run the network for its time, and return the (1, h, w) logits of the mask."""
        _, description = self.networks.coarse(photos)
        return self.logits[None], description

    def refiner(self, windows: Windows) -> Tensor:
        """Return the logits of tiles."""
        return self.networks.refiner(windows)


def logits_of_mask(mask: Mask, network: CoarseNetwork, high: float) -> Tensor:
    """Return (h, w) logits of a mask, uncertain (1 - `high` < p < `high`) along its contour."""
    whole = pad(mask.astype(np.uint8) * 255, alignment=network.alignment)
    share = torch.from_numpy(pyramid(whole, network.level + 1)[network.level]).float() / 255
    steepness = math.log(high / (1 - high)) / (0.5 - LEAST_SHARE)
    return steepness * (share - 0.5)


def tables(segmenter: Segmenter, samples: Sequence[Sample], plot: Path | None) -> str:
    """Return both tables in Markdown; draw them to the file `plot`."""
    sizes = by_size(segmenter, samples[0])
    photos = by_boundary(segmenter, samples)
    shown = photos[:: max(1, len(photos) // ROWS)]
    if plot is not None:
        draw(sizes, photos, plot)
    slope = exponent([p.megapixels for p in sizes], [p.second_ms for p in sizes])
    first = exponent([p.megapixels for p in sizes], [p.first_ms for p in sizes])
    ms_a_tile, rest = np.polyfit([p.tiles for p in photos], [p.second_ms for p in photos], 1)
    return (
        f"One photo in ever more pixels:\n\n{table_of_points(sizes)}\n"
        f"Time grows with the area to the power of {first:.2f} in the first stage, "
        f"{slope:.2f} in the second (boundary: "
        f"{exponent([p.megapixels for p in sizes], [p.boundary for p in sizes]):.2f}).\n\n"
        f"Photos of one size, some of {len(photos)}:\n\n{table_of_points(shown)}\n"
        f"The second stage takes {rest:.1f} ms and {ms_a_tile:.3f} ms a tile.\n"
    )


def table_of_points(points: Sequence[Point]) -> str:
    """Return a table in Markdown, one row for each photo."""
    headings = ["megapixels", "boundary, px", "tiles", "first stage, ms", "second stage, ms"]
    rows = [
        [
            f"{point.megapixels:.1f}",
            str(point.boundary),
            str(point.tiles),
            f"{point.first_ms:.1f}",
            f"{point.second_ms:.1f}",
        ]
        for point in points
    ]
    return table(headings, rows)


def by_size(segmenter: Segmenter, sample: Sample) -> list[Point]:
    """Return the times of one photo at each of `MEGAPIXELS`."""
    photo, mask = read_photo(sample.photo), read_sample_mask(sample)
    points = []
    for megapixels in MEGAPIXELS:
        scale = (1e6 * megapixels / mask.size) ** 0.5
        size = Size(*(round(scale * side) for side in mask.shape))
        larger = resize(mask.astype(np.uint8) * 255, size) > 127
        model = replace(segmenter.model, long_side=max(size))
        logits = logits_of_mask(larger, model.coarse, model.high)
        one = Segmenter(model, WithLogitsOfMask(segmenter.networks, logits))
        points.append(measured(one, resize(photo, size), larger))
    return points


def by_boundary(segmenter: Segmenter, samples: Sequence[Sample]) -> list[Point]:
    """Return the times of `samples`, those with the fewest tiles first."""
    points = [
        measured(segmenter, read_photo(sample.photo), read_sample_mask(sample))
        for sample in samples
    ]
    return sorted(points, key=lambda point: point.tiles)


def measured(segmenter: Segmenter, photo: Photo, mask: Mask) -> Point:
    """Return the times of one photo."""
    first, second = [], []
    tiles = len(segmenter.predict(photo).tiles)
    for _ in range(ROUNDS):
        clock = Clock(segmenter.device)
        TimedSegmenter(segmenter, clock).predict(photo)
        first.append(sum(clock.times[stage] for stage in FIRST))
        second.append(sum(clock.times[stage] for stage in SECOND))
    return Point(
        megapixels=mask.size / 1e6,
        boundary=int(contour(mask, neighbours=8).sum()),
        tiles=tiles,
        first_ms=1000 * median(first),
        second_ms=1000 * median(second),
    )


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the k of y ~ x^k, fitted to the logarithms."""
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
    for power, label in ((1.0, "as the area"), (0.5, "as the boundary")):
        anchor = start.first_ms if power == 1 else start.second_ms
        ideal = [anchor * (megapixels / start.megapixels) ** power for megapixels in area]
        left.loglog(area, ideal, ":", color="grey")
        left.annotate(label, (area[-1], ideal[-1]), ha="right", va="bottom", color="grey")
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
