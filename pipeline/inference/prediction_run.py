"""The state of one call of `predict`: what is done, what has failed, and how the rest is done."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from data.errors import InputError
from data.files import remove_partials
from data.mirrors import expect
from data.photo_files import PhotoFile
from pipeline.dice_interval import DiceInterval
from pipeline.inference.crew import Crew, ThreadCrew
from pipeline.inference.expected import interval_of
from pipeline.inference.job import Job
from pipeline.inference.made_with import MadeWith, made_with
from pipeline.inference.manifest import resumed
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.outputs import folder_of
from pipeline.inference.records import Record, Records
from pipeline.inference.run_file import Figures, computing, recorded
from pipeline.inference.segmenter import Segmenter
from pipeline.progress import OnStep, progress

log = logging.getLogger(__name__)

UNKNOWN = (
    "%d of %d photos, such as %s, are unlike those that the model was trained on: their masks may "
    "be wrong, and how good they are is not known"
)


KEPT = (
    "%d of %d masks stay as they were given, since refining them was no clear gain; %d others are "
    "refined in places only"
)

CHANGED = (
    "%d are made anew, since the photo, a mask that is given or mended, the crop or the result has "
    "changed or is gone: %s%s"
)

MOST_NAMED = 3


@dataclass(frozen=True)
class Failure:
    """A photo that could not be read or predicted, and why."""

    photo: Path
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What has come of the photos of a call."""

    failures: list[Failure]
    """Photos without results."""
    records: dict[PhotoFile, Record]
    """Records of all others."""
    interval: DiceInterval | None = None
    """Interval around their expected Dice, if that was asked for and is known."""

    @property
    def unknown(self) -> list[Path]:
        """Photos unlike those that the model was trained on: their masks may be wrong."""
        return [photo.path for photo, record in self.records.items() if record.is_known is False]


class Others(Protocol):
    """Other machines that may do the work of a call."""

    @property
    def device(self) -> str:
        """Where the networks compute, in the list of calls."""

    def crew(self, job: Job, making: MadeWith) -> AbstractContextManager[Crew]:
        """Give those who do it, while the folder of the results is locked."""


