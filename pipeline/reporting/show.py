"""Pictures of predictions as files.

<stem>_overlay.png      the mask on the photo
<stem>_tiles.png        the uncertain tiles
<stem>_fovea.png        the input of the refiner for one tile, and its output
<stem>_difference.png   the difference from a true mask
<stem>_postprocess.png  the change by each step of post-processing
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from data.arrays import Mask, Pixels
from data.errors import InputError
from data.folders import images_in
from data.geometry import Size
from data.images import MASK_SUFFIXES, read_photo, write_png
from data.masks import read_mask
from data.pairing import MASK_ENDINGS
from data.samples import Sample, check_fit
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.outputs import check_out
from pipeline.inference.segmenter import Segmenter
from pipeline.reporting.canvas import overlay
from pipeline.reporting.figures import (
    Tile,
    draw_difference,
    draw_fovea,
    draw_postprocess,
    draw_tiles,
    view_tile,
)


@dataclass(frozen=True, kw_only=True)
class ShowOptions(MaskOptions):
    """How masks are made, and what is drawn."""

    mask: Path | None = None
    """True mask to compare with, or a folder of masks."""
    tile: Tile | None = None
    """The tile whose fovea is drawn; by default the most uncertain one."""


DEFAULTS = ShowOptions()


def show(
    photos: Sequence[Path], out: Path, segmenter: Segmenter, options: ShowOptions = DEFAULTS
) -> Iterator[Path]:
    """Draw the predictions for `photos` into the folder `out`; give the path of each file written.

    Raises:
        InputError: a photo or mask cannot be read, or their sizes differ, or there is no such tile,
            or `out` holds the photos or masks, or two photos have the same stem.
    """
    segmenter.check_stage(options.stage)
    masks = {photo: find_mask(photo, photos, options.mask) for photo in photos}
    check_out(out, photos, [mask for mask in masks.values() if mask])
    for photo in photos:
        pictures = draw(photo, masks[photo], segmenter, options)
        out.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            path = out / f"{photo.stem}_{name}.png"
            write_png(path, picture)
            yield path


def draw(
    path: Path, mask: Path | None, segmenter: Segmenter, options: ShowOptions = DEFAULTS
) -> dict[str, Pixels]:
    """Return the pictures of the photo at `path` by their names.

    Raises:
        InputError: the photo or its mask cannot be read, or their sizes differ, or there is no
            such tile.
    """
    photo = read_photo(path)
    truth = None if mask is None else read_truth(path, mask, photo)
    stage = segmenter.check_stage(options.stage)
    prediction = segmenter.predict(photo, options)
    uncertainty = prediction.proposal.tile_uncertainty
    view = view_tile(segmenter, prediction, choose_tile(uncertainty, options.tile, path), stage)
    pictures = {
        "overlay": overlay(photo, prediction.mask),
        "tiles": draw_tiles(prediction, uncertainty, view, options.budget),
        "fovea": draw_fovea(view),
    }
    if truth is not None:
        pictures["difference"] = draw_difference(prediction, truth, stage)
    if prediction.steps:
        pictures["postprocess"] = draw_postprocess(prediction, truth)
    return pictures


def find_mask(photo: Path, photos: Sequence[Path], mask: Path | None) -> Path | None:
    """Return the path of the true mask of `photo`: `mask`, or a file of its name in that folder.

    Raises:
        InputError: there is no mask or more than one, or `mask` is one file for several photos.
    """
    if mask is None:
        return None
    if mask.is_file():
        if len(photos) > 1:
            raise InputError(f"{mask} is one mask for {len(photos)} photos; name a folder of masks")
        return mask
    if not mask.is_dir():
        raise InputError(f"no such mask or folder: {mask}")
    stems = {photo.stem + ending for ending in MASK_ENDINGS}
    images = (path for path in images_in(mask, MASK_SUFFIXES) if path != photo)
    matches = [path for path in images if path.stem in stems]
    if len(matches) != 1:
        count = f"{len(matches)} masks" if matches else "no mask"
        raise InputError(f"{count} of {photo} in {mask} (looked for {', '.join(sorted(stems))})")
    return matches[0]


def read_truth(photo: Path, mask: Path, pixels: Pixels) -> Mask:
    """Return the true mask of a photo, whose size must be that of its `pixels`.

    Raises:
        InputError: it cannot be read, or is of another size.
    """
    truth = read_mask(mask)
    sample = Sample(photo.stem, photo, mask, group="", folder=photo.parent)
    check_fit(sample, Size(*pixels.shape[:2]), Size(*truth.shape))
    return truth


def choose_tile(uncertainty: Tensor, tile: Tile | None, photo: Path) -> Tile:
    """Return `tile`, or the most uncertain one if that is None; of equal ones the first.

    Raises:
        InputError: `tile` is outside the grid.
    """
    height, width = uncertainty.shape[1:]
    if tile is None:
        row, column = divmod(int(uncertainty[0].argmax()), width)
        return row, column
    if not (0 <= tile[0] < height and 0 <= tile[1] < width):
        raise InputError(
            f"{photo} has no tile {tile[0]},{tile[1]}: its grid is {height} x {width}, "
            f"0,0 to {height - 1},{width - 1}"
        )
    return tile
