"""What a worker of a cluster does with a share of the photos.

The same as `predict` does with a part of them, and with the same files: results, and the records of
the share beside them, one as each photo is finished. So a share whose worker dies goes on where it
was, and what workers have finished is known even if the call has died.
"""

from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from data.arrays import Photo
from data.errors import InputError
from data.files import remove_partials
from data.photo_files import PhotoFile
from pipeline.inference.chosen_outputs import chosen_outputs
from pipeline.inference.cluster.errand import Errand, Known, KnownShare, Recipe, Share
from pipeline.inference.cluster.kept_by_worker import KeptByWorker
from pipeline.inference.cluster.worker_check import check_same_results
from pipeline.inference.cpu_setup import keep_freed_memory
from pipeline.inference.cutouts.background import Background
from pipeline.inference.job import Job
from pipeline.inference.outputs import Output, folder_of
from pipeline.inference.part import Part
from pipeline.inference.photo_work import PhotoWork, Worker
from pipeline.inference.prediction import Prediction
from pipeline.inference.records import Record, Records, records_name
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import PhotoThreads, predict_stream

MOST_KEPT = 4
"""Calls whose models a worker keeps; of more, the oldest is dropped."""


@dataclass(frozen=True)
class Prepared:
    """What a worker keeps from share to share of a call."""

    errand: Errand
    segmenter: Segmenter
    job: Job
    threads: PhotoThreads
    """One for a share: a worker does as many shares at once as it has threads."""

    def worker(self, part: Part | None = None) -> Worker:
        """Return what does the work on the photos of a part."""
        return Worker(replace(self.job, part=part), self.errand.making)


_kept = KeptByWorker[Prepared](MOST_KEPT)


def predict_share(share: Share) -> list[Record | InputError]:
    """Write the results of a share; return their records, or errors, in its order.

    Raises:
        InputError: this worker would make other results than the call wants.
        OSError: the folder of the call is not here or not marked, or the disk is at fault.
    """
    ready = prepared(share.errand)
    out, worker = share.errand.mark.folder, ready.worker(share.part)
    place = share.part.place(out)
    for folder in {place, *_folders(share.photos, worker.job)}:
        folder.mkdir(parents=True, exist_ok=True)
    with closing(Records(out / records_name(share.part))) as records:
        done = _done_before(share.photos, records, worker)
        left = [photo for photo in share.photos if photo not in done]
        with closing(_stream(left, ready, worker)) as results:
            for photo, result in zip(left, results, strict=True):
                done[photo] = result
                if not isinstance(result, InputError):
                    records.add(photo.name, result)
    return [done[photo] for photo in share.photos]


def check_share(share: KnownShare) -> list[bool]:
    """Return of each photo whether it and its results have the hashes in its record.

    Raises:
        InputError: this worker would make other results than the call wants.
        OSError: the folder of the call is not here or not marked.
    """
    worker = prepared(share.errand).worker()
    return [_holds(known, worker) for known in share.known]


def clear_share(share: Share) -> None:
    """Remove the records of a share, which are taken over, and what killed workers left of it."""
    out, place = share.errand.mark.folder, share.part.place(share.errand.mark.folder)
    (out / records_name(share.part)).unlink(missing_ok=True)
    remove_partials(place)
    with suppress(OSError):
        place.rmdir()


def prepared(errand: Errand) -> Prepared:
    """Return what this worker keeps for the shares of a call.

    Raises:
        InputError: this worker would make other results than the call wants.
        OSError: the folder of the call is not here or not marked.
    """
    errand.mark.check()
    return _kept.of(errand.mark.token, partial(_prepare, errand))


def _prepare(errand: Errand) -> Prepared:
    keep_freed_memory()  # the process is the cluster's, and there for such work
    recipe, out = errand.recipe, errand.mark.folder
    segmenter = Segmenter.load(recipe.model, recipe.device)
    outputs = _outputs(recipe, out)
    check_same_results(errand, segmenter, outputs)
    job = Job(out=out, outputs=outputs, dice=errand.dice, observe=recipe.observe)
    return Prepared(errand, segmenter, job, PhotoThreads(1))


def _outputs(recipe: Recipe, out: Path) -> tuple[Output, ...]:
    cutouts = recipe.cutouts
    if recipe.background is not None:
        cutouts = replace(cutouts, background=Background.parse(recipe.background))
    return chosen_outputs(recipe.names, cutouts, recipe.polygons, None, out)


def _stream(
    photos: Sequence[PhotoFile], ready: Prepared, worker: Worker
) -> Generator[Record | InputError, None, None]:
    """Yield the record, or the error, of each photo, as long as the call goes on."""
    mark, segmenter = ready.errand.mark, ready.segmenter

    def read(work: PhotoWork) -> Photo:
        mark.check()
        return worker.read(work)

    def write(work: PhotoWork, prediction: Prediction) -> Record:
        mark.check()  # once more: another call may have begun meanwhile
        return worker.write(work, prediction)

    predict = partial(segmenter.predict_batch, options=ready.errand.recipe.options)
    works = map(PhotoWork, photos)
    return predict_stream(works, read, predict, write, segmenter.device, ready.threads)


def _done_before(
    photos: Sequence[PhotoFile], records: Records, worker: Worker
) -> dict[PhotoFile, Record | InputError]:
    """Return the records of `photos` that a worker made before it died, if they still hold."""
    found = [(photo, records.found[photo.name]) for photo in photos if photo.name in records.found]
    return {photo: record for photo, record in found if _holds((photo, record), worker)}


def _holds(known: Known, worker: Worker) -> bool:
    with suppress(InputError):  # a file cannot be read
        return worker.is_done(known)
    return False


def _folders(photos: Sequence[PhotoFile], job: Job) -> set[Path]:
    """Return the folders that results of `photos` lie in."""
    below = {folder_of(photo.name) for photo in photos}
    return {output.files(job.out) / folder for output in job.outputs for folder in below}
