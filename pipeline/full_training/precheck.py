"""The check of a data set before it is trained on."""

import logging
from collections.abc import Sequence
from pathlib import Path

from data.folders import raise_all
from pipeline.checking.dataset_check import check_dataset
from pipeline.config import Config
from pipeline.progress import progress

log = logging.getLogger(__name__)


def check(folders: Sequence[Path], config: Config) -> None:
    """Say what is suspicious in data folders.

    Raises:
        InputError: a training would fail; the message has all reasons.
    """
    with progress("checking photos") as on_photo:
        findings = check_dataset(folders, config, on_photo)
    raise_all(finding.message for finding in findings.fatal)
    for finding in findings.of("suspect"):
        log.warning("%s", finding.message)
