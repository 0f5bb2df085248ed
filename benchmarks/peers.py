"""foveamask beside other networks: the same photos, the same recipe, the same minutes of training.

    python -m benchmarks.peers CARVANA OUT [--minutes 60] [--peers enet-480x320,unet-480x320]

Each peer is trained from nothing on those cars of CARVANA that the model `carvana` learnt from,
with its augmentation, loss and optimiser, for equally many minutes, whatever number of steps that
is; then its masks of the photos held out are scored at their own size. The package's model is not
trained here: its row says what it is, after its own training, for longer and on more cars. A row a
peer goes to OUT/peers.jsonl and, as JSON, to stdout as soon as it is known, and the same command
goes on after an interruption with the peers that are missing; in the end OUT/peers.md has the
table.

U-Net and LinkNet come from segmentation-models-pytorch, with encoders that start from chance, as
all else here does; `--encoder-weights imagenet` is for those who can download them. Nothing is
compiled.
"""

import json
import logging
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal

import numpy as np
import torch
from cyclopts import App, Parameter
from numpy.typing import NDArray
from safetensors.torch import save_file

from benchmarks import peer_networks
from benchmarks.ablation import networks_of, num_parameters, seconds_of
from benchmarks.peer_networks import OURS, PLAIN, TRAINED, Encoder, EncoderWeights, Peer, PlainUNet
from benchmarks.peer_rows import Row, as_text, read_rows, table, write_rows
from benchmarks.peer_training import masker, train, view_of
from benchmarks.variants import FROM_NOTHING
from data.errors import InputError, SettingsError
from data.files import replacing
from data.geometry import Size, padded
from data.images import read_photo
from data.masks import read_mask
from data.samples import Sample, fingerprint
from data.threads import raise_first
from pipeline import DEFAULT_MODEL
from pipeline.cli import run
from pipeline.config import Config
from pipeline.evaluation.evaluate import Scores, means, score
from pipeline.evaluation.evaluate import gmac as gmac_of_ours
from pipeline.inference.devices import autocast, choose_device, to_device
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.stream import map_photos
from pipeline.model import identity
from pipeline.model_folder import find_model, load_model
from pipeline.progress import progress
from pipeline.toml_settings import load_settings, overlaid
from pipeline.training import run_folder
from pipeline.training.coarse_training import origin
from pipeline.training.patch_extraction import PHOTOS_ON_GPU
from pipeline.training.split import split_samples

log = logging.getLogger(__name__)

Masker = Callable[[NDArray[np.uint8]], NDArray[np.bool_]]

ROUNDS = 5
"""How often each peer is timed, in turn with the others; the median counts."""

TIMED_PHOTOS = 4

NOTE = (
    "Photos a second: from a decoded photo to its mask at the photo's own size, decoding left out, "
    f"one after the other; medians of {ROUNDS} rounds in which all took turns.\n"
)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class How:
    """The options of the command."""

    minutes: float = 60.0
    """Training of each peer, without decoding ahead and scoring."""
    peers: str | None = None
    """Peers, with commas between; by default all, those at 1024 x 1024 only with a GPU."""
    photos_of_each_car: int | None = None
    """So many photos of each car, evenly spaced, are learnt from and scored; by default all."""
    base: Annotated[Path | None, Parameter(name="--config")] = None
    """Settings over those of the model `carvana`, such as coarse.lr or coarse.num_workers."""
    encoder: Encoder = "resnet18"
    """Encoder of U-Net and LinkNet; the smaller one makes more steps of the same minutes."""
    encoder_weights: EncoderWeights | None = None
    """What it starts with; by default from chance."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute."""

    def __post_init__(self) -> None:
        if self.minutes <= 0:
            raise SettingsError(f"--minutes must be more than 0, not {self.minutes}")
        if self.photos_of_each_car is not None and self.photos_of_each_car < 1:
            raise SettingsError(
                f"--photos-of-each-car must be at least 1, not {self.photos_of_each_car}"
            )


@dataclass(frozen=True)
class Bench:
    """What all peers share."""

    kept: list[Sample]
    held_out: list[Sample]
    config: Config
    how: How
    device: torch.device
    out: Path


app = App(help=__doc__, help_format="plaintext")


