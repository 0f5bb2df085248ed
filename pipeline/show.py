"""Pictures of what a model does to a photo, as files.

    <stem>_overlay.png      the mask on the photo
    <stem>_tiles.png        the tiles that the coarse stage is unsure of
    <stem>_fovea.png        what the refiner sees of one of them, and what it makes of it
    <stem>_difference.png   what differs from a given mask
    <stem>_postprocess.png  what each step of the post-processing changes

Shapes: H x W the photo, T the side of a tile, S_k that of the window of level k.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from coarse.uncertainty import select_tiles, tile_weights
from data.errors import InputError
from data.geometry import Size
from data.images import MASK_SUFFIXES, read_photo, write_png
from data.masks import read_mask
from data.pyramid import pad, pyramid, to_working_size
from data.samples import LAYOUTS, Sample, check_fit
from pipeline.metrics import overlap
from pipeline.pictures import (
    BLUE,
    CYAN,
    RED,
    YELLOW,
    Box,
    Mask,
    Pixels,
    at_size,
    detail,
    difference,
    draw_contour,
    enlarged,
    fitted_size,
    frame,
    frame_levels,
    greyed,
    in_grey,
    lay_out,
    marked,
    marks_at_size,
    outline_tiles,
    overlay,
    panel,
    white_on_black,
)
from pipeline.segmenter import Prediction, Segmenter, Stage
from refine.fovea import gather_windows
from refine.postprocess import Step, stages
from refine.stitch import probability, stitch

FOVEA_SIDE = 480
"""Pixels that the pictures of a fovea have to each side, about."""
CELL_SIDE = 960
"""Longer side of a whole photo among other pictures, at most."""
ZOOM = 4
"""How much larger a detail is than in the photo."""

Tile = tuple[int, int]
"""Row and column in the grid of tiles at working size."""


@dataclass(frozen=True)
class Look:
    """What the refiner sees of one tile, and what both stages make of it."""

    tile: Tile
    windows: list[Pixels]
    """Level k: (S_k, S_k, 4) uint8, RGB and coarse probability."""
    around: Pixels
    """(S, S, 3): as much of the photo as the largest window holds, at full resolution."""
    refined: Pixels | None
    """(T, T) probability, where the refined stage is asked for."""

    @property
    def rgb(self) -> list[Pixels]:
        """The windows' colours."""
        return [window[..., :3] for window in self.windows]

    @property
    def probabilities(self) -> list[Pixels]:
        """The windows' coarse probabilities, (S_k, S_k)."""
        return [window[..., 3] for window in self.windows]


@dataclass(frozen=True)
class Options:
    """How masks are made, and what is drawn."""

    stage: Stage | None = None
    """How far to go; by default as far as the model does."""
    budget: int | None = None
    """Most tiles of a photo to refine, the most uncertain first; None for all."""
    postprocess: Sequence[Step] | None = None
    """What masks go through in the end; by default what the model says."""
    mask: Path | None = None
    """The mask to compare with, or a folder of masks."""
    tile: Tile | None = None
    """The tile whose fovea is drawn; by default the most uncertain one."""


DEFAULTS = Options()


def show(
    photos: Sequence[Path], out: Path, segmenter: Segmenter, options: Options = DEFAULTS
) -> Iterator[Path]:
    """Draw what a model does to photos into the folder `out`, and give each file once written.

    Raises:
        InputError: a photo or mask cannot be read, or they do not fit, or there is no such tile,
            or the pictures would lie among the photos or masks, or take each other's place.
    """
    segmenter.check_stage(options.stage)
    masks = {photo: find_mask(photo, photos, options.mask) for photo in photos}
    check_out(photos, list(masks.values()), out)
    for photo in photos:
        pictures = draw(photo, masks[photo], segmenter, options)
        out.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            path = out / f"{photo.stem}_{name}.png"
            write_png(path, picture)
            yield path


def draw(
    path: Path, mask: Path | None, segmenter: Segmenter, options: Options = DEFAULTS
) -> dict[str, Pixels]:
    """Return the pictures of the photo at `path` by their names.

    Raises:
        InputError: the photo or its mask cannot be read, or they do not fit, or there is no such
            tile.
    """
    photo = read_photo(path)
    truth = None if mask is None else read_truth(path, mask, photo)
    stage = segmenter.check_stage(options.stage)
    prediction = segmenter.predict(
        photo, stage=stage, budget=options.budget, postprocess=options.postprocess
    )
    weights = weights_of(segmenter, prediction)
    look = look_at(segmenter, prediction, choose_tile(weights, options.tile, path), stage)
    pictures = {
        "overlay": overlay(photo, prediction.mask),
        "tiles": draw_tiles(prediction, weights, look, options.budget),
        "fovea": draw_fovea(look),
    }
    if truth is not None:
        pictures["difference"] = draw_difference(prediction, truth, stage)
    if prediction.steps:
        pictures["postprocess"] = draw_postprocess(prediction, truth)
    return pictures


