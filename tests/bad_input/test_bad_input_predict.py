"""What a user can get wrong about predict and evaluate, and what these answer."""

import csv
import errno
import shutil
from pathlib import Path

import pytest
import torch

from pipeline.cli import main
from tests.bad_input.answers import Errors


def test_a_damaged_model_is_named_with_what_to_run(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path
):
    weights = next(untrained.glob("refiner-*"))
    damaged = bytearray(weights.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    weights.write_bytes(damaged)

    said = errors(1, "predict", data / "images", tmp_path / "out", "--model", untrained)

    assert len(said) == 1
    assert weights.name in said[0]
    assert "train-coarse" in said[0]
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(self: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)

    said = errors(1, "predict", data / "images", tmp_path / "out", "--model", untrained)

    assert "No space left on device" in said[-1]
    assert not [*(tmp_path / "out").glob("*.png"), *(tmp_path / "out").glob("*.partial")]


def test_a_folder_that_cannot_be_written_to_is_one_line(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path
):
    (tmp_path / "file").write_text("in the way")

    said = errors(1, "predict", data / "images", tmp_path / "file" / "out", "--model", untrained)

    assert len(said) == 1
    assert "file" in said[0]


def test_photos_without_a_folder_for_their_masks_are_told_so(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path
):
    photos = sorted((data / "images").iterdir())
    more = tmp_path / "more"
    more.mkdir()
    shutil.copy(photos[0], more)

    [said] = errors(1, "predict", *photos, "--model", untrained)
    assert f"{photos[-1]} is a file; the last argument names the folder" in said

    [said] = errors(1, "predict", data / "images", more, "--model", untrained)
    assert f"{more / photos[0].name} is no mask, and would be replaced by one" in said


@pytest.mark.parametrize("option", ["--csv", "--expected", "--per-photo"])
def test_a_table_that_cannot_be_written_is_said_before_the_work(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path, option: str
):
    out = tmp_path / "out"
    command = ["evaluate", data] if option == "--per-photo" else ["predict", data / "images", out]

    [said] = errors(1, *command, "--model", untrained, option, tmp_path)

    assert f"{tmp_path} is a folder; name a file" in said
    assert not list(out.glob("*.png"))


@pytest.mark.parametrize(
    ("command", "option"),
    [("predict", "--csv"), ("predict", "--expected"), ("evaluate", "--per-photo")],
)
def test_a_table_never_takes_the_place_of_something_else(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path, command: str, option: str
):
    """As where the name of the table was left out: predict --csv photos/* masks/."""
    photos, out = sorted((data / "images").iterdir()), tmp_path / "out"
    arguments = [*photos, out] if command == "predict" else [photos[0], data]
    before = photos[0].read_bytes()

    [said] = errors(1, command, option, *arguments, "--model", untrained)

    assert f"{photos[0]} is not a table with the columns" in said
    assert photos[0].read_bytes() == before
    assert not out.exists()


def test_a_folder_with_other_masks_is_not_written_to_unless_told_so(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path
):
    command = ["predict", data / "images", tmp_path / "out", "--model", untrained]
    errors(0, *command, "--stage", "coarse")

    [said] = errors(1, *command)
    assert said == (
        f"error: the results in {tmp_path / 'out'} were not made with the same stage (coarse, now "
        "refined); use --overwrite to make all results anew, or name another folder"
    )

    assert errors(0, *command, "--overwrite")[-1].startswith("4 of 4 photos in")
    assert errors(0, *command)[-1] == "4 of 4 photos are done already"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "run the same command again to resume"),
        (["--csv", "c.csv", "--expected", "e.csv"], "run the same command again to resume"),
        (["--overwrite"], "run the same command again, without --overwrite, to resume"),
    ],
)
def test_it_is_said_how_an_interrupted_command_is_resumed(
    errors: Errors,
    data: Path,
    untrained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str,
):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.inference.predict.predict_photos", interrupted)

    found = errors(130, "predict", data / "images", "out", "--model", untrained, *options)

    assert found == [f"error: interrupted; {said}"]


def test_a_missing_gpu_is_said(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    said = errors(
        1, "predict", data / "images", tmp_path / "out", "--model", untrained, "--device", "cuda"
    )

    assert said == ["error: no CUDA device was found; use --device cpu or auto"]


def test_a_mask_never_takes_the_place_of_a_photo(errors: Errors, data: Path, untrained: Path):
    before = (data / "images" / "a.png").read_bytes()

    said = errors(1, "predict", data / "images", data / "images", "--model", untrained)

    assert len(said) == 1
    assert "images holds the photos; name another folder" in said[0]
    assert (data / "images" / "a.png").read_bytes() == before


def test_a_file_name_with_a_comma_stays_one_cell(untrained: Path, data: Path, tmp_path: Path):
    (data / "images" / "a.png").rename(data / "images" / "a, b.png")
    table = tmp_path / "masks.csv"

    photos, out = str(data / "images"), str(tmp_path / "out")
    main(["predict", photos, out, "--model", str(untrained), "--csv", str(table)])

    with table.open(newline="") as file:
        rows = list(csv.reader(file))
    assert [len(row) for row in rows] == [2] * 5
    assert rows[1][0] == "a, b.jpg"
