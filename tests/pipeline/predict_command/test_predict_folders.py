"""`predict` and the commands around it on folders with sub-folders, from the outside."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from data.images import write_png
from tests.builders import foveamask, shaded_photo
from tests.pipeline.inference.predicting import write_photos


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of photos: `0000`, `0001`, `red/0000`, `red/deep/0000`; all differ."""
    write_photos(tmp_path / "photos", 2)
    for i, folder in enumerate(("red", "red/deep")):
        (tmp_path / "photos" / folder).mkdir()
        write_png(tmp_path / "photos" / folder / "0000.png", shaded_photo((64, 96), i))
    return tmp_path / "photos"


def files(folder: Path, pattern: str = "*.png") -> dict[str, bytes]:
    """The files in a folder and below it, by their paths in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob(pattern)}


NAMES = ["0000", "0001", "red/0000", "red/deep/0000"]


def test_results_lie_as_their_photos_do(tmp_path: Path, photos: Path, model: Path):
    out = tmp_path / "out"

    assert foveamask("predict", photos, out, "--model", model) == 0

    masks = files(out)
    assert sorted(masks) == [f"{name}.png" for name in NAMES]
    for i, name in enumerate(NAMES):
        alone = tmp_path / str(i)
        assert foveamask("predict", photos / f"{name}.png", alone, "--model", model) == 0
        assert files(alone) == {"0000.png" if i != 1 else "0001.png": masks[f"{name}.png"]}


def test_of_several_outputs_each_has_the_sub_folders(tmp_path: Path, photos: Path, model: Path):
    options = ("--output", "mask,cutout", "--format", "webp", "--model", model)

    assert foveamask("predict", photos, tmp_path, *options, "--csv", tmp_path / "t.csv") == 0

    assert sorted(files(tmp_path / "mask")) == [f"{name}.png" for name in NAMES]
    assert sorted(files(tmp_path / "cutout", "*.webp")) == [f"{name}.webp" for name in NAMES]


def test_tables_have_the_paths_of_photos(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    out, masks, expected = (tmp_path / name for name in ("out", "masks.csv", "expected.csv"))

    status = foveamask(
        "predict", photos, out, "--model", model, "--csv", masks, "--expected", expected
    )

    assert status == 0
    with masks.open() as file:
        assert [row["img"] for row in csv.DictReader(file)] == [f"{name}.jpg" for name in NAMES]
    with expected.open() as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["photo"] for row in rows) == [f"{name}.png" for name in NAMES]
    capsys.readouterr()
    assert foveamask("check-csv", masks, "--masks", out) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 4


def test_results_among_the_photos_are_never_taken_for_photos(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    for _ in range(2):
        assert foveamask("predict", photos, photos / "masks", "--model", model) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "4 of 4 photos are done already"
    assert foveamask("show", photos, photos / "red" / "pictures", "--model", model) == 0

    assert foveamask("predict", photos, tmp_path / "out", "--model", model) == 0

    assert files(tmp_path / "out") == files(photos / "masks")
    assert len(files(photos / "red" / "pictures")) == 3 * 4


def test_a_call_that_is_repeated_does_what_was_added_in_a_sub_folder(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    assert foveamask("predict", photos, out, "--model", model) == 0
    shutil.copytree(photos / "red", photos / "blue")
    (out / "red" / "0000.png").unlink()
    (out / "red" / ".0123456789abcdef.partial").touch()
    capsys.readouterr()

    assert foveamask("predict", photos, out, "--model", model) == 0

    assert "3 of 6 photos are done already" in capsys.readouterr().err
    assert sorted(files(out)) == sorted(f"{name}.png" for name in [*NAMES, "blue/0000",
                                                                   "blue/deep/0000"])  # fmt: skip
    assert not list(out.rglob(".*.partial"))


@pytest.mark.parametrize("given", ["one folder", "two folders", "two files"])
def test_photos_whose_results_would_collide_are_told_before_any_work(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str], given: str
):
    shutil.copy(photos / "0000.png", photos / "0000.jpg")
    paths = {
        "one folder": [photos],
        "two folders": [photos / "red", photos / "red" / "deep"],
        "two files": [photos / "0001.png", photos / "0000.png", photos / "red" / "0000.png"],
    }[given]

    assert foveamask("predict", *paths, tmp_path / "out", "--model", model) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: results of ")
    assert "would both be called" in line
    hints = {"one folder": "; rename one of them", "two folders": f"; name {photos}/red instead"}
    assert hints.get(given, f"; name {photos} instead, whose sub-folders are kept") in line
    assert not (tmp_path / "out").exists()


def test_a_folder_for_results_among_photos_that_holds_photos_is_refused(
    photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    before = files(photos)

    assert foveamask("predict", photos, photos / "red", "--model", model) == 1

    assert f"{photos}/red lies in {photos} and holds photos" in capsys.readouterr().err
    assert files(photos) == before


def test_true_masks_in_sub_folders_are_never_written_over(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    write_photos(tmp_path / "images" / "red", 1)
    (tmp_path / "masks" / "red").mkdir(parents=True)
    (tmp_path / "masks" / "red" / "0000.png").write_bytes(b"a true mask")

    assert foveamask("predict", tmp_path / "images", tmp_path / "masks", "--model", model) == 1

    assert f"{tmp_path}/masks/red holds the masks" in capsys.readouterr().err
    assert files(tmp_path / "masks") == {"red/0000.png": b"a true mask"}


def test_results_beside_the_photos_can_be_resumed(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    for _ in range(2):
        assert foveamask("predict", photos, tmp_path / "masks", "--model", model) == 0

    assert capsys.readouterr().err.splitlines()[-1] == "4 of 4 photos are done already"


def test_photos_of_all_formats_are_found_in_sub_folders(tmp_path: Path, model: Path):
    photo = Image.fromarray(shaded_photo((64, 96), 0))
    (tmp_path / "photos" / "red").mkdir(parents=True)
    for suffix in ("avif", "webp", "TIF", "jpeg"):
        photo.save(tmp_path / "photos" / "red" / f"{suffix}.{suffix}")

    assert foveamask("predict", tmp_path / "photos", tmp_path / "out", "--model", model) == 0

    assert sorted(files(tmp_path / "out")) == [
        f"red/{name}.png" for name in ("TIF", "avif", "jpeg", "webp")
    ]


def test_masks_in_sub_folders_are_drawn_beside_their_photos(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    assert foveamask("predict", photos, tmp_path / "masks", "--model", model) == 0
    (tmp_path / "masks" / "red" / "deep" / "0000.png").unlink()
    capsys.readouterr()
    show = ("show", photos / "red", tmp_path / "pictures", "--model", model, "--mask")

    assert foveamask(*show, tmp_path / "masks" / "red") == 1
    assert f"no mask of {photos}/red/deep/0000.png in {tmp_path}" in capsys.readouterr().err
    shutil.copy(tmp_path / "masks" / "0000.png", tmp_path / "masks" / "red" / "deep")
    assert foveamask(*show, tmp_path / "masks" / "red") == 0

    pictures = ("difference", "fovea", "overlay", "tiles")
    assert sorted(files(tmp_path / "pictures")) == [
        f"{name}_{picture}.png" for name in ("0000", "deep/0000") for picture in pictures
    ]


def test_what_is_not_read_of_a_data_folder_to_score_is_still_said(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    """A data set has its photos in one folder: those below it are counted, not read."""
    assert foveamask("predict", photos, tmp_path / "masks", "--model", model) == 0
    photos.rename(tmp_path / "images")
    capsys.readouterr()

    assert foveamask("evaluate", tmp_path, "--model", model, "--split", "all") == 0

    said = capsys.readouterr()
    assert json.loads(said.out)["photos"] == 2
    assert "2 photos in folders below (name those folders as well)" in said.err
