"""Settings of a run: what each stage may be told, with its default and range."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import tomli_w

from data.errors import SettingsError
from data.files import replacing
from data.samples import CARVANA_GROUP
from refine.postprocess import parse

T = TypeVar("T")


@dataclass(frozen=True)
class Range:
    """The least and the largest value that a number may have, both allowed."""

    least: float
    largest: float = float("inf")

    def __str__(self) -> str:
        if self.largest == float("inf"):
            return f"at least {self.least:g}"
        return f"from {self.least:g} to {self.largest:g}"


Count = Annotated[int, Range(1)]
Share = Annotated[float, Range(0, 1)]
Positive = Annotated[float, Range(1e-12)]
Amount = Annotated[float, Range(0)]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which photos a run learns from, and at which size it looks at them."""

    group: str = CARVANA_GROUP
    """Regular expression of a photo's stem whose first bracket is its group; a photo that
    does not match is a group of its own."""
    validation: Annotated[float, Range(0.001, 0.999)] = 0.2
    """Share of the groups that are held out: those of which a hash, from 0 to 1, lies between
    `validation_start` and as much more."""
    validation_start: Annotated[float, Range(0, 0.999)] = 0.0
    split_seed: Annotated[int, Range(0)] = 0
    exclude: tuple[str, ...] = ()
    """Stems of photos never trained on, such as those whose mask is known to be wrong."""
    long_side: Annotated[int, Range(64, 16384)] = 1918
    """Longer side of a photo at working size, in pixels."""
    stretch_to: tuple[Count, ...] = ()
    """Height and width that photos had before they were squashed to another shape for storage;
    stage one gives it back to those of another size. None for photos that are as they were."""

    def __post_init__(self) -> None:
        if len(self.stretch_to) not in (0, 2):
            raise SettingsError(
                f"data.stretch_to is a height and a width, or none, not {list(self.stretch_to)}"
            )
        if self.validation_start + self.validation > 1 + 1e-9:
            raise SettingsError(
                f"data.validation_start = {self.validation_start} and data.validation = "
                f"{self.validation} are more than 1 together"
            )


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How far coarse training photos may be changed; see `data.augment.Augmentation`."""

    flip: Share = 0.5
    shift: Share = 0.06
    scale: Share = 0.12
    brightness: Share = 0.12
    contrast: Share = 0.2
    saturation: Share = 0.3
    tint: Share = 0.05
    hue: Annotated[float, Range(0, 90)] = 0.0
    hsv_saturation: Annotated[float, Range(0, 255)] = 0.0
    hsv_value: Annotated[float, Range(0, 255)] = 0.0


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a network is trained; the same for both stages."""

    epochs: Count = 40
    batch_size: Count = 8
    optimizer: Literal["adamw", "rmsprop"] = "adamw"
    lr: Positive = 2e-3
    """Peak learning rate."""
    schedule: Literal["cosine", "plateau"] = "cosine"
    """cosine: a linear warm-up to the peak, half a cosine from it to zero. plateau: the peak
    from the start, reduced whenever validation Dice has stopped rising."""
    warmup: Share = 0.05
    """Share of all steps that the warm-up of the cosine takes."""
    plateau_factor: Annotated[float, Range(0.001, 0.999)] = 0.2
    """What the learning rate is multiplied by on a plateau."""
    plateau_patience: Annotated[int, Range(0)] = 3
    """Scores in a row without a rise of 0.0001 that are borne before that."""
    weight_decay: Amount = 1e-2
    """Weight decay of convolutions, decoupled with AdamW; norms, biases and PReLU slopes have
    none."""
    init: str = ""
    """A model whose weights training begins with, a folder or the name of one that comes with
    the package; without it, random weights."""
    clip_norm: Positive = 1.0
    ema: Annotated[float, Range(0, 0.99999)] = 0.998
    """Decay a step of the moving average of the weights, which is what is kept."""
    seed: Annotated[int, Range(0)] = 0
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compile: bool = False
    """Whether to train through `torch.compile`; needs a C++ compiler, pays on long runs."""
    score_every: Count = 1
    """Epochs from one validation to the next; the last epoch is always scored."""


