"""The row of each peer: trained, scored on the validation photos, and timed."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from statistics import fmean
from typing import Any

import torch
from safetensors.torch import save_file

from benchmarks import peer_networks
from benchmarks.machine import description
from benchmarks.peer_bench import Bench
from benchmarks.peer_networks import OURS, PLAIN, TRAINED, Peer, PlainUNet
from benchmarks.peer_rows import Row, as_text
from benchmarks.peer_training import masker, train, view_of
from benchmarks.timing import seconds_in_turn
from data.arrays import Mask, Photo
from data.errors import InputError
from data.files import replacing
from data.geometry import Size, padded
from data.images import read_photo, read_size
from data.samples import Sample, read_sample_mask
from data.threads import raise_first
from pipeline import DEFAULT_MODEL
from pipeline.evaluation.cost import gmac, networks_of, num_parameters, photo_cost
from pipeline.evaluation.scores import Scores, mean_scores, score
from pipeline.inference.devices import to_device
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import map_photos
from pipeline.model_folder import load_model
from pipeline.progress import progress
from pipeline.training.patch_extraction import PHOTOS_ON_GPU

Masker = Callable[[Photo], Mask]

TIMED_PHOTOS = 4


def row_of(name: str, bench: Bench, made_with: dict[str, Any]) -> Row:
    """Return the row of the peer `name`, after training it if it is one to be trained."""
    if name == OURS:
        return row_of_ours(bench, made_with)
    if name == PLAIN:
        return row_of_plain(made_with)
    return row_of_trained(by_name(name), bench, made_with)


def row_of_trained(peer: Peer, bench: Bench, made_with: dict[str, Any]) -> Row:
    """Train `peer`, keep its weights, and return its row."""
    config, options = bench.config, bench.options
    network, view = untrained(peer, bench), view_of(peer, config.data.long_side)
    trained = train(network, peer, bench.train_samples, config, minutes=options.minutes)
    weights = {k: v.cpu().contiguous() for k, v in trained.network.state_dict().items()}
    with replacing(bench.out / f"{peer.name}.safetensors") as partial:
        save_file(weights, partial)
    size = Size(*view(read_photo(bench.val_samples[0].photo)).shape[:2])
    row = Row(
        peer=peer.name,
        network=peer_networks.label(peer, options.encoder),
        input=as_text(size),
        parameters=num_parameters(trained.network),
        gmac=gmac(trained.network, size),
        device=description(bench.device),
        made_with=made_with,
        minutes=trained.seconds / 60,
        steps=trained.steps,
        batch_size=trained.batch_size,
    )
    return scored(row, masker(trained.network, view, config.coarse.precision), bench)


def row_of_ours(bench: Bench, made_with: dict[str, Any]) -> Row:
    """Return the row of the package's model, as it is.

    Raises:
        InputError: it was trained on some of the validation photos.
    """
    segmenter = segmenter_of(bench)
    known = segmenter.model.seen & {sample.group for sample in bench.val_samples}
    if known:
        raise InputError(
            f"the model {DEFAULT_MODEL} was trained on {len(known)} of the validation groups; "
            f"leave data.split_seed and data.val_share as they are, or {OURS} out"
        )
    photo, tiles = bench.val_samples[0].photo, []

    def mask(pixels: Photo) -> Mask:
        prediction = segmenter.predict(pixels)
        tiles.append(len(prediction.tiles))
        return prediction.mask

    row = Row(
        peer=OURS,
        network="foveamask, both stages, as packaged",
        input=as_text(padded(Size(*segmenter.propose([read_photo(photo)], max_tiles=0).working))),
        parameters=num_parameters(*networks_of(segmenter.model)),
        gmac=0.0,
        device=description(bench.device),
        made_with=made_with,
    )
    row = scored(row, mask, bench)
    cost = photo_cost(segmenter.model, read_size(photo), "refined", fmean(tiles))
    return replace(row, gmac=cost.total)


def row_of_plain(made_with: dict[str, Any]) -> Row:
    """Return what a U-Net of 31 M parameters costs on photos as large as those of the challenge."""
    size = padded(peer_networks.CARVANA)
    with torch.device("meta"):
        network = PlainUNet()
    return Row(
        peer=PLAIN,
        network="U-Net of 31 M parameters, not trained",
        input=as_text(size),
        parameters=num_parameters(network),
        gmac=gmac(network, size),
        device="-",
        made_with=made_with,
    )


def scored(row: Row, mask: Masker, bench: Bench) -> Row:
    """Return `row` with the scores of the masks of the validation photos.

    Raises:
        InputError: a photo or a mask is damaged.
    """

    def work(sample: Sample) -> Scores:
        return score(mask(read_photo(sample.photo)), read_sample_mask(sample))

    num_workers = PHOTOS_ON_GPU if bench.device.type == "cuda" else None
    scores = []
    results = raise_first(map_photos(work, bench.val_samples, num_workers))
    with closing(results), progress(f"scoring {row.peer}") as on_photo:
        for i, one in enumerate(results):
            scores.append(one)
            on_photo(i + 1, len(bench.val_samples))
    mean = mean_scores(scores)
    return replace(
        row,
        photos=len(scores),
        dice=mean.dice,
        boundary_error_px=mean.boundary_error_px,
        boundary_iou_2px=mean.boundary_iou_2px,
    )


def speeds(rows: Sequence[Row], bench: Bench) -> dict[str, float]:
    """Return the photos a second of each peer that is run here, medians of rounds in turn.

    From a decoded photo to its mask at the photo's own size, one photo after the other.
    """
    photos = [read_photo(sample.photo) for sample in bench.val_samples[:TIMED_PHOTOS]]
    names = [row.peer for row in rows if row.peer != PLAIN]
    seconds = seconds_in_turn([masker_of(name, bench) for name in names], photos)
    return {name: 1 / taken for name, taken in zip(names, seconds, strict=True)}


def masker_of(name: str, bench: Bench) -> Masker:
    """Return a function that makes masks like the peer `name`; except ours, with random weights."""
    if name == OURS:
        return segmenter_of(bench)
    peer = by_name(name)
    view = view_of(peer, bench.config.data.long_side)
    return masker(untrained(peer, bench), view, bench.config.coarse.precision)


def untrained(peer: Peer, bench: Bench) -> torch.nn.Module:
    """Return the untrained network of `peer` on its device."""
    coarse, options = bench.config.coarse, bench.options
    torch.manual_seed(coarse.seed)
    network = peer_networks.build(peer, coarse, options.encoder, options.encoder_weights)
    return to_device(network, bench.device)


def segmenter_of(bench: Bench) -> Segmenter:
    """Return the package's model on its device."""
    return Segmenter.from_model(
        load_model(DEFAULT_MODEL), bench.device, bench.config.coarse.precision
    )


def by_name(name: str) -> Peer:
    """Return the peer called `name`."""
    return next(peer for peer in TRAINED if peer.name == name)
