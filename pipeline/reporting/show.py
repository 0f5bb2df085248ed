"""Pictures of predictions as files.

<name>_overlay.png      the mask on the photo
<name>_tiles.png        the uncertain tiles
<name>_fovea.png        the input of the refiner for one tile, and its output
<name>_difference.png   the difference from a true mask
<name>_postprocess.png  the change by each step of post-processing

The name of a photo is its stem, after the path to it in the folder that was given.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from data.arrays import Mask, Pixels
from data.errors import InputError
from data.files import remove_partials
from data.folders import raise_all
from data.geometry import Size
from data.images import MASK_SUFFIXES, read_photo, write_png
from data.mask_search import find_masks
from data.photo_files import PICTURES_MARK, PhotoFile
from data.polygons import SUFFIXES
from data.samples import Sample, check_fit, read_sample_mask
from data.threads import named
from pipeline.evaluation.evaluate import object_of
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.outputs import check_out, folder_of
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
    photos: Sequence[PhotoFile], out: Path, segmenter: Segmenter, options: ShowOptions = DEFAULTS
) -> Iterator[Path]:
    """Draw the predictions for `photos` into the folder `out`; give the path of each file written.

    Raises:
        InputError: `out` holds the photos or masks, or two photos have one name; or, when all
            others are drawn: a photo or mask cannot be read, or their sizes differ, or there is no
            such tile, or the names of the pictures would be too long.
    """
    segmenter.check_stage(options.stage)
    masks = masks_of_photos(photos, options.mask)
    check_out(out, photos, masks.values())
    for folder in {folder_of(photo.name) for photo in photos}:
        remove_partials(out / folder)

    def write(photo: PhotoFile) -> list[Path]:
        pictures = draw(photo.path, masks.get(photo), segmenter, options)
        return write_pictures(out, photo.name, pictures)

    failures = []
    for photo in photos:
        try:
            yield from named(write)(photo)
        except InputError as error:
            failures.append(str(error))
    raise_all(failures)


def write_pictures(out: Path, photo: str, pictures: Mapping[str, Pixels]) -> list[Path]:
    """Write the `pictures` of a photo, by their names, to the folder `out`; return their paths."""
    (out / photo).parent.mkdir(parents=True, exist_ok=True)
    (out / PICTURES_MARK).touch()
    paths = [out / f"{photo}_{name}.png" for name in pictures]
    for path, picture in zip(paths, pictures.values(), strict=True):
        write_png(path, picture)
    return paths


def draw(
    path: Path, mask: Path | None, segmenter: Segmenter, options: ShowOptions = DEFAULTS
) -> dict[str, Pixels]:
    """Return the pictures of the photo at `path` by their names.

    Raises:
        InputError: the photo or its mask cannot be read, or their sizes differ, or there is no
            such tile.
    """
    photo = read_photo(path)
    object_values = object_of(segmenter.model)
    truth = None if mask is None else read_truth(path, mask, photo, object_values)
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


def masks_of_photos(photos: Sequence[PhotoFile], place: Path | None) -> dict[PhotoFile, Path]:
    """Return the mask of each photo at `place`, a folder of masks or the mask of the only photo.

    There may be polygons instead; one file of COCO has those of all photos.

    Raises:
        InputError: a photo has no mask, or more than one.
    """
    if place is None:
        return {}
    if place.is_file() and _is_of_many(place):
        return dict.fromkeys(photos, place)
    found = find_masks(photos, place, (*MASK_SUFFIXES, *SUFFIXES))
    for mask in found.values():
        if isinstance(mask, InputError):
            raise mask
    return {photo: mask for photo, mask in found.items() if isinstance(mask, Path)}


def _is_of_many(mask: Path) -> bool:
    """Whether a file has the polygons of several photos."""
    if mask.suffix.lower() not in SUFFIXES:
        return False
    from data.polygons.formats import found_format  # which takes half a second to import

    return found_format(mask) == "coco"


def read_truth(
    photo: Path, mask: Path, pixels: Pixels, object_values: Sequence[int | str] = ()
) -> Mask:
    """Return the true mask of a photo, whose size must be that of its `pixels`.

    Which of its values are the object is said by `object_values`, as in the setting `data.object`.

    Raises:
        InputError: it cannot be read, or is of another size.
    """
    sample = Sample(photo.stem, photo, mask, "", photo.parent, tuple(object_values))
    if mask.suffix.lower() in SUFFIXES:
        from data.labelled_photos import polygons_of_photo

        sample = replace(sample, polygons=polygons_of_photo(mask, photo))
    truth = read_sample_mask(sample)
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
