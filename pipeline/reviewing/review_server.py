"""A review from folders to a server."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from data.photo_files import by_name, find_photo_files
from pipeline.inference.expected import measured_interval
from pipeline.inference.given_masks import given_masks
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.reviewing.batch import load_batch
from pipeline.reviewing.corrected_folder import CorrectedFolder
from pipeline.reviewing.desk import ReviewDesk
from pipeline.reviewing.review_app import ReviewCalls, review_app
from pipeline.reviewing.review_files import ReviewFolder
from pipeline.serving.photo_engine import PhotoEngine
from pipeline.serving.service_limits import ServiceLimits
from pipeline.serving.web_server import listening_on, serve_app

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ReviewRequest:
    """What is reviewed, and where what comes of it goes."""

    photos: list[Path]
    """Photos, or folders of them."""
    masks: Path
    """Folder of their masks."""
    out: Path
    """Folder for finished masks."""
    below: float
    """Dice below which masks are to be looked at."""
    group: str
    """Regular expression for a whole stem; its first bracket is the group."""


def serve_review(
    request: ReviewRequest,
    segmenter: Segmenter,
    model_name: str,
    options: MaskOptions,
    address: tuple[str, int],
    ending: Callable[[], AbstractContextManager[object]],
) -> None:
    """Serve a review until a signal comes; requests that are being answered are finished first.

    Args:
        request: what is reviewed.
        segmenter: model and runtime.
        model_name: what the model is called.
        options: how the model makes masks.
        address: host and port to listen on; port 0 is any that is free.
        ending: what keeps signals from the server until it has ended.

    Raises:
        InputError: the address cannot be listened on, no photo has a mask, or another process
            reviews these masks.
    """
    found = find_photo_files(request.photos)
    # A copy in the folder of finished masks is no photo of the batch.
    done = request.out.resolve()
    found = [photo for photo in found if not photo.path.resolve().is_relative_to(done)]
    photos, given = given_masks(found, request.masks)
    by_name(photos)  # or an error: two of one name
    folder, out = ReviewFolder.of(request.masks), CorrectedFolder(request.out)
    with listening_on(*address) as place, folder.held():
        batch = load_batch(
            photos, given, segmenter, options, group=request.group, kept=folder.expected
        )
        desk = ReviewDesk.begin(segmenter, options, batch, folder, out)
        engine = PhotoEngine(segmenter, ServiceLimits())
        interval = measured_interval(segmenter, options)
        app = review_app(engine, model_name, ReviewCalls(desk, interval, request.below))
        below = sum(photo.outlook.dice < request.below for photo in batch)
        log.info("%d masks, of which %d are expected below %g", len(batch), below, request.below)
        with ending():
            serve_app(place, engine, app)
