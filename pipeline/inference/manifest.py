"""The manifest and the records of a folder of results, from which `predict` resumes.

.foveamask.json    the manifest: model and options that all results in the folder were made with
.foveamask.jsonl   a record, one line, per finished photo: hashes of the photo and of its results
.foveamask.lock    held by the one `predict` that writes to the folder

Hashes of files decide whether a photo is finished, never dates. Records are only appended. A line
that is incomplete or damaged is not a record, so its photo is predicted again. The manifest is on
the disk before the first record is written. Records and masks may be lost in a power cut; then
their photos are predicted again.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

from data.errors import InputError
from data.files import is_special, locked, read_bytes, reading, remove_partials, replacing
from data.picture_provenance import PictureProvenance
from data.printable import quoted
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.outputs import Output
from pipeline.inference.segmenter import Segmenter
from pipeline.model import identity, own_version

FORMAT = 1
"""To be raised if manifests change, or if the same model and options make other masks."""

MANIFEST = ".foveamask.json"
RECORDS = ".foveamask.jsonl"
LOCK = ".foveamask.lock"

MOST_BYTES = 2**20
"""Most bytes of a manifest; one has some hundred."""

LONGEST_RECORD = 2**16
"""Most bytes of a line of records that is looked at; one has some hundred."""


@dataclass(frozen=True)
class MadeWith:
    """Everything besides the photos that results depend on."""

    model: str
    """Its identity: a hash of weights, tiles and thresholds."""
    stage: str
    budget: int | None
    postprocess: list[str]
    outputs: list[str]

    def provenance(self, output: Output, photo: str) -> PictureProvenance | None:
        """Return what the file of an output says of how it was made; None if it is to say nothing.

        Args:
            output: the output.
            photo: SHA-256 of the photo's file.
        """
        if not output.has_metadata:
            return None
        details = asdict(self) | {"output": output.made_with, "photo": photo}
        del details["outputs"]
        return PictureProvenance(f"foveamask {own_version()}", details)


@dataclass(frozen=True, slots=True)
class Record:
    """The record of one finished photo.

    Raises:
        ValueError: a value has the wrong type.
    """

    photo: str
    """SHA-256 of its file."""
    outputs: Mapping[str, str]
    """SHA-256 of the file of each output, by the output's name."""
    expected_dice: float | None = None
    """None if it was not requested."""
    is_known: bool | None = None
    """Whether the photo is like those the model was trained on; None if the model cannot tell."""
    tiles: int | None = None
    """Number of tiles that were refined; None if that was not recorded."""

    def __post_init__(self) -> None:
        right = isinstance(self.photo, str) and isinstance(self.outputs, dict)
        right = right and all(isinstance(value, str) for value in self.outputs.values())
        right = right and isinstance(self.is_known, bool | None)
        right = right and (self.tiles is None or type(self.tiles) is int)
        dice = self.expected_dice
        if not right or not (dice is None or (isinstance(dice, float) and isfinite(dice))):
            raise ValueError(f"no record of a photo: {self}")


class Records:
    """The records of a folder, and the open file to which new ones are appended."""

    def __init__(self, path: Path) -> None:
        """Read the records at `path`, if there are any; other lines are ignored."""
        self.found: dict[str, Record] = {}
        """Records by the stem of the photo; of several, the last one."""
        self.forgotten: frozenset[str] = frozenset()
        """Stems of records that were removed when the folder was started anew."""
        if is_special(path):
            raise InputError(f"{path} is a pipe, a socket or a device, and no file; remove it")
        self.path = path
        self._file = path.open("a+b")
        self._file.seek(0)
        whole = 0
        for end, found in _parsed_lines(self._file):
            whole = end
            self.found.update(found)
        self._file.truncate(whole)  # or the next record would be appended to an incomplete line

    def add(self, stem: str, record: Record) -> None:
        """Append the record of the photo `stem`."""
        line = json.dumps({"stem": stem} | asdict(record))
        try:
            self._file.write(f"{line}\n".encode())
            self._file.flush()  # a process that is killed loses no record
        except OSError as error:
            error.filename = str(self.path)
            raise

    def close(self) -> None:
        """Close the file; what a full disk did not take is lost, which `add` has said."""
        with suppress(OSError):
            self._file.close()


