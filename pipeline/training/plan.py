"""How long a training is: its steps, the epochs that they come in, and which are validated."""

import math
from dataclasses import dataclass

from pipeline.config import TrainConfig

LEAST_STEPS = 50
"""Fewest steps of an epoch, unless the setting `epochs` counts passes. A small set is passed
through several times before another validation is worth its time."""


@dataclass(frozen=True)
class Plan:
    """The length of a training.

    An epoch is one or more whole passes through the training set. The last one is cut off where the
    training ends.
    """

    num_steps: int
    """Of the whole training."""
    steps_a_pass: int
    passes: int
    """Passes through the training set in an epoch."""
    validate_every: int
    """Epochs from one validation to the next."""

    @property
    def steps_an_epoch(self) -> int:
        """Steps of an epoch that is not cut off."""
        return self.passes * self.steps_a_pass

    def epochs_after(self, step: int) -> int:
        """Return how many epochs are left after `step` steps."""
        return max(0, math.ceil((self.num_steps - step) / self.steps_an_epoch))

    def steps_after(self, step: int) -> int:
        """Return how many steps the epoch takes that begins after `step` steps."""
        return max(0, min(self.steps_an_epoch, self.num_steps - step))

    def is_validated(self, epoch: int, step: int) -> bool:
        """Whether `epoch`, the first of which is 1 and which ends with `step`, is validated."""
        return epoch % self.validate_every == 0 or step >= self.num_steps


def plan_of(config: TrainConfig, steps_a_pass: int) -> Plan:
    """Return the length of a training by `config` if a pass through its set takes so many steps.

    `epochs` counts passes. Without it the training takes `steps`, or, if that is zero too, a number
    that grows with the square root of the set: twice as many steps for four times as many photos.
    """
    if config.epochs:
        return Plan(config.epochs * steps_a_pass, steps_a_pass, 1, config.validate_every)
    num_steps = config.steps or round(config.STEPS_OF_ONE * math.sqrt(steps_a_pass))
    passes = math.ceil(LEAST_STEPS / steps_a_pass)
    return Plan(num_steps, steps_a_pass, passes, config.validate_every)
