"""The folder of a report: a page that opens from the disk, without a network or a server.

index.html         the page
report.css, .js    how it looks, and what sorts, filters and searches
photos.js          what is listed of each photo
pictures/          small pictures of photos, as WebP; the page loads those that are in view
.foveamask.report  by which the folder is known; another folder with files in it is refused

Pictures are written one by one, so that memory does not grow with the number of photos. Their names
are hashes of what they show: a picture that is there need not be drawn again.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import jinja2

from data.errors import InputError
from data.files import PARTIAL, remove_partials, write_bytes
from data.locks import locked
from data.photo_files import PICTURES_MARK
from data.printable import printable
from pipeline.model import own_version
from pipeline.reporting.report_parts import Gallery, PhotoRow, Report

MARK = ".foveamask.report"

INDEX, LISTED, PICTURES = "index.html", "photos.js", "pictures"

LOCK = ".lock"

ASSETS = ("report.css", "report.js")

OURS = frozenset((MARK, PICTURES_MARK, INDEX, LISTED, PICTURES, LOCK, *ASSETS))
"""Names of all that a report may consist of."""

PICTURE = re.compile(r"[0-9a-f]{20}-[a-z_]+\.webp")
"""Names of pictures."""

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class ReportFolder:
    """The folder of a report, which is there and can be written to."""

    path: Path

    @property
    def index(self) -> Path:
        """The page."""
        return self.path / INDEX

    def add_pictures(self, key: str, pictures: Mapping[str, bytes]) -> dict[str, str]:
        """Write `pictures` by what they show, and return the names of their files.

        Args:
            key: see `picture_key`.
            pictures: files of WebP.
        """
        names = {what: _picture_name(key, what) for what in pictures}
        for what, data in pictures.items():
            write_bytes(self.path / PICTURES / names[what], data, is_durable=False)
        return names

    def pictures_of(self, key: str, kinds: Collection[str]) -> dict[str, str] | None:
        """Return the names of the pictures of a key; None if one of `kinds` is not there."""
        names = {what: _picture_name(key, what) for what in kinds}
        there = all((self.path / PICTURES / name).is_file() for name in names.values())
        return names if there else None

    def write(self, report: Report) -> None:
        """Write the page, and remove pictures that it does not show."""
        for name in ASSETS:
            write_bytes(self.path / name, (TEMPLATES / name).read_bytes(), is_durable=False)
        write_bytes(self.path / LISTED, listed(report.gallery).encode("ascii"), is_durable=False)
        page = rendered(report)
        write_bytes(self.index, page.encode("utf-8", "replace"), is_durable=False)
        shown = {name for row in report.gallery.rows for name in (row.pictures or {}).values()}
        with os.scandir(self.path / PICTURES) as entries:
            others = [e.name for e in entries if PICTURE.fullmatch(e.name) and e.name not in shown]
        for name in others:
            (self.path / PICTURES / name).unlink(missing_ok=True)


@contextmanager
def report_folder(path: Path, *, is_shared: bool = False) -> Iterator[ReportFolder]:
    """Make the folder of a report, and keep others from writing to it until the block ends.

    Args:
        path: the folder.
        is_shared: whether others that share it may add pictures meanwhile.

    Raises:
        InputError: it is a file, has other files in it, or another command writes a report there.
        OSError: nothing can be written there.
    """
    check_report_folder(path)
    (path / PICTURES).mkdir(parents=True, exist_ok=True)
    (path / MARK).touch()
    (path / PICTURES_MARK).touch()  # no pictures in it are taken for photos
    busy = f"another command is writing a report to {path}; wait for it, or name another folder"
    with locked(path / LOCK, busy, is_shared=is_shared):
        if not is_shared:
            remove_partials(path)
            remove_partials(path / PICTURES)
        yield ReportFolder(path)


def check_report_folder(path: Path) -> None:
    """Raise, before any work, if no report can be written to the folder `path`.

    Raises:
        InputError: it is a file, or has other files in it.
        OSError: nothing can be written there.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file; name a folder for the report")
    path.mkdir(parents=True, exist_ok=True)
    with os.scandir(path) as entries:
        names = {entry.name for entry in entries}
    foreign = sorted(name for name in names - OURS if not PARTIAL.fullmatch(name))
    if foreign or (names and MARK not in names):
        first = (foreign or sorted(names))[0]
        raise InputError(
            f"{path} has other files, such as {first}; name a new folder for the report"
        )
    with tempfile.TemporaryFile(dir=path):
        pass  # or an OSError, which says why


def picture_key(*parts: str) -> str:
    """Return a name for the pictures of all that `parts` are the hashes or names of."""
    text = json.dumps(parts)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def rendered(report: Report) -> str:
    """Return the page of a report, without the list of its photos."""
    return _template().render(report=report, version=own_version())


def listed(gallery: Gallery) -> str:
    """Return the list of photos as a script, in ASCII, for the page."""
    content = {
        "columns": [asdict(column) for column in gallery.columns],
        "captions": dict(gallery.captions),
        "photos": [_listed(row, gallery) for row in gallery.rows],
    }
    return f"globalThis.REPORT = {json.dumps(content, separators=(',', ':'))};\n"


def _listed(row: PhotoRow, gallery: Gallery) -> list[object]:
    values = [
        None if value is None else round(value, column.digits + 2)
        for value, column in zip(row.values, gallery.columns, strict=True)
    ]
    return [printable(row.name), values, list(row.marks), dict(row.pictures or {}), row.note]


def _picture_name(key: str, what: str) -> str:
    return f"{key}-{what}.webp"


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["printable"] = lambda text: printable(str(text))
    return environment.get_template(INDEX)
