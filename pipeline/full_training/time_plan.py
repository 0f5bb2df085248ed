"""How long a training still takes, and what a limit of time leaves of its steps."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.config import Config
from pipeline.full_training.journal import Journal
from pipeline.full_training.legs import Leg, part_of
from pipeline.training.epoch_lines import duration
from pipeline.training.time_budget import Seconds, estimate, limits, steps_worth

log = logging.getLogger(__name__)

FEW = 0.25
"""Share of the steps that a data set is worth below which a training needs more time, before
anything else."""

FEW_STEPS = (
    "there is time for about %d of the %d steps that so many photos are worth, on this machine and "
    "as busy as it is now; with %s masks would be much better, or with smaller photos "
    "(data.long_side)"
)

TELLING = 30.0
"""Seconds of estimated work that must be done before it says how wrong estimates are."""


def estimates_of_parts(legs: Iterable[tuple[Leg, Seconds]]) -> dict[str, float]:
    """Return the seconds that each part is estimated to take, by its name in the journal."""
    parts: dict[str, float] = {}
    scoring = 0.0
    for leg, seconds in legs:
        parts[leg.part("coarse")] = seconds.decoding + seconds.coarse
        parts[leg.part("patches")] = seconds.patches
        parts[leg.part("refiner")] = seconds.refiner
        scoring += seconds.evaluation
    return parts | {"scores": scoring}


def seconds_left(estimated: Mapping[str, float], taken: Mapping[str, float]) -> float:
    """Return the seconds that the parts take that are not done yet.

    If the finished ones took longer than estimated, so will those that are left.

    Args:
        estimated: seconds of each part.
        taken: seconds of each finished part; others than those estimated do not count.
    """
    left = sum(seconds for part, seconds in estimated.items() if part not in taken)
    expected = sum(estimated.get(part, 0.0) for part in taken)
    if expected < TELLING:
        return left
    return left * sum(seconds for part, seconds in taken.items() if part in estimated) / expected


@dataclass(frozen=True)
class Shortage:
    """A stage of a training that had too few steps."""

    stage: str
    """`coarse` or `refiner`."""
    taken: int
    worth: int


def shortage_of(journal: Journal) -> Shortage | None:
    """Return the stage that got the smallest share of its steps, if that is less than `FEW`."""
    found = [
        Shortage(stage, journal.steps[part], worth)
        for name, steps in journal.worth.items()
        for stage, worth in (("coarse", steps.coarse), ("refiner", steps.refiner))
        if (part := part_of(name, stage)) in journal.steps
    ]
    least = min(found, key=lambda one: one.taken / one.worth, default=None)
    return least if least is not None and least.taken < FEW * least.worth else None


def limited(
    journal: Journal,
    leg: str,
    config: Config,
    num_train: int,
    num_val: int,
    elapsed: float,
    end: float,
) -> Journal:
    """Return the journal with the limits of a training, and say so if they leave it few steps.

    Args:
        journal: facts of the photos, and speeds of this machine.
        leg: name of the training.
        config: its settings.
        num_train: photos to train on.
        num_val: photos to validate on.
        elapsed: seconds that have passed.
        end: seconds after which it ends.

    Raises:
        InputError: they leave so little that nothing would be learnt.
    """
    facts, speeds = journal.facts, journal.speeds
    seconds = estimate(config, facts, speeds, num_train, num_val)
    worth, ends = steps_worth(config, facts, num_train), limits(end, elapsed, seconds, speeds)
    steps = max(0.0, ends.coarse - elapsed - seconds.decoding) / speeds.coarse_step
    if steps < FEW * worth.coarse:
        enough = elapsed + seconds.overhead + FEW * (seconds.coarse + seconds.refiner)
        log.warning(FEW_STEPS, round(steps), worth.coarse, duration(enough))
    return journal.with_limits(leg, ends, worth)
