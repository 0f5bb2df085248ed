"""How long a training is: its steps, the epochs that they come in, and which are validated."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.config import TrainConfig

LEAST_STEPS = 50
"""Fewest steps of an epoch, unless the setting `epochs` counts passes. A small set is passed
through several times before another validation is worth its time."""

LEAST_VALIDATED = 20
"""Steps from one validation to the next, at least, in a training with a limit of time."""

EPOCHS_IN_LIMIT = 12
"""Fewest epochs of a training that a limit of time ends: after each of them it is found out how
many more steps fit in."""

SecondsLeft = Callable[[], float]
"""Seconds that a training may still take; below 0 it has none left."""


@dataclass(frozen=True)
class Plan:
    """The length of a training.

    An epoch is one or more whole passes through the training set. The last one is cut off where the
    training ends. If a limit of time ends the training, an epoch may be a part of a pass.
    """

    num_steps: int
    """Of the whole training."""
    steps_a_pass: int
    steps_an_epoch: int
    """Of an epoch that is not cut off."""
    validate_every: int
    """Epochs from one validation to the next."""
    least_validated: int = 0
    """Steps from one validation to the next, at least: where there is time for few steps,
    validations must not take most of it."""

    def epochs_after(self, step: int) -> int:
        """Return how many epochs are left after `step` steps."""
        return max(0, math.ceil((self.num_steps - step) / self.steps_an_epoch))

    def steps_after(self, step: int) -> int:
        """Return how many steps the epoch takes that begins after `step` steps."""
        return max(0, min(self.steps_an_epoch, self.num_steps - step))

    def is_validated(self, epoch: int, step: int) -> bool:
        """Whether `epoch`, the first of which is 1 and which ends with `step`, is validated."""
        every = max(self.validate_every, round(self.least_validated / self.steps_an_epoch))
        return epoch % every == 0 or step >= self.num_steps


def plan_of(config: TrainConfig, steps_a_pass: int) -> Plan:
    """Return the length of a training by `config` if a pass through its set takes so many steps.

    `epochs` counts passes. Without it the training takes `steps`, or, if that is zero too, a number
    that grows with the square root of the set: twice as many steps for four times as many photos.
    """
    if config.epochs:
        num_steps = config.epochs * steps_a_pass
        return Plan(num_steps, steps_a_pass, steps_a_pass, config.validate_every)
    num_steps = config.steps or round(config.STEPS_OF_ONE * math.sqrt(steps_a_pass))
    passes = math.ceil(LEAST_STEPS / steps_a_pass)
    return Plan(num_steps, steps_a_pass, passes * steps_a_pass, config.validate_every)


class Pace:
    """How far a training is after each step, by a plan that a limit of time may change.

    The share that is done decides the learning rate. It grows evenly with the steps up to 1, from
    what it was when the plan was last changed.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.since = 0
        """Step after which the plan was last changed."""
        self.done = 0.0
        """Share of the training that was done then."""

    def share(self, step: int) -> float:
        """Return the share of the training, 0 to 1, that is done after `step` steps."""
        left = self.plan.num_steps - self.since
        return self.done + (1 - self.done) * ((step - self.since) / left if left else 1.0)

    def replan(self, step: int, num_steps: int) -> None:
        """Let the training, which is at `step`, end after `num_steps` steps in all."""
        self.done, self.since = self.share(step), step
        self.plan = timed(self.plan, max(step, num_steps))

    def to_json(self) -> dict[str, float]:
        """Return what `restore` takes."""
        return {"since": self.since, "done": self.done, "num_steps": self.plan.num_steps}

    def restore(self, saved: Mapping[str, float], *, is_timed: bool) -> None:
        """Go on as `saved` says; a plan that no limit of time changes keeps its own steps."""
        self.since, self.done = int(saved["since"]), float(saved["done"])
        if is_timed:
            self.plan = timed(self.plan, int(saved["num_steps"]))


def timed(plan: Plan, num_steps: int) -> Plan:
    """Return `plan` for `num_steps` steps, with epochs short enough to keep a limit of time."""
    most = max(1, min(max(LEAST_STEPS, plan.steps_a_pass), num_steps // EPOCHS_IN_LIMIT))
    steps = most // plan.steps_a_pass * plan.steps_a_pass or most
    return replace(plan, num_steps=num_steps, steps_an_epoch=steps, least_validated=LEAST_VALIDATED)


def steps_within(seconds: float, history: Sequence[Mapping[str, float]]) -> int:
    """Return how many steps fit into `seconds`, by the latest epochs of a training.

    Validations are part of the time of an epoch.
    """
    rows = history[-3:]
    steps, taken = (sum(row[name] for row in rows) for name in ("steps", "seconds"))
    # Times are written down in tenths of a second.
    return max(0, int(seconds * steps / max(taken, 0.05 * len(rows))))
