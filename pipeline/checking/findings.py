"""What a check of a data set finds, and how much each finding weighs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Severity = Literal["fatal", "suspect", "note"]
"""Training would fail; something is probably wrong; good to know."""

SHORT: Mapping[str, str] = {
    "damaged-photo": "cannot be read",
    "unreadable-mask": "mask cannot be read",
    "sizes-differ": "sizes differ",
    "choose-object": "which values?",
    "empty-mask": "empty mask",
    "full-mask": "full mask",
    "inverted-set": "inverted?",
    "inverted-mask": "inverted?",
    "tiny-object": "tiny object",
    "near-copies": "copy",
    "copies-disagree": "copy, other mask",
    "edges-disagree": "edges disagree",
    "unlike-photo": "unlike the rest",
    "flat-photo": "shows nothing",
    "small-photo": "small",
}
"""What a contact sheet writes under a photo, by the kind of finding."""

WEIGHTS: Mapping[Severity, str] = {
    "fatal": "Training would fail",
    "suspect": "Probably wrong",
    "note": "Good to know",
}
"""The severities, the heaviest first, and their titles."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found."""

    code: str
    """Its kind, such as "missing-mask"; stable, for programs."""
    severity: Severity
    message: str
    """What was found, and what to do about it, for a person. Lines of a settings file, and reasons
    of single files, are lines of their own, indented by four."""
    photos: tuple[Path, ...] = ()
    """The photos that it is about, or the masks where these have no photo; empty for all of
    them."""

    def to_json(self) -> dict[str, Any]:
        """Return it as a table of JSON values."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "photos": [str(photo) for photo in self.photos],
        }


def by_weight(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings, the heaviest first; those of one weight keep their order."""
    order = list(WEIGHTS)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


@dataclass(frozen=True)
class Findings:
    """All that was found in a data set."""

    all: tuple[Finding, ...] = ()
    """The heaviest first."""

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of one severity."""
        return tuple(finding for finding in self.all if finding.severity == severity)

    @property
    def fatal(self) -> tuple[Finding, ...]:
        """The findings for which a training would fail."""
        return self.of("fatal")
