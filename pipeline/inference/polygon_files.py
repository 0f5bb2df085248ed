"""The files of polygons: one for each photo, or one for all photos."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.geometry import Size
from data.polygons import PolygonName, coco, yolo
from data.polygons.annotation import drawn
from data.polygons.formats import FORMATS
from data.polygons.options import PolygonOptions
from pipeline.inference.outputs import Finished, Joined, Output, folder_of

COCO_FILE = "annotations.json"


def polygon_output(
    name: PolygonName, options: PolygonOptions, folder: Path | None = None
) -> Output:
    """Return the output of polygons, whose contour lies between pixels, where the logits are 0.

    Drawn again, polygons of tolerance 0 give the mask, as post-processing has left it.

    Args:
        name: a format of `data.polygons.formats`.
        options: how polygons are drawn.
        folder: where the files are to be; those of LabelMe have the paths of the photos from there.
    """
    form = FORMATS[name]
    from_folder = folder if name == "labelme" else None

    def of_photo(photo: Path) -> str:
        return photo.name if from_folder is None else _path_from(from_folder, photo)

    def encode(finished: Finished) -> bytes:
        prediction, photo = finished.prediction, finished.photo
        if from_folder is None:
            called = f"{finished.name or photo.stem}{photo.suffix}"
        else:
            called = _path_from(from_folder / folder_of(finished.name), photo)
        return form.encode(prediction.mask, called, options, prediction.logits)

    return Output(
        name,
        form.suffix or ".json",
        encode,
        options.text,
        is_grey=False,
        has_metadata=False,
        of_photo=of_photo,
        joined=_joined(name, options.category),
        num_different=partial(_num_different, name),
    )


def _path_from(folder: Path, photo: Path) -> str:
    """Return the path of a photo from a folder."""
    return os.path.relpath(photo.parent.resolve() / photo.name, folder.resolve())


def _joined(name: PolygonName, category: str) -> Joined | None:
    """Return the file for all photos, of formats that have one."""

    def classes(_: Iterable[bytes]) -> Iterator[bytes]:
        yield f"{category}\n".encode()

    if name == "coco":
        return Joined(COCO_FILE, partial(coco.finish, category=category), is_of_parts=True)
    return Joined(yolo.CLASS_LIST, classes) if name == "yolo" else None


def _num_different(form: PolygonName, data: bytes, ours: bytes, size: Size, name: str) -> int:
    """Return the number of pixels of a photo that two files of polygons do not both have.

    Args:
        form: their format.
        data: a file, perhaps changed by somebody.
        ours: a file of ours.
        size: of the photo.
        name: name of the first file in messages.

    Raises:
        InputError: the first file is damaged, is of another size, or names another category.
    """
    decode = FORMATS[form].decode
    if data == ours or decode is None:
        return 0 if data == ours else size.area
    try:
        found, wanted = (replace(decode(content), where="it") for content in (data, ours))
        if found.categories != wanted.categories:
            raise InputError(f"its categories are {found.categories}, not {wanted.categories}")
        return int(np.count_nonzero(drawn(found, size) ^ drawn(wanted, size)))
    except InputError as error:
        raise InputError(f"{name} is not what the model makes: {error}") from None
