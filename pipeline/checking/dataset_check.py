"""The check of a data set: everything that can be said before a training, all at once."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.checking.findings import Finding, Findings
from pipeline.checking.pair_findings import find_all_pairs, pair_findings
from pipeline.config import Config
from pipeline.progress import OnStep


def check_dataset(
    folders: Sequence[Path], config: Config, on_photo: OnStep | None = None
) -> Findings:
    """Return everything that is found in data folders, the heaviest first.

    Args:
        folders: photos with masks, in one of the known layouts; the validation set comes from the
            first one.
        config: settings of the training that is to follow.
        on_photo: called after each photo with the number done and the number of all.
    """
    pairings, found = find_all_pairs(folders)
    findings: list[Finding] = [*found]
    for pairing in pairings:
        findings += pair_findings(pairing)
    return Findings.ordered(findings)
