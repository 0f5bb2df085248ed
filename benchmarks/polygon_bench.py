"""What polygons lose by their tolerance, and how other programs draw them.

    python -m benchmarks.polygon_bench MASKS [--count 60]

LabelMe draws with Pillow, Ultralytics with OpenCV after cutting corners to whole pixels, and COCO's
own tools are pycocotools (`pip install pycocotools`; left out without it).
"""

import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
from cyclopts import App
from PIL import Image, ImageDraw

from benchmarks.markdown import table
from data.arrays import Mask
from data.folders import images_in
from data.geometry import Size
from data.images import MASK_SUFFIXES
from data.masks import read_mask
from data.polygons import POLYGONS
from data.polygons.bridge import bridged
from data.polygons.contour import DECIMALS, Polygon, Ring, polygons_of, rings_of
from data.polygons.filling import even_odd
from data.polygons.formats import FORMATS
from data.polygons.options import PolygonOptions
from pipeline.cli.arguments import Count
from pipeline.cli.program import run

TOLERANCES = (0.0, 0.5, 1.0, 2.0)

Draw = Callable[[Sequence[Polygon], Size], Mask]

app = App(name="polygon_bench", help=__doc__, help_format="plaintext")


@app.default
def polygon_bench(masks: Path, /, *, count: Count = 60) -> None:
    """Print both tables: means over masks.

    Args:
        masks: folder of masks.
        count: number of masks, evenly spread among those in the folder.
    """
    paths = images_in(masks, MASK_SUFFIXES)
    chosen = [read_mask(path) for path in paths[:: max(1, len(paths) // count)][:count]]
    print(losses(chosen), end="\n")
    print(drawings(chosen), end="")


def losses(masks: Sequence[Mask]) -> str:
    """Return the table of tolerances: pixels that differ, and kilobytes of a photo."""
    rows = []
    for tolerance in TOLERANCES:
        options = PolygonOptions(tolerance=tolerance)
        wrong = fmean(num_wrong(mask, polygons_of(mask, tolerance=tolerance)) for mask in masks)
        sizes = [
            fmean(len(FORMATS[name].encode(mask, "a.jpg", options)) for mask in masks)
            for name in POLYGONS
        ]
        kilobytes = [f"{size / 1e3:.1f}" for size in sizes]
        rows.append([f"{tolerance:g}", f"{wrong:.0f}", *kilobytes])
    headings = [f"kB, {name}" for name in POLYGONS]
    return table(["tolerance, px", "pixels that differ", *headings], rows)


def num_wrong(mask: Mask, polygons: Sequence[Polygon]) -> int:
    """Return how many pixels of `mask` are others in its polygons, rounded as they are written."""
    rings = [ring.round(DECIMALS) for ring in rings_of(polygons)]
    return int(np.count_nonzero(even_odd(rings, Size(*mask.shape)) ^ mask))


def drawings(masks: Sequence[Mask]) -> str:
    """Return the table of programs: pixels more and fewer than the mask has."""
    programs: dict[str, Draw] = {"foveamask": by_us, "LabelMe": by_pillow, "Ultralytics": by_opencv}
    if find_spec("pycocotools") is not None:
        programs["pycocotools"] = by_pycocotools
    rows = []
    for name, draw in programs.items():
        more, fewer = [], []
        for mask in masks:
            drawn = draw(polygons_of(mask), Size(*mask.shape))
            # COCO's polygons have no holes, so that no program draws any for it.
            wanted = without_holes(mask) if name == "pycocotools" else mask
            more.append(np.count_nonzero(drawn & ~wanted))
            fewer.append(np.count_nonzero(wanted & ~drawn))
        rows.append([name, f"{fmean(more):.0f}", f"{fmean(fewer):.0f}"])
    return table(["program", "pixels more", "pixels fewer"], rows)


def without_holes(mask: Mask) -> Mask:
    """Return `mask` with its holes filled, as far as no part of the object surrounds another."""
    rings = [polygon.outer for polygon in polygons_of(mask)]
    filled = [even_odd([ring], Size(*mask.shape)) for ring in rings]
    return np.asarray(np.logical_or.reduce(filled), np.bool_)


def by_us(polygons: Sequence[Polygon], size: Size) -> Mask:
    """Draw polygons as `foveamask convert` does."""
    return even_odd(rings_of(polygons), size)


def by_pillow(polygons: Sequence[Polygon], size: Size) -> Mask:
    """Draw each polygon with bridges to its holes, as LabelMe does."""
    picture = Image.new("1", (size.width, size.height))
    draw = ImageDraw.Draw(picture)
    for polygon in polygons:
        corners = [(x, y) for x, y in bridged([polygon]).tolist()]
        draw.polygon(corners, outline=1, fill=1)
    return np.asarray(picture)


def by_opencv(polygons: Sequence[Polygon], size: Size) -> Mask:
    """Draw all polygons as one ring with bridges, as Ultralytics does."""
    picture = np.zeros(size, np.uint8)
    cv2.fillPoly(picture, [bridged(polygons).astype(np.int32)], 1)
    return picture > 0


def by_pycocotools(polygons: Sequence[Polygon], size: Size) -> Mask:
    """Draw outer rings as COCO's tools do."""
    from pycocotools import mask as tools

    rings: list[Ring] = [polygon.outer for polygon in polygons]
    runs = tools.frPyObjects([ring.ravel().tolist() for ring in rings], *size)
    return np.asarray(tools.decode(tools.merge(runs)) == 1)


if __name__ == "__main__":
    sys.exit(run(app))
