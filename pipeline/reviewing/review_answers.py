"""What the page of a review is told, as JSON: the list of photos, a photo, and what has changed.

A photo is sent as `pipeline.serving.tile_layers` sends one: levels of the coarse picture, and those
of all tiles that differ from it. Changes are the levels of the tiles that have changed.
"""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from data.tile_grid import to_blocks
from pipeline.dice_interval import DiceInterval
from pipeline.inference.expected import Expectation
from pipeline.reviewing.batch import BatchPhoto
from pipeline.reviewing.correction import Correction
from pipeline.reviewing.desk import OpenPhoto, ReviewDesk
from pipeline.reviewing.places import block_rows, uncertain_places
from pipeline.serving.reply import Reply
from pipeline.serving.tile_layers import deflated, levels_of


def list_reply(desk: ReviewDesk, interval: DiceInterval | None, below: float) -> Reply:
    """Return all photos, the least certain first.

    Args:
        desk: the review.
        interval: limits around the Dice that the model expects of its own masks, if known.
        below: Dice below which masks are to be looked at, unless the person says another.
    """
    photos = [about_photo(desk, name, interval) for name in desk.photos]
    return _json({"below": below, "photos": photos, "offers": _offers(desk)})


def about_photo(desk: ReviewDesk, name: str, interval: DiceInterval | None) -> dict[str, Any]:
    """Return what a list says of a photo."""
    photo, review = desk.photos[name], desk.reviews[name]
    expected = expectation_of(photo, interval)
    return {
        "name": name,
        "group": photo.group,
        "status": review.status,
        "strokes": len(review.strokes),
        "offset": review.offset,
        "expected": None if expected.dice is None else round(expected.dice, 6),
        "lowest": None if expected.interval is None else round(expected.interval[0], 6),
    }


def expectation_of(photo: BatchPhoto, interval: DiceInterval | None) -> Expectation:
    """Return what is expected of a mask; the interval is of masks of the network alone."""
    outlook = photo.outlook
    if outlook.is_known is False:
        return Expectation(None)
    around = interval.around(outlook.dice) if interval and outlook.is_networks else None
    return Expectation(outlook.dice, around)


def photo_reply(desk: ReviewDesk, opened: OpenPhoto) -> Reply:
    """Return a photo with its mask, in the words of `tile_layers`."""
    correction = opened.correction
    first = correction.first
    proposal, side = first.proposal, first.tile
    coarse, own = proposal.upsampled[0].cpu(), correction.stitched[0].cpu()
    differs = (to_blocks(own, side) != to_blocks(coarse, side)).flatten(-2).any(-1).numpy()
    differs[tuple(proposal.tiles[:, 1:].cpu().numpy().T)] = True
    tiles = np.argwhere(differs)
    content = {
        "width": proposal.size.width,
        "height": proposal.size.height,
        "working": list(proposal.working),
        "padded": list(proposal.padded),
        "side": side,
        "coarse": deflated(levels_of(coarse)),
        "is_networks": first.is_networks,
        "known": first.is_known,
        "budget": len(tiles),
    }
    return _json(content | _tiles(correction, tiles) | _state(desk, opened))


def change_reply(desk: ReviewDesk, before: OpenPhoto, after: OpenPhoto) -> Reply:
    """Return what a change has made of a photo."""
    old, new = before.correction, after.correction
    if old.offset == new.offset == 0:
        touched = np.concatenate([old.tiles, new.tiles])
        tiles = np.unique(touched, axis=0)
    else:
        side = new.first.tile
        pair = (to_blocks(each.stitched[0], side) for each in (old, new))
        tiles = np.argwhere(torch.ne(*pair).flatten(-2).any(-1).cpu().numpy())
    content = {"before": before.revision, "offers": _offers(desk)}
    return _json(content | _tiles(new, tiles) | _state(desk, after))


def _tiles(correction: Correction, tiles: NDArray[np.int64]) -> dict[str, Any]:
    """Return the levels of (N, 2) tiles of a mask, and their places in the grid, row by row."""
    first = correction.first
    columns = first.proposal.padded.width // first.tile
    blocks = block_rows(to_blocks(correction.stitched[0], first.tile), tiles)
    return {
        "order": (tiles[:, 0] * columns + tiles[:, 1]).tolist(),
        "refined": deflated(levels_of(blocks)),
    }


def _state(desk: ReviewDesk, opened: OpenPhoto) -> dict[str, Any]:
    """Return what was said of a photo, and where its mask is least certain."""
    correction, name = opened.correction, opened.photo.file.name
    first, review = correction.first, desk.reviews[name]
    places = uncertain_places(correction.sums, first.tile, first.proposal.working)
    return {
        "name": name,
        "revision": opened.revision,
        "status": review.status,
        "offset": review.offset,
        "strokes": [stroke.to_json() for stroke in review.strokes],
        "dice": round(correction.expected_dice, 6),
        "places": [asdict(place) for place in places],
    }


def _offers(desk: ReviewDesk) -> list[dict[str, Any]]:
    return [
        {"group": o.group, "offset": o.offset, "measured": o.measured, "rest": list(o.rest)}
        for o in desk.offers()
    ]


def _json(content: dict[str, Any]) -> Reply:
    return Reply(json.dumps(content).encode(), "review.json")
