"""What a folder of results was made with, and which photos are done: what `predict` resumes from.

.foveamask.json    the manifest: model and options that all results in the folder were made with
.foveamask.jsonl   a line per photo that is done, with hashes of the photo and of its results
.foveamask.lock    held by the one `predict` that writes to the folder

Results are taken over by the hashes of files, never by dates. The records are only ever appended
to; a line that was cut off is no record, and its photo is done again.
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
"""Raised when a manifest means something else, or the same model and options make other masks."""

MANIFEST = ".foveamask.json"
RECORDS = ".foveamask.jsonl"
LOCK = ".foveamask.lock"


@dataclass(frozen=True)
class MadeWith:
    """All that results depend on besides the photos."""

    model: str
    """Its identity: a hash of weights, tiles and thresholds."""
    stage: str
    budget: int | None
    postprocess: list[str]
    outputs: list[str]


@dataclass(frozen=True, slots=True)
class Record:
    """What is done of one photo.

    Raises:
        ValueError: a value has the wrong type.
    """

    photo: str
    """SHA-256 of its file."""
    outputs: Mapping[str, str]
    """SHA-256 of the file of each output, by the output's name."""
    expected_dice: float | None = None
    """None where it was not asked for."""

    def __post_init__(self) -> None:
        right = isinstance(self.photo, str) and isinstance(self.outputs, dict)
        if not right or not isinstance(self.expected_dice, float | None):
            raise ValueError(f"no record of a photo: {self}")


class Records:
    """The records of a folder, and the open file that more are appended to."""

    def __init__(self, path: Path) -> None:
        """Read the records at `path`, if there are any; what is no record is passed over."""
        self.found: dict[str, Record] = {}
        """By the stem of the photo; the last of several."""
        self._file = path.open("a+b")
        self._file.seek(0)
        end = 0
        for line in self._file:
            if line.endswith(b"\n"):
                end += len(line)
                self.found.update(_parsed(line))
        self._file.truncate(end)  # or the next record would go on in a line that was cut off

    def add(self, stem: str, record: Record) -> None:
        """Append the record of the photo `stem`."""
        line = json.dumps({"stem": stem} | asdict(record))
        self._file.write(f"{line}\n".encode())
        self._file.flush()  # a process that is killed loses no record

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def made_with(segmenter: Segmenter, options: MaskOptions, outputs: Sequence[Output]) -> MadeWith:
    """Return what results of `segmenter` are made with.

    Raises:
        InputError: the refined stage is asked of a model that has none.
    """
    given = options.postprocess
    steps = segmenter.model.postprocess if given is None else given
    return MadeWith(
        model=identity(segmenter.model),
        stage=segmenter.check_stage(options.stage),
        budget=options.budget,
        postprocess=[str(step) for step in steps],
        outputs=[output.name for output in outputs],
    )


@contextmanager
def resumed(out: Path, made_with: MadeWith, *, overwrite: bool = False) -> Iterator[Records]:
    """Give the records of the folder `out`, which no other process may write to meanwhile.

    Args:
        out: the folder, which is there.
        made_with: what results are made with from now on.
        overwrite: take over nothing, whatever is there.

    Raises:
        InputError: another process writes to the folder; or its results were made with something
            else, or its manifest cannot be read, and nothing is to be overwritten.
    """
    busy = f"another `foveamask predict` is writing to {out}; wait for it, or name another folder"
    with locked(out / LOCK, busy):
        remove_partials(out)
        if overwrite or not _size(out / RECORDS) or not (out / MANIFEST).exists():
            _begin(out, made_with)
        else:
            _check(out, made_with)
        with closing(Records(out / RECORDS)) as records:
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
    # Records go first: they must never lie beside a manifest that they do not belong to.
    (out / RECORDS).unlink(missing_ok=True)
    with replacing(out / MANIFEST) as partial:
        manifest = {"format": FORMAT, "foveamask": own_version()} | asdict(made_with)
        partial.write_text(json.dumps(manifest, indent=2) + "\n")


def _check(out: Path, made_with: MadeWith) -> None:
    """Raise unless the results in `out` were made with just that.

    Raises:
        InputError: they were not, or the manifest cannot be read.
    """
    todo = "use --overwrite to make all results anew, or name another folder"
    try:
        found = json.loads((out / MANIFEST).read_bytes())
    except ValueError as error:
        raise InputError(f"{out / MANIFEST} is damaged; {todo}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        written = found.get("format") if isinstance(found, dict) else None
        raise InputError(
            f"{out / MANIFEST} has format {written}, this version reads {FORMAT}; {todo}"
        )
    other = [
        name if name == "model" else f"{name} ({_shown(found.get(name))}, now {_shown(value)})"
        for name, value in asdict(made_with).items()
        if found.get(name) != value
    ]
    if other:
        raise InputError(
            f"the results in {out} were not made with the same {', '.join(other)}; {todo}"
        )


def _parsed(line: bytes) -> dict[str, Record]:
    """Return the record in `line` by the stem of its photo; nothing where there is none."""
    try:
        fields = json.loads(line)
        return {str(fields.pop("stem")): Record(**fields)}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
