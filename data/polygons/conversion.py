"""Converting a file or folder of annotations to another format, photo by photo, through masks.

What is wrong with one photo is told, and the others are converted.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from data.errors import InputError, SettingsError
from data.files import prepare, read_bytes, write_bytes
from data.folders import by_stem
from data.geometry import Size
from data.images import PHOTO_SUFFIXES, read_size
from data.polygons import FormatName, yolo
from data.polygons.annotation import Annotation, Entry, listed, read_mask_of, shown, stem_of
from data.polygons.formats import FORMATS, Format, found_format
from data.polygons.options import PolygonOptions
from data.samples import find_photos
from data.threads import map_threads

OnPhoto = Callable[[int, int], None]

OBJECT = "object"
"""Category where neither the input nor the user names one."""


@dataclass(frozen=True)
class Conversion:
    """What `convert` is to do."""

    source: Path
    out: Path
    """A folder, or the file of COCO or of a csv."""
    to: FormatName
    source_format: FormatName | None = None
    """By default it is found out."""
    photos: Path | None = None
    """Folder of the photos, for their names and sizes."""
    size: Size | None = None
    """Of all photos, where nothing else says it."""
    category: str | None = None
    """Category to read and to write; by default the only one that the input has."""
    polygons: PolygonOptions = field(default_factory=PolygonOptions)
    """How polygons are drawn; the category in it is not used."""
    overwrite: bool = False
    """Whether files with other content are replaced."""


@dataclass(frozen=True)
class _Task:
    stem: str
    entry: Entry


@dataclass(frozen=True)
class _Encoded:
    stem: str
    where: str
    category: str | None
    data: bytes


def convert(task: Conversion, on_photo: OnPhoto | None = None) -> list[InputError]:
    """Convert all photos, and return what was wrong with those that could not be.

    Args:
        task: what to do.
        on_photo: called after each photo with the number of photos done and of all.

    Raises:
        InputError: nothing can be read or written at all.
        SettingsError: photos or their size must be given.
    """
    source = FORMATS[task.source_format or found_format(task.source)]
    _check(task, source)
    photos = None if task.photos is None else by_stem(find_photos(task.photos))
    tasks, failures = _named(source.entries(task.source))
    if not tasks and not failures:
        raise InputError(f"{task.source} has nothing to convert")
    _check_category(task.category, tasks)
    with closing(map_threads(partial(_encoded, task, photos), tasks)) as results:
        failures += _written(task, results, len(tasks), on_photo)
    return failures


def _check(task: Conversion, source: Format) -> None:
    """Raise before any work if it could not be finished."""
    if not source.knows_size and task.photos is None and task.size is None:
        raise SettingsError(
            f"{task.source} does not say how large its photos are; give --photos DIR, or --size if "
            "all are of one size"
        )
    # Only masks could be mistaken for photos; LabelMe wants its files beside them.
    read = [task.source] + ([task.photos] if task.photos and task.to == "png" else [])
    if task.out.resolve() in [path.resolve() for path in read]:
        raise InputError(f"{task.out} is read from; name another place to write to")
    if FORMATS[task.to].finish is None:
        if task.out.exists() and not task.out.is_dir():
            raise InputError(f"{task.out} is a file; {task.to} is written to a folder")
        return
    prepare(task.out)
    if task.out.is_file() and not task.overwrite:
        raise InputError(f"{task.out} exists already; --overwrite replaces it")


def _named(entries: Sequence[Entry]) -> tuple[list[_Task], list[InputError]]:
    """Return entries with the stems of their results, in the order of a csv, and what is wrong."""
    tasks: dict[str, _Task] = {}
    failures = []
    for entry in entries:
        try:
            stem = stem_of(entry.name)
            if stem in tasks:
                raise InputError(f"the stem {shown(stem)} is there twice")
            tasks[stem] = _Task(stem, entry)
        except InputError as error:
            failures.append(_reason(entry, error))
    return sorted(tasks.values(), key=lambda task: f"{task.stem}.jpg"), failures


def _reason(entry: Entry, error: InputError) -> InputError:
    """Return why `entry` has no name for its results: it is damaged, or else `error`."""
    try:
        if not entry.name:
            entry.read()
    except InputError as damage:
        return damage
    return InputError(f"{entry.where}: {error}")


def _check_category(category: str | None, tasks: Sequence[_Task]) -> None:
    """Raise if there is no shape of `category`, but there are shapes of others."""
    found: set[str] = set()
    for task in tasks if category is not None else ():
        try:
            annotation = task.entry.read()
        except InputError:
            continue  # told when it is converted
        found.update(annotation.categories)
        if category in found or (annotation.shapes and not annotation.categories):
            return
    if found:
        raise InputError(f"there is no {category!r:.80}; the categories are {listed(found)}")


def _encoded(task: Conversion, photos: dict[str, Path] | None, one: _Task) -> _Encoded:
    """Read, draw and encode one photo.

    Raises:
        InputError: something is wrong with it.
    """
    photo, size = None, None
    annotation = one.entry.read()
    if photos is not None:
        photo = photos.get(one.stem)
        if photo is None:
            raise InputError(f"{one.entry.where}: {task.photos} has no {shown(one.stem)}")
        size = read_size(photo)
    elif annotation.size is None:
        size = task.size
    mask = read_mask_of(annotation, size, task.category)
    found = next(iter(annotation.categories), None)
    options = replace(task.polygons, category=task.category or found or OBJECT)
    name = _photo_name(task, one, annotation, photo)
    data = FORMATS[task.to].encode(mask, name, options)
    return _Encoded(one.stem, annotation.where, found, data)


def _photo_name(task: Conversion, one: _Task, annotation: Annotation, photo: Path | None) -> str:
    """Return the name of the photo's file; for LabelMe, its path from where LabelMe's file is."""
    if photo is not None:
        beside = task.out.resolve()
        return os.path.relpath(photo.resolve(), beside) if task.to == "labelme" else photo.name
    name = PurePosixPath(annotation.photo.replace("\\", "/")).name
    if Path(name).suffix.lower() in PHOTO_SUFFIXES and Path(name).stem == one.stem:
        return name
    return f"{one.stem}.jpg"


def _written(
    task: Conversion,
    results: Iterator[_Encoded | InputError],
    num_all: int,
    on_photo: OnPhoto | None,
) -> list[InputError]:
    """Write the results, and return what was wrong."""
    target = FORMATS[task.to]
    failures: list[InputError] = []
    parts: list[bytes] = []
    category = task.category
    for i, result in enumerate(results, 1):
        try:
            if isinstance(result, InputError):
                raise result
            category = category or result.category
            _check_same(result, category, is_chosen=task.category is not None)
            if target.finish is None:
                path = task.out / target.folder / f"{result.stem}{target.suffix}"
                _write(path, result.data, overwrite=task.overwrite)
            parts.append(result.data if target.finish else b"")
        except InputError as error:
            failures.append(error)
        if on_photo is not None:
            on_photo(i, num_all)
    if parts:
        _finish(task, target, parts, category or OBJECT)
    return failures


def _check_same(result: _Encoded, category: str | None, *, is_chosen: bool) -> None:
    if not is_chosen and result.category not in (None, category):
        raise InputError(
            f"{result.where} has the category {listed([result.category])}, but those before it "
            f"have {listed([category or ''])}; choose one with --category"
        )


def _finish(task: Conversion, target: Format, parts: Sequence[bytes], category: str) -> None:
    if target.finish is not None:
        target.finish(task.out, parts, category)
    if task.to == "yolo":
        classes = yolo.encode_classes(category)
        _write(task.out / yolo.CLASSES, classes, overwrite=task.overwrite)


def _write(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write `data` to `path`.

    Raises:
        InputError: the file has other content, which somebody may have made by hand.
    """
    if path.is_file():
        if read_bytes(path) == data:
            return
        if not overwrite:
            raise InputError(f"{path} exists with other content; --overwrite replaces it")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)