def read_records(out: Path) -> dict[str, Record]:
    """Return the records of the folder `out`, by the stem of the photo; nothing is locked.

    Raises:
        InputError: they cannot be read.
    """
    found: dict[str, Record] = {}
    if (out / RECORDS).exists():
        with reading(out / RECORDS) as file:
            for _, record in _parsed_lines(file):
                found.update(record)
    return found


def made_with(segmenter: Segmenter, options: MaskOptions, outputs: Sequence[Output]) -> MadeWith:
    """Return what results of `segmenter` depend on, besides the photos.

    Precision and device are left out: they change a few pixels of the contour at most.

    Raises:
        InputError: the refined stage is requested, but the model has no refiner.
    """
    given = options.postprocess
    steps = segmenter.model.postprocess if given is None else given
    return MadeWith(
        model=identity(segmenter.model),
        stage=segmenter.check_stage(options.stage),
        budget=options.budget,
        postprocess=[str(step) for step in steps],
        outputs=[output.made_with for output in outputs],
    )


@contextmanager
def resumed(out: Path, made_with: MadeWith, *, overwrite: bool = False) -> Iterator[Records]:
    """Lock the folder `out` and give its records.

    Args:
        out: the folder, which must exist.
        made_with: the model and options of this call.
        overwrite: start the folder anew, without earlier records.

    Raises:
        InputError: another process writes to the folder; or, without `overwrite`, its results were
            made with another model or other options, or its manifest cannot be read.
    """
    busy = f"another `foveamask predict` is writing to {out}; wait for it, or name another folder"
    with locked(out / LOCK, busy):
        remove_partials(out)
        forgotten: frozenset[str] = frozenset()
        if overwrite or not has_results(out):
            with closing(Records(out / RECORDS)) as earlier:
                forgotten = frozenset(earlier.found)
            _begin(out, made_with)
        else:
            check_same(out, made_with)
        with closing(Records(out / RECORDS)) as records:
            records.forgotten = forgotten
            yield records


def bytes_hash(data: bytes) -> str:
    """Return the SHA-256 of the content of a file."""
    return hashlib.sha256(data).hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of the file at `path`.

    Raises:
        InputError: it cannot be read.
    """
    return bytes_hash(read_bytes(path))


def _begin(out: Path, made_with: MadeWith) -> None:
    # Records are removed first: they must never be beside a manifest of other results.
    (out / RECORDS).unlink(missing_ok=True)
    with replacing(out / MANIFEST) as partial:
        manifest = {"format": FORMAT, "foveamask": own_version()} | asdict(made_with)
        partial.write_text(json.dumps(manifest, indent=2) + "\n")


def has_results(out: Path) -> bool:
    """Whether there are records of results in the folder `out`, and their manifest."""
    return bool(_size(out / RECORDS)) and (out / MANIFEST).exists()


def check_same(out: Path, made_with: MadeWith) -> None:
    """Raise unless the results in `out` were made with the same model and options.

    Raises:
        InputError: they were not, or the manifest cannot be read.
    """
    if not (out / MANIFEST).is_file():
        raise InputError(f"{out / MANIFEST} is no file; remove it, or name another folder")
    hint = "use --overwrite to make all results anew, or name another folder"
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


def differences(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what results depend on and is not as it was, both as text, for a message."""
    return [
        name if name == "model" else f"{name} ({_shown(earlier.get(name))}, now {_shown(value)})"
        for name, value in now.items()
        if earlier.get(name) != value
    ]


def _parsed_lines(file: BinaryIO) -> Iterator[tuple[int, dict[str, Record]]]:
    """Yield where each whole line of records ends, in bytes, and the record in it, if it is one."""
    size = 0
    for line in iter(lambda: file.readline(LONGEST_RECORD), b""):
        size += len(line)
        if line.endswith(b"\n"):
            yield size, _parsed(line)


def _parsed(line: bytes) -> dict[str, Record]:
    """Return the record in `line` by the stem of its photo; an empty dict for other lines."""
    try:
        fields = json.loads(line)
        return {str(fields.pop("stem")): Record(**fields)}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return quoted(",".join(map(str, value))) or "none"
    return "none" if value is None else quoted(value)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
