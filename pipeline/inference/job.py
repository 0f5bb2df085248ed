"""What one call of `predict` writes, and where to."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data import kaggle_csv
from data.errors import InputError
from data.files import is_special, read_bytes, remove_partials, replacing
from data.mirrors import expect
from data.photo_files import PhotoFile
from data.tables import prepare_table, reserved
from pipeline.dice_interval import DiceInterval
from pipeline.inference.expected import EXPECTED_COLUMNS, write_expected
from pipeline.inference.given_masks import GivenMasks
from pipeline.inference.manifest import MANIFEST, file_hash
from pipeline.inference.mending import Mending
from pipeline.inference.outputs import OUTPUTS, Output, check_out, check_results
from pipeline.inference.part import Part
from pipeline.inference.prediction import Prediction
from pipeline.inference.records import Record
from pipeline.inference.run_file import RUN_FILE, Call, check_run_file
from pipeline.progress import progress

Observe = Callable[[Record, Prediction], None]
"""Called from several threads with each photo that is predicted, once its results are written."""


@dataclass(frozen=True)
class Files:
    """The content of files, read one at a time whenever they are gone through, with progress."""

    paths: Sequence[Path]
    title: str
    """Name of what is made of them."""

    def __iter__(self) -> Iterator[bytes]:
        with progress(f"writing {self.title}") as on_file:
            for i, path in enumerate(self.paths, 1):
                yield read_bytes(path)
                on_file(i, len(self.paths))


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is written for photos, and where to."""

    out: Path
    """Folder for the results."""
    outputs: Sequence[Output] = OUTPUTS
    """What is written for each photo; each of several in a folder of its own, see
    `pipeline.inference.outputs.in_folders`."""
    csv: Path | None = None
    """Kaggle csv to write as well, with a row for each photo that could be read."""
    expected: Path | None = None
    """csv to write with the Dice that the model expects of each mask, lowest first."""
    part: Part | None = None
    """The part of all photos that is worked on. Its tables are beside those that are named, and
    others may work on other parts meanwhile."""
    given: GivenMasks | None = None
    """Masks of the photos, to be refined instead of predicted."""
    mending: Mending | None = None
    """What is changed in some masks once they are predicted."""
    overwrite: bool = False
    """Make all results anew, even if those in the folder have another model or other options."""
    dice: bool = False
    """Record the expected Dice also without a table of it."""
    call: Call | None = None
    """What is said of the call beside the results, see `pipeline.inference.run_file`."""
    observe: Observe | None = None
    """Sees the predictions, such as a report."""

    def __post_init__(self) -> None:
        if self.part is not None and self.overwrite:
            raise ValueError("a part cannot start a folder anew that others share")

    @property
    def is_resumed(self) -> bool:
        """Whether the folder has a manifest of results."""
        return (self.out / MANIFEST).exists()

    @property
    def records_dice(self) -> bool:
        """Whether the expected Dice is recorded."""
        return self.dice or self.expected is not None

    @property
    def place(self) -> Path | None:
        """The folder for temporary files; None where they lie beside what they become."""
        return None if self.part is None else self.part.place(self.out)

    @property
    def run_file(self) -> Path:
        """The file that lists the calls; that of a part is its own."""
        return self._own(self.out / RUN_FILE)

    @property
    def masks(self) -> Output | None:
        """The output of masks, if there is one."""
        return next((output for output in self.outputs if output.name == "mask"), None)

    def mask_key(self, photo: Path) -> str | None:
        """Return a hash of the mask that is given for a photo, or of what is mended in its mask.

        Raises:
            InputError: a mask is to be given, and cannot be read.
        """
        if self.given is not None:
            return file_hash(self.given.path(photo))
        return None if self.mending is None else self.mending.key(photo)

    def mended(self, photo: Path, prediction: Prediction) -> Prediction:
        """Return the prediction of a photo with what is to be changed in it.

        Raises:
            InputError: a file that this takes cannot be read.
        """
        return prediction if self.mending is None else self.mending.mended(photo, prediction)

    def check(self, photos: Sequence[PhotoFile]) -> None:
        """Raise, before any work, if results or tables of `photos` cannot be written after it.

        Raises:
            InputError: the folder holds the photos; results would overwrite other pictures, each
                other or the list of calls; a table would overwrite another file or needs masks
                that are not written; or the name of a photo cannot be written to a csv.
        """
        check_results(self.out, photos, self.outputs, is_ours=self.is_resumed)
        if self.given is not None:
            for output in self.outputs:
                check_out(output.files(self.out), photos, self.given.paths)
        if self.call is not None:
            names = [photo.name for photo in photos]
            paths = [output.path(self.out, name) for output in self.outputs for name in names]
            check_run_file(self.run_file, paths)
        if self.csv is not None:
            if self.masks is None:
                raise InputError(f"{self.csv} is a csv of masks; add mask to the outputs")
            prepare_table(self._own(self.csv), kaggle_csv.HEADER)
            kaggle_csv.check_names(photo.name for photo in photos)
        if self.expected is not None:
            prepare_table(self._own(self.expected), EXPECTED_COLUMNS[:2])
            if self.csv is not None and self.csv.resolve() == self.expected.resolve():
                raise InputError(
                    f"{self.expected} cannot be both the csv of masks and that of their Dice"
                )

    @contextmanager
    def tables_reserved(self) -> Iterator[None]:
        """Keep others from writing the tables until the block ends.

        Raises:
            InputError: another command is going to write one of them.
        """
        csv, expected = (path and self._own(path) for path in (self.csv, self.expected))
        with reserved(csv), reserved(expected):
            yield

    def write_tables(
        self, done: Mapping[PhotoFile, Record], interval: DiceInterval | None = None
    ) -> None:
        """Write the tables of photos that are finished, and the files that are of all of them.

        Args:
            done: their records.
            interval: the interval around their expected Dice.

        Raises:
            InputError: a mask cannot be read.
        """
        if self.csv is not None and self.masks is not None:
            masks = {photo.name: self.masks.path(self.out, photo.name) for photo in done}
            expect(masks.values())
            with progress("writing the csv") as on_row:
                kaggle_csv.write(self._own(self.csv), masks, on_row)
        if self.expected is not None:
            write_expected(self._own(self.expected), done, interval)
        for output in self.outputs:
            if (path := self._joined_path(output)) is not None:
                if self.place is None:
                    remove_partials(path.parent)
                with replacing(path, place=self.place) as partial, partial.open("wb") as file:
                    file.writelines(self._pieces(output, done))

    def joined_hash(self, output: Output, photos: Iterable[PhotoFile]) -> str:
        """Return the SHA-256 that the file of all `photos` should have; some may have no results.

        Raises:
            InputError: the file of a photo cannot be read.
        """
        digest = hashlib.sha256()
        done = [photo for photo in photos if output.path(self.out, photo.name).exists()]
        for piece in self._pieces(output, done):
            digest.update(piece)
        return digest.hexdigest()

    def _pieces(self, output: Output, photos: Iterable[PhotoFile]) -> Iterator[bytes]:
        """Yield the content of the file that is of all `photos`, whatever their order."""
        if output.joined is not None:
            paths = [output.path(self.out, name) for name in sorted(p.name for p in photos)]
            yield from output.joined.pieces(Files(paths, output.joined.name))

    def remove_joined(self) -> None:
        """Remove the files that are of all photos."""
        for output in self.outputs:
            if (path := self._joined_path(output)) is not None:
                path.unlink(missing_ok=True)

    def _joined_path(self, output: Output) -> Path | None:
        """Return the file of this job that is of all photos; that of parts is its own."""
        path = output.joined_path(self.out)
        is_shared = output.joined is None or not output.joined.is_of_parts
        return path if path is None or is_shared else self._own(path)

    def _own(self, table: Path) -> Path:
        """Return where the rows of this job go that belong into `table`."""
        return table if self.part is None or is_special(table) else self.part.table(table)