def find_mask(photo: Path, photos: Sequence[Path], mask: Path | None) -> Path | None:
    """Return where the mask of `photo` is: `mask` itself, or the one of its name in that folder.

    Raises:
        InputError: there is none, or more than one, or one file for several photos.
    """
    if mask is None:
        return None
    if mask.is_file():
        if len(photos) > 1:
            raise InputError(f"{mask} is one mask for {len(photos)} photos; name a folder of masks")
        return mask
    if not mask.is_dir():
        raise InputError(f"no such mask or folder: {mask}")
    names = [photo.stem + ending + suffix for *_, ending in LAYOUTS for suffix in MASK_SUFFIXES]
    found = [mask / name for name in names if (mask / name).is_file() and mask / name != photo]
    if len(found) != 1:
        several = f"{len(found)} masks" if found else "no mask"
        raise InputError(f"{several} of {photo} in {mask} (looked for {', '.join(names)})")
    return found[0]


def check_out(photos: Sequence[Path], masks: Sequence[Path | None], out: Path) -> None:
    """Raise if pictures would lie among photos or masks, or take each other's place.

    Raises:
        InputError: they would.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; the last argument names the folder for the pictures")
    for what, paths in (("photos", photos), ("masks", [path for path in masks if path])):
        if any(path.parent.resolve() == out.resolve() for path in paths):
            raise InputError(f"{out} holds the {what}; name another folder for the pictures")
    by_stem: dict[str, Path] = {}
    for photo in photos:
        if photo.stem in by_stem:
            raise InputError(f"{by_stem[photo.stem]} and {photo} have the same stem")
        by_stem[photo.stem] = photo


def read_truth(photo: Path, mask: Path, pixels: Pixels) -> Mask:
    """Return the mask of a photo of `pixels`.

    Raises:
        InputError: it cannot be read, or is of another size.
    """
    truth = read_mask(mask)
    sample = Sample(photo.stem, photo, mask, group="")
    check_fit(sample, Size(*pixels.shape[:2]), Size(*truth.shape))
    return truth


def weights_of(segmenter: Segmenter, prediction: Prediction) -> Tensor:
    """Return how uncertain each tile is, (1, th, tw), whatever the stage and the budget."""
    model = segmenter.model
    return tile_weights(
        prediction.proposal.coarse,
        tile=model.fovea.tile,
        stride=model.coarse.stride,
        low=model.low,
        high=model.high,
    )


def choose_tile(weights: Tensor, tile: Tile | None, photo: Path) -> Tile:
    """Return `tile`, or the heaviest where it is None; of equal ones the first.

    Raises:
        InputError: it is outside the grid.
    """
    height, width = weights.shape[1:]
    if tile is None:
        row, column = divmod(int(weights[0].argmax()), width)
        return row, column
    if not (0 <= tile[0] < height and 0 <= tile[1] < width):
        raise InputError(
            f"{photo} has no tile {tile[0]},{tile[1]}: its grid is {height} x {width}, "
            f"0,0 to {height - 1},{width - 1}"
        )
    return tile


@torch.inference_mode()
def look_at(segmenter: Segmenter, prediction: Prediction, tile: Tile, stage: Stage) -> Look:
    """Return what the refiner sees of any tile, also of one that the coarse stage is sure of."""
    fovea, proposal = segmenter.model.fovea, prediction.proposal
    at_work = to_working_size(prediction.photo, segmenter.model.long_side)
    whole = pad(at_work, fovea.margin, segmenter.model.coarse.alignment)
    p = pad(probability(proposal.upsampled)[0].cpu().numpy(), fovea.margin)
    levels = pyramid(np.dstack([whole, p]), fovea.levels)
    tiles = torch.tensor([[0, *tile]])
    windows = gather_windows([torch.from_numpy(level)[None] for level in levels], tiles, fovea)
    top, left = (at * fovea.tile for at in tile)
    side = fovea.tile + 2 * fovea.margin
    refined = None
    if stage == "refined":
        residual = segmenter.refine([window.to(segmenter.device) for window in windows])
        logits = stitch(proposal.upsampled, tiles, residual, residual=segmenter.refiner().residual)
        inside = logits[0, top : top + fovea.tile, left : left + fovea.tile]
        refined = probability(inside).cpu().numpy()
    around = whole[top : top + side, left : left + side]
    return Look(tile, [window[0].numpy() for window in windows], around, refined)


def draw_tiles(prediction: Prediction, weights: Tensor, look: Look, budget: int | None) -> Pixels:
    """Return the photo with its uncertain tiles, and the window of the fovea that is drawn."""
    chosen = select_tiles(weights, budget)
    tiles = chosen[:, 1:].cpu().numpy()
    heavy = weights[tuple(chosen.T)].cpu().numpy()
    proposal = prediction.proposal
    side = prediction.tile * max(proposal.size) / max(proposal.working)
    drawn = outline_tiles(prediction.photo, tiles, side, heavy)
    reach = len(look.windows) - 1
    rows, columns = (
        slice(round((at - reach) * side), round((at + reach + 1) * side)) for at in look.tile
    )
    frame(drawn, (rows, columns), CYAN, width=max(2, max(proposal.size) // 600))
    share = len(tiles) / prediction.num_tiles
    title = f"{len(tiles)} of {prediction.num_tiles} tiles ({share:.1%}), the redder the less sure"
    return panel([(title, drawn)], columns=1)


def draw_fovea(look: Look) -> Pixels:
    """Return what the refiner sees of a tile, and what it makes of it, as one picture."""
    tile, num_levels = len(look.windows[0]), len(look.windows)
    side = len(look.around)
    zoom = max(1, round(FOVEA_SIDE / side))

    def window(picture: Pixels) -> Pixels:
        return frame_levels(enlarged(picture, zoom), num_levels, YELLOW)

    # As large as the windows: those have an odd number of tiles to each side.
    large = zoom * side // tile
    coarse = look.probabilities[0]
    contours = draw_contour(
        enlarged(look.rgb[0], large), enlarged(coarse, large) >= 128, BLUE, width=4
    )
    pictures = [
        (f"fovea of tile {look.tile[0]},{look.tile[1]}", window(lay_out(look.rgb, tile))),
        ("coarse probability in it", window(in_grey(lay_out(look.probabilities, tile)))),
        ("the photo at full resolution", window(look.around)),
        ("the tile: coarse contour", contours),
        ("coarse probability", enlarged(in_grey(coarse), large)),
    ]
    if look.refined is not None:
        contours = draw_contour(contours, enlarged(look.refined, large) >= 128, RED, width=4)
        pictures[3] = ("the tile: coarse blue, refined red", contours)
        pictures.append(("refined probability", enlarged(in_grey(look.refined), large)))
    return panel(pictures, columns=3)


def draw_difference(prediction: Prediction, truth: Mask, stage: Stage) -> Pixels:
    """Return what differs from the true mask, stage by stage: all of the photo, and a detail."""
    masks = {"coarse": prediction.coarse > 0}
    if stage == "refined":
        masks["refined"] = prediction.logits > 0
    if prediction.steps:
        masks["post-processed"] = prediction.mask
    photo, cell = prediction.photo, fitted_size(prediction.proposal.size, CELL_SIDE)
    # One detail for all, or they could not be compared.
    box = detail(masks["coarse"] ^ truth, detail_size(prediction.proposal.size, cell))
    pictures = []
    for name, mask in masks.items():
        dice = overlap(mask, truth).dice
        drawn = difference(photo, mask, truth)
        whole = all_of(greyed(photo), mask & ~truth, truth & ~mask, box, cell)
        pictures.append((f"{name}: Dice {dice:.4f}; added red, missed blue", whole))
        pictures.append((f"{name}, detail", at_size(drawn[box], cell)))
    return panel(pictures, columns=2)


def draw_postprocess(prediction: Prediction, truth: Mask | None) -> Pixels:
    """Return the mask before and after each step, and below a detail of what the step did."""
    photo, size = prediction.photo, prediction.proposal.size
    cell = fitted_size(size, CELL_SIDE * 2 // 3)
    before = prediction.logits > 0
    box = detail(before ^ prediction.mask, detail_size(size, cell))
    nothing = np.zeros_like(before)
    above = [
        (
            "before" + dice_of(before, truth),
            all_of(white_on_black(before), nothing, nothing, box, cell),
        )
    ]
    below = [
        (
            "all steps: " + change(before, prediction.mask),
            at_size(difference(photo, prediction.mask, before)[box], cell),
        )
    ]
    for name, mask in stages(prediction.steps, before, photo):
        added, lost = mask & ~before, before & ~mask
        box = detail(added | lost, detail_size(size, cell))
        whole = all_of(white_on_black(mask), added, lost, box, cell)
        above.append((name + dice_of(mask, truth), whole))
        near = at_size(marked(greyed(photo), added, lost)[box], cell)
        below.append((change(before, mask), near))
        before = mask
    return panel([*above, *below], columns=len(above))


def all_of(picture: Pixels, added: Mask, lost: Mask, box: Box, cell: Size) -> Pixels:
    """Return the whole `picture` at the size of a cell, with marks, and a frame around `box`."""
    marks = (marks_at_size(mask, cell) for mask in (added, lost))
    drawn = marked(at_size(picture, cell), *marks)
    scale = max(cell) / max(added.shape)
    rows, columns = (slice(round(s.start * scale), round(s.stop * scale)) for s in box)
    return frame(drawn, (rows, columns), CYAN, width=2)


def detail_size(size: Size, cell: Size) -> Size:
    """Return the size of a detail of a photo of `size` that fills `cell` when enlarged."""
    return Size(*(max(1, min(pair) // ZOOM) for pair in zip(size, cell, strict=True)))


def dice_of(mask: Mask, truth: Mask | None) -> str:
    """Return what the title of `mask` says of its Dice."""
    return "" if truth is None else f": Dice {overlap(mask, truth).dice:.4f}"


def change(before: Mask, after: Mask) -> str:
    """Return how many pixels differ, in words."""
    added, lost = np.count_nonzero(after & ~before), np.count_nonzero(before & ~after)
    return f"{added} px added (red), {lost} taken away (blue)"
