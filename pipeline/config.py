"""Settings of a run: one frozen dataclass a table, with defaults and ranges.

Values are checked where they are made (`data.ranges.Checked`). `pipeline.toml_settings` reads
and writes them as TOML, `pipeline.settings_page` makes docs/reference/settings.md of this module.
"""

from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar, Literal

from data.datasets.augment import Augmentation
from data.datasets.patch_augment import PatchAugmentation
from data.errors import SettingsError
from data.geometry import Fovea
from data.groups import CARVANA_GROUP
from data.object_values import checked_entries
from data.ranges import Checked, Count, NonNegative, Positive, Range, Seed, Share
from pipeline.network_config import EnetConfig, MlpConfig
from pipeline.schedule_config import CosineConfig, PlateauConfig
from refine.postprocess import Step, parse

AUTO = "auto"
"""Leaves the choice of a model to the program."""

CHOICES = {"network": ("enet", "mlp"), "schedule": ("cosine", "plateau")}
"""Settings that choose one of several tables of options. Setting an option in a table that is not
chosen is an error, since it would have no effect."""

LONG_SIDES = Range(64, 16384)
"""Longer sides of a photo at working size. A smaller photo is a few pixels for a coarse network."""


@dataclass(frozen=True, kw_only=True)
class DataConfig(Checked):
    """Photos to train on: groups, validation set, size."""

    group: str = CARVANA_GROUP
    """Regular expression of a photo's stem. Its first bracket is the group, of which all photos
    are either in the training or in the validation set. A photo that does not match is a group of
    its own."""
    val_share: Annotated[float, Range(0, 0.999)] = 0.2
    """Share of the groups in the validation set. With 0 all photos are trained on: nothing is
    scored, and the moving average of the weights after the last step is kept."""
    val_start: Annotated[float, Range(0, 0.999)] = 0.0
    """Where that share begins among the hashes of the groups, from 0 to 1. With a share of 0.2,
    the starts 0, 0.2, 0.4, 0.6 and 0.8 are the five folds of a cross-validation."""
    split_seed: Seed = 0
    """Another seed puts other groups into the validation set."""
    object: tuple[int | str, ...] = ()
    """Which values of the masks are the object, where these have several: class indices as in
    `[1, 2]`, colours as in `["#00b000", "#ff0000"]`, or `"not 0"` for all but the background. Of
    polygons the categories, as in `["car"]`. Empty for masks of two values, of which the larger is
    the object, and for polygons of one category."""
    exclude: tuple[str, ...] = ()
    """Stems of photos that are never trained on, such as those with a wrong mask."""
    long_side: Annotated[int, LONG_SIDES] = 1918
    """Longer side of a photo at working size, in pixels. A photo within a fifth of it keeps its
    own size."""
    stretch_to: tuple[Annotated[int, Range(1, 16384)], ...] = ()
    """Height and width that photos had before they were resized to another aspect ratio. Photos of
    any other size are stretched back to it for the coarse network; empty for none."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "object", checked_entries(self.object))
        super().__post_init__()
        if len(self.stretch_to) not in (0, 2):
            raise SettingsError(
                f"stretch_to must be a height and a width, or empty, not {list(self.stretch_to)}"
            )
        if self.val_start + self.val_share > 1 + 1e-9:
            raise SettingsError(
                f"val_start = {self.val_start} and val_share = {self.val_share} are more than 1 "
                "together"
            )


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Checked):
    """How a network is trained; the same for both stages."""

    STEPS_OF_ONE: ClassVar[int] = 300
    """Steps of a training whose set is passed through in one step, by default."""

    steps: Annotated[int, Range(0, 10**8)] = 0
    """Training steps; 0 for a number that grows with the set: 300 (refiner: 150) times the square
    root of the steps of one pass through it."""
    epochs: Annotated[int, Range(0, 10**6)] = 0
    """Passes through the training set, instead of `steps`; 0 for `steps`."""
    batch_size: Count = 8
    """Photos, or patches, in a step of one process."""
    optimizer: Literal["adamw", "rmsprop"] = "adamw"
    """How gradients change the weights."""
    lr: Positive = 2e-3
    """Peak learning rate."""
    schedule: Literal["cosine", "plateau"] = "cosine"
    """How the learning rate changes; each schedule has a table of options."""
    weight_decay: NonNegative = 1e-2
    """Weight decay of convolutions, decoupled with AdamW. Norms, biases and PReLU slopes have
    none."""
    init: str = ""
    """Model to initialise the weights from, a folder or the name of a model of the package; empty
    for random weights."""
    max_grad_norm: Positive = 1.0
    """Gradients are clipped to this norm."""
    ema_decay: Annotated[float, Range(0, 0.99999)] = 0.998
    """Largest decay per step of the moving average of the weights. Both the average and the weights
    are validated, and the better of them is kept."""
    ema_share: Share = 0.1
    """Window of that average, as a share of the steps so far, until `ema_decay` limits it."""
    seed: Seed = 0
    """Seed of weights, order and augmentation."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Precision of the forward pass; "auto" is bf16 where the hardware multiplies it."""
    compile: bool = False
    """Train through `torch.compile`, which needs a C++ compiler and pays on long runs."""
    validate_every: Count = 1
    """Epochs from one validation to the next. The last epoch is always validated. An epoch is one
    pass through the training set or, unless `epochs` is set, as many as take 50 steps."""
    cosine: CosineConfig = field(default_factory=CosineConfig)
    plateau: PlateauConfig = field(default_factory=PlateauConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        for setting, name in unused_options(self):
            options = getattr(self, name)
            for f in fields(options):
                if getattr(options, f.name) != f.default:
                    chosen = getattr(self, setting)
                    raise SettingsError(f"{name}.{f.name} was set, but {setting} = {chosen!r}")


def unused_options(config: TrainConfig) -> list[tuple[str, str]]:
    """Return the tables of options that are not chosen, each with the setting that decides."""
    return [
        (setting, name)
        for setting, names in CHOICES.items()
        for name in names
        if hasattr(config, setting) and getattr(config, setting) != name
    ]


@dataclass(frozen=True, kw_only=True)
class CoarseConfig(TrainConfig):
    """The coarse network and its training; options of one network have a table of their own."""

    batch_size: Count = 4
    """Photos in a step of one process."""
    lr: Positive = 4e-3
    """Peak learning rate."""
    init: str = AUTO
    """Model to initialise the weights from, a folder or the name of a model of the package; empty
    for random weights. "auto" is the package's `carvana` if its network is the same and it knows
    none of the groups, else random weights."""
    network: Literal["enet", "linknet", "mlp"] = "enet"
    """Architecture; "enet" and "mlp" have a table of options."""
    stride: Literal[4, 8, 16] = 4
    """Side of a pixel of the coarse network, in pixels at working size."""
    dice_weight: NonNegative = 1.0
    """Weight of soft Dice in the loss, beside binary cross-entropy."""
    num_workers: Annotated[int, Range(0, 256)] = 1
    """Threads that augment photos while the network is trained; 0 augments between its steps."""
    folds: Annotated[int, Range(0, 100)] = 0
    """Networks that are trained besides, each without one fold of the training groups, to extract
    the refiner's patches with (`tiles.patch_source`); 0 for none."""
    enet: EnetConfig = field(default_factory=EnetConfig)
    mlp: MlpConfig = field(default_factory=MlpConfig)
    augment: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.folds == 1:
            raise SettingsError("folds = 1 would leave nothing to train on; use 0, or 2 or more")

    def network_options(self) -> dict[str, Any]:
        """Return the constructor arguments of the chosen network, those for training included."""
        options: dict[str, Any] = {"stride": self.stride}
        if self.network in CHOICES["network"]:
            table = getattr(self, self.network)
            options |= {f.name: getattr(table, f.name) for f in fields(table)}
        return options


@dataclass(frozen=True, kw_only=True)
class TilesConfig(Checked):
    """Which tiles are refined, and the patches that the refiner is trained on."""

    side: Literal[8, 16, 32] = 16
    """Side of a tile, in pixels at working size."""
    levels: Annotated[int, Range(1, 4)] = 3
    """Resolutions of the foveated window: full, half, quarter, eighth."""
    low: Share = 0.05
    """Lower bound of an uncertain pixel: its probability p has `low` < p < `high`."""
    high: Share = 0.95
    """Upper bound of an uncertain pixel."""
    max_patches_per_photo: Count = 1024
    """Most tiles per photo that become training patches, the most uncertain first. Validation
    photos are refined in all uncertain tiles, as `predict` does."""
    patch_source: Literal["final", "folds", "masks", "mixed"] = "final"
    """What the refiner corrects: the training patches come from the network of the run ("final"),
    or from those of `coarse.folds`, each for the photos that it was not trained on ("folds");
    validation patches then come from the final network. With "masks", no network is run: all
    patches come from the true masks with random errors, for a refiner of masks from elsewhere
    (`foveamask refine`). With "mixed", those of half of the training photos do."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low >= self.high:
            raise SettingsError(f"low = {self.low} must be below high = {self.high}")

    @property
    def fovea(self) -> Fovea:
        """The window around a tile."""
        return Fovea(self.side, self.levels)


@dataclass(frozen=True, kw_only=True)
class RefinerConfig(TrainConfig):
    """The refiner and its training."""

    STEPS_OF_ONE: ClassVar[int] = 150

    batch_size: Count = 256
    """Patches in a step of one process."""
    lr: Positive = 3e-3
    """Peak learning rate."""
    channels: tuple[Annotated[int, Range(1, 256)], ...] = (32, 32, 32, 32)
    """Channels of each level's convolutions, finest first. Levels that the fovea does not have are
    ignored."""
    depths: tuple[Annotated[int, Range(0, 16)], ...] = (2, 3, 4, 4)
    """Number of 3 x 3 convolutions of each level, finest first. 0 joins the finest to the next."""
    inputs: Literal["all", "photo", "mask_around"] = "all"
    """What the network is given: "all" is photo and coarse probability, "photo" the photo alone,
    "mask_around" both in the tile and the probability alone around it."""
    residual: bool = True
    """Whether the output is added to the coarse logits, or replaces them."""
    augment: PatchAugmentation = field(default_factory=PatchAugmentation)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.channels) != len(self.depths):
            raise SettingsError(
                f"channels has {len(self.channels)} levels, depths {len(self.depths)}"
            )


@dataclass(frozen=True, kw_only=True)
class Config(Checked):
    """All settings of a run."""

    data: DataConfig = field(default_factory=DataConfig)
    coarse: CoarseConfig = field(default_factory=CoarseConfig)
    tiles: TilesConfig = field(default_factory=TilesConfig)
    refiner: RefinerConfig = field(default_factory=RefinerConfig)
    postprocess: tuple[str, ...] = ()
    """Steps applied to finished masks, in order: `smooth=K`, `close-open=K`, `components=AREA`,
    `specks=AREA`, `regions=SIDE`, `coarse-regions=SIDE`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        levels = self.tiles.levels
        if len(self.refiner.channels) < levels:
            raise SettingsError(
                f"tiles.levels = {levels}, but refiner.channels and refiner.depths "
                f"have {len(self.refiner.channels)} levels"
            )
        depths = self.refiner.depths[:levels]
        if 0 in depths[1:] or depths == (0,):
            raise SettingsError(
                "only the finest of several levels can have a depth of 0, not refiner.depths = "
                f"{list(depths)}"
            )
        for stage, training in (("coarse", self.coarse), ("refiner", self.refiner)):
            if training.schedule == "plateau" and not self.data.val_share:
                raise SettingsError(
                    f'{stage}.schedule = "plateau" follows the score of validation photos, of '
                    "which data.val_share = 0 leaves none"
                )
        if self.tiles.side < self.coarse.stride:
            raise SettingsError(
                f"tiles.side = {self.tiles.side} must be at least coarse.stride = "
                f"{self.coarse.stride}, the side of a coarse pixel"
            )
        try:
            _ = self.steps
        except ValueError as error:
            raise SettingsError(f"postprocess: {error}") from error

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of `postprocess`."""
        return tuple(parse(step) for step in self.postprocess)
