"""The manifest of a folder of results, from which `predict` resumes.

.foveamask.json  the manifest: model and options that all results in the folder were made with
.foveamask.lock  held by the one `predict` that writes to the folder, or shared by parts
.foveamask.part-3-of-16.lock      held by the one that writes this part
.foveamask.part-3-of-16.partials  folder for its temporary files
.foveamask.cluster                mark of a call whose work is done on other machines

`pipeline.inference.records` has the records beside it. The manifest is on the disk before the first
record is written. Records and masks may be lost in a power cut; then their photos are predicted
again.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data import mirrors
from data.errors import InputError
from data.files import create, read_bytes, remove_partials, replacing
from data.locks import locked
from data.photo_files import RESULTS_MARK
from data.printable import quoted
from pipeline.inference.made_with import MadeWith, differences
from pipeline.inference.part import Part
from pipeline.inference.records import (
    RECORDS,
    Record,
    Records,
    check_file,
    read_records,
    records_name,
    records_of_parts,
)
from pipeline.model import own_version

FORMAT = 1
"""To be raised if manifests change, or if the same model and options make other masks."""

MANIFEST = RESULTS_MARK
LOCK = ".foveamask.lock"

CALL_MARK = ".foveamask.cluster"
"""By which workers on other machines know that their call goes on."""

MOST_BYTES = 2**20
"""Most bytes of a manifest; one has some hundred."""

ANEW = "use --overwrite to make all results anew, or name another folder"
"""What is to be done with results of another model or other options."""


@contextmanager
def resumed(
    out: Path, made_with: MadeWith, part: Part | None = None, *, overwrite: bool = False
) -> Iterator[Records]:
    """Lock the folder `out` and give its records.

    Parts may be worked on at the same time, by processes that share the folder. A call without a
    part has it alone, and takes the records of parts over.

    Args:
        out: the folder, which must exist.
        made_with: the model and options of this call.
        part: the part of the photos that is worked on; None for all.
        overwrite: start the folder anew, without earlier records. Parts cannot do that.

    Raises:
        InputError: another process writes to the folder, or to the same part; or, without
            `overwrite`, its results were made with another model or other options, or its manifest
            cannot be read.
    """
    with _alone(out) if part is None else _with_other_parts(out, part):
        if part is not None:
            _join(out, made_with, part)
            with closing(Records(out / records_name(part))) as records:
                records.found = all_records(out, part) | records.found
                yield records
            return
        (out / CALL_MARK).unlink(missing_ok=True)  # or workers of a call that died might go on
        for folder in (out, *out.glob(".foveamask.part-*.partials")):
            remove_partials(folder)
        forgotten: set[str] = set()
        if overwrite or not has_results(out):
            forgotten = _begin(out, made_with)
        else:
            check_same(out, made_with)
        with closing(Records(out / RECORDS)) as records:
            records.forgotten = frozenset(forgotten)
            _take_over(out, records)
            yield records


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep all others out of the folder `out`.

    Raises:
        InputError: another process writes to it.
    """
    busy = f"another `foveamask predict` is writing to {out}; wait for it, or name another folder"
    with locked(out / LOCK, busy):
        yield


@contextmanager
def _with_other_parts(out: Path, part: Part) -> Iterator[None]:
    """Keep others out of a part of the folder `out`, and of all parts those that want all.

    Raises:
        InputError: another process does the part, or writes to the whole folder.
    """
    all_busy = (
        f"another `foveamask predict` without --part is writing to {out}; wait for it, or name "
        "another folder"
    )
    busy = f"another `foveamask predict` is at work on {part} in {out}; wait for it"
    place = part.place(out)
    with (
        locked(out / LOCK, all_busy, is_shared=True),
        locked(out / f".foveamask.{part.label}.lock", busy),
    ):
        place.mkdir(exist_ok=True)
        remove_partials(place)
        try:
            yield
        finally:
            with suppress(OSError):
                place.rmdir()


