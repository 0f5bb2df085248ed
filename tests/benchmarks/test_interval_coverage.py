from pathlib import Path

import numpy as np
import pytest

from benchmarks.interval_coverage import app, coverages, read_scores
from data.errors import InputError
from tests.builders import car_name


def write_scores(path: Path, num_cars: int) -> Path:
    """A table of photos whose true errors are 0.8 to 1.4 times the expected ones."""
    random = np.random.default_rng(0)
    lines = ["name,tiles,predicted_dice,coarse_dice,refined_dice"]
    for car in range(num_cars):
        for angle in range(1, 7):
            error = random.uniform(0.002, 0.01)
            true = 1 - error * random.uniform(0.8, 1.4)
            lines.append(f"{car_name(car, angle)},5,{1 - error:.6f},0.5,{true:.6f}")
    path.write_text("\n".join(lines) + "\n")
    return path


def cells_of(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def test_the_tables_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    scores = write_scores(tmp_path / "photos.csv", 15)

    app([str(scores), "--splits", "20"], result_action="return_value")

    splits, fifths, groups, limits = capsys.readouterr().out.strip().split("\n\n")
    rows = cells_of(splits)
    assert [row[0] for row in rows] == ["10 of 15", "12 of 15", "14 of 15"]
    for row in rows:
        held, low, high, below, above = map(float, row[1:])
        assert held > 90
        assert low <= high
        assert held + below + above == pytest.approx(100, abs=0.2)
    edges = [edge for row in cells_of(fifths) for edge in row[1:3]]
    assert len(edges) == 10
    assert edges == sorted(edges)
    assert groups.startswith("all photos of ")
    for _, worse, by_low, of_low, by_expected, of_expected in cells_of(limits):
        assert int(by_expected) <= int(by_low)
        assert int(of_expected) <= int(of_low) <= int(worse)


def test_each_group_is_left_out_once(tmp_path: Path):
    photos = read_scores(write_scores(tmp_path / "photos.csv", 12), "(.{12})_..")

    shares = list(coverages(photos, 11, 999, seed=0))

    assert len(shares) == 12
    for share in shares:
        assert sum(share) == pytest.approx(1)


def test_another_table_is_named(tmp_path: Path):
    (tmp_path / "other.csv").write_text("photo,expected_dice\na.png,0.9\n")

    with pytest.raises(InputError, match="no table of `foveamask evaluate --per-photo`"):
        read_scores(tmp_path / "other.csv", "(.*)")


def test_too_few_groups_are_refused(tmp_path: Path):
    photos = read_scores(write_scores(tmp_path / "photos.csv", 12), "(.{12})_..")

    with pytest.raises(InputError, match="an interval takes 9 groups"):
        photos.ends(np.arange(len(photos.true)) < 12)
