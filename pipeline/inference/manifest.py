"""The manifest and the records of a folder of results, from which `predict` resumes.

.foveamask.json    the manifest: model and options that all results in the folder were made with
.foveamask.jsonl   a record, one line, per finished photo: hashes of the photo and of its results
.foveamask.lock    held by the one `predict` that writes to the folder

Hashes of files decide whether a photo is finished, never dates. Records are only appended. An
incomplete line is not a record, so its photo is predicted again.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.files import locked, read_bytes, remove_partials, replacing
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.outputs import Output
from pipeline.inference.segmenter import Segmenter
from pipeline.model import identity, own_version

FORMAT = 1
"""To be raised if manifests change, or if the same model and options make other masks."""

MANIFEST = ".foveamask.json"
RECORDS = ".foveamask.jsonl"
LOCK = ".foveamask.lock"


@dataclass(frozen=True)
class MadeWith:
    """Everything besides the photos that results depend on."""

    model: str
    """Its identity: a hash of weights, tiles and thresholds."""
    stage: str
    budget: int | None
    postprocess: list[str]
    outputs: list[str]


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

    def __post_init__(self) -> None:
        right = isinstance(self.photo, str) and isinstance(self.outputs, dict)
        right = right and isinstance(self.is_known, bool | None)
        if not right or not isinstance(self.expected_dice, float | None):
            raise ValueError(f"no record of a photo: {self}")


class Records:
    """The records of a folder, and the open file to which new ones are appended."""

    def __init__(self, path: Path) -> None:
        """Read the records at `path`, if there are any; other lines are ignored."""
        self.found: dict[str, Record] = {}
        """Records by the stem of the photo; of several, the last one."""
        self.forgotten: frozenset[str] = frozenset()
        """Stems of records that were removed when the folder was started anew."""
        self._file = path.open("a+b")
        self._file.seek(0)
        end = 0
        for line in self._file:
            if line.endswith(b"\n"):
                end += len(line)
                self.found.update(_parsed(line))
        self._file.truncate(end)  # or the next record would be appended to an incomplete line

    def add(self, stem: str, record: Record) -> None:
        """Append the record of the photo `stem`."""
        line = json.dumps({"stem": stem} | asdict(record))
        self._file.write(f"{line}\n".encode())
        self._file.flush()  # a process that is killed loses no record

    def close(self) -> None:
        """Close the file."""
        self._file.close()


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
        if overwrite or not _size(out / RECORDS) or not (out / MANIFEST).exists():
            with closing(Records(out / RECORDS)) as earlier:
                forgotten = frozenset(earlier.found)
            _begin(out, made_with)
        else:
            _check(out, made_with)
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


def _check(out: Path, made_with: MadeWith) -> None:
    """Raise unless the results in `out` were made with the same model and options.

    Raises:
        InputError: they were not, or the manifest cannot be read.
    """
    hint = "use --overwrite to make all results anew, or name another folder"
    try:
        manifest = json.loads((out / MANIFEST).read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{out / MANIFEST} is damaged; {hint}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        written = manifest.get("format") if isinstance(manifest, dict) else None
        raise InputError(
            f"{out / MANIFEST} has format {written}, this version reads {FORMAT}; {hint}"
        )
    other = [
        name if name == "model" else f"{name} ({_shown(manifest.get(name))}, now {_shown(value)})"
        for name, value in asdict(made_with).items()
        if manifest.get(name) != value
    ]
    if other:
        raise InputError(
            f"the results in {out} were not made with the same {', '.join(other)}; {hint}"
        )


def _parsed(line: bytes) -> dict[str, Record]:
    """Return the record in `line` by the stem of its photo; an empty dict for other lines."""
    try:
        fields = json.loads(line)
        return {str(fields.pop("stem")): Record(**fields)}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
