"""`predict --part K/N` from the outside, and which photos are in a part."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import SettingsError
from pipeline.inference.part import Part
from tests.builders import foveamask
from tests.pipeline.inference.predicting import write_photos

ROOT = Path(__file__).parents[3]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of twelve photos, half of them in a sub-folder."""
    for photo in write_photos(tmp_path / "photos" / "red", 12)[6:]:
        photo.rename(tmp_path / "photos" / photo.name)
    return tmp_path / "photos"


def files(folder: Path) -> dict[str, bytes]:
    """All results in a folder, by their paths in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}


@given(st.text(), st.integers(1, 40))
def test_every_photo_is_in_one_part(name: str, count: int):
    parts = [Part(number, count) for number in range(1, count + 1)]

    assert sum(part.has(name) for part in parts) == 1


def test_parts_are_about_as_large():
    sizes = [sum(Part(k, 8).has(f"car/{i:05}") for i in range(8000)) for k in range(1, 9)]

    assert min(sizes) > 900
    assert max(sizes) < 1100


def test_which_part_a_photo_is_in_never_changes():
    """Or jobs of two versions would leave photos out."""
    assert [name for name in "abcdefgh" if Part(1, 3).has(name)] == ["b", "h"]


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "1/2/3", "-1/2", "1/9999999"])
def test_a_part_that_is_none_is_a_wrong_command_line(text: str):
    with pytest.raises(SettingsError, match=r"--part takes K/N, such as 3/16"):
        Part.parse(text)
    assert Part.parse(" 3/16 ") == Part(3, 16)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("t/masks.csv", "t/masks.part-2-of-3.csv"),
        ("masks.csv.gz", "masks.part-2-of-3.csv.gz"),
        ("a.b.csv", "a.b.part-2-of-3.csv"),
        ("masks", "masks.part-2-of-3"),
    ],
)
def test_a_part_has_tables_of_its_own(name: str, wanted: str):
    assert Part(2, 3).table(Path(name)) == Path(wanted)


def test_parts_together_are_the_whole_and_the_last_call_joins_their_tables(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    def call(out: str, *options: object) -> int:
        table, expected = tmp_path / f"{out}.csv.gz", tmp_path / f"{out}-expected.csv"
        command = ("predict", photos, tmp_path / out, "--csv", table, "--expected", expected)
        return foveamask(*command, "--model", model, "--device", "cpu", *options)

    assert call("whole") == 0
    numbers = []
    for number in (3, 1, 2):
        before = len(files(tmp_path / "parts"))
        assert call("parts", "--part", f"{number}/3") == 0
        numbers.append(len(files(tmp_path / "parts")) - before)
        assert (tmp_path / f"parts.part-{number}-of-3.csv.gz").exists()
    assert all(numbers)
    assert sum(numbers) == 12
    assert not (tmp_path / "parts.csv.gz").exists()
    capsys.readouterr()

    assert call("parts") == 0

    said = capsys.readouterr().err
    assert "12 of 12 photos are done already" in said
    assert "predicting" not in said
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    for table in (".csv.gz", "-expected.csv"):
        parts, whole = (tmp_path / f"{out}{table}" for out in ("parts", "whole"))
        assert parts.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in (tmp_path / "parts").glob("*.*")) == sorted(
        [*(path.name for path in (tmp_path / "whole").glob("*.*"))]
    )
    calls = json.loads((tmp_path / "parts" / "run.json").read_bytes())["calls"]
    assert {call["arguments"]["part"]: call["done"] for call in calls} == dict(
        zip(("3/3", "1/3", "2/3", None), [*numbers, 0], strict=True)
    )


def test_photos_of_a_group_are_in_one_part_if_they_share_a_box(tmp_path: Path, model: Path):
    for i, photo in enumerate(write_photos(tmp_path / "photos", 8)):
        photo.rename(photo.with_name(f"{i % 4:012x}_{i:02}.png"))
    command = ("predict", tmp_path / "photos", "--output", "cutout", "--crop", "group")

    def call(out: str, *options: str) -> None:
        assert foveamask(*command, tmp_path / out, "--model", model, *options) == 0

    call("whole")
    for number in (1, 2, 3):
        call("parts", "--part", f"{number}/3")

    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_a_part_without_photos_is_done(tmp_path: Path, photos: Path, model: Path):
    one = photos / "0006.png"
    statuses = [
        foveamask("predict", one, tmp_path / "out", "--model", model, "--part", f"{k}/4")
        for k in (1, 2, 3, 4)
    ]

    assert statuses == [0, 0, 0, 0]
    assert list(files(tmp_path / "out")) == ["0006.png"]


def test_another_number_of_parts_takes_over_what_is_done(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    command = ("predict", photos, tmp_path / "out", "--model", model)
    assert foveamask(*command, "--part", "1/2") == 0
    num_done = len(files(tmp_path / "out"))
    capsys.readouterr()

    for number in (1, 2, 3):
        assert foveamask(*command, "--part", f"{number}/3") == 0

    said = capsys.readouterr().err.splitlines()
    taken = [int(line.split()[0]) for line in said if "are done already" in line]
    assert sum(taken) == num_done
    assert len(files(tmp_path / "out")) == 12


def test_parts_of_other_options_are_refused(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    command = ("predict", photos, tmp_path / "out", "--model", model)
    assert foveamask(*command, "--part", "1/2") == 0
    before = files(tmp_path / "out")
    capsys.readouterr()

    assert foveamask(*command, "--part", "2/2", "--budget", "1") == 1
    assert "were not made with the same budget" in (said := capsys.readouterr().err)
    assert "name another folder, or remove this one" in said
    assert foveamask(*command, "--part", "2/2", "--overwrite") == 2
    assert "--overwrite starts OUT anew, which --part cannot do" in capsys.readouterr().err
    assert files(tmp_path / "out") == before


@pytest.mark.slow
def test_parts_at_the_same_time_in_one_folder(tmp_path: Path, photos: Path, model: Path):
    command = [sys.executable, "-m", "pipeline", "predict", str(photos), str(tmp_path / "parts")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    jobs = [
        subprocess.Popen(
            [*command, "--model", str(model), "--part", f"{k}/4", "--csv", str(tmp_path / "t.csv")],
            cwd=ROOT,
            env=environment,
        )
        for k in (1, 2, 3, 4)
    ]

    assert [job.wait(timeout=300) for job in jobs] == [0, 0, 0, 0]

    assert foveamask("predict", photos, tmp_path / "whole", "--model", model) == 0
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    tables = [path.read_text().splitlines() for path in tmp_path.glob("t.part-*-of-4.csv")]
    assert sum(len(rows) - 1 for rows in tables) == 12
