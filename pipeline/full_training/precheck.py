"""The check of a data set before it is trained on."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.folders import raise_all
from pipeline.checking.dataset_check import Planned, check_dataset
from pipeline.progress import progress

log = logging.getLogger(__name__)


def check(folders: Sequence[Path], given: Mapping[str, Any]) -> Planned:
    """Say what is suspicious in data folders, and return the training that would follow.

    Args:
        folders: photos with masks.
        given: settings of the user, table by table.

    Raises:
        InputError: a training would fail; the message has all reasons.
    """
    with progress("checking photos") as on_photo:
        found = check_dataset(folders, given, on_photo)
    raise_all(finding.message for finding in found.fatal)
    for finding in found.of("suspect"):
        log.warning("%s", finding.message)
    if found.planned is None:
        raise InputError(f"there is nothing to train on in {', '.join(map(str, folders))}")
    return found.planned
