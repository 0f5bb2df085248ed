"""The check of a data set before it is trained on."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.folders import raise_all
from pipeline.checking.dataset_check import check_dataset
from pipeline.progress import progress

log = logging.getLogger(__name__)


def check(folders: Sequence[Path], given: Mapping[str, Any]) -> None:
    """Say what is suspicious in data folders, for a training with the settings `given`.

    Raises:
        InputError: a training would fail; the message has all reasons.
    """
    with progress("checking photos") as on_photo:
        findings = check_dataset(folders, given, on_photo)
    raise_all(finding.message for finding in findings.fatal)
    for finding in findings.of("suspect"):
        log.warning("%s", finding.message)
