"""What a worker of a cluster does with a share of the photos that patches are extracted from.

The patches of a share go to a file in the folder of the run, from which the one writer of the cache
takes them in the order of the photos. What travels are paths.
"""

import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InputError
from data.files import replacing
from data.patch_cache.patch_store import array_dtype, array_shapes
from data.samples import Sample
from data.threads import raise_first
from pipeline.config import Config
from pipeline.evaluation.metrics import Overlap
from pipeline.inference.cluster.call_mark import CallMark
from pipeline.inference.cluster.kept_by_worker import KeptByWorker
from pipeline.inference.cluster.worker_check import check_versions
from pipeline.inference.cpu_setup import keep_freed_memory
from pipeline.inference.devices import choose_device
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import map_photos
from pipeline.training import fold_models, run_folder
from pipeline.training.fold_models import UnseenModels
from pipeline.training.patch_extraction import (
    PHOTOS_ON_GPU,
    Extracted,
    sample_patches,
    segmenters_of,
)

SHARES = "patches.zarr.shares"
"""Folder for the files of shares, in that of the run."""

OVERLAP, COUNTS = "overlap", "counts"
"""Arrays of such a file besides those of the cache: (n, 3) `Overlap` of each photo, and (n,) how
many patches it has."""


@dataclass(frozen=True, kw_only=True)
class PatchErrand:
    """What all shares of a call have in common."""

    mark: CallMark
    """Of the call, in the folder of the run."""
    config: Config
    weights: str
    """Hash of the weights of all networks that extract patches."""
    fingerprint: str
    """Of everything that patches are made from."""
    num_training: int
    """The number of training photos, which come first."""
    device: str
    versions: tuple[tuple[str, str], ...]
    """Versions of the libraries that patches may depend on."""


@dataclass(frozen=True)
class PatchShare:
    """Photos whose patches are extracted as one task."""

    errand: PatchErrand
    first: int
    """Number of the first photo."""
    samples: tuple[Sample, ...]
    """With absolute paths."""

    @property
    def stop(self) -> int:
        """Number of the photo after the last one."""
        return self.first + len(self.samples)

    @property
    def path(self) -> Path:
        """The file for its patches."""
        name = f"{self.errand.fingerprint[:16]}-{self.first}-{self.stop}.npz"
        return self.errand.mark.folder / SHARES / name


Prepared = tuple[UnseenModels, dict[int, Segmenter]]
"""The models of a call, and the segmenter of each."""

_kept = KeptByWorker[Prepared](1)


def extract_share(share: PatchShare) -> None:
    """Write the patches of a share to its file, unless it is there.

    Raises:
        InputError: a photo or mask is damaged, or this worker would make other patches.
        OSError: the folder of the run is not here or not marked, or the disk is at fault.
    """
    errand = share.errand
    errand.mark.check()
    if share.path.exists():
        return
    models, segmenters = _kept.of(errand.mark.token, partial(_prepare, errand))

    def work(index: int) -> Extracted:
        errand.mark.check()
        sample, is_training = share.samples[index - share.first], index < errand.num_training
        model = models.for_sample(sample, is_validation=not is_training)
        return sample_patches(index, sample, segmenters[id(model)], errand.config, is_training)

    on_gpu = next(iter(segmenters.values())).device.type == "cuda"
    num_workers = PHOTOS_ON_GPU if on_gpu else 1  # a worker does several shares at once
    with closing(
        raise_first(map_photos(work, range(share.first, share.stop), num_workers))
    ) as all_:
        extracted = list(all_)
    _write(share, extracted)


def read_share(share: PatchShare) -> Iterator[Extracted]:
    """Yield what was extracted of each photo of a share.

    Raises:
        InputError: its file is damaged; it is removed.
    """
    names = array_shapes(share.errand.config.tiles.fovea)
    try:
        with np.load(share.path) as file:
            arrays = {name: file[name] for name in (*names, OVERLAP, COUNTS)}
    except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile) as error:
        share.path.unlink(missing_ok=True)
        raise InputError(f"{share.path} was damaged; run the same command again") from error
    ends = np.cumsum(arrays[COUNTS])
    for end, count, overlap in zip(ends, arrays[COUNTS], arrays[OVERLAP], strict=True):
        patches = {name: arrays[name][end - count : end] for name in names}
        yield patches, Overlap(*map(int, overlap))


def _write(share: PatchShare, extracted: list[Extracted]) -> None:
    arrays: dict[str, Any] = {}
    for name, shape in array_shapes(share.errand.config.tiles.fovea).items():
        none = np.empty((0, *shape), array_dtype(name))
        rows = [patches[name] for patches, _ in extracted if len(patches["tile"])]
        arrays[name] = np.concatenate([none, *rows])
    arrays[OVERLAP] = np.array([(o.intersection, o.predicted, o.truth) for _, o in extracted])
    arrays[COUNTS] = np.array([len(patches["tile"]) for patches, _ in extracted])
    share.path.parent.mkdir(exist_ok=True)
    share.errand.mark.check()
    with replacing(share.path, is_durable=False) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


def _prepare(errand: PatchErrand) -> Prepared:
    """Return the models of a call and their segmenters.

    Raises:
        InputError: this worker would make other patches than the call wants.
    """
    keep_freed_memory()  # the process is the cluster's, and there for such work
    check_versions(errand.versions)
    run, config = errand.mark.folder, errand.config
    if fold_models.unseen_weights_hash(run, config) != errand.weights:
        raise InputError(f"a machine of the cluster has other models in {run}")
    models = fold_models.unseen_models(run, config, run_folder.model_so_far(run))
    every = [models.final, *models.folds]
    segmenters = segmenters_of(every, config, choose_device(errand.device))
    return models, {id(model): s for model, s in zip(every, segmenters, strict=True)}
