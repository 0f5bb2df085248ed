"""Figures of one prediction: its tiles, its fovea, what differs from a mask, what each step does.

Shapes: H x W the photo, T the side of a tile, S_k that of the window of level k.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from coarse.uncertainty import select_tiles
from data.geometry import Size
from data.pyramid import to_working_size
from pipeline.evaluation.metrics import overlap
from pipeline.inference.mask_options import Stage
from pipeline.inference.segmenter import Prediction, Segmenter
from pipeline.reporting.canvas import (
    BLUE,
    CYAN,
    RED,
    YELLOW,
    Box,
    Mask,
    Pixels,
    at_size,
    densest_crop,
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
    panel,
    white_on_black,
)
from refine.postprocess import masks_after_each
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
class TileView:
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


@torch.inference_mode()
def view_tile(segmenter: Segmenter, prediction: Prediction, tile: Tile, stage: Stage) -> TileView:
    """Return what the refiner sees of any tile, also of one that the coarse stage is sure of."""
    fovea, proposal = segmenter.model.fovea, prediction.proposal
    levels = segmenter.levels([to_working_size(prediction.photo, segmenter.model.long_side)])
    tiles = torch.tensor([[0, *tile]], device=segmenter.device)
    windows = segmenter.windows(levels, proposal.upsampled, tiles)
    top, left = (at * fovea.tile for at in tile)
    refined = None
    if stage == "refined":
        residual = segmenter.refine(windows)
        logits = stitch(proposal.upsampled, tiles, residual, residual=segmenter.refiner().residual)
        inside = logits[0, top : top + fovea.tile, left : left + fovea.tile]
        refined = probability(inside).cpu().numpy()
    beyond = segmenter.margin - fovea.margin
    rows, columns = (
        slice(beyond + at, beyond + at + fovea.tile + 2 * fovea.margin) for at in (top, left)
    )
    around = levels[0][0, rows, columns].cpu().numpy()
    return TileView(tile, [window[0].cpu().numpy() for window in windows], around, refined)


def draw_tiles(
    prediction: Prediction, weights: Tensor, look: TileView, budget: int | None
) -> Pixels:
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


def draw_fovea(look: TileView) -> Pixels:
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
    box = densest_crop(masks["coarse"] ^ truth, detail_size(prediction.proposal.size, cell))
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
    box = densest_crop(before ^ prediction.mask, detail_size(size, cell))
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
    for name, mask in masks_after_each(prediction.steps, before, photo):
        added, lost = mask & ~before, before & ~mask
        box = densest_crop(added | lost, detail_size(size, cell))
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
