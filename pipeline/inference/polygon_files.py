"""The files of polygons: one for each photo, or one for all photos of a call."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.files import read_bytes, replacing, write_bytes
from data.polygons import PolygonName, coco
from data.polygons.formats import FORMATS
from data.polygons.options import PolygonOptions
from pipeline.inference.outputs import Finished, Joined, Output
from pipeline.progress import OnStep

COCO_FILE, CLASSES_FILE = "annotations.json", "classes.txt"


@dataclass(frozen=True)
class Parts:
    """The parts of photos on disk, read one at a time whenever they are gone through."""

    paths: Sequence[Path]
    on_part: OnStep

    def __iter__(self) -> Iterator[bytes]:
        for i, path in enumerate(self.paths, 1):
            yield read_bytes(path)
            self.on_part(i, len(self.paths))


def polygon_output(name: PolygonName, options: PolygonOptions, folder: Path) -> Output:
    """Return the output of polygons, whose contour lies between pixels, where the logits are 0.

    Drawn again, polygons of tolerance 0 give the mask, as post-processing has left it.

    Args:
        name: a format of `data.polygons.formats`.
        options: how polygons are drawn.
        folder: where the files are to be; those of LabelMe have the paths of the photos from there.
    """
    form = FORMATS[name]

    def named(photo: Path) -> str:
        if name != "labelme":
            return photo.name
        return os.path.relpath(photo.parent.resolve() / photo.name, folder.resolve())

    def encode(finished: Finished) -> bytes:
        prediction = finished.prediction
        return form.encode(prediction.mask, named(finished.photo), options, prediction.logits)

    return Output(
        name,
        form.suffix or ".json",
        encode,
        options.text,
        is_grey=False,
        of_photo=named,
        joined=_joined(name, options.category),
    )


def _joined(name: PolygonName, category: str) -> Joined | None:
    """Return the file for all photos of a call, of formats that have one."""

    def write_coco(path: Path, parts: Sequence[Path], on_part: OnStep) -> None:
        with replacing(path) as partial, partial.open("wb") as file:
            file.writelines(coco.finish(Parts(parts, on_part), category))

    def write_classes(path: Path, parts: Sequence[Path], on_part: OnStep) -> None:  # noqa: ARG001
        write_bytes(path, f"{category}\n".encode())

    if name == "coco":
        return Joined(COCO_FILE, write_coco, is_of_parts=True)
    return Joined(CLASSES_FILE, write_classes) if name == "yolo" else None
