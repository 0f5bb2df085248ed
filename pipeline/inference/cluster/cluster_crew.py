"""The workers of a cluster in place of the threads of this process."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from data.errors import InputError
from data.photo_files import PhotoFile
from pipeline.inference.cluster.call_mark import marked
from pipeline.inference.cluster.errand import Errand, Known, KnownShare, Recipe, Share
from pipeline.inference.cluster.scheduler import Scheduler
from pipeline.inference.cluster.share_map import Lost, map_shares
from pipeline.inference.cluster.share_prediction import check_share, clear_share, predict_share
from pipeline.inference.cluster.worker_check import library_versions
from pipeline.inference.job import Job
from pipeline.inference.made_with import MadeWith
from pipeline.inference.part import MOST_PARTS
from pipeline.inference.records import Record, read_records, records_name

T = TypeVar("T")
Result = Record | InputError

MOST_PHOTOS = 256
"""Photos of a share, if there are many: some 25 seconds of a core."""

LEAST_PHOTOS = 8
"""Photos of a share, if there are few: what a task costs is still small beside them."""

SHARES_A_THREAD = 4
"""Shares that each thread has, if there are few photos, so that none waits long for the last."""

MOST_SHARES = MOST_PARTS * 9 // 10
"""Shares that photos are put into at most; what is left are names for shares that are done again
in pieces."""

DIED = (
    "%s cannot be predicted: each worker of the cluster that was at work on it died, perhaps for "
    "lack of memory"
)


@dataclass(frozen=True)
class Cluster:
    """The workers of a scheduler, which may do the work of a call."""

    scheduler: Scheduler
    recipe: Recipe

    @property
    def device(self) -> str:
        """Where the networks compute, in the list of calls."""
        return f"cluster {self.scheduler.address}"

    @contextmanager
    def crew(self, job: Job, making: MadeWith) -> Iterator["ClusterCrew"]:
        """Give those who do it; they stop once the block has ended."""
        with marked(job.out) as mark:
            errand = Errand(
                mark=mark,
                recipe=self.recipe,
                dice=job.records_dice,
                making=making,
                versions=library_versions(),
            )
            yield ClusterCrew(self.scheduler, errand)


@dataclass
class ShareQueue:
    """Shares that are to be done, in their order; some may be added meanwhile."""

    errand: Errand
    waiting: Iterator[tuple[PhotoFile, ...]]
    added: deque[tuple[PhotoFile, ...]] = field(default_factory=deque)
    number: int = 0

    def __iter__(self) -> Iterator[Share]:
        return self

    def __next__(self) -> Share:
        photos = self.added.popleft() if self.added else next(self.waiting)
        self.number += 1
        return Share(self.errand, self.number, photos)

    def add(self, *photos: tuple[PhotoFile, ...]) -> None:
        """Add shares, as far as there are names for them."""
        self.added += [share for share in photos if share]

    @property
    def is_full(self) -> bool:
        """Whether there are no names for two shares more."""
        return self.number + len(self.added) + 2 > MOST_PARTS


@dataclass(frozen=True)
class ClusterCrew:
    """Workers that write the results of photos; they come in any order."""

    scheduler: Scheduler
    errand: Errand

    def held(
        self, known: Mapping[PhotoFile, Record]
    ) -> Generator[tuple[PhotoFile, bool], None, None]:
        """Yield of each photo whether it and its results have the hashes in its record.

        Raises:
            InputError: the connection is lost, or a worker is not fit for the call.
        """
        own = {absolute(photo): photo for photo in known}
        items: list[Known] = [(far, known[photo]) for far, photo in own.items()]
        shares = (KnownShare(self.errand, share) for share in self._shared(items))
        label = self._label("check")
        with closing(map_shares(self.scheduler, check_share, shares, label)) as results:
            for share, result in results:
                same = [False] * len(share.known) if isinstance(result, Lost) else result
                for (photo, _), is_same in zip(share.known, same, strict=True):
                    yield own[photo], is_same

    def results(
        self, photos: Sequence[PhotoFile], goes_on: Callable[[], bool]
    ) -> Generator[tuple[PhotoFile, Result], None, None]:
        """Yield what becomes of each photo; see `Run.predict`.

        Raises:
            InputError: the connection is lost, or a worker is not fit for the call.
            OSError: the folder of the call is not on a machine of the cluster, or the disk is at
                fault.
        """
        own = {absolute(photo): photo for photo in photos}
        todo = (share for share in self._shared(list(own)) if goes_on())
        queue = ShareQueue(self.errand, todo)
        label = self._label("predict")
        with closing(map_shares(self.scheduler, predict_share, queue, label)) as results:
            for share, found in results:
                ended = self._after_loss(share, queue) if isinstance(found, Lost) else found
                for far, result in zip(share.photos, ended, strict=True):
                    if result is not None:
                        yield own[far], _named(result, far, own[far])
                clear_share(share)  # once everything in it is noted

    def _after_loss(self, share: Share, queue: ShareQueue) -> list[Result | None]:
        """Return what there is of a share whose workers died, and have the rest done again.

        The first photo without a record may have killed them. It is done alone; if its workers die
        once more, it fails.
        """
        path = self.errand.mark.folder / records_name(share.part)
        found = read_records(path) if path.exists() else {}
        left = [photo for photo in share.photos if photo.name not in found]
        ended: dict[PhotoFile, Result] = {
            photo: found[photo.name] for photo in share.photos if photo.name in found
        }
        if len(share.photos) == 1 or queue.is_full:
            ended |= {photo: InputError(DIED % photo) for photo in left}
        else:
            queue.add(tuple(left[:1]), tuple(left[1:]))
        return [ended.get(photo) for photo in share.photos]

    def _shared(self, items: Sequence[T]) -> Iterator[tuple[T, ...]]:
        """Yield `items` in shares, once there are workers."""
        self.scheduler.wait_for_workers()
        size = share_size(len(items), self.scheduler.num_threads())
        for first in range(0, len(items), size):
            yield tuple(items[first : first + size])

    def _label(self, what: str) -> str:
        return f"foveamask_{what}_{self.errand.mark.token}"


def share_size(num_photos: int, num_threads: int) -> int:
    """Return how many photos a share has."""
    size = -(-num_photos // (SHARES_A_THREAD * max(num_threads, 1)))
    return max(min(max(size, LEAST_PHOTOS), MOST_PHOTOS), -(-num_photos // MOST_SHARES))


def absolute(photo: PhotoFile) -> PhotoFile:
    """Return a photo by its absolute path, by which machines that share a folder know it."""
    return PhotoFile(Path(photo.path).absolute(), photo.name)


def _named(result: Result, far: PhotoFile, own: PhotoFile) -> Result:
    """Return a result; an error has the path that the photo was given by."""
    if isinstance(result, InputError) and far != own:
        return InputError(str(result).replace(str(far.path), str(own.path)))
    return result
