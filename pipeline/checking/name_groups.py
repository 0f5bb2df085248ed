"""Groups in the names of photos, proposed as a pattern for the setting `data.group`."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.groups import groups_of

CANDIDATES = (
    r"(.+?) ?\(\d+\)",
    r"(.+?)[-_. ](?:copy|edit|flip|mirror|rot|rotated|crop|aug)[-_. ]?\d*",
    r"(.+)[-_. ][a-zA-Z]*\d+",
    r"(.+)[-_. ][a-zA-Z]+",
    r"(.+\d)[a-zA-Z]",
    r"([^-_. ]+)[-_. ].+",
    r"(\d{8})[-_]?\d{4,6}.*",
)
"""Patterns of names: a number in brackets or a mark of a copy at the end, a number, a word or a
letter at the end, what stands before the first sign between words, a date."""

LEAST_GROUPS = 3
LEAST_SIZE = 1.5
"""Photos in a group, on the average, below which there are hardly any groups."""

LEAST_FITTING = 0.5
"""Share of the names that a pattern must fit."""

ALIKE = 0.8
"""Photos of one group must be so much nearer to each other than photos of different ones."""

MAX_PAIRS = 2000


@dataclass(frozen=True)
class GroupProposal:
    """A pattern that finds groups of photos that look alike."""

    pattern: str
    num_groups: int
    num_photos: int
    """Photos that the pattern fits."""
    example: tuple[str, ...]
    """Names of the photos of one group."""


def propose_groups(stems: Sequence[str], features: NDArray[np.float32]) -> GroupProposal | None:
    """Return the pattern that groups photos best; None if none finds groups of photos alike.

    Args:
        stems: (N,) names of the photos without their endings.
        features: (N, D) what they look like; see `pipeline.checking.looks`.
    """
    best, lowest = None, ALIKE
    for pattern in CANDIDATES:
        fits = [re.fullmatch(pattern, stem) is not None for stem in stems]
        groups = groups_of(stems, pattern)
        sizes = Counter(groups)
        if (
            sum(fits) < LEAST_FITTING * len(stems)
            or len(sizes) < LEAST_GROUPS
            or len(stems) < LEAST_SIZE * len(sizes)
        ):
            continue
        ratio = _nearness(np.array(groups), features)
        if ratio < lowest:
            largest = sizes.most_common(1)[0][0]
            members = [stem for stem, group in zip(stems, groups, strict=True) if group == largest]
            best = GroupProposal(pattern, len(sizes), sum(fits), tuple(sorted(members)))
            lowest = ratio
    return best


def _nearness(groups: NDArray[np.str_], features: NDArray[np.float32]) -> float:
    """Return the mean distance within groups over that between groups, of pairs at random."""
    random = np.random.default_rng(0)
    order = np.argsort(groups, kind="stable")
    same = groups[order][1:] == groups[order][:-1]
    first, second = order[:-1][same][:MAX_PAIRS], order[1:][same][:MAX_PAIRS]
    one, other = random.integers(0, len(groups), (2, MAX_PAIRS))
    different = groups[one] != groups[other]
    within = np.linalg.norm(features[first] - features[second], axis=1)
    apart = np.linalg.norm(features[one[different]] - features[other[different]], axis=1)
    return float(within.mean() / max(float(apart.mean()), 1e-6))
