"""Whether results are what a model makes of photos: by making them again, or by what is recorded.

Made again, pixels decide, and records only explain what is different. Otherwise what files and
records say decides: the model, the options, and the hashes of photo and result.
"""

import hashlib
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.files import read_bytes
from data.geometry import Size
from data.photo_files import RESULTS_MARK, PhotoFile, by_name
from data.polygons.json_file import is_list_of_calls
from data.threads import map_threads
from pipeline.inference.job import Job
from pipeline.inference.made_with import made_with
from pipeline.inference.manifest import file_hash
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.outputs import Output
from pipeline.inference.photo_work import PhotoWork, Worker
from pipeline.inference.prediction import Prediction
from pipeline.inference.recorded_results import Complaint, RecordedResults, Status
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import predict_stream
from pipeline.progress import OnStep, progress

TOLERANCE = 1e-4
"""Share of a picture's pixels that may differ in a result that is as it was written: on another
processor, or with another version of torch, numbers are rounded otherwise."""


@dataclass(frozen=True)
class Finding:
    """A result that is not, or may not be, what the model makes of its photo."""

    result: Path
    photo: Path | None
    status: Status
    reason: str
    pixels: int | None = None
    """Number of pixels that differ from what the model makes, if they could be compared."""

    def __str__(self) -> str:
        return f"{self.result}: {self.reason}"


@dataclass(frozen=True)
class Checked:
    """What has come of the results of one photo."""

    findings: list[Finding] = field(default_factory=list)
    near: list[int] = field(default_factory=list)
    """Numbers of pixels that differ in results that are taken for the same."""


@dataclass(frozen=True)
class Verifier:
    """The results in a folder, and what should have written them."""

    recorded: RecordedResults
    worker: Worker

    def compare(self, work: PhotoWork, prediction: Prediction) -> Checked:
        """Make the results of a photo again, and compare their pixels with the files."""
        checked, photo = Checked(), work.photo
        most_different = TOLERANCE * prediction.photo.shape[0] * prediction.photo.shape[1]
        for output, path, data in self._files(photo, checked):
            try:
                again = self.worker.encoded(output, work, prediction)
                size = Size(*prediction.photo.shape[:2])
                num: int | None = output.num_different(data, again, size, str(path))
                what = f"{num} pixels differ from what the model makes"
            except InputError as error:
                num, what = None, str(error).removeprefix(f"{path} ")
            is_changed = self.recorded.is_as_written(output, photo, data) is False
            if num is not None and num <= (0 if is_changed else most_different):
                checked.near.append(num)
                continue
            why = self.recorded.complaint(output, photo, work.sha256, data, self.worker.making)
            if why is None or why.status == "unknown":
                why = Complaint("different", "")
            reason = "; ".join(filter(None, (what, why.reason)))
            checked.findings.append(Finding(path, photo.path, why.status, reason, num))
        return checked

    def look_up(self, photo: PhotoFile) -> Checked:
        """Compare the results of a photo with what files and records say of them.

        Raises:
            InputError: the photo cannot be read.
        """
        checked, sha256 = Checked(), file_hash(photo.path)
        for output, path, data in self._files(photo, checked):
            why = self.recorded.complaint(output, photo, sha256, data, self.worker.making)
            if why is None:
                checked.near.append(0)
            else:
                checked.findings.append(Finding(path, photo.path, why.status, why.reason))
        return checked

    def _files(self, photo: PhotoFile, checked: Checked) -> Iterator[tuple[Output, Path, bytes]]:
        """Yield the result files of a photo; what is missing is added to the findings."""
        for output in self.worker.job.outputs:
            path = output.path(self.recorded.out, photo.name)
            if not path.exists():
                reason = f"missing, the {output.name} of {photo}"
                checked.findings.append(Finding(path, photo.path, "missing", reason))
                continue
            try:
                yield output, path, read_bytes(path)
            except InputError as error:
                reason = str(error).removeprefix(f"{path} ")
                checked.findings.append(Finding(path, photo.path, "unreadable", reason))


