"""For how many photos of groups it was not fitted to the interval around the expected Dice holds.

    foveamask evaluate CARVANA --model carvana --per-photo photos.csv
    python -m benchmarks.interval_coverage photos.csv

The groups are split at random into those that the interval is fitted to and the others, many times,
and once so that each group alone is left out. The other tables are of intervals that were fitted
without the group of the photo: how many photos they hold, by the expected Dice and by group, and
which masks a limit of the Dice lists (`predict --fail-under`).
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cyclopts import App
from numpy.typing import NDArray

from benchmarks.markdown import table
from data.errors import InputError
from data.groups import CARVANA_GROUP, groups_of
from data.tables import open_table
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.dice_interval import MIN_GROUPS, fit_dice_interval

app = App(name="interval_coverage", help_format="plaintext")

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class PhotoTable:
    """What was expected and what is true, N photos."""

    expected: Floats
    """(N,) Dice that the model expects."""
    true: Floats
    """(N,) Dice."""
    groups: NDArray[np.str_]
    """(N,) names of groups."""

    def ends(self, fitted: Flags) -> Floats:
        """Return (N, 2) ends of intervals that are fitted to the photos where `fitted` is true."""
        columns = (self.expected[fitted], self.true[fitted], self.groups[fitted])
        interval = fit_dice_interval(*(column.tolist() for column in columns))
        if interval is None:
            raise InputError(f"an interval takes {MIN_GROUPS} groups of photos")
        return np.array([interval.around(float(dice)) for dice in self.expected])

    def ends_without_own_group(self) -> Floats:
        """Return (N, 2) ends of intervals that are fitted without the group of each photo."""
        ends = np.empty((len(self.true), 2))
        for name in np.unique(self.groups):
            own = self.groups == name
            ends[own] = self.ends(~own)[own]
        return ends

    def held(self, ends: Floats) -> Flags:
        """Return (N,) whether the true Dice is between (N, 2) `ends`."""
        return (ends[:, 0] <= self.true) & (self.true <= ends[:, 1])


@app.default
def interval_coverage(
    scores: Path, /, *, group: str = CARVANA_GROUP, splits: Count = 200, seed: int = 0
) -> None:
    """Print the tables.

    Args:
        scores: table of `foveamask evaluate --per-photo`.
        group: regular expression for a whole name; its first bracket is the group.
        splits: number of random splits.
        seed: of the splits.
    """
    photos = read_scores(scores, group)
    num = len(np.unique(photos.groups))
    sizes = sorted({max(MIN_GROUPS, num * 2 // 3), max(MIN_GROUPS, num * 4 // 5), num - 1})
    rows = []
    for size in (size for size in sizes if size < num):
        shares = np.array(list(coverages(photos, size, splits, seed)))
        held, below, above = shares.mean(0)
        low, high = np.quantile(shares[:, 0], [0.05, 0.95])
        cells = (held, low, high, below, above)
        rows.append([f"{size} of {num}", *(f"{100 * cell:.1f}" for cell in cells)])
    print(table(("groups fitted to", "held, %", "5 %", "95 %", "below, %", "above, %"), rows))
    ends = photos.ends_without_own_group()
    print(table(("photos by expected Dice", "from", "to", "held, %"), by_expected(photos, ends)))
    of_groups = shares_of_groups(photos, ends)
    print(
        f"all photos of {(of_groups == 1).sum()} of {num} groups are held, and "
        f"{100 * of_groups.min():.1f} % of the worst\n"
    )
    headings = ("limit", "worse", "listed", "of the worse", "by expected Dice", "of the worse")
    print(table(headings, listed(photos, ends)))


def read_scores(path: Path, group: str) -> PhotoTable:
    """Return the photos of a table of `foveamask evaluate --per-photo`.

    Raises:
        InputError: it is another table.
    """
    with open_table(path) as file:
        rows = list(csv.DictReader(file))
    names = [row.get("name", "") for row in rows]
    stages = ("postprocessed_dice", "refined_dice", "coarse_dice")
    stage = next((stage for stage in stages if rows and stage in rows[0]), None)
    if stage is None:
        raise InputError(f"{path} is no table of `foveamask evaluate --per-photo`")
    return PhotoTable(
        np.array([float(row["predicted_dice"]) for row in rows]),
        np.array([float(row[stage]) for row in rows]),
        np.array(groups_of(names, group)),
    )


def coverages(
    photos: PhotoTable, num_fitted: int, splits: int, seed: int
) -> Iterator[tuple[float, float, float]]:
    """Yield for each split the shares of the other groups' photos in, below and above the interval.

    If one group is left out, each of them is once. Groups count alike.
    """
    names, random = np.unique(photos.groups), np.random.default_rng(seed)
    alone = num_fitted == len(names) - 1
    for i in range(len(names) if alone else splits):
        others = names[i : i + 1] if alone else random.permutation(names)[num_fitted:]
        ends = photos.ends(~np.isin(photos.groups, others))
        shares = []
        for name in others:
            own = photos.groups == name
            below = (photos.true < ends[:, 0])[own].mean()
            above = (photos.true > ends[:, 1])[own].mean()
            shares.append((1 - below - above, below, above))
        held, low, high = np.mean(shares, axis=0).tolist()
        yield held, low, high


def by_expected(photos: PhotoTable, ends: Floats) -> list[list[str]]:
    """Return a row for each fifth of the photos by expected Dice."""
    rows = []
    for i, part in enumerate(np.array_split(np.argsort(photos.expected), 5), 1):
        low, high = photos.expected[part[0]], photos.expected[part[-1]]
        held = 100 * photos.held(ends)[part].mean()
        rows.append([f"fifth {i}", f"{low:.4f}", f"{high:.4f}", f"{held:.1f}"])
    return rows


def shares_of_groups(photos: PhotoTable, ends: Floats) -> Floats:
    """Return the share of the photos of each group whose Dice is between `ends`."""
    held = photos.held(ends)
    return np.array([held[photos.groups == name].mean() for name in np.unique(photos.groups)])


def listed(photos: PhotoTable, ends: Floats) -> list[list[str]]:
    """Return a row for each of some limits that some masks are below."""
    rows = []
    for share in (0.01, 0.03, 0.05, 0.1, 0.2):
        limit = round(float(np.quantile(photos.true, share)), 4)
        worse = photos.true < limit
        counts = [worse.sum()]
        for by in (ends[:, 0] < limit, photos.expected < limit):
            counts += [by.sum(), (by & worse).sum()]
        rows.append([f"{limit:.4f}", *map(str, counts)])
    return rows


if __name__ == "__main__":
    sys.exit(run(app))
