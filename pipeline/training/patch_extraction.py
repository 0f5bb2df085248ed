"""Between the stages: from photos and the coarse network to the boundary patch cache."""

import json
import logging
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from coarse.coarse_network import CoarseNetwork
from data.errors import InputError
from data.geometry import Fovea, padded, working_size
from data.images import read_photo, read_size
from data.masks import read_mask
from data.patch_cache import patch_store
from data.patch_cache.patch_store import BEYOND, RINGS, Origin, Patches
from data.patch_cache.patch_writer import PatchWriter
from data.pyramid import to_working_size
from data.samples import Sample, check_samples, fingerprint, group_of
from data.threads import raise_first
from data.tile_grid import as_blocks, covered
from pipeline.config import Config
from pipeline.evaluation.metrics import Overlap, overlap
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import map_photos
from pipeline.model import Model
from pipeline.progress import progress
from pipeline.training import fold_models, run_folder
from pipeline.training.coarse_training import split_samples
from refine.fovea import split_rings
from refine.postprocess import parse

log = logging.getLogger(__name__)

UNSURE = 0.25
"""Share of a photo's tiles that hardly any trained network is unsure of. The contour alone takes
2 % of the tiles of a photo of 1920 x 1280, 9 % at 480 x 320, but a quarter at 128 x 96."""

TRAIN_LONGER = (
    "in %d of %d photos held out a quarter of the tiles is uncertain, or %d (tiles.train_budget): "
    "train the coarse network for longer, or the refiner will be asked about more tiles than it "
    "learns from and is scored on"
)
"""What is said where that is so of most photos held out."""

PHOTOS_ON_GPU = 4
"""Photos on the card at a time: enough to decode beside computing, few enough for its memory."""


def make_patches(
    data: Sequence[Path], run: Path, model: Model, config: Config, device: torch.device
) -> Path:
    """Write the patches of all uncertain tiles of the photos in `data`; return their path.

    Training photos come first, then those held out. Which network says what is uncertain in a
    training photo, `pipeline.training.fold_models` decides; of those held out it is `model`. An
    interrupted call goes on where the last whole shard ended.

    Raises:
        InputError: photos or masks are at fault, or there are patches made from something
            else.
    """
    kept, held_out = split_samples(data, config.data)
    samples = kept + held_out
    origin = Origin(
        photos=fingerprint(samples),
        coarse=fold_models.weights_hash(run, config),
        settings=relevant_settings(config),
    )
    fovea = Fovea(config.tiles.side, config.tiles.levels)
    path = run / "patches.zarr"
    if path.exists():
        patch_store.verify(path, fovea, origin, " ".join(str(folder) for folder in data))
        run_folder.record(run, config)
        log.info("%s is there already", path)
        return path
    check_samples(samples)
    check_shapes(samples, config)
    cutters = fold_models.cutters(run, config, model)
    chosen = [cutters.of(sample, held_out=i >= len(kept)) for i, sample in enumerate(samples)]
    cutting = {id(one): first_stage_of(one, config) for one in chosen}
    on_device = {key: Segmenter(one, device) for key, one in cutting.items()}
    segmenters = [on_device[id(one)] for one in chosen]
    run_folder.record(run, config)
    names = [sample.name for sample in samples]
    write_patches(PatchWriter(path, fovea, origin, names, len(kept)), samples, segmenters, config)
    return path


def patch_groups(run: Path, config: Config) -> tuple[set[str], set[str]]:
    """Return the groups that the patches of `run` are of, to train on and held out."""
    attributes = patch_store.metadata(run / "patches.zarr")
    pattern, names = re.compile(config.data.group), attributes["photos"]
    groups = [group_of(name, pattern) for name in names]
    num_training = attributes["num_training"]
    return set(groups[:num_training]), set(groups[num_training:])


def check_shapes(samples: Sequence[Sample], config: Config) -> None:
    """Refuse photos that only stage one, which stretches them, can learn from.

    Raises:
        InputError: there are some.
    """
    wanted = config.data.stretch_to
    squashed = [s.photo for s in samples if wanted and read_size(s.photo) != wanted]
    if squashed:
        raise InputError(
            f"{len(squashed)} photos, such as {squashed[0]}, are not {wanted[0]} x {wanted[1]} "
            "(data.stretch_to); only stage one can learn from them, so leave their folder out here"
        )


