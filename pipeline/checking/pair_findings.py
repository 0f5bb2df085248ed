"""Findings about names: which photos have no mask, which masks no photo."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from data.errors import InputError
from data.folders import counted
from data.pairing import Pairing, find_pairs
from pipeline.checking.findings import Finding


def find_all_pairs(folders: Sequence[Path]) -> tuple[list[Pairing], list[Finding]]:
    """Return what is found in each data folder, and a finding for each one that has no layout."""
    pairings, findings = [], []
    for folder in folders:
        try:
            pairings.append(find_pairs(folder))
        except InputError as error:
            findings.append(Finding("layout", "fatal", str(error)))
    return pairings, findings


def pair_findings(pairing: Pairing) -> Iterator[Finding]:
    """Yield what is wrong with the names in a data folder."""
    if pairing.missing:
        yield Finding(
            "missing-mask",
            "fatal",
            f"{counted(len(pairing.missing), 'photo')} of {pairing.folder} without a mask",
            pairing.missing,
        )
    if pairing.several:
        yield Finding(
            "several-masks",
            "fatal",
            f"{counted(len(pairing.several), 'photo')} of {pairing.folder} with several masks",
            tuple(pairing.several),
        )
    if pairing.unused:
        yield Finding(
            "missing-photo",
            "fatal",
            f"{counted(len(pairing.unused), 'mask')} of {pairing.folder} without a photo",
            pairing.unused,
        )
