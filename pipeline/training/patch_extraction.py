"""Patch extraction, between the stages: from photos and the coarse network to the patch cache."""

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from data.errors import InputError
from data.fingerprints import fingerprint
from data.images import read_photo, read_size
from data.patch_cache import patch_store
from data.patch_cache.patch_store import BEYOND, RINGS, Origin, Patches
from data.patch_cache.patch_writer import PatchWriter, remove_progress
from data.pyramid import to_working_size
from data.samples import Sample, check_samples, read_sample_mask
from data.threads import raise_first
from data.tile_grid import tile_mask, to_blocks
from pipeline.config import Config
from pipeline.evaluation.metrics import Overlap, overlap
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import map_photos
from pipeline.model import Model
from pipeline.progress import progress
from pipeline.training import fold_models, run_folder
from pipeline.training.given_patches import errors_of, logits_with_errors
from pipeline.training.patches import PATCHES, patch_settings
from pipeline.training.split import split_samples
from refine.fovea import split_rings

log = logging.getLogger(__name__)

UNSURE = 4
"""Times the tiles that the contour crosses: uncertain tiles of a photo that a trained network
rarely reaches. Where it is sure of all but the contour, there are about twice as many."""

FEW_TILES = 8
"""Tiles that count as crossed by the contour at least, for photos of little or no object."""

TRAIN_LONGER = (
    "in %d of %d validation photos the uncertain tiles are more than %d times those that the "
    "contour of the object crosses: train the coarse network for longer (coarse.steps), or the "
    "refiner will work on tiles that need none, and learn less about the contour"
)
"""Warning if more than half of the validation photos reach that number."""

UNUSED_FOLDS = 'the networks of coarse.folds = %d are not used, since tiles.patch_source = "%s"'

Extracted = tuple[Patches, Overlap]
"""The patches of a photo, and the overlap of coarse and true mask outside them."""

Extract = Callable[[int], Generator[Extracted, None, None]]
"""Yields what is extracted of each photo, from one on."""

Elsewhere = Callable[[PatchWriter, Sequence[Sample], Path, Config], Extract]
"""Returns what extracts the patches of samples on other machines, for a run."""

PHOTOS_ON_GPU = 4
"""Photos on the GPU at once: enough to decode meanwhile, few enough for its memory."""


def make_patches(
    data: Sequence[Path],
    run: Path,
    model: Model,
    config: Config,
    device: torch.device,
    path: Path | None = None,
    elsewhere: Elsewhere | None = None,
) -> Path:
    """Extract the patches of all uncertain tiles of the photos in `data`; return their path.

    Training photos come first, then validation photos. `pipeline.training.fold_models` chooses the
    network for each photo; `model` is the model of the run. After an interruption, the same call
    resumes after the last complete shard. They are written to `path`, by default in the run; with
    `elsewhere`, other machines extract them.

    Raises:
        InputError: photos or masks are damaged, or there are patches that were made from something
            else.
    """
    train, val = split_samples(data, config.data)
    samples, path, fovea = train + val, path or run / PATCHES, config.tiles.fovea
    origin = Origin(
        photos=fingerprint(samples),
        coarse=fold_models.unseen_weights_hash(run, config),
        settings=patch_settings(config),
    )
    if path.exists():
        patch_store.verify(path, fovea, origin, " ".join(str(folder) for folder in data))
        remove_progress(path)
        run_folder.record(run, config)
        log.info("%s exists already", path)
        return path
    check_samples(samples)
    check_shapes(samples, config)
    if config.coarse.folds and config.tiles.patch_source != "folds":
        log.warning(UNUSED_FOLDS, config.coarse.folds, config.tiles.patch_source)
    models = fold_models.unseen_models(run, config, model)
    chosen = [models.for_sample(s, is_validation=i >= len(train)) for i, s in enumerate(samples)]
    run_folder.record(run, config)
    names = [sample.name for sample in samples]
    writer = PatchWriter(path, fovea, origin, names, len(train))
    if elsewhere is not None:
        write_extracted(writer, len(samples), elsewhere(writer, samples, run, config), config)
    else:
        write_patches(writer, samples, segmenters_of(chosen, config, device), config)
    return path


def segmenters_of(models: Sequence[Model], config: Config, device: torch.device) -> list[Segmenter]:
    """Return the coarse stage of each of `models` with the tiles of `config`; one per model."""
    by_id = {id(model): model for model in models}
    ready = {
        key: Segmenter.from_model(
            Model.without_refiner(m.coarse, config, m.provenance, m.scores), device
        )
        for key, m in by_id.items()
    }
    return [ready[id(model)] for model in models]


def check_shapes(samples: Sequence[Sample], config: Config) -> None:
    """Refuse photos that were resized to another aspect ratio: they can train stage one only.

    Raises:
        InputError: there are such photos.
    """
    wanted = config.data.stretch_to
    squashed = [s.photo for s in samples if wanted and read_size(s.photo) != wanted]
    if squashed:
        raise InputError(
            f"{len(squashed)} photos, such as {squashed[0]}, are not {wanted[0]} x {wanted[1]} "
            "(data.stretch_to); they can train stage one alone, so leave their folder out here"
        )


