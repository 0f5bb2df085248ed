"""The command that serves a page for the review of masks on disk."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from data.errors import InputError
from data.groups import CARVANA_GROUP
from pipeline.cli.arguments import DEFAULTS, MaskArguments
from pipeline.cli.serving_commands import NO_PACKAGES, PACKAGES, Port
from pipeline.cli.signals import stop_signal

Dice = Annotated[float, Parameter(validator=validators.Number(gt=0, lt=1))]


def review(  # noqa: PLR0913  what, where to, and where it is served
    photos: list[Path],
    masks: Path,
    /,
    *,
    out: Path | None = None,
    below: Dice = 0.99,
    group: str = CARVANA_GROUP,
    host: str = "127.0.0.1",
    port: Port = 8001,
    arguments: MaskArguments = DEFAULTS,
) -> None:
    """Look at masks on disk in a page, the least certain first, and correct them by strokes.

    A mask is called as its photo is, as `predict PHOTOS MASKS` writes it; masks from elsewhere can
    be reviewed too. Strokes are kept in MASKS/review/, and no mask in MASKS is ever changed. What
    is accepted is written to OUT, which `train OUT RUN` reads. To go on after an interruption, run
    the same command again. Ctrl-C and SIGTERM stop it. See docs/how-to/review.md.

    Args:
        photos: photos, or folders of them.
        masks: folder of their masks, the last argument.
        out: folder for photos and masks that are accepted; by default MASKS/corrected.
        below: Dice below which masks are to be looked at; the page can change it.
        group: regular expression for a whole stem, whose first bracket is the group that a photo
            belongs to; where it does not fit, the folder is the group.
        host: address to listen on; the default can be reached from this machine only.
        port: port to listen on; 0 is any that is free.
        arguments: the model, and how it has made its masks.
    """
    if not masks.is_dir():
        raise InputError(f"no such folder of masks: {masks}; `foveamask predict` makes one")
    try:
        from pipeline.reviewing.review_server import ReviewRequest, serve_review
    except ModuleNotFoundError as error:
        if error.name not in PACKAGES:
            raise
        raise InputError(NO_PACKAGES.replace("serve`", "review`")) from error
    from pipeline.inference.cpu_setup import keep_freed_memory

    keep_freed_memory()
    request = ReviewRequest(
        photos=photos, masks=masks, out=out or masks / "corrected", below=below, group=group
    )
    segmenter, options = arguments.segmenter(), arguments.options()
    serve_review(request, segmenter, arguments.model, options, (host, port), stop_signal)
