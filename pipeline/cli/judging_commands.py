"""The commands that tell how good masks are."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from data.tables import prepare_table, reserved
from pipeline.cli.arguments import DEFAULTS, HeightWidth, MaskArguments, parse_tile
from pipeline.cli.program import answer


def evaluate(
    data: Path,
    /,
    *,
    split: Literal["unseen", "all"] = "unseen",
    per_photo: Path | None = None,
    arguments: MaskArguments = DEFAULTS,
) -> None:
    """Print the scores of a model on photos with masks, as one JSON object.

    Args:
        data: folder with train/ and train_masks/, or images/ and masks/.
        split: unseen leaves out photos of groups (such as cars) that the model was trained on.
        per_photo: also write the scores of each photo to this csv file, the worst photo first.
        arguments: the model, and how masks are made.
    """
    from pipeline.evaluation import evaluate as evaluation
    from pipeline.inference.cpu_setup import keep_freed_memory

    keep_freed_memory()
    if per_photo is not None:
        prepare_table(per_photo, evaluation.SCORE_COLUMNS)
    with reserved(per_photo):
        segmenter = arguments.segmenter()
        summary, photos = evaluation.evaluate(data, segmenter, arguments.options(), split=split)
        answer(json.dumps({"model": arguments.model} | summary.to_json()))
        if per_photo is not None:
            evaluation.write_score_table(per_photo, photos)


def show(
    photos: list[Path],
    out: Path,
    /,
    *,
    mask: Path | None = None,
    tile: str | None = None,
    arguments: MaskArguments = DEFAULTS,
) -> None:
    """Draw pictures of predictions, OUT/<stem>_overlay.png and others; prints their names.

    _overlay is the mask on the photo, _tiles the uncertain tiles, _fovea the input and output of
    the refiner for one tile, _difference the difference from the true mask, if there is one, and
    _postprocess the change by each post-processing step. In a folder, photos are looked for in all
    folders below as well; their pictures are OUT/<sub-folder>/<stem>_overlay.png and so on.

    Args:
        photos: photos, or folders of them.
        out: folder for the pictures, the last argument.
        mask: the true mask of the photo, or a folder of masks, <stem>.png or <stem>_mask.gif, with
            the same sub-folders.
        tile: ROW,COL of the tile to draw with _fovea, in the grid of tiles at working size, from
            0,0; by default the most uncertain one.
        arguments: the model, and how masks are made.
    """
    from data.photo_files import find_photo_files

    found = find_photo_files(photos, out)  # before what takes seconds to import
    from pipeline.reporting.show import ShowOptions
    from pipeline.reporting.show import show as draw

    options = ShowOptions(
        stage=arguments.stage,
        budget=arguments.budget,
        postprocess=arguments.steps(),
        mask=mask,
        tile=parse_tile(tile),
    )
    for path in draw(found, out, arguments.segmenter(), options):
        answer(path)


def check_csv(
    file: Path, /, *, masks: Path | None = None, size: HeightWidth = (1280, 1918)
) -> None:
    """Read a csv of masks back, check every row, and print a summary as one JSON object.

    If a row is wrong, the first such row is named, and the exit status is 1.

    Args:
        file: csv as written by predict, gzipped if its name ends in .gz.
        masks: folder of masks that the rows must agree with in every pixel.
        size: height and width of all photos, if --masks is not given.
    """
    from data.geometry import Size
    from data.kaggle_csv import check

    answer(json.dumps(asdict(check(file, size=Size(*size), masks=masks))))
