"""The check of a data set: everything that can be said before a training, all at once."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from data.errors import InputError, SettingsError
from data.geometry import Size
from data.groups import groups_of
from data.pairing import Pairing
from data.samples import Sample
from data.threads import map_threads, named
from pipeline.checking.examination import Examined, Problem, examine
from pipeline.checking.findings import Finding, Findings, by_weight
from pipeline.checking.forecast import Forecast, fitted, forecast
from pipeline.checking.mask_findings import choice_findings, share_findings, value_findings
from pipeline.checking.pair_findings import find_all_pairs, pair_findings, same_name_findings
from pipeline.checking.photo_findings import (
    edge_findings,
    odd_findings,
    problem_findings,
    size_findings,
)
from pipeline.checking.set_findings import copy_findings, group_findings, pattern_findings
from pipeline.config import AUTO, Config, DataConfig
from pipeline.inference.cpu_setup import opencv_in_one_thread
from pipeline.progress import OnStep
from pipeline.toml_settings import overlaid
from pipeline.training.coarse_training import check_init
from pipeline.training.fitted_settings import Choice
from pipeline.training.photo_facts import PhotoFacts, summary
from pipeline.training.split import divide

CHANGE_INIT = "begin with another model"


@dataclass(frozen=True)
class Planned:
    """A training on the data set, as far as it can be planned."""

    config: Config
    """The settings, those included that are fitted to the photos."""
    choices: tuple[Choice, ...]
    """The settings that are fitted."""
    facts: PhotoFacts
    size: Size
    """The size that most photos have."""
    train: tuple[Sample, ...]
    val: tuple[Sample, ...]


@dataclass(frozen=True)
class DatasetCheck(Findings):
    """All that was found in a data set, and the training that would follow."""

    folders: tuple[Path, ...] = ()
    examined: tuple[Examined, ...] = ()
    """The photos that have a mask, in the order of their names."""
    planned: Planned | None = None
    """None if a training would fail."""

    def forecast(self, device: torch.device) -> Forecast | None:
        """Return what a training would do; a few of its steps are timed on `device`."""
        if self.planned is None:
            return None
        p = self.planned
        return forecast(p.config, p.choices, p.facts, p.size, (p.train, p.val), device)


def check_dataset(
    folders: Sequence[Path], given: Mapping[str, Any], on_photo: OnStep | None = None
) -> DatasetCheck:
    """Return everything that is found in data folders, the heaviest first.

    Args:
        folders: photos with masks, in one of the known layouts; the validation set comes from the
            first one.
        given: settings of the training that is to follow, table by table, as in a settings file.
            All others are fitted to the photos.
        on_photo: called after each photo with the number done and the number of all.

    Raises:
        SettingsError: there is an error in the settings.
    """
    data = overlaid(Config(), given).data
    pairings, layout_findings = find_all_pairs(folders)
    samples = samples_of(pairings, data)
    examined = examine_all(samples, on_photo)
    whole = [e for e in examined if e.is_whole]
    findings = [
        *layout_findings,
        *(finding for pairing in pairings for finding in pair_findings(pairing)),
        *same_name_findings(pairings),
        *problem_findings(examined),
        *choice_findings(examined),
        *pattern_findings([sample.name for sample in samples], data),
    ]
    planned = None
    if whole:
        try:
            planned = plan(whole, folders[0], given)
        except InputError as error:
            findings.append(_split_finding(whole, str(error)))
    findings += set_findings(examined, whole, planned)
    ordered = by_weight(findings)
    is_fatal = any(finding.severity == "fatal" for finding in ordered)
    return DatasetCheck(ordered, tuple(folders), tuple(examined), None if is_fatal else planned)


def samples_of(pairings: Iterable[Pairing], data: DataConfig) -> list[Sample]:
    """Return the photos that have a mask, by name, with their groups."""
    found = [(pairing.folder, *pair) for pairing in pairings for pair in pairing.pairs.items()]
    stems = [photo.stem for _, photo, _ in found]
    try:
        groups = groups_of(stems, data.group)
    except SettingsError:  # which is a finding
        groups = stems
    return sorted(
        Sample(photo.stem, photo, mask, group, folder, data.object)
        for (folder, photo, mask), group in zip(found, groups, strict=True)
    )


def examine_all(samples: Sequence[Sample], on_photo: OnStep | None = None) -> list[Examined]:
    """Look at each photo with its mask, in threads."""
    examined = []
    with (
        opencv_in_one_thread(),
        closing(map_threads(named(examine), samples)) as results,
    ):
        for i, (sample, result) in enumerate(zip(samples, results, strict=True), 1):
            if isinstance(result, InputError):
                result = Examined(sample, (Problem("damaged-photo", str(result)),))
            examined.append(result)
            if on_photo is not None:
                on_photo(i, len(samples))
    return examined


def plan(whole: Sequence[Examined], first_folder: Path, given: Mapping[str, Any]) -> Planned:
    """Return the training that would follow.

    Raises:
        InputError: one of its sets would be empty, or it may not begin with the model that the
            settings name.
    """
    samples = [e.sample for e in whole]
    facts = summary(
        [e.mask.facts for e in whole if e.mask is not None],
        len(samples),
        len({sample.group for sample in samples}),
    )
    first = [sample for sample in samples if sample.folder == first_folder]
    config, choices = fitted(given, facts, first)
    train, val = divide(samples, first_folder, config.data)
    if config.coarse.init not in ("", AUTO):
        check_init(config.coarse, val, CHANGE_INIT)
    ((size, _),) = Counter(e.size for e in whole if e.size is not None).most_common(1)
    return Planned(config, tuple(choices), facts, size, tuple(train), tuple(val))


def _split_finding(whole: Sequence[Examined], error: str) -> Finding:
    num_groups = len({e.sample.group for e in whole})
    if num_groups > 1:
        return Finding("split", "fatal", f"{error}.")
    what = "group of photos" if len(whole) > 1 else "photo with a mask that fits it"
    return Finding(
        "split",
        "fatal",
        f"There is only one {what}. At least two are needed: one to train on, and one to hold out "
        "to measure how good the model is.",
    )


def set_findings(
    examined: Sequence[Examined], whole: Sequence[Examined], planned: Planned | None
) -> Iterator[Finding]:
    """Yield what is found in photos that can be read, and in masks that fit them."""
    long_side = (planned.config if planned else Config()).data.long_side
    held_out = {sample.name for sample in planned.val} if planned else set()
    yield from copy_findings(examined, held_out)
    yield from share_findings(whole, long_side)
    yield from edge_findings(whole)
    yield from odd_findings(examined)
    yield from group_findings(examined)
    yield from size_findings(examined)
    yield from value_findings(examined)