@dataclass(frozen=True, kw_only=True)
class CoarseConfig(TrainConfig):
    """The coarse stage."""

    network: Literal["enet", "linknet", "mlp"] = "enet"
    stride: Literal[4, 8, 16] = 4
    """Full-resolution pixels along the side of a pixel that the network sees."""
    unpool: Literal["indices", "nearest"] = "indices"
    """How ENet upsamples: back to where each maximum was, or by repeating values, for
    machines that cannot tell where it was."""
    grid: tuple[Count, Count] = (80, 120)
    """Rows and columns of the picture that mlp sees."""
    hidden: tuple[Count, ...] = (256, 256)
    """Units of the hidden layers of mlp."""
    dropout: Share = 0.0
    early_dropout: Share = 0.0
    dice_weight: Amount = 1.0
    """Weight of soft Dice beside binary cross-entropy."""
    workers: Annotated[int, Range(0, 256)] = 1
    """Processes that load and augment photos."""
    folds: Annotated[int, Range(0, 100)] = 0
    """Networks trained beside the one that is kept, each without a share of the groups, so that
    there is one for every photo that has not seen it; none, or two at least."""
    fold_epochs: Annotated[int, Range(0, 10**6)] = 0
    """Epochs of these networks, 0 for as many as of the one that is kept."""
    fold_init: str = ""
    """Model whose weights they begin with, "" as the one that is kept does. Groups that it knows
    are left out of none of them, and no patches can be cut of those."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        if self.folds == 1:
            raise SettingsError("coarse.folds = 1 would leave nothing to train on; 0, or 2 or more")


@dataclass(frozen=True, kw_only=True)
class TilesConfig:
    """Which tiles are looked at again, and how much of the photo around them."""

    side: Literal[8, 16, 32] = 16
    levels: Annotated[int, Range(1, 4)] = 3
    low: Share = 0.05
    high: Share = 0.95
    """A coarse pixel is uncertain where low < p < high."""
    train_budget: Count = 1024
    """Most tiles of one photo that become training patches, the heaviest first."""
    cut_by: Literal["auto", "own", "folds", "init"] = "auto"
    """Whose predictions the training patches hold. folds: of the networks of
    `train-coarse --folds`, each for photos that it has not seen; init: of the model
    `coarse.init`, which must have seen none of them; own: of the finished network, which is
    surer of photos that it has learnt than it will be of others. auto: folds if there are any,
    else own."""

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise SettingsError(f"tiles.low = {self.low} must be below tiles.high = {self.high}")


@dataclass(frozen=True, kw_only=True)
class PatchAugmentConfig:
    """How far patches may be changed; see `data.datasets.patch_augment.PatchAugmentation`."""

    flip: Share = 0.5
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    tint: Share = 0.0
    hue: Annotated[float, Range(0, 90)] = 0.0


@dataclass(frozen=True, kw_only=True)
class RefinerConfig(TrainConfig):
    """The refiner."""

    epochs: Count = 12
    batch_size: Count = 256
    lr: Positive = 3e-3
    channels: tuple[Count, ...] = (32, 32, 32, 32)
    """Channels of each level's convolutions, finest first."""
    depths: tuple[Count, ...] = (2, 3, 4, 4)
    """3 x 3 convolutions of each level, finest first."""
    sees: Literal["all", "photo", "mask_around"] = "all"
    """all: photo and coarse probability; photo: the photo alone; mask_around: both in the
    tile, around it the probability alone."""
    residual: bool = True
    """Whether the output is added to the coarse logits, or stands in their place."""
    augment: PatchAugmentConfig = field(default_factory=PatchAugmentConfig)

    def __post_init__(self) -> None:
        if len(self.channels) != len(self.depths):
            raise SettingsError(
                f"refiner.channels has {len(self.channels)} levels, "
                f"refiner.depths {len(self.depths)}"
            )


@dataclass(frozen=True, kw_only=True)
class Config:
    """All settings of a run."""

    data: DataConfig = field(default_factory=DataConfig)
    coarse: CoarseConfig = field(default_factory=CoarseConfig)
    tiles: TilesConfig = field(default_factory=TilesConfig)
    refiner: RefinerConfig = field(default_factory=RefinerConfig)
    postprocess: tuple[str, ...] = ()
    """Steps that the finished masks go through, in order, such as "components=200"."""

    def __post_init__(self) -> None:
        if len(self.refiner.channels) < self.tiles.levels:
            raise SettingsError(
                f"tiles.levels = {self.tiles.levels}, but refiner.channels and refiner.depths "
                f"have {len(self.refiner.channels)} levels"
            )
        if self.tiles.side < self.coarse.stride:
            raise SettingsError(
                f"tiles.side = {self.tiles.side}, but a pixel of the coarse network has a side "
                f"of coarse.stride = {self.coarse.stride}"
            )
        try:
            for step in self.postprocess:
                parse(step)
        except ValueError as error:
            raise SettingsError(f"postprocess: {error}") from error


