"""What has come of the photos of a call."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.dice_interval import DiceInterval
from pipeline.inference.manifest import Record


@dataclass(frozen=True)
class Failure:
    """A photo that could not be read or predicted, and why."""

    photo: Path
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What has come of the photos of a call."""

    failures: list[Failure]
    """Photos without results."""
    records: dict[Path, Record]
    """Records of all others."""
    interval: DiceInterval | None = None
    """Interval around their expected Dice, if that was asked for and is known."""

    @property
    def unknown(self) -> list[Path]:
        """Photos unlike those that the model was trained on: their masks may be wrong."""
        return [photo for photo, record in self.records.items() if record.is_known is False]
