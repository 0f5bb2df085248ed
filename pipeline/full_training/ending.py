"""What a training says at its end: how good the model is, how sure that is, what would help."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, median, stdev

from pipeline.full_training.held_out import HeldOut, PhotoResult
from pipeline.full_training.legs import TITLES
from pipeline.full_training.time_plan import Shortage
from pipeline.reporting.stage_curves import Rows, Stages
from pipeline.training.epoch_lines import RISING, rise_of

CONFIDENCE = 0.95

STILL_RISING = 0.05
"""A rise in the last third of a training that is worth more time, as a share of what is missing."""

WRONG_BY = 0.03
"""Dice by which a mask must differ from what the model expects, and from the other photos, to be
looked at first."""

NUM_NAMED = 3
"""Most photos that the advice names."""


@dataclass(frozen=True)
class Ending:
    """The three lines."""

    how_good: str
    how_sure: str
    what_helps: str

    @property
    def lines(self) -> tuple[str, str, str]:
        """They themselves, with what they are about."""
        return (
            f"how good: {self.how_good}",
            f"how sure: {self.how_sure}",
            f"what would help most: {self.what_helps}",
        )


def ending_of(held_out: HeldOut, stages: Stages, shortage: Shortage | None = None) -> Ending:
    """Return what to say of a training.

    Args:
        held_out: scores of the photos that were held out.
        stages: the epochs of each stage.
        shortage: a stage that a limit of time has left too few steps.
    """
    helps = what_helps(held_out, stages) if shortage is None else more_steps(shortage)
    return Ending(how_good(held_out), how_sure(held_out), helps)


def more_steps(shortage: Shortage) -> str:
    """Return what would help where a stage had too few steps."""
    return (
        f"more time: the {TITLES[shortage.stage]} took {shortage.taken} of the {shortage.worth} "
        "steps that so many photos are worth; train in another folder with a longer --time, or "
        "work on smaller photos (data.long_side)"
    )


def how_good(held_out: HeldOut) -> str:
    """Return the mean scores."""
    error = held_out.boundary_error_px
    contour = "" if error is None else f", contour off by {error:.1f} pixels"
    text = (
        f"Dice {held_out.dice:.4f}{contour}, on {_counted(len(held_out.photos))} that the networks "
        f"were not trained on; the coarse network alone {held_out.coarse_dice:.4f}"
    )
    if held_out.is_all_photos:
        text += "; the finished model was trained on these too, and should be a little better"
    return text


def how_sure(held_out: HeldOut) -> str:
    """Return what the scores say of other photos."""
    worst = held_out.photos[0]
    low, high = interval(group_means(held_out.photos))
    if low is None or high is None:
        return "not at all: one photo, or one group, tells nothing about others"
    text = (
        f"the mean of many such photos lies between {low:.4f} and {high:.4f} "
        f"({100 * CONFIDENCE:.0f} %); the worst photo has {worst.dice:.4f}, {worst.name}"
    )
    if high - low > 0.5 * (1 - held_out.dice):
        text += f"; {_counted(len(held_out.photos))} tell little"
    return text


def interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the confidence interval of the mean that `values` are drawn around, by Student's t.

    It ends at 1, the largest Dice. None if there are fewer than two values.
    """
    if len(values) < 2:
        return None, None
    from scipy.stats import t  # takes half a second to import, so only where it is needed

    half = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * stdev(values) / sqrt(len(values))
    mean = fmean(values)
    return max(0.0, mean - half), min(1.0, mean + half)


def group_means(photos: Sequence[PhotoResult]) -> list[float]:
    """Return the mean Dice of each group: photos of one car are not independent."""
    groups: dict[str, list[float]] = {}
    for photo in photos:
        groups.setdefault(photo.group, []).append(photo.dice)
    return [fmean(values) for values in groups.values()]


def what_helps(held_out: HeldOut, stages: Stages) -> str:
    """Return the one thing that would improve the model most."""
    suspects = wrong_looking(held_out.photos)
    if suspects:
        first = suspects[0]
        others = f" and {len(suspects) - 1} more" if len(suspects) > 1 else ""
        return (
            f"a look at the mask {first.mask}{others}: the model expects {first.expected_dice:.3f} "
            f"and they agree to {first.dice:.3f}; if the mask is wrong, correct it"
        )
    rising = {stage: mean_rise(trainings) for stage, trainings in stages.items()}
    slope = max(RISING, STILL_RISING * (1 - held_out.dice))
    steepest = max(rising, key=lambda name: rising[name], default=None)
    if steepest is not None and rising[steepest] > slope:
        return (
            f"more time: the Dice of the {steepest} still rose by {rising[steepest]:.4f} in the "
            "last third of its steps; train in another folder with a longer --time"
        )
    least = sorted(held_out.photos, key=lambda photo: photo.expected_dice)[:NUM_NAMED]
    names = ", ".join(photo.name for photo in least)
    return f"more photos with masks, such as those the model is least sure of: {names}"


def mean_rise(trainings: Mapping[str, Rows]) -> float:
    """Return by how much the best scores of trainings rose in their last third; see `rise_of`."""
    rises = [rise for rows in trainings.values() if (rise := rise_of(rows)) is not None]
    return fmean(rises) if rises else 0.0


def wrong_looking(photos: Sequence[PhotoResult]) -> list[PhotoResult]:
    """Return photos whose masks look wrong, the most suspicious first.

    The model is sure of its own mask, as of those of other photos, and the given mask is far from
    it, farther than is usual.
    """
    usual = median(photo.expected_dice - photo.dice for photo in photos)
    typical = median(photo.dice for photo in photos)
    sure = median(photo.expected_dice for photo in photos) - WRONG_BY / 2
    found = [
        photo
        for photo in photos
        if photo.expected_dice - photo.dice > usual + WRONG_BY
        and photo.dice < typical - WRONG_BY
        and photo.expected_dice > sure
    ]
    return sorted(found, key=lambda photo: photo.dice - photo.expected_dice)


def _counted(num: int) -> str:
    return f"{num} photo{'' if num == 1 else 's'}"