def load(path: Path, base: Config | None = None) -> Config:
    """Read settings from a TOML file; what it leaves out is as in `base`, or its default.

    Raises:
        SettingsError: the file is no TOML, or a setting is unknown, of the wrong type or out
            of its range.
        FileNotFoundError: there is no such file.
    """
    try:
        table = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error
    try:
        return overlaid(base or Config(), table)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def overlaid(below: Config, table: Mapping[str, Any]) -> Config:
    """Return `below` with the settings of `table` in the place of its own.

    Raises:
        SettingsError: one of them is unknown, of the wrong type or out of its range.
    """
    return build(Config, _merged(asdict(below), table))


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below` with the values of `above` in their place, table by table."""
    result = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(below.get(key), Mapping)
        result[key] = _merged(below[key], value) if both else value
    return result


def save(config: Config, path: Path) -> None:
    """Write every setting to `path`, so that `load` gives the same back."""
    with replacing(path) as partial:
        partial.write_text(tomli_w.dumps(asdict(config)))


def build(cls: type[T], table: dict[str, Any], at: str = "") -> T:
    """Return the dataclass `cls` from a TOML table whose name so far is `at`.

    Raises:
        SettingsError: as in `load`.
    """
    hints = get_type_hints(cls, include_extras=True)
    known = {f.name: hints[f.name] for f in fields(cls)}  # type: ignore[arg-type]
    values = {}
    for key, value in table.items():
        if key not in known:
            names = ", ".join(at + name for name in known)
            near = [at + name for name in get_close_matches(key, known, n=1)]
            guess = f"; did you mean {near[0]}? There" if near else "; there"
            raise SettingsError(f"no setting {at}{key}{guess} are {names}")
        values[key] = _convert(known[key], value, at + key)
    return cls(**values)


def _convert(kind: Any, value: Any, name: str) -> Any:
    """Return `value` as the type `kind`; `name` is what the setting is called."""
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(value, dict):
            raise SettingsError(f"{name} is a table of settings, not {value!r}")
        return build(kind, value, at=f"{name}.")
    if origin is Annotated:
        return _in_range(_convert(arguments[0], value, name), arguments[1], name)
    if origin is Literal:
        if value not in arguments or type(value) is not type(arguments[0]):
            choices = ", ".join(repr(choice) for choice in arguments)
            raise SettingsError(f"{name} must be one of {choices}, not {value!r}")
        return value
    if origin is tuple:
        return _items(arguments, value, name)
    return _scalar(kind, value, name)


def _items(arguments: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    """Return `value` as a tuple of the type `arguments`: (T, ...) of any length, (T, T) of two."""
    if not isinstance(value, list | tuple):
        raise SettingsError(f"{name} must be a list, not {value!r}")
    if arguments[-1] is not Ellipsis and len(value) != len(arguments):
        raise SettingsError(f"{name} must be a list of {len(arguments)}, not {value!r}")
    return tuple(_convert(arguments[0], item, name) for item in value)


def _scalar(kind: type, value: Any, name: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise SettingsError(f"{name} must be {kind.__name__}, not {value!r}")
    return value


def _in_range(value: Any, allowed: Range, name: str) -> Any:
    if not allowed.least <= value <= allowed.largest or value == float("inf"):
        raise SettingsError(f"{name} must be {allowed}, not {value!r}")
    return value


def changed(old: Any, new: Any, at: str = "") -> list[str]:
    """Return the names of the settings in which two configs of one type differ."""
    if is_dataclass(old) and not isinstance(old, type):
        return [
            name
            for f in fields(old)
            for name in changed(getattr(old, f.name), getattr(new, f.name), f"{at}.{f.name}")
        ]
    return [] if old == new else [at.lstrip(".")]
