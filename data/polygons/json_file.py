"""Reading JSON that others wrote, with errors of one line."""

import json
import re
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.files import reading
from data.polygons.contour import DECIMALS, Ring

MAX_BYTES = 2**30
"""Most bytes of a file of annotations; those of COCO's 118,287 training photos have 0.45 GB."""


CALLS_NAME = re.compile(r"run(\.part-\d+-of-\d+)?\.json")
CALLS_START = re.compile(rb'\{\s*"format": \d+,\s*"foveamask": "[^"]{0,99}",\s*"calls": \[')
"""Name and beginning of the list of calls that `predict` leaves beside its results."""


def files_in(folder: Path, suffix: str) -> list[Path]:
    """Return the files in `folder` whose names end in `suffix`, by name.

    Hidden files and lists of calls are left out.

    Raises:
        InputError: what may be such a list cannot be read.
    """
    paths = sorted(folder.glob(f"*{suffix}"))
    return [p for p in paths if not p.name.startswith(".") and not is_list_of_calls(p)]


def is_list_of_calls(path: Path) -> bool:
    """Whether the file at `path` is a list of calls of `predict`.

    Raises:
        InputError: it is called like one, and cannot be read.
    """
    if not CALLS_NAME.fullmatch(path.name) or path.is_dir():
        return False
    with reading(path) as file:
        return CALLS_START.match(file.read(500)) is not None


def read_text_bytes(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the content of the file at `path`.

    Raises:
        InputError: it cannot be read, or has more than `max_bytes`.
    """
    with reading(path) as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise InputError(f"{path} has more than {max_bytes} bytes")
    return data


def decode_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in `data`.

    Raises:
        InputError: `data` is no JSON, is nested too deeply, or is something else than an object.
    """
    try:
        value = json.loads(data)
    except RecursionError:
        raise InputError("it is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"it is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise InputError(f"it holds a {type(value).__name__}, not an object")
    return value


def list_in(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the list of objects that `value` has under `key`.

    Raises:
        InputError: there is none, or something else is in it.
    """
    found = value.get(key)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise InputError(f"{key!r} must be a list of objects")
    return found


def text_in(value: dict[str, Any], key: str) -> str:
    """Return the text that `value` has under `key`.

    Raises:
        InputError: there is none, or something else than text.
    """
    found = value.get(key)
    if not isinstance(found, str) or not found:
        raise InputError(f"{key!r} must be a text, not {found!r:.40}")
    return found


def dumps(value: Any) -> bytes:
    """Return `value` as one line of JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def corners(ring: Ring) -> list[list[float]]:
    """Return the corners of a ring for JSON."""
    pairs: list[list[float]] = ring.round(DECIMALS).tolist()
    return pairs
