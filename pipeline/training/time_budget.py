"""How long a training takes, part by part, and how a limit of time is shared between its stages."""

from dataclasses import dataclass

from data.errors import InputError
from data.geometry import Size, padded, working_size
from pipeline.config import Config
from pipeline.training.epoch_lines import duration
from pipeline.training.fitted_settings import refiner_steps
from pipeline.training.photo_facts import PhotoFacts
from pipeline.training.plan import Plan, plan_of
from pipeline.training.speed_trial import Speeds

COARSE_SHARE = 0.65
"""Share of the time for both trainings that stage one gets."""

TILES_A_LENGTH = 1.6
"""Uncertain tiles of a photo: its outline, in sides of a tile, times this."""

SCORED_AS_READ = 4
"""Scoring a photo takes about as long as reading it so many times, and running its network once."""

LEAST_STEPS = 20
"""Steps of either stage below which nothing would be learnt."""


@dataclass(frozen=True)
class Seconds:
    """How long each part of a training takes."""

    decoding: float
    coarse: float
    patches: float
    refiner: float
    evaluation: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.decoding + self.coarse + self.patches + self.refiner + self.evaluation

    @property
    def overhead(self) -> float:
        """What takes as long however long the networks are trained."""
        return self.decoding + self.patches + self.evaluation


@dataclass(frozen=True)
class Limits:
    """When each stage ends, in seconds since the training began."""

    coarse: float
    refiner: float


def estimate(
    config: Config, facts: PhotoFacts, speeds: Speeds, num_train: int, num_val: int
) -> Seconds:
    """Return how long a training by `config` takes at these `speeds`.

    Args:
        config: its settings, the fitted ones included.
        facts: what is in the data set.
        speeds: of this machine.
        num_train: photos to train on.
        num_val: photos to validate on.
    """
    num_photos = num_train + num_val
    plan, num_patches = _coarse_plan(config, num_train), _num_patches(config, facts, num_train)
    validations = 2 * (plan.num_steps / plan.steps_an_epoch) * num_val * speeds.coarse_photo
    steps = steps_of_refiner(config, num_patches)
    # The part of a step that is no gradient, for the patches of each validation photo, twice.
    scored = num_val / max(num_train, 1) * num_patches / config.refiner.batch_size
    refiner_epochs = max(1.0, steps / 50)
    networks = 1 + config.coarse.folds
    return Seconds(
        decoding=num_photos * speeds.read,
        coarse=networks * (plan.num_steps * speeds.coarse_step + validations),
        patches=num_photos * (speeds.read + speeds.coarse_photo),
        refiner=(steps + refiner_epochs * scored * 2 / 3) * speeds.refiner_step,
        evaluation=num_val * (SCORED_AS_READ * speeds.read + 2 * speeds.coarse_photo)
        + scored * speeds.refiner_step,
    )


@dataclass(frozen=True)
class Steps:
    """Steps of each stage that a data set is worth, if no limit of time ends a training."""

    coarse: int
    refiner: int
    """About, since the number of patches is not known before stage one has been trained."""


def steps_worth(config: Config, facts: PhotoFacts, num_train: int) -> Steps:
    """Return the steps of a training on `num_train` photos by `config`."""
    num_patches = _num_patches(config, facts, num_train)
    return Steps(_coarse_plan(config, num_train).num_steps, steps_of_refiner(config, num_patches))


def _coarse_plan(config: Config, num_train: int) -> Plan:
    return plan_of(config.coarse, -(-num_train // config.coarse.batch_size))


def _num_patches(config: Config, facts: PhotoFacts, num_train: int) -> float:
    return num_train * min(num_tiles(facts, config), config.tiles.max_patches_per_photo)


def num_tiles(facts: PhotoFacts, config: Config) -> float:
    """Return how many tiles of a photo a trained coarse network is uncertain of, about."""
    size = Size(facts.short_side, facts.long_side)
    working = working_size(size, config.data.long_side)
    outline = facts.contour * max(working) / max(size)
    most = padded(working).area / config.tiles.side**2
    return min(most, TILES_A_LENGTH * outline / config.tiles.side)


def steps_of_refiner(config: Config, num_patches: float) -> int:
    """Return the steps of stage two by `config`, which may set them, for so many patches."""
    if config.refiner.epochs:
        return config.refiner.epochs * max(1, round(num_patches / config.refiner.batch_size))
    return config.refiner.steps or refiner_steps(config.refiner, round(num_patches))


def limits(total: float, elapsed: float, seconds: Seconds, speeds: Speeds) -> Limits:
    """Return when each stage ends so that the training takes `total` seconds in all.

    Args:
        total: the limit of time.
        elapsed: seconds that have passed of it.
        seconds: how long each part would take without it.
        speeds: of this machine.

    Raises:
        InputError: the limit leaves less than `LEAST_STEPS` steps for a stage.
    """
    left = total - elapsed - seconds.overhead
    least = LEAST_STEPS * max(
        speeds.coarse_step / COARSE_SHARE, speeds.refiner_step / (1 - COARSE_SHARE)
    )
    if left < least:
        shortest = elapsed + seconds.overhead + least
        raise InputError(
            f"--time {duration(total)} is too short for these photos: reading and scoring them and "
            f"{LEAST_STEPS} steps of each stage take {duration(1.2 * shortest)} on this machine, "
            "as busy as it is now; give at least that"
        )
    coarse = elapsed + seconds.decoding + COARSE_SHARE * left
    return Limits(coarse=coarse, refiner=total - seconds.evaluation)
