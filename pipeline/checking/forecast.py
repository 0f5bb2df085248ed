"""What a training on a data set would do, how long it would take, and what to expect of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from data.folders import counted
from data.geometry import Size, working_size
from data.samples import Sample
from pipeline.checking.known_results import KnownResult, nearest_results
from pipeline.checking.phrases import percent
from pipeline.config import Config
from pipeline.toml_settings import overlaid
from pipeline.training import fitted_settings
from pipeline.training.epoch_lines import duration
from pipeline.training.fitted_settings import Choice
from pipeline.training.photo_facts import PhotoFacts
from pipeline.training.speed_trial import measure_speeds
from pipeline.training.time_budget import Seconds, estimate, num_tiles, steps_worth

FEW_VALIDATED = 10
"""Photos held out below which their mean says little."""


@dataclass(frozen=True)
class Forecast:
    """What `foveamask train` would do with a data set."""

    choices: tuple[Choice, ...]
    """Settings that it would fit to the photos."""
    size: Size
    """The size that most photos have."""
    working: Size
    """The size at which that is worked on."""
    num_train: int
    num_val: int
    num_groups: int
    coarse_steps: int
    refiner_steps: int
    tiles: int
    """Tiles of a photo that would be refined, about."""
    seconds: Seconds
    pixel_cost: float
    """Dice that is lost if the contour is off by one pixel all along."""
    known: tuple[KnownResult, ...]
    """What trainings with about as many photos of other kinds have reached."""

    def lines(self) -> list[str]:
        """Return it as sentences for a person."""
        seconds = self.seconds
        brought = "at their own size"
        if self.working != self.size:
            scale = max(self.working) / max(self.size)
            change = f"enlarged {scale:.1f} times" if scale > 1 else f"reduced to {percent(scale)}"
            brought = f"{change}, at {self.working.width} x {self.working.height}"
        lines = [
            f"Photos of {self.size.width} x {self.size.height} would be worked on {brought}.",
            f"{counted(self.num_train, 'photo')} would be trained on and {self.num_val} held out to"
            " measure how good the model is.",
        ]
        if self.num_val < FEW_VALIDATED:
            lines[-1] += (
                f" So few say little: each of them is {percent(1 / max(self.num_val, 1))} of the "
                "score."
            )
        lines += [
            f"The coarse network would take {self.coarse_steps} steps, the refiner about "
            f"{self.refiner_steps}; about {self.tiles} tiles of a photo would be refined.",
            f"It would take about {duration(seconds.total)} on this machine, as busy as it is now: "
            f"{duration(seconds.coarse)} for the coarse network, {duration(seconds.refiner)} for "
            f"the refiner, {duration(seconds.overhead)} for reading photos and scores.",
            *self._expectations(),
        ]
        return lines

    def _expectations(self) -> list[str]:
        cost = f"A contour that is off by one pixel all along costs {self.pixel_cost:.4f} Dice here"
        if not self.known:
            num = self.num_train + self.num_val
            return [f"What Dice to expect: no figure, nobody measured {num} photos yet. {cost}."]
        figures = [
            f"{result.dice:.3f} with {result.num_photos} photos of {result.kind} (contour off by "
            f"{result.boundary_error_px:.1f} pixels)"
            for result in self.known
        ]
        sources = ", ".join(sorted({result.source for result in self.known}))
        return [
            f"What Dice to expect: trainings with about as many photos reached "
            f"{', '.join(figures)}; see {sources}. Objects with a clear contour and exact masks "
            f"come near the highest figure. {cost}."
        ]

    def to_json(self) -> dict[str, Any]:
        """Return it as a table of JSON values."""
        table = asdict(self)
        for name in ("size", "working"):
            height, width = getattr(self, name)
            table[name] = {"height": height, "width": width}
        table["seconds"] |= {"total": self.seconds.total}
        return table


def fitted(
    given: Mapping[str, Any], facts: PhotoFacts, samples: Sequence[Sample]
) -> tuple[Config, list[Choice]]:
    """Return the settings of a training, and those of them that are fitted to the data.

    Args:
        given: settings of the user, table by table.
        facts: what is in the data set.
        samples: photos of the folder that validation photos come from.
    """
    base = overlaid(Config(), given)
    groups = {sample.group for sample in samples}
    chosen = [
        choice
        for choice in fitted_settings.choices(facts, groups, base.data.split_seed)
        if not fitted_settings.is_given(choice.name, given)
    ]
    return overlaid(overlaid(Config(), fitted_settings.as_settings(chosen, given)), given), chosen


def forecast(
    config: Config,
    choices: Sequence[Choice],
    facts: PhotoFacts,
    size: Size,
    sides: tuple[Sequence[Sample], Sequence[Sample]],
    device: torch.device,
) -> Forecast:
    """Return what a training by `config` would do; a few of its steps are timed.

    Args:
        config: settings, the fitted ones included.
        choices: the fitted ones.
        facts: what is in the data set.
        size: the size that most photos have.
        sides: training and validation set.
        device: device to train on.

    Raises:
        InputError: a photo or mask is damaged.
    """
    train, val = sides
    tiles = num_tiles(facts, config)
    steps = steps_worth(config, facts, len(train))
    area = facts.object_share * facts.short_side * facts.long_side
    return Forecast(
        choices=tuple(choices),
        size=size,
        working=working_size(size, config.data.long_side),
        num_train=len(train),
        num_val=len(val),
        num_groups=facts.num_groups,
        coarse_steps=steps.coarse,
        refiner_steps=steps.refiner,
        tiles=round(tiles),
        seconds=estimate(
            config, facts, measure_speeds(train, config, device), len(train), len(val)
        ),
        pixel_cost=facts.contour / max(2 * area + facts.contour, 1),
        known=tuple(nearest_results(len(train) + len(val))),
    )