def _join(out: Path, made_with: MadeWith, part: Part) -> None:
    """Start the folder `out`, or join others that work on parts.

    Raises:
        InputError: its results were made with another model or other options, or its manifest is
            missing or damaged.
    """
    hint = "name another folder, or remove this one"
    # In this order: whoever works on another part has written the manifest before any record.
    if has_records(out) and not (out / MANIFEST).exists():
        raise InputError(f"{out} has lost its manifest, {MANIFEST}; {hint}")
    create(out / MANIFEST, _manifest(made_with).encode(), part.place(out))
    check_same(out, made_with, hint)


def _take_over(out: Path, records: Records) -> None:
    """Add the records of parts to those of the folder, and remove the files of parts."""
    for path in records_of_parts(out):
        found = read_records(path)
        for name, record in found.items():
            records.add(name, record)
        records.found |= found
        path.unlink()
        path.with_suffix(".lock").unlink(missing_ok=True)
        with suppress(OSError):
            path.with_suffix(".partials").rmdir()


def all_records(out: Path, but: Part | None = None) -> dict[str, Record]:
    """Return the records in `out`, those of parts included; other processes may append to them.

    Args:
        out: the folder.
        but: a part whose records are left out.

    Raises:
        InputError: they cannot be read.
    """
    found: dict[str, Record] = {}
    left_out = but and records_name(but)
    for path in [out / RECORDS, *records_of_parts(out)]:
        if path.name != left_out and path.exists():
            found |= read_records(path)
    return found


def bytes_hash(data: bytes) -> str:
    """Return the SHA-256 of the content of a file."""
    return hashlib.sha256(data).hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of the file at `path`.

    Raises:
        InputError: it cannot be read.
    """
    return mirrors.sha256(path) or bytes_hash(read_bytes(path))


def _begin(out: Path, made_with: MadeWith) -> set[str]:
    """Start the folder `out` anew; return the names of the records that were there."""
    forgotten: set[str] = set()
    # Records are removed first: they must never be beside a manifest of other results.
    for path in [*records_of_parts(out), out / RECORDS]:
        check_file(path)
        if path.exists():
            forgotten |= read_records(path).keys()
            path.unlink()
    with replacing(out / MANIFEST) as partial:
        partial.write_text(_manifest(made_with))
    return forgotten


def _manifest(made_with: MadeWith) -> str:
    content = {"format": FORMAT, "foveamask": own_version()} | asdict(made_with)
    return json.dumps(content, indent=2) + "\n"


def has_results(out: Path) -> bool:
    """Whether there are records of results in the folder `out`, and their manifest."""
    return has_records(out) and (out / MANIFEST).exists()


def has_records(out: Path) -> bool:
    """Whether there are records in the folder `out`."""
    files = [out / RECORDS, *records_of_parts(out)]
    return any(path.exists() and path.stat().st_size for path in files)


def check_same(out: Path, made_with: MadeWith, hint: str = ANEW) -> None:
    """Raise unless the results in `out` were made with the same model and options.

    Args:
        out: the folder.
        made_with: the model and options of this call.
        hint: what is to be done if they were not.

    Raises:
        InputError: they were not, or the manifest cannot be read.
    """
    if not (out / MANIFEST).is_file():
        raise InputError(f"{out / MANIFEST} is no file; remove it, or name another folder")
    other = differences(read_manifest(out, hint), asdict(made_with))
    if other:
        raise InputError(
            f"the results in {out} were not made with the same {', '.join(other)}; {hint}"
        )


def read_manifest(out: Path, hint: str) -> dict[str, Any]:
    """Return the manifest of the folder `out`.

    Raises:
        InputError: it cannot be read; the message ends with `hint`.
    """
    try:
        manifest = json.loads(read_bytes(out / MANIFEST, MOST_BYTES))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{out / MANIFEST} is damaged; {hint}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        written = manifest.get("format") if isinstance(manifest, dict) else None
        raise InputError(
            f"{out / MANIFEST} has format {quoted(written)}, this version reads {FORMAT}; {hint}"
        )
    return manifest