@dataclass(frozen=True)
class Verification:
    """What is wrong with the results of photos."""

    findings: list[Finding]
    photos: int
    predicted_again: int
    """Number of photos whose results were made again."""
    right: int
    """Number of results that nothing is wrong with."""
    nearly_right: int
    """Number of those that differ in some pixels, within `TOLERANCE`."""
    most_pixels: int
    """Most pixels that differ in one of these."""

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values, but for paths."""
        return asdict(self)

    def __str__(self) -> str:
        near = ""
        if self.nearly_right:
            near = f" ({self.nearly_right} of them but for {self.most_pixels} pixels at most)"
        return (
            f"{self.right} of {self.right + len(self.findings)} results are right{near}; of "
            f"{self.photos} photos, {self.predicted_again} were predicted again"
        )


def verify(
    photos: Sequence[PhotoFile],
    job: Job,
    segmenter: Segmenter,
    options: MaskOptions,
    *,
    num_again: int | None = None,
    with_others: bool = False,
) -> Verification:
    """Return which results in the folder of a job are not what a model makes of photos.

    Args:
        photos: the photos.
        job: what should have been written for them, and where to.
        segmenter: model and runtime.
        options: how masks are made.
        num_again: number of photos whose results are made again; of the others, what is recorded is
            believed. None for all.
        with_others: whether results of other photos are wrong.

    Raises:
        InputError: there is no such folder, its records cannot be read, or the results of two
            photos have one name.
    """
    by_name(photos)
    out, outputs = job.out, job.outputs
    worker = Worker(job, made_with(segmenter, options, outputs))
    verifier = Verifier(RecordedResults.read(out, worker.making), worker)
    there = [photo for photo in photos if any(o.path(out, photo.name).exists() for o in outputs)]
    again = there if num_again is None else sample_of(there, num_again)
    chosen = set(again)
    checked: dict[PhotoFile, Checked | InputError] = {}
    with progress("verifying") as on_photo:
        recorded = [photo for photo in photos if photo not in chosen]
        _collect(recorded, map_threads(verifier.look_up, recorded), checked, len(photos), on_photo)
        predict = partial(segmenter.predict_batch, options=options)
        stream = predict_stream(
            map(PhotoWork, again), worker.read, predict, verifier.compare, segmenter.device
        )
        _collect(again, stream, checked, len(photos), on_photo)
    findings: list[Finding] = []
    near: list[int] = []
    for photo in photos:
        found = checked[photo]
        if isinstance(found, InputError):
            path = outputs[0].path(out, photo.name)
            findings.append(Finding(path, photo.path, "unreadable", f"its photo fails: {found}"))
        else:
            findings += found.findings
            near += found.near
    if with_others:
        findings += without_photo(out, photos, outputs)
    different = [num for num in near if num]
    return Verification(
        findings,
        photos=len(photos),
        predicted_again=len(again),
        right=len(near),
        nearly_right=len(different),
        most_pixels=max(different, default=0),
    )


def without_photo(
    out: Path, photos: Sequence[PhotoFile], outputs: Sequence[Output]
) -> list[Finding]:
    """Return the files that look like results of other photos than `photos`."""
    names = {photo.name for photo in photos}
    findings = []
    for output in outputs:
        for path, name in _results_in(output.files(out), output.suffix):
            if name not in names and path != output.joined_path(out):
                reason = f"no photo is called {name}"
                findings.append(Finding(path, None, "no photo", reason))
    return sorted(findings, key=lambda finding: finding.result)


def _results_in(root: Path, suffix: str) -> Iterator[tuple[Path, str]]:
    """Yield the files below `root` that end in `suffix`, and the names of their photos."""
    for folder, inner, files in os.walk(root):
        is_other = Path(folder) != root and RESULTS_MARK in files  # results of other calls
        inner[:] = [] if is_other else [name for name in inner if not name.startswith(".")]
        for file in () if is_other else files:
            path = Path(folder, file)
            is_hidden = file.startswith(".")
            if path.suffix == suffix and not is_hidden and not is_list_of_calls(path):
                yield path, path.relative_to(root).with_suffix("").as_posix()


def sample_of(photos: Sequence[PhotoFile], num: int) -> list[PhotoFile]:
    """Return `num` of `photos`, or all of them if there are fewer, always the same ones."""

    def shuffled(photo: PhotoFile) -> str:
        return hashlib.sha256(os.fsencode(photo.name)).hexdigest()

    chosen = set(sorted(photos, key=shuffled)[:num])
    return [photo for photo in photos if photo in chosen]


def _collect(
    photos: Sequence[PhotoFile],
    results: Generator[Checked | InputError, None, None],
    checked: dict[PhotoFile, Checked | InputError],
    num_all: int,
    on_photo: OnStep,
) -> None:
    """Add the result of each of `photos` to `checked`."""
    with closing(results):
        for photo, result in zip(photos, results, strict=True):
            checked[photo] = result
            on_photo(len(checked), num_all)
