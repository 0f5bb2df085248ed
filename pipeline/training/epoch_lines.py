"""What a training says of itself: a bar within an epoch, a line after it, an outlook at its end."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pipeline.progress import progress
from pipeline.training.batch_clock import TimedBatches
from pipeline.training.checkpoint import TrainState
from pipeline.training.plan import Plan

RISING = 0.0005
"""Rise of the best score over the last third of a training that is worth training for longer."""


@dataclass(frozen=True)
class Clock:
    """Estimates how long a training still takes, from what it took since it was started."""

    started: float
    """Reading of the monotonic clock, in seconds, before the step after `first`."""
    first: int

    def seconds_left(self, step: int, num_steps: int) -> float:
        """Return the seconds from `step`, which is after `first`, to the end of `num_steps`."""
        return (time.monotonic() - self.started) / (step - self.first) * (num_steps - step)


@contextmanager
def watched(batches: TimedBatches, state: TrainState, plan: Plan) -> Iterator[None]:
    """Show the progress of the epoch that trains on `batches` after `state`."""
    done = state.step
    best = f", best Dice {state.best_score:.5f}" if state.best_score > 0 else ""
    with progress(f"epoch {state.epoch + 1}{best}: step") as on_step:

        def count() -> None:
            nonlocal done
            done += 1
            if done < plan.num_steps:  # the last step has the line of its epoch
                on_step(done, plan.num_steps)

        batches.on_step = count
        yield


def describe(state: TrainState, seconds_left: float) -> str:
    """Return the line of the latest epoch of `state` in the log."""
    row, plan = state.history[-1], state.pace.plan
    num_epochs = state.epoch + plan.epochs_after(state.step)
    text = f"epoch {state.epoch}/{num_epochs}  step {state.step}  loss {row['loss']:.4f}"
    if "score" in row:
        text += f"  Dice {row['score']:.5f}"
        text += " of the weights" if state.kept == "weights" else ""
        text += " (best" if row["score"] == state.best_score else f" (best {state.best_score:.5f}"
        rise = rise_of(state.history)
        text += ")" if rise is None else ", rising)" if rise > RISING else ", level)"
    text += f"  {row['seconds']:.0f} s"
    return text + (f", about {duration(seconds_left)} left" if state.step < plan.num_steps else "")


def duration(seconds: float) -> str:
    """Return `seconds` as a person would say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def outlook(history: Sequence[dict[str, float]]) -> str:
    """Return a sentence on whether a longer training would help, by the rows of a finished one."""
    scores = [(int(row["epoch"]), row["score"]) for row in history if "score" in row]
    if not scores:
        return "no epoch was validated"
    epoch, best = max(scores, key=lambda pair: pair[1])
    text = f"best Dice {best:.5f}, in epoch {epoch}"
    rise = rise_of(history)
    if rise is None:
        return text
    hint = ": more steps would help" if rise > RISING else ""
    return f"{text}; it rose by {rise:.5f} in the last third{hint}"


def rise_of(history: Sequence[Mapping[str, float]]) -> float | None:
    """Return by how much the best score rose in the last third of the epochs so far, at least 0.

    None if none of the epochs before that were validated.
    """
    scores = [(row["epoch"], row["score"]) for row in history if "score" in row]
    earlier = [score for epoch, score in scores if epoch <= 2 / 3 * history[-1]["epoch"]]
    if not earlier:
        return None
    return max(0.0, max(score for _, score in scores) - max(earlier))