def extracted_here(
    writer: PatchWriter,
    samples: Sequence[Sample],
    segmenters: Sequence[Segmenter],
    config: Config,
) -> Extract:
    """Return what extracts the patches of `samples` by this process, each with its segmenter."""

    def work(index: int) -> Extracted:
        is_training = index < writer.num_training
        return sample_patches(index, samples[index], segmenters[index], config, is_training)

    def extract(first: int) -> Generator[Extracted, None, None]:
        on_gpu = segmenters[0].device.type == "cuda"
        num_workers = PHOTOS_ON_GPU if on_gpu else None
        return raise_first(map_photos(work, range(first, len(samples)), num_workers))

    return extract


def sample_patches(
    index: int, sample: Sample, segmenter: Segmenter, config: Config, is_training: bool
) -> Extracted:
    """Return what the cache has of the photo number `index`; see `photo_patches`.

    Raises:
        InputError: photo or mask are damaged.
    """
    # Validation photos are refined as `predict` will refine them: in all uncertain tiles.
    budget = config.tiles.max_patches_per_photo if is_training else None
    source = config.tiles.patch_source
    random = errors_of(sample.name, config.data.split_seed)
    from_mask = source == "masks" or (source == "mixed" and is_training and random.random() < 0.5)
    return photo_patches(index, sample, segmenter, budget, random if from_mask else None)


def write_patches(
    writer: PatchWriter,
    samples: Sequence[Sample],
    segmenters: Sequence[Segmenter],
    config: Config,
) -> None:
    """Make the patches of `samples` in parallel, each with its segmenter; write them in order.

    Raises:
        InputError: a photo or mask is damaged, or patches written earlier have other tiles.
    """
    extract = extracted_here(writer, samples, segmenters, config)
    write_extracted(writer, len(samples), extract, config)


def write_extracted(writer: PatchWriter, num: int, extract: Extract, config: Config) -> None:
    """Write the patches of `num` photos in order, whoever extracts them.

    Raises:
        InputError: a photo or mask is damaged, or patches written earlier have other tiles.
    """
    first, _ = writer.last_photo()
    if first:
        log.info("resuming with photo %d of %d", first + 1, num)
    num_uncertain = 0
    with closing(extract(first)) as results, progress("extracting patches") as on_photo:
        for i, (patches, outside) in enumerate(results, first):
            is_val = i >= writer.num_training  # training photos may belong to fold networks
            num_uncertain += is_val and is_uncertain(patches["target"])
            writer.outside[i] = (outside.intersection, outside.predicted, outside.truth)
            if i == first:
                patches = writer.unwritten(patches)
            if len(patches["tile"]):
                writer.append(patches)
            on_photo(i + 1, num)
        writer.finish()
    num_val = num - max(first, writer.num_training)
    if 2 * num_uncertain > num_val and config.tiles.patch_source != "masks":
        log.warning(TRAIN_LONGER, num_uncertain, num_val, UNSURE)


def is_uncertain(targets: NDArray[np.uint8]) -> bool:
    """Whether the (N, T, T) targets of all uncertain tiles of a photo show an untrained network.

    Most of them then are no tiles of the contour: they hold object alone, or background alone.
    """
    has_object, has_background = ((targets == kind).any((1, 2)) for kind in (1, 0))
    num_contour = int((has_object & has_background).sum())
    return len(targets) > UNSURE * max(num_contour, FEW_TILES)


def photo_patches(
    index: int,
    sample: Sample,
    segmenter: Segmenter,
    budget: int | None,
    random: np.random.Generator | None = None,
) -> Extracted:
    """Return the patches of one photo, and the overlap of coarse and true mask outside them.

    Args:
        index: number of the photo.
        sample: photo and true mask.
        segmenter: its coarse stage is run.
        budget: most patches, the most uncertain first; None for all.
        random: decides errors of the true mask, which then takes the place of the coarse network.

    Raises:
        InputError: photo or mask are damaged.
    """
    fovea = segmenter.model.fovea
    photo = read_photo(sample.photo)
    mask = read_sample_mask(sample).astype(np.uint8) * 255
    truth = to_working_size(mask, segmenter.model.long_side)
    given = None
    if random is not None:
        given = logits_with_errors(truth >= 128, segmenter.model, random)
    proposal = segmenter.propose([photo], budget, coarse=given)
    height, width = proposal.working
    coarse = proposal.upsampled[0, :height, :width].cpu().numpy() > 0
    tiles = proposal.tiles.cpu().numpy()
    canvas = np.full(proposal.padded, BEYOND, np.uint8)
    canvas[:height, :width] = truth >= 128
    blocks = to_blocks(canvas, fovea.tile)
    elsewhere = ~tile_mask(tiles[:, 1:], proposal.padded, fovea.tile)[:height, :width]

    parts = split_rings(proposal.windows, fovea) if len(tiles) else []
    arrays = [part.cpu().numpy() for part in parts]
    patches: Patches = dict(zip(["full", *RINGS], arrays, strict=False))
    patches["target"] = blocks[tiles[:, 1], tiles[:, 2]]
    patches["tile"] = np.column_stack([np.full(len(tiles), index), tiles[:, 1:]]).astype(np.int32)
    return patches, overlap(coarse & elsewhere, (truth >= 128) & elsewhere)
