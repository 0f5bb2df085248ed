"""Figures of one prediction: its tiles, a fovea, the difference from a mask, post-processing.

Shapes: H x W the photo, T the side of a tile, S_k that of the window of level k.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from coarse.uncertainty import select_tiles
from data.arrays import Mask, Pixels
from data.geometry import Size
from data.pyramid import to_working_size
from data.tile_grid import repeat_pixels
from pipeline.evaluation.metrics import overlap
from pipeline.inference.mask_options import Stage
from pipeline.inference.prediction import Prediction
from pipeline.inference.segmenter import Segmenter
from pipeline.reporting.canvas import (
    BLUE,
    CYAN,
    RED,
    YELLOW,
    Box,
    at_size,
    densest_crop,
    difference,
    draw_contour,
    fitted_size,
    frame,
    frame_levels,
    greyed,
    in_grey,
    lay_out,
    marked,
    marks_at_size,
    outline_tiles,
    panel,
    white_on_black,
)
from refine.postprocess import masks_after_each
from refine.stitch import probability

FOVEA_SIDE = 480
"""Side of the pictures of a fovea in pixels, about."""
CELL_SIDE = 960
"""Longer side of each picture in a panel, at most."""
ZOOM = 4
"""Scale of a detail relative to the whole photo beside it."""

Tile = tuple[int, int]
"""Row and column in the grid of tiles at working size."""


@dataclass(frozen=True)
class TileView:
    """The input of the refiner for one tile, and the output of both stages there."""

    tile: Tile
    windows: list[Pixels]
    """Level k: (S_k, S_k, 4) uint8, RGB and coarse probability."""
    around: Pixels
    """(S, S, 3): the part of the photo that the largest window covers, at full resolution."""
    refined: Pixels | None
    """(T, T) refined probability; None if only the coarse stage is drawn."""

    @property
    def rgb(self) -> list[Pixels]:
        """RGB of the windows, (S_k, S_k, 3)."""
        return [window[..., :3] for window in self.windows]

    @property
    def probabilities(self) -> list[Pixels]:
        """Coarse probabilities of the windows, (S_k, S_k)."""
        return [window[..., 3] for window in self.windows]


@torch.inference_mode()
def view_tile(segmenter: Segmenter, prediction: Prediction, tile: Tile, stage: Stage) -> TileView:
    """Return the view of any tile, also of one that is not uncertain and so was not refined."""
    fovea, proposal = segmenter.model.fovea, prediction.proposal
    levels = segmenter.pyramid([to_working_size(prediction.photo, segmenter.model.long_side)])
    tiles = torch.tensor([[0, *tile]], device=segmenter.device)
    windows = segmenter.windows(levels, proposal.upsampled, tiles)
    top, left = (at * fovea.tile for at in tile)
    refined = None
    if stage == "refined":
        logits = segmenter.stitch(
            replace(proposal, tiles=tiles), segmenter.networks.refiner(windows)
        )
        inside = logits[0, top : top + fovea.tile, left : left + fovea.tile]
        refined = probability(inside).cpu().numpy()
    rows, columns = (slice(at, at + fovea.tile + 2 * fovea.margin) for at in (top, left))
    around = levels[0][0, rows, columns].cpu().numpy()
    return TileView(tile, [window[0].cpu().numpy() for window in windows], around, refined)


def draw_tiles(
    prediction: Prediction, uncertainty: Tensor, view: TileView, budget: int | None
) -> Pixels:
    """Return the photo with its uncertain tiles, and a frame around the fovea that is drawn."""
    chosen = select_tiles(uncertainty, budget)
    tiles = chosen[:, 1:].cpu().numpy()
    proposal = prediction.proposal
    side = prediction.tile * max(proposal.size) / max(proposal.working)
    drawn = outline_tiles(prediction.photo, tiles, side, uncertainty[tuple(chosen.T)].cpu().numpy())
    reach = len(view.windows) - 1
    rows, columns = (
        slice(round((at - reach) * side), round((at + reach + 1) * side)) for at in view.tile
    )
    frame(drawn, (rows, columns), CYAN, width=max(2, max(proposal.size) // 600))
    share = len(tiles) / prediction.num_tiles
    title = f"{len(tiles)} of {prediction.num_tiles} tiles ({share:.1%}), the redder the less sure"
    return panel([(title, drawn)], columns=1)


def draw_fovea(view: TileView) -> Pixels:
    """Return the input of the refiner for a tile, and its output, as one picture."""
    tile, num_levels = len(view.windows[0]), len(view.windows)
    side = len(view.around)
    zoom = max(1, round(FOVEA_SIDE / side))

    def window(picture: Pixels) -> Pixels:
        return frame_levels(repeat_pixels(picture, zoom), num_levels, YELLOW)

    # As large as the windows, whose side is an odd number of tiles.
    large = zoom * side // tile
    coarse = view.probabilities[0]
    contours = draw_contour(
        repeat_pixels(view.rgb[0], large), repeat_pixels(coarse, large) >= 128, BLUE, width=4
    )
    pictures = [
        (f"fovea of tile {view.tile[0]},{view.tile[1]}", window(lay_out(view.rgb, tile))),
        ("coarse probability in it", window(in_grey(lay_out(view.probabilities, tile)))),
        ("the photo at full resolution", window(view.around)),
        ("the tile: coarse contour", contours),
        ("coarse probability", repeat_pixels(in_grey(coarse), large)),
    ]
    if view.refined is not None:
        contours = draw_contour(contours, repeat_pixels(view.refined, large) >= 128, RED, width=4)
        pictures[3] = ("the tile: coarse blue, refined red", contours)
        pictures.append(("refined probability", repeat_pixels(in_grey(view.refined), large)))
    return panel(pictures, columns=3)


def draw_difference(prediction: Prediction, truth: Mask, stage: Stage) -> Pixels:
    """Return the difference from the true mask: for each stage the whole photo and a detail."""
    masks = {"coarse": prediction.coarse > 0}
    if stage == "refined":
        masks["refined"] = prediction.logits > 0
    if prediction.steps:
        masks["post-processed"] = prediction.mask
    photo, cell = prediction.photo, fitted_size(prediction.proposal.size, CELL_SIDE)
    # The same detail for all stages, so that they can be compared.
    box = densest_crop(masks["coarse"] ^ truth, detail_size(prediction.proposal.size, cell))
    pictures = []
    for name, mask in masks.items():
        dice = overlap(mask, truth).dice
        drawn = difference(photo, mask, truth)
        whole = thumbnail(greyed(photo), mask & ~truth, truth & ~mask, box, cell)
        pictures.append((f"{name}: Dice {dice:.4f}; added red, missed blue", whole))
        pictures.append((f"{name}, detail", at_size(drawn[box], cell)))
    return panel(pictures, columns=2)


def draw_postprocess(prediction: Prediction, truth: Mask | None) -> Pixels:
    """Return the mask before and after each step, and below a detail of what the step changed."""
    photo, size = prediction.photo, prediction.proposal.size
    cell = fitted_size(size, CELL_SIDE * 2 // 3)
    before = prediction.logits > 0
    box = densest_crop(before ^ prediction.mask, detail_size(size, cell))
    unmarked = np.zeros_like(before)
    above = [
        (
            "before" + dice_of(before, truth),
            thumbnail(white_on_black(before), unmarked, unmarked, box, cell),
        )
    ]
    below = [
        (
            "all steps: " + describe_change(before, prediction.mask),
            at_size(difference(photo, prediction.mask, before)[box], cell),
        )
    ]
    for name, mask in masks_after_each(prediction.steps, before, photo):
        added, lost = mask & ~before, before & ~mask
        box = densest_crop(added | lost, detail_size(size, cell))
        whole = thumbnail(white_on_black(mask), added, lost, box, cell)
        above.append((name + dice_of(mask, truth), whole))
        detail = at_size(marked(greyed(photo), added, lost)[box], cell)
        below.append((describe_change(before, mask), detail))
        before = mask
    return panel([*above, *below], columns=len(above))


def thumbnail(picture: Pixels, added: Mask, lost: Mask, box: Box, cell: Size) -> Pixels:
    """Return the whole `picture` at the size of a cell, with marks and a frame around `box`."""
    marks = (marks_at_size(mask, cell) for mask in (added, lost))
    drawn = marked(at_size(picture, cell), *marks)
    scale = max(cell) / max(added.shape)
    rows, columns = (slice(round(s.start * scale), round(s.stop * scale)) for s in box)
    return frame(drawn, (rows, columns), CYAN, width=2)


def detail_size(size: Size, cell: Size) -> Size:
    """Return the size of a detail of a photo of `size` that fills `cell` when enlarged."""
    return Size(*(max(1, min(pair) // ZOOM) for pair in zip(size, cell, strict=True)))


def dice_of(mask: Mask, truth: Mask | None) -> str:
    """Return the part of a title that gives the Dice of `mask`; empty without a true mask."""
    return "" if truth is None else f": Dice {overlap(mask, truth).dice:.4f}"


def describe_change(before: Mask, after: Mask) -> str:
    """Return the number of pixels that differ, in words."""
    added, lost = np.count_nonzero(after & ~before), np.count_nonzero(before & ~after)
    return f"{added} px added (red), {lost} taken away (blue)"