@dataclass
class Run:
    """Photos that are predicted into one folder."""

    job: Job
    records: Records
    crew: Crew
    """Does the work on the photos."""
    interval: DiceInterval | None = None
    """Interval around the expected Dice, if that is recorded and the interval is known."""
    seen: set[PhotoFile] = field(default_factory=set)
    """All photos so far."""
    skipped: set[PhotoFile] = field(default_factory=set)
    """Photos whose results are those of earlier calls."""
    predicting: float = 0.0
    """Seconds of predicting."""
    done: dict[PhotoFile, Record] = field(default_factory=dict)
    failures: dict[PhotoFile, Failure] = field(default_factory=dict)
    _folders: set[str] = field(default_factory=set)
    """Folders of results that are prepared, by their paths in that of all results."""

    def take_over(self, photos: Sequence[PhotoFile]) -> list[PhotoFile]:
        """Take the results over that earlier calls made of `photos`; return the other photos."""
        self._prepare(photos)
        self.seen.update(photos)
        found = self._finished(photos)
        for photo, record in found.items():
            self.note(photo, record)
        self.skipped.update(found)
        return [photo for photo in photos if photo not in found]

    def predict(
        self,
        photos: Sequence[PhotoFile],
        on_photo: OnStep,
        goes_on: Callable[[], bool] = lambda: True,
    ) -> int:
        """Write the results of `photos` and record them; return how many have ended.

        Args:
            photos: the photos, of which `take_over` has left these.
            on_photo: called after each with the number of those that are done and of all.
            goes_on: asked before each photo is begun; once it says no, those that are begun are
                finished.
        """
        expect(photo.path for photo in photos)
        num_ended, before, began = 0, self.predicting, time.monotonic()
        with closing(self.crew.results(photos, goes_on)) as results:
            for photo, result in results:
                self.note(photo, result)
                self.predicting = before + time.monotonic() - began
                num_ended += 1
                on_photo(num_ended, len(photos))
        return num_ended

    def note(self, photo: PhotoFile, result: Record | InputError) -> None:
        """Note what has become of a photo, in place of what had before."""
        self.failures.pop(photo, None)
        self.done.pop(photo, None)
        self.skipped.discard(photo)
        if isinstance(result, InputError):
            self.failures[photo] = Failure(photo.path, str(result))
            return
        if self.records.found.get(photo.name) is not result:
            self.records.add(photo.name, result)
            self.records.found[photo.name] = result
        self.done[photo] = result

    def put_in_order(self, photos: Sequence[PhotoFile]) -> None:
        """Put what has come of `photos` in their order, whichever ended first."""
        self.done = {photo: self.done[photo] for photo in photos if photo in self.done}
        failures = self.failures
        self.failures = {photo: failures[photo] for photo in photos if photo in failures}

    def outcome(self) -> Outcome:
        """Return the photos that need a look; say so of those unlike the ones of training."""
        outcome = Outcome(list(self.failures.values()), self.done, self.interval)
        if outcome.unknown:
            log.warning(UNKNOWN, len(outcome.unknown), len(self.done), outcome.unknown[0])
        if self.job.given is not None and self.done:
            kept = [record.kept for record in self.done.values()]
            num_whole = sum(share == 1 for share in kept)
            num_partly = sum(share is not None and 0 < share < 1 for share in kept)
            log.info(KEPT, num_whole, len(kept), num_partly)
        return outcome

    def figures(self) -> Figures:
        """Return the figures of the call so far."""
        return Figures(
            len(self.seen),
            self.done.values(),
            skipped=len(self.skipped),
            failed=len(self.failures),
            predicting=self.predicting,
        )

    def _prepare(self, photos: Sequence[PhotoFile]) -> None:
        """Make the folders for the results of `photos`.

        What killed processes left behind there is removed; that of parts lies elsewhere.
        """
        new = dict.fromkeys(folder_of(photo.name) for photo in photos)
        for folder in new.keys() - self._folders:
            for output in self.job.outputs:
                place = output.files(self.job.out) / folder
                place.mkdir(parents=True, exist_ok=True)
                if self.job.part is None:
                    remove_partials(place)
        self._folders |= new.keys()

    def _finished(self, photos: Sequence[PhotoFile]) -> dict[PhotoFile, Record]:
        """Return the records of those `photos` that earlier calls finished.

        If the expected Dice is wanted, photos without it are not finished.
        """
        known = {
            photo: record
            for photo in photos
            if (record := self.records.found.get(photo.name)) is not None
            and not (self.job.records_dice and record.expected_dice is None)
        }
        if not known:
            return {}
        done: dict[PhotoFile, Record] = {}
        with (
            progress("checking what is done") as on_photo,
            closing(self.crew.held(known)) as results,
        ):
            for i, (photo, is_same) in enumerate(results, 1):
                if is_same:
                    done[photo] = known[photo]
                on_photo(i, len(known))
        log.info("%d of %d photos are done already", len(done), len(photos))
        changed = [photo.name for photo in known if photo not in done]
        if changed:
            named = ", ".join(changed[:MOST_NAMED])
            more = f" and {len(changed) - MOST_NAMED} more" if len(changed) > MOST_NAMED else ""
            log.warning(CHANGED, len(changed), named, more)
        return done


@contextmanager
def begun(
    job: Job, segmenter: Segmenter, options: MaskOptions, others: Others | None = None
) -> Iterator[Run]:
    """Give the state of a call that nobody disturbs until the block ends.

    Args:
        job: what is written, and where to.
        segmenter: model and runtime.
        options: how masks are made.
        others: who does the work, on other machines; by default threads of this process do.

    Raises:
        InputError: the refined stage is requested, but the model has no refiner; the folder has
            results of another model or other options; or another process is writing to it or one
            of the tables.
    """
    making = made_with(segmenter, options, job.outputs, job.given)
    job.out.mkdir(parents=True, exist_ok=True)
    here = ThreadCrew(job, segmenter, options, making)
    with (
        job.tables_reserved(),
        resumed(job.out, making, job.part, overwrite=job.overwrite) as records,
        nullcontext(here) if others is None else others.crew(job, making) as crew,
    ):
        interval = interval_of(segmenter, options) if job.records_dice else None
        if not records.found:
            job.remove_joined()  # which is of other results
        run = Run(job, records, crew, interval)
        device = computing(segmenter.device) if others is None else others.device
        with recorded(job.run_file, job.call, making, device, run.figures, job.place):
            yield run
