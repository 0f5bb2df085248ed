"""What is said of parts: their lists of calls, and whether their results are right."""

import json
import shutil
from pathlib import Path

import pytest

from tests.builders import foveamask
from tests.pipeline.inference.predicting import write_photos


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of twelve photos, half of them in a sub-folder."""
    for photo in write_photos(tmp_path / "photos" / "red", 12)[6:]:
        photo.rename(tmp_path / "photos" / photo.name)
    return tmp_path / "photos"


def test_each_part_lists_its_own_calls(tmp_path: Path, photos: Path, model: Path):
    out = tmp_path / "out"
    for part in ("1/2", "2/2", "2/2"):
        assert foveamask("predict", photos, out, "--model", model, "--part", part) == 0

    lists = {path.name: json.loads(path.read_text())["calls"] for path in out.glob("run*.json")}
    assert set(lists) == {"run.part-1-of-2.json", "run.part-2-of-2.json"}
    (first,), (second, again) = (lists[f"run.part-{k}-of-2.json"] for k in (1, 2))
    assert first["done"] + second["done"] == first["photos"] + second["photos"] == 12
    assert (again["done"], again["skipped"]) == (0, second["done"])
    assert again["arguments"]["part"] == "2/2"


@pytest.mark.parametrize("options", [[], ["--quick"]])
def test_what_parts_have_made_is_verified(
    tmp_path: Path,
    photos: Path,
    model: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
):
    out = tmp_path / "out"
    for part in ("1/2", "2/2"):
        assert foveamask("predict", photos, out, "--model", model, "--part", part) == 0
    verify = ("verify", out, photos, "--model", model, *options)

    assert foveamask(*verify) == 0
    (out / "red" / "0000.png").unlink()
    shutil.copy(out / "red" / "0001.png", out / "red" / "other.png")
    capsys.readouterr()
    assert foveamask(*verify) == 1

    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        str(out / "red" / "0000.png"),
        str(out / "red" / "other.png"),
    ]
    assert lines[1].endswith("no photo is called red/other")