@app.default
def peers(data: Path, out: Path, /, how: How | None = None) -> None:
    """Train and score the peers, and write the table to OUT/peers.md.

    Args:
        data: photos with masks.
        out: folder to work in.
        how: the options.

    Raises:
        InputError: the photos, the settings or what is in `out` are at fault, or a library is
            missing.
    """
    how = how or How()
    device = choose_device(how.device)
    names = peer_networks.choose(how.peers, has_gpu=device.type == "cuda")
    peer_networks.check_installed(names)
    bench = prepared(data, out, how, device)
    with run_folder.locked(out):
        made_with = provenance(bench)
        done = read_rows(out, names, made_with)
        for name in names:
            if name in done:
                log.info("%s is there already", name)
                continue
            done[name] = row_of(name, bench, made_with)
            write_rows(out, list(done.values()))
            print(json.dumps(asdict(done[name])), flush=True)
        rows = [done[name] for name in names]
        text = f"{table(rows, speeds(rows, bench))}\n{NOTE}"
        (out / "peers.md").write_text(text)
    print(text)


def prepared(data: Path, out: Path, how: How, device: torch.device) -> Bench:
    """Return what all peers share.

    Raises:
        InputError: photos or settings are at fault.
    """
    config = load_settings(find_model(DEFAULT_MODEL) / "settings.toml")
    config = overlaid(config, FROM_NOTHING)
    if how.base is not None:
        config = load_settings(how.base, config)
    kept, held_out = (
        thinned(samples, how.photos_of_each_car) for samples in split_samples([data], config.data)
    )
    return Bench(kept, held_out, config, how, device, out)


