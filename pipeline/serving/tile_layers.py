"""POST /v1/tiles: all that a page needs to stitch a mask of any budget by itself.

The coarse picture, all refined tiles and the rank of each are sent once. A mask of budget k is the
coarse picture with the tiles of rank below k in their places. That is what `Segmenter.finish` does,
at working size, before post-processing.

Levels are 8-bit probabilities; from 128 on a pixel is object, exactly where its logit is above 0.
"""

import base64
import json
import zlib
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.arrays import Photo, Pixels
from data.geometry import Size
from data.tile_grid import to_blocks
from pipeline.inference.expected import measured_interval
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.one_photo import expected_of
from pipeline.inference.prediction import Proposal
from pipeline.serving.api_error import bad
from pipeline.serving.form_fields import Form, FormField, FormValues
from pipeline.serving.masks_call import PHOTO, about_mask, headers_of
from pipeline.serving.photo_engine import PhotoEngine, Predicted
from pipeline.serving.reply import Reply

FIELDS = (
    PHOTO,
    FormField(
        name="preview",
        kind="boolean",
        default="false",
        about="Send the photo back as JPEG, of formats that browsers do not show.",
    ),
)

LEVELS = 256
OBJECT = LEVELS // 2
"""The least level of the object."""


def tiles_reply(form: Form, engine: PhotoEngine) -> Reply:
    """Return the answer to a form; to be called in a worker thread.

    Raises:
        ApiError: a field is wrong, or the photo cannot be read.
    """
    values = FormValues(FIELDS, form, ignore_others=False)
    upload = values.upload("photo")
    if upload is None:
        raise bad("missing_source", "Send a photo in the field photo")

    def work(photo: Photo) -> Reply:
        # With all tiles, of which the page leaves out what it does not want.
        segmenter, options = engine.segmenter, MaskOptions()
        proposal = segmenter.propose([photo], None if segmenter.model.refiner else 0)
        refined = segmenter.refine(proposal)
        stitched = segmenter.stitch(proposal, refined)
        (prediction,) = segmenter.finish([photo], proposal, refined, options, stitched=stitched)
        expected = expected_of(prediction, measured_interval(segmenter, options))
        about = about_mask(Predicted(upload, options, prediction), engine, expected)
        content = about | tile_layers(proposal, stitched, prediction.tile)
        content["budget"] = segmenter.max_tiles(options)
        if prediction.is_known is False:
            content["expected"] = None
        if values.flag("preview"):
            content["preview"] = in_base64(jpeg_of(photo, proposal.working))
        return Reply(json.dumps(content).encode(), "tiles.json", headers_of(about))

    return engine.with_photo(upload, work)


def tile_layers(proposal: Proposal, stitched: Tensor, side: int) -> dict[str, Any]:
    """Return the layers of a photo, for JSON.

    `working` and `padded` are heights and widths; `coarse` the levels of the padded photo, row by
    row; `order` the index of each tile in the grid of tiles of `side` pixels, counted row by row,
    the most uncertain first; `refined` the levels of these tiles. Both pictures are deflated
    (zlib), in base 64. `expected` is the expected Dice of the budgets 0, 1, 2 and so on.

    Args:
        proposal: of one photo, with all its tiles.
        stitched: (1, Hp, Wp) logits with all tiles refined.
        side: that of a tile.
    """
    order = ranked(proposal)
    grid = Size(proposal.padded.height // side, proposal.padded.width // side)
    index = order[:, 0] * grid.width + order[:, 1]
    coarse = proposal.upsampled[0].cpu()
    inside = torch.zeros(proposal.padded)
    inside[: proposal.working.height, : proposal.working.width] = 1
    before, after, within = (
        to_blocks(each, side).reshape(-1, side, side)[index]
        for each in (coarse, stitched[0].cpu(), inside)
    )
    steps = _counts(after, within) - _counts(before, within)
    counts = np.vstack([_counts(coarse[None], inside[None]), steps]).cumsum(axis=0)
    return {
        "working": list(proposal.working),
        "padded": list(proposal.padded),
        "side": side,
        "order": index.tolist(),
        "coarse": deflated(levels_of(coarse)),
        "refined": deflated(levels_of(after)),
        "expected": [round(float(value), 5) for value in _dice(counts)],
    }


def ranked(proposal: Proposal) -> Tensor:
    """Return (N, 2) row and column of the tiles of one photo, the most uncertain first.

    It is the order in which `coarse.uncertainty.select_tiles` takes them.
    """
    tiles = proposal.tiles[:, 1:]
    uncertainty = proposal.tile_uncertainty[0][tuple(tiles.T)]
    return tiles[uncertainty.argsort(descending=True, stable=True)].cpu()


def levels_of(logits: Tensor) -> Pixels:
    """Return logits of any shape as levels: from 128 on exactly where a logit is above 0."""
    levels = (torch.sigmoid(logits.float()) * LEVELS).clamp_(0, LEVELS - 1).to(torch.uint8)
    levels = torch.where(logits > 0, levels.clamp(min=OBJECT), levels.clamp(max=OBJECT - 1))
    return np.asarray(levels.cpu().numpy(), np.uint8)


def _counts(logits: Tensor, within: Tensor) -> NDArray[np.float64]:
    """Return (N, 2) of (N, h, w): the probability inside the mask, and all of it with its area."""
    p, mask = torch.sigmoid(logits) * within, (logits > 0) * within
    inside = (p * mask).sum((1, 2), dtype=torch.float64)
    total = p.sum((1, 2), dtype=torch.float64) + mask.sum((1, 2), dtype=torch.float64)
    return np.asarray(torch.stack([inside, total], dim=1).numpy(), np.float64)


def _dice(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the expected Dice, see `Prediction.predicted_dice`, of each row of (N, 2) counts."""
    inside, total = counts.T
    dice = np.divide(2 * inside, total, out=np.zeros_like(total), where=inside > 1e-9)
    return np.asarray(dice, np.float64)


def deflated(levels: Pixels) -> str:
    """Return levels deflated, in base 64."""
    return in_base64(zlib.compress(levels.tobytes(), 1))


def in_base64(data: bytes) -> str:
    """Return bytes as text."""
    return base64.b64encode(data).decode()


def jpeg_of(photo: Photo, working: Size) -> bytes:
    """Return a photo as JPEG of its working size."""
    small = cv2.resize(photo, working[::-1], interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return data.tobytes()
