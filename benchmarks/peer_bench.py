"""Values that all peers share: options, settings, photos and the device."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from cyclopts import Parameter

from benchmarks.peer_networks import Encoder, EncoderWeights
from benchmarks.thinning import evenly_spaced
from benchmarks.variants import FROM_NOTHING
from data.errors import SettingsError
from data.fingerprints import fingerprint
from data.samples import Sample
from pipeline import DEFAULT_MODEL
from pipeline.config import Config
from pipeline.model import identity
from pipeline.model_folder import find_model, load_model
from pipeline.toml_settings import load_settings, overlaid
from pipeline.training.coarse_training import origin
from pipeline.training.split import split_samples


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the command."""

    minutes: float = 60.0
    """Minutes of training of each peer, decoding before and scoring after it not counted."""
    peers: str | None = None
    """Peers, with commas between; by default all, those at 1024 x 1024 only with a GPU."""
    photos_of_each_car: int | None = None
    """Photos of each car, evenly spaced, that are trained on and scored; by default all."""
    base: Annotated[Path | None, Parameter(name="--config")] = None
    """Settings over those of the model `carvana`, such as coarse.lr or coarse.num_workers."""
    encoder: Encoder = "resnet18"
    """Encoder of U-Net and LinkNet; the smaller one gets more steps into the same minutes."""
    encoder_weights: EncoderWeights | None = None
    """Weights that the encoder starts with; by default random ones."""
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
    """Values that all peers share."""

    train_samples: list[Sample]
    val_samples: list[Sample]
    config: Config
    options: Options
    device: torch.device
    out: Path


def prepared(data: Path, out: Path, options: Options, device: torch.device) -> Bench:
    """Return the values that all peers share.

    Raises:
        InputError: there is an error in the photos or settings.
    """
    config = overlaid(load_settings(find_model(DEFAULT_MODEL) / "settings.toml"), FROM_NOTHING)
    if options.base is not None:
        config = load_settings(options.base, config)
    train_samples, val_samples = (
        evenly_spaced(samples, options.photos_of_each_car)
        for samples in split_samples([data], config.data)
    )
    return Bench(train_samples, val_samples, config, options, device, out)


def provenance(bench: Bench) -> dict[str, Any]:
    """Return everything that all rows depend on: a hash of photos and settings, options by name."""
    options = bench.options
    return {
        "photos or settings": origin(
            bench.config, fingerprint(bench.train_samples), fingerprint(bench.val_samples)
        ),
        "--minutes": options.minutes,
        "--encoder": options.encoder,
        "--encoder-weights": options.encoder_weights,
        "--device": bench.device.type,
        "model": identity(load_model(DEFAULT_MODEL)),
    }
