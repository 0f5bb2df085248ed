"""What a check of a data set finds, and how much each finding weighs."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Severity = Literal["fatal", "suspect", "note"]
"""Training would fail; something is probably wrong; good to know."""

WEIGHTS: tuple[Severity, ...] = ("fatal", "suspect", "note")
"""The severities, the heaviest first."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found."""

    code: str
    """Its kind, such as "missing-mask"; stable, for programs."""
    severity: Severity
    message: str
    """What was found, and what to do about it, for a person."""
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


@dataclass(frozen=True)
class Findings:
    """All that was found in a data set, the heaviest first."""

    all: tuple[Finding, ...] = ()

    @classmethod
    def ordered(cls, found: Iterable[Finding]) -> "Findings":
        """Return the findings `found` by weight; those of one weight keep their order."""
        return cls(tuple(sorted(found, key=lambda finding: WEIGHTS.index(finding.severity))))

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of one severity."""
        return tuple(finding for finding in self.all if finding.severity == severity)

    @property
    def fatal(self) -> tuple[Finding, ...]:
        """The findings for which a training would fail."""
        return self.of("fatal")
