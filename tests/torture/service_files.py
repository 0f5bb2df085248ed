"""Files of reviews and of object stores, and bodies of requests: how they are written and read."""

import asyncio
import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from starlette.requests import Request

from data.photo_files import PhotoFile
from data.stores.etag_table import EtagTable
from pipeline.reviewing.batch import Outlook, known_outlooks, write_outlooks
from pipeline.reviewing.review_files import PhotoReview, ReviewFolder
from pipeline.reviewing.strokes import Stroke
from pipeline.serving.form_fields import FormValues
from pipeline.serving.form_reading import ENCODED, JSON, MULTIPART, read_form
from pipeline.serving.masks_call import FIELDS
from pipeline.serving.service_limits import ServiceLimits

REVIEWED = PhotoFile(Path("a.png"), "red/a")
STROKES = (Stroke(True, ((10.0, 10.5), (40.0, 20.0)), 3.0), Stroke(False, ((1.0, 2.0),), 8.0))


def _write_review(_: object, folder: Path) -> None:
    review = PhotoReview("m" * 64, STROKES, 0.3, "accepted", -0.2, "w" * 64)
    ReviewFolder(folder).write(REVIEWED, review)


def _write_outlooks(_: object, folder: Path) -> None:
    found = {f"photo {i}": Outlook("p" * 64, "m" * 64, 1 - i / 50, None, True) for i in range(20)}
    write_outlooks(ReviewFolder(folder).expected, "tiny", found)


def _write_etags(_: object, folder: Path) -> None:
    table = EtagTable(folder / "etags")
    for i in range(20):
        table.add(f"photo {i}".encode())


def _read_etags(folder: Path) -> object:
    table = EtagTable(folder / "etags")
    names = (hashlib.md5(f"photo {i}".encode(), usedforsecurity=False) for i in range(20))
    return [table.get(name.hexdigest()) for name in names]


BOUNDARY = b"--torture"
BODIES = {
    MULTIPART: b"".join(
        b'%s\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (BOUNDARY, *part)
        for part in (
            (b"photo", b'; filename="a.jpg"\r\nContent-Type: image/jpeg', b"\xff\xd8 no photo"),
            (b"output", b"", b"mask,cutout"),
            (b"budget", b"", b"20"),
        )
    )
    + BOUNDARY
    + b"--\r\n",
    ENCODED: b"output=mask%2Ccutout&budget=20&grow=-1.5&metadata=false",
    JSON: b'{"output": "mask,cutout", "budget": 20, "grow": -1.5, "metadata": false}',
}


def _read_form(folder: Path, kind: str) -> object:
    body = (folder / "body").read_bytes()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    content_type = f"{kind}; boundary={BOUNDARY[2:].decode()}".encode()
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", content_type)]}
    form = asyncio.run(read_form(Request(scope, receive), ServiceLimits()))
    values = FormValues(FIELDS, form, ignore_others=False)
    numbers = values.whole("budget"), values.number("grow"), values.flag("metadata")
    return sorted(form.items(), key=str), numbers


def _write_body(_: object, folder: Path, kind: str) -> None:
    (folder / "body").write_bytes(BODIES[kind])


WRITTEN_AND_READ: dict[
    str, tuple[Callable[[object, Path], object], Callable[[Path], object], str]
] = {
    "review": (
        _write_review,
        lambda folder: ReviewFolder(folder).read(REVIEWED, ""),
        "**/*.json",
    ),
    "review-expected": (
        _write_outlooks,
        lambda folder: known_outlooks(ReviewFolder(folder).expected, "tiny"),
        ".expected.json",
    ),
    "etags": (_write_etags, _read_etags, "*"),
    **{
        f"form-{kind.rpartition('/')[2]}": (
            partial(_write_body, kind=kind),
            partial(_read_form, kind=kind),
            "*",
        )
        for kind in BODIES
    },
}
"""By name: what writes the undamaged files to a folder, what reads it, and the files to damage."""
