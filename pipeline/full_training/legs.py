"""The trainings that a run consists of, and which photos each of them holds out.

One, which holds out a share of the photos. If the finished model is to be trained on all photos,
others come before it: the folds of a cross-validation, or a single one with photos held out.
"""

from collections.abc import Set
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from data.errors import InputError
from data.groups import position_of
from pipeline.config import Config

FEW_GROUPS = 40
"""Groups below which a held-out share tells so little that a cross-validation is worth its time."""

NUM_FOLDS = 4

STAGES = ("coarse", "patches", "refiner")

TITLES = {
    "coarse": "coarse network",
    "patches": "patches of the uncertain tiles",
    "refiner": "refiner",
    "tiles": "choosing which tiles to refine",
    "scores": "scoring the photos that were held out",
    "report": "writing the report",
}
"""The parts of a run in their order, the stages of each training first."""


@dataclass(frozen=True)
class Leg:
    """One training of both stages."""

    name: str
    """Empty for the only one."""
    folder: str
    """Its folder in that of the run; empty for the run itself, whose model is the finished one."""
    val_start: float
    val_share: float
    """The settings of these names; a share of 0 holds nothing out."""

    def config(self, config: Config) -> Config:
        """Return the settings of this training."""
        data = replace(config.data, val_start=self.val_start, val_share=self.val_share)
        return replace(config, data=data)

    def run(self, run: Path) -> Path:
        """Return its folder, for the folder of the run."""
        return run / self.folder if self.folder else run

    def part(self, stage: str) -> str:
        """Return the name of one of its `STAGES` in the journal."""
        return part_of(self.name, stage)

    @property
    def holds_out(self) -> bool:
        """Whether it holds photos out, which can be scored."""
        return self.val_share > 0


def legs_of(config: Config, groups: Set[str], *, all_photos: bool) -> list[Leg]:
    """Return the trainings of a run by `config`, in their order.

    Args:
        config: its settings.
        groups: names of the groups of the folder that photos are held out from.
        all_photos: whether the finished model is trained on all photos.

    Raises:
        InputError: there are too few groups to hold some of them out.
    """
    if len(groups) < 2:
        raise InputError(
            "there must be two groups of photos at least: one to train on, one to hold out "
            "(data.group says which photos belong together)"
        )
    share = Leg("", "", config.data.val_start, config.data.val_share)
    if not all_photos:
        return [share]
    whole = Leg("all", "", 0.0, 0.0)
    if len(groups) >= FEW_GROUPS:
        return [replace(share, name="held-out", folder="held-out"), whole]
    return [*folds_of(groups, min(NUM_FOLDS, len(groups)), config.data.split_seed), whole]


def folds_of(groups: Set[str], num_folds: int, split_seed: int) -> list[Leg]:
    """Return `num_folds` trainings that hold out each of `groups` once, as evenly as can be."""
    ordered = sorted(position_of(group, split_seed) for group in groups)
    counts = [round(i * len(ordered) / num_folds) for i in range(num_folds + 1)]
    ends = [0.0, *((ordered[i - 1] + ordered[i]) / 2 for i in counts[1:-1]), 1.0]
    return [
        Leg(f"fold-{i}", f"folds-held-out/{i}-of-{num_folds}", start, end - start)
        for i, (start, end) in enumerate(pairwise(ends), 1)
    ]


def part_of(leg: str, stage: str) -> str:
    """Return the name in the journal of a stage of the training `leg`."""
    return f"{leg}/{stage}" if leg else stage
