"""What a run of `train` has settled and done so far, so that it goes on after any interruption.

train.json in the folder of the run: what the run was started with, the fitted settings, the limits
of time, and the parts that are done. It is replaced as a whole.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.files import write_bytes
from pipeline.training.fitted_settings import Choice
from pipeline.training.photo_facts import PhotoFacts
from pipeline.training.speed_trial import Speeds
from pipeline.training.time_budget import Limits, Steps

FORMAT = 1
NAME = "train.json"


@dataclass(frozen=True)
class Start:
    """What a run is started with; with something else it cannot go on."""

    photos: str
    """Hash of all photos and masks."""
    given: Mapping[str, Any]
    """Settings that the user gave, table by table."""
    seconds: float | None
    """Limit of time."""
    all_photos: bool


@dataclass(frozen=True)
class Journal:
    """What is settled and done."""

    start: Start
    facts: PhotoFacts
    choices: Sequence[Choice]
    """Settings that were fitted."""
    speeds: Speeds
    limits: Mapping[str, Limits] = field(default_factory=dict)
    """When the stages of each training end, by the name of the training."""
    worth: Mapping[str, Steps] = field(default_factory=dict)
    """Steps that the photos of each training with limits are worth, by its name."""
    steps: Mapping[str, int] = field(default_factory=dict)
    """Steps of the parts whose settings do not say them."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """How long each finished part took, without what was lost by interruptions."""

    def with_limits(self, leg: str, limits: Limits, worth: Steps) -> "Journal":
        """Return the journal with the `limits` of the training `leg`, and what it is worth."""
        worths = {**self.worth, leg: worth}
        return replace(self, limits={**self.limits, leg: limits}, worth=worths)

    def with_steps(self, part: str, num: int) -> "Journal":
        """Return the journal with the steps of `part`."""
        return replace(self, steps={**self.steps, part: num})

    def after(self, part: str, seconds: float) -> "Journal":
        """Return the journal after `part`, which took so many seconds."""
        return replace(self, seconds={**self.seconds, part: round(seconds, 1)})

    def save(self, run: Path) -> None:
        """Write it to the folder `run`."""
        text = json.dumps({"format": FORMAT} | asdict(self), indent=2)
        write_bytes(run / NAME, f"{text}\n".encode())


def load_journal(run: Path) -> Journal | None:
    """Return the journal in the folder `run`; None if there is none.

    Raises:
        InputError: it is damaged, or of another version.
    """
    path = run / NAME
    if not path.exists():
        return None
    try:
        table = json.loads(path.read_bytes())
        version, limits = table.pop("format"), table.pop("limits")
        worth = table.pop("worth", {})  # earlier versions did not write it
        if version != FORMAT:
            raise InputError(f"{path} has format {version}, not {FORMAT}; train in another folder")
        return Journal(
            start=Start(**table.pop("start")),
            facts=PhotoFacts(**table.pop("facts")),
            choices=[Choice(**choice) for choice in table.pop("choices")],
            speeds=Speeds(**table.pop("speeds")),
            limits={leg: Limits(**ends) for leg, ends in limits.items()},
            worth={leg: Steps(**steps) for leg, steps in worth.items()},
            **table,
        )
    except InputError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise InputError(f"{path} is damaged; train in another folder") from error


def check_same(found: Start, wanted: Start, run: Path) -> None:
    """Raise unless a run that was started as `found` can go on as `wanted`.

    Raises:
        InputError: photos, settings or options are others.
    """
    others = {
        "photos or masks": found.photos != wanted.photos,
        "settings": found.given != wanted.given,
        "--time": found.seconds != wanted.seconds,
        "--all-photos": found.all_photos != wanted.all_photos,
    }
    changed = [name for name, is_other in others.items() if is_other]
    if changed:
        raise InputError(
            f"{run} was started with other {' and '.join(changed)}; "
            "train in another folder, or give the same as before to go on"
        )