def write_patches(
    writer: PatchWriter,
    samples: Sequence[Sample],
    segmenters: Sequence[Segmenter],
    config: Config,
) -> None:
    """Make the patches of `samples` in parallel, each with its segmenter; write them in order.

    Raises:
        InputError: a photo or mask is damaged, or what is written already has other tiles.
    """
    first, _ = writer.last_photo()
    if first:
        log.info("going on with photo %d of %d", first + 1, len(samples))
    budget, num_unsure = config.tiles.train_budget, 0

    def work(index: int) -> tuple[Patches, Overlap]:
        return photo_patches(index, samples[index], segmenters[index], budget)

    on_gpu = segmenters[0].device.type == "cuda"
    num_workers = PHOTOS_ON_GPU if on_gpu else None
    results = raise_first(map_photos(work, range(first, len(samples)), num_workers))
    with closing(results), progress("making patches") as on_photo:
        for i, (patches, outside) in enumerate(results, first):
            is_held_out = i >= writer.num_training  # those before may be cut by other networks
            num_unsure += is_held_out and is_unsure(len(patches["tile"]), samples[i], config)
            writer.outside[i] = (outside.intersection, outside.predicted, outside.truth)
            if i == first:
                patches = writer.unwritten(patches)
            if len(patches["tile"]):
                writer.append(patches)
            on_photo(i + 1, len(samples))
        writer.finish()
    num_held_out = len(samples) - max(first, writer.num_training)
    if 2 * num_unsure > num_held_out:
        log.warning(TRAIN_LONGER, num_unsure, num_held_out, budget)


def is_unsure(num_tiles: int, sample: Sample, config: Config) -> bool:
    """Whether `num_tiles` uncertain ones are so many that the coarse network knows too little."""
    whole = padded(working_size(read_size(sample.photo), config.data.long_side))
    return num_tiles >= min(config.tiles.train_budget, UNSURE * whole.area / config.tiles.side**2)


def photo_patches(
    index: int, sample: Sample, segmenter: Segmenter, budget: int
) -> tuple[Patches, Overlap]:
    """Return the patches of one photo, and the overlap of its masks outside of them.

    Raises:
        InputError: photo or mask are damaged.
    """
    fovea = segmenter.model.fovea
    proposal = segmenter.propose(read_photo(sample.photo), budget)
    mask = read_mask(sample.mask).astype(np.uint8) * 255
    truth = to_working_size(mask, segmenter.model.long_side)
    height, width = proposal.working
    coarse = proposal.upsampled[0, :height, :width].cpu().numpy() > 0
    tiles = proposal.tiles.cpu().numpy()
    canvas = np.full(proposal.padded, BEYOND, np.uint8)
    canvas[:height, :width] = truth >= 128
    blocks = as_blocks(canvas, fovea.tile)
    elsewhere = ~covered(tiles[:, 1:], proposal.padded, fovea.tile)[:height, :width]

    parts = split_rings(proposal.windows, fovea) if len(tiles) else []
    arrays = [part.cpu().numpy() for part in parts]
    patches: Patches = dict(zip(["full", *RINGS], arrays, strict=False))
    patches["target"] = blocks[tiles[:, 1], tiles[:, 2]]
    patches["tile"] = np.column_stack([np.full(len(tiles), index), tiles[:, 1:]]).astype(np.int32)
    return patches, overlap(coarse & elsewhere, (truth >= 128) & elsewhere)


def relevant_settings(config: Config) -> dict[str, Any]:
    """Return the settings that patches depend on."""
    settings = {"tiles": asdict(config.tiles), "data": asdict(config.data)}
    return dict(json.loads(json.dumps(settings)))


def first_stage(
    network: CoarseNetwork, config: Config, provenance: dict[str, Any], scores: dict[str, Any]
) -> Model:
    """Return a model of `network` without a refiner, used as `config` asks for."""
    return Model(
        coarse=network,
        refiner=None,
        fovea=Fovea(config.tiles.side, config.tiles.levels),
        low=config.tiles.low,
        high=config.tiles.high,
        long_side=config.data.long_side,
        postprocess=tuple(parse(step) for step in config.postprocess),
        provenance=provenance,
        scores=scores,
    )


def first_stage_of(model: Model, config: Config) -> Model:
    """Return `model` without its refiner, used as `config` asks for."""
    return first_stage(model.coarse, config, model.provenance, model.scores)
