"""Patches that the workers of a cluster extract, taken in the order of the photos."""

import shutil
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from data.errors import InputError
from data.patch_cache.patch_writer import PatchWriter
from data.samples import Sample
from pipeline.config import Config
from pipeline.inference.cluster.call_mark import CallMark, marked
from pipeline.inference.cluster.scheduler import Scheduler
from pipeline.inference.cluster.share_map import Lost, map_shares
from pipeline.inference.cluster.worker_check import library_versions
from pipeline.training.patch_extraction import Elsewhere, Extract, Extracted
from pipeline.training.patch_share import SHARES, PatchErrand, PatchShare, extract_share, read_share

PHOTOS_A_SHARE = 64
"""Photos of a share: some seconds of a core, and at most some hundred megabytes of patches. It is
the same for every call, so that one that goes on finds the shares of the one before."""

DIED = (
    "the workers of the cluster that extracted patches of photos such as %s died again and again, "
    "perhaps for lack of memory; run the same command again to resume"
)


def extracted_by(scheduler: Scheduler, device: str) -> Elsewhere:
    """Return what has the workers of a scheduler extract patches, each on its `device`."""

    def elsewhere(
        writer: PatchWriter, samples: Sequence[Sample], run: Path, config: Config
    ) -> Extract:
        def extract(first: int) -> Generator[Extracted, None, None]:
            with marked(run) as mark:
                errand = _errand(mark, writer, config, device)
                shares = [share for share in shares_of(errand, samples) if share.stop > first]
                _remove_others(shares)
                scheduler.wait_for_workers()
                left = deque(shares)
                with closing(_in_order(scheduler, shares)) as ready:
                    for share in ready:
                        for index, extracted in enumerate(read_share(share), share.first):
                            if index >= first:
                                yield extracted
                        _remove_written(left, writer.last_photo()[0])
            shutil.rmtree(run / SHARES, ignore_errors=True)

        return extract

    return elsewhere


def shares_of(errand: PatchErrand, samples: Sequence[Sample]) -> list[PatchShare]:
    """Return the photos in shares, with the paths by which other machines know them."""
    far = [replace(s, photo=s.photo.absolute(), mask=s.mask.absolute()) for s in samples]
    return [
        PatchShare(errand, first, tuple(far[first : first + PHOTOS_A_SHARE]))
        for first in range(0, len(far), PHOTOS_A_SHARE)
    ]


def _in_order(
    scheduler: Scheduler, shares: Sequence[PatchShare]
) -> Generator[PatchShare, None, None]:
    """Yield each share once its file is there.

    Raises:
        InputError: a photo or mask is damaged, or the workers of a share have died.
    """
    missing = [share for share in shares if not share.path.exists()]
    waited_for = {share.first for share in missing}
    label = f"foveamask_patches_{shares[0].errand.mark.token}" if shares else ""
    with closing(map_shares(scheduler, extract_share, iter(missing), label)) as results:
        for share in shares:
            while share.first in waited_for:
                done, result = next(results)
                if isinstance(result, Lost):
                    raise InputError(DIED % done.samples[0])
                waited_for.discard(done.first)
            yield share


def _errand(mark: CallMark, writer: PatchWriter, config: Config, device: str) -> PatchErrand:
    return PatchErrand(
        mark=mark,
        config=config,
        weights=writer.origin.coarse,
        fingerprint=writer.origin.fingerprint,
        num_training=writer.num_training,
        device=device,
        versions=library_versions(),
    )


def _remove_others(shares: Sequence[PatchShare]) -> None:
    """Remove the files of shares that were made from something else."""
    wanted = {share.path for share in shares}
    for folder in {path.parent for path in wanted}:
        for path in folder.glob("*.npz"):
            if path not in wanted:
                path.unlink(missing_ok=True)


def _remove_written(left: deque[PatchShare], num_written: int) -> None:
    """Remove the files of shares all of whose patches are in the cache, the first of `left`."""
    while left and left[0].stop <= num_written:
        left.popleft().path.unlink(missing_ok=True)
