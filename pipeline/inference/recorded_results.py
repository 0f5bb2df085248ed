"""What the files of a folder of results, and its records, say of how each result was made."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from data.errors import InputError
from data.photo_files import PhotoFile
from data.picture_provenance import provenance_in
from data.printable import quoted
from pipeline.inference.made_with import MadeWith, differences
from pipeline.inference.manifest import MANIFEST, all_records, bytes_hash, read_manifest
from pipeline.inference.outputs import Output
from pipeline.inference.records import Record

log = logging.getLogger(__name__)

Status = Literal[
    "missing",
    "unreadable",
    "made otherwise",
    "photo changed",
    "changed",
    "different",
    "unknown",
    "no photo",
]
"""What is wrong with a result:

missing         there is no file
unreadable      the photo or the result cannot be read
made otherwise  the model or the options were others
photo changed   the photo is another file than the one that it was made from
changed         the file is not as it was written
different       its pixels are not what the model makes, though all else is right
unknown         nothing says how it was made
no photo        no photo is called like this
"""

ALL_LIKE_THIS = "by their records, the results in %s were not made with the same %s"
NO_MANIFEST = "%s has no records of `foveamask predict`: only what the files say is known"


@dataclass(frozen=True)
class Complaint:
    """Why a result is not, or may not be, what a model makes of a photo."""

    status: Status
    reason: str


@dataclass(frozen=True)
class RecordedResults:
    """A folder of results, as `predict` recorded it."""

    out: Path
    made: Mapping[str, Any] | None
    """The manifest; None if there is none."""
    records: Mapping[str, Record]
    """Records by the name of the photo's results."""

    @classmethod
    def read(cls, out: Path, making: MadeWith) -> "RecordedResults":
        """Read the records of `out`; say at once if all of it was made with something else.

        Raises:
            InputError: there is no such folder, its records cannot be read, or its results are of
                other kinds, such as cutouts in place of masks.
        """
        if not out.is_dir():
            raise InputError(f"no such folder: {out}")
        if not (out / MANIFEST).is_file():
            log.warning(NO_MANIFEST, out)
            return cls(out, None, {})
        made = read_manifest(out, "make the results again")
        now = asdict(making) | {"outputs": [_without_metadata(name) for name in making.outputs]}
        written = made.get("outputs")
        outputs = [_without_metadata(name) for name in written] if isinstance(written, list) else []
        _check_kinds(out, outputs, making.outputs)
        other = differences(made | {"outputs": outputs}, now)
        if other:
            log.warning(ALL_LIKE_THIS, out, ", ".join(other))
        return cls(out, made, all_records(out))

    def is_as_written(self, output: Output, photo: PhotoFile, data: bytes) -> bool | None:
        """Whether the file of a result is the one that was written; None if that is not known."""
        record = self.records.get(photo.name)
        hashes = {} if record is None else record.outputs
        own = [sha for key, sha in hashes.items() if key.split(" ")[0] == output.name]
        return own[0] == bytes_hash(data) if own else None

    def complaint(
        self, output: Output, photo: PhotoFile, sha256: str, data: bytes, making: MadeWith
    ) -> Complaint | None:
        """Return what the records hold against a result; None if they say that it is right.

        Args:
            output: what the result is.
            photo: its photo.
            sha256: hash of the photo's file.
            data: the file of the result.
            making: the model and the options that it should have been made with.
        """
        made = self._made(output, photo, data)
        if made is None:
            return Complaint("unknown", "nothing says how it was made")
        wanted = asdict(making) | {"output": _without_metadata(output.made_with)}
        del wanted["outputs"]
        other = differences(made, wanted)
        if other:
            return Complaint("made otherwise", f"it was made with another {', '.join(other)}")
        if made.get("mended"):
            return Complaint("different", "a person has mended its mask in a review")
        if made.get("photo") != sha256:
            return Complaint("photo changed", "the photo has changed since")
        if self.is_as_written(output, photo, data) is False:
            return Complaint("changed", "it has changed since it was written")
        return None

    def _made(self, output: Output, photo: PhotoFile, data: bytes) -> dict[str, Any] | None:
        """Return how a result was made: as its file says, or else as the records do."""
        try:
            written = provenance_in(data, photo.name)
        except InputError:
            written = None
        if written is not None:
            own = str(written.details.get("output"))
            return {**written.details, "output": _without_metadata(own)}
        record = self.records.get(photo.name)
        if record is None or self.made is None:
            return None
        names = self.made.get("outputs")
        same = [name for name in names if str(name).split(" ")[0] == output.name] if names else []
        own = _without_metadata(same[0]) if same else ""
        made = {**self.made, "output": own, "photo": record.photo}
        return made if self.made.get("masks") is not None else made | {"mended": record.mask}


def _check_kinds(out: Path, written: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise if results of the kinds that are `wanted` would be looked for where there are none."""
    kinds, asked = ([text.split(" ")[0] for text in texts] for texts in (written, wanted))
    if kinds and set(kinds) != set(asked):
        raise InputError(
            f"{out} has results of --output {quoted(','.join(kinds))}, and what is asked for is "
            f"--output {','.join(asked)}; give the options that predict was given"
        )


def _without_metadata(made_with: Any) -> str:
    """Return an output's text without what changes no pixel."""
    return str(made_with).removesuffix(" metadata=False")