def thinned(samples: Sequence[Sample], num: int | None) -> list[Sample]:
    """Return `num` samples of each group, evenly spaced, or all where it has no more than that.

    Groups begin with different ones, so that all angles occur.
    """
    if num is None:
        return list(samples)
    by_group: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_group[sample.group].append(sample)
    return [
        group[index]
        for i, group in enumerate(by_group.values())
        for index in sorted({(i + k * len(group) // num) % len(group) for k in range(num)})
    ]


def provenance(bench: Bench) -> dict[str, Any]:
    """Return what every row depends on: photos and settings as a hash, options by name."""
    how = bench.how
    return {
        "photos or settings": origin(
            bench.config, fingerprint(bench.kept), fingerprint(bench.held_out)
        ),
        "--minutes": how.minutes,
        "--encoder": how.encoder,
        "--encoder-weights": how.encoder_weights,
        "--device": bench.device.type,
        "model": identity(load_model(DEFAULT_MODEL)),
    }


def row_of(name: str, bench: Bench, made_with: dict[str, Any]) -> Row:
    """Return the row of the peer `name`, which is trained if there is anything to train."""
    if name == OURS:
        return row_of_ours(bench, made_with)
    if name == PLAIN:
        return row_of_plain(made_with)
    return row_of_trained(by_name(name), bench, made_with)


def row_of_trained(peer: Peer, bench: Bench, made_with: dict[str, Any]) -> Row:
    """Train `peer`, keep its weights, and return its row."""
    config, how = bench.config, bench.how
    network, view = fresh(peer, bench), view_of(peer, config.data.long_side)
    trained = train(network, peer, bench.kept, config, minutes=how.minutes)
    weights = {k: v.cpu().contiguous() for k, v in trained.network.state_dict().items()}
    with replacing(bench.out / f"{peer.name}.safetensors") as partial:
        save_file(weights, partial)
    seen = Size(*view(read_photo(bench.held_out[0].photo)).shape[:2])
    with autocast(bench.device, config.coarse.precision):
        cost = peer_networks.gmac(trained.network, seen)
    row = Row(
        peer=peer.name,
        network=peer_networks.label(peer, how.encoder),
        input=as_text(seen),
        parameters=num_parameters(trained.network),
        gmac=cost,
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
        InputError: it has learnt from photos that are held out.
    """
    segmenter = segmenter_of(bench)
    known = set(segmenter.model.provenance["groups"]) & {s.group for s in bench.held_out}
    if known:
        raise InputError(
            f"the model {DEFAULT_MODEL} was trained on {len(known)} of the validation groups; "
            f"leave data.split_seed and data.val_share as they are, or {OURS} out"
        )
    sample, tiles = bench.held_out[0], []

    def mask(photo: NDArray[np.uint8]) -> NDArray[np.bool_]:
        prediction = segmenter.predict(photo)
        tiles.append(len(prediction.tiles))
        return prediction.mask

    whole = padded(Size(*segmenter.propose(read_photo(sample.photo), budget=0).working))
    row = Row(
        peer=OURS,
        network="foveamask, both stages, as packaged",
        input=as_text(whole),
        parameters=sum(num_parameters(n) for n in networks_of(segmenter.model)),
        gmac=0.0,
        device=description(bench.device),
        made_with=made_with,
    )
    row = scored(row, mask, bench)
    return replace(row, gmac=gmac_of_ours(segmenter, sample.photo, "refined", tiles)["refined"])


def row_of_plain(made_with: dict[str, Any]) -> Row:
    """Return what a U-Net of 31 M parameters costs on photos as large as those of the challenge."""
    seen = padded(peer_networks.CARVANA)
    with torch.device("meta"):
        network = PlainUNet()
    return Row(
        peer=PLAIN,
        network="U-Net of 31 M parameters, not trained",
        input=as_text(seen),
        parameters=num_parameters(network),
        gmac=peer_networks.gmac(network, seen),
        device="-",
        made_with=made_with,
    )


def scored(row: Row, mask: Masker, bench: Bench) -> Row:
    """Return `row` with the scores of the masks of the photos held out.

    Raises:
        InputError: a photo or a mask is at fault.
    """

    def work(sample: Sample) -> Scores:
        return score(mask(read_photo(sample.photo)), read_mask(sample.mask))

    num_workers = PHOTOS_ON_GPU if bench.device.type == "cuda" else None
    found = []
    results = raise_first(map_photos(work, bench.held_out, num_workers))
    with closing(results), progress(f"scoring {row.peer}") as on_photo:
        for i, scores in enumerate(results):
            found.append(scores)
            on_photo(i + 1, len(bench.held_out))
    mean = means(found)
    return replace(
        row,
        photos=len(found),
        dice=mean["dice"],
        boundary_error_px=mean["boundary_error_px"],
        boundary_iou_2px=mean["boundary_iou_2px"],
    )


def speeds(rows: Sequence[Row], bench: Bench) -> dict[str, float]:
    """Return the photos a second of each peer that is run here, medians of rounds in turn.

    From a decoded photo to its mask at the photo's own size, one photo after the other.
    """
    photos = [read_photo(sample.photo) for sample in bench.held_out[:TIMED_PHOTOS]]
    maskers = {row.peer: masker_of(row.peer, bench) for row in rows if row.peer != PLAIN}
    times: dict[str, list[float]] = {name: [] for name in maskers}
    for i in range(1 + ROUNDS):
        for name, mask in maskers.items():
            seconds = seconds_of(mask, photos[: None if i else 1])
            if i:  # the first photo of all finds memory and kernels
                times[name].append(seconds / len(photos))
    return {name: 1 / median(taken) for name, taken in times.items()}


def masker_of(name: str, bench: Bench) -> Masker:
    """Return what makes masks as fast as the peer `name`; unless it is ours, any masks."""
    if name == OURS:
        return segmenter_of(bench)
    peer = by_name(name)
    view = view_of(peer, bench.config.data.long_side)
    return masker(fresh(peer, bench), view, bench.config.coarse.precision)


def fresh(peer: Peer, bench: Bench) -> torch.nn.Module:
    """Return the untrained network of `peer` on its device."""
    coarse, how = bench.config.coarse, bench.how
    torch.manual_seed(coarse.seed)
    network = peer_networks.build(peer, coarse, how.encoder, how.encoder_weights)
    return to_device(network, bench.device)


def segmenter_of(bench: Bench) -> Segmenter:
    """Return the package's model on its device."""
    return Segmenter(load_model(DEFAULT_MODEL), bench.device, bench.config.coarse.precision)


def by_name(name: str) -> Peer:
    """Return the peer called `name`."""
    return next(peer for peer in TRAINED if peer.name == name)


def description(device: torch.device) -> str:
    """Return what `device` is."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    num = torch.get_num_threads()
    return f"CPU, {num} thread{'s' if num > 1 else ''}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status: 1 the input is at fault, 2 the options are."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    return run(app, arguments)


if __name__ == "__main__":
    sys.exit(main())
