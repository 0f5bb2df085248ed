"""The command `convert`, from files to files."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.arrays import Mask
from data.masks import write_mask
from data.polygons import FormatName
from pipeline.cli import main
from tests.data.polygons.converting import (
    FORMATS,
    ONE_FILE,
    assert_same,
    convert,
    document,
    read_folder,
)
from tests.data.polygons.mask_examples import EXAMPLES


@pytest.mark.parametrize("to", FORMATS)
def test_masks_go_there_and_come_back(tmp_path: Path, masks: dict[str, Mask], to: FormatName):
    out = tmp_path / ONE_FILE.get(to, "out")

    there = convert(tmp_path / "masks", out, "--to", to)
    back = convert(out, tmp_path / "back", "--to", "png", "--photos", tmp_path / "photos")

    assert (there, back) == (0, 0)
    assert_same(read_folder(tmp_path / "back"), masks)


@pytest.mark.parametrize("to", FORMATS)
def test_the_same_command_again_changes_nothing(
    tmp_path: Path, masks: dict[str, Mask], to: FormatName
):
    out = tmp_path / ONE_FILE.get(to, "out")
    convert(tmp_path / "masks", out, "--to", to)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    convert(tmp_path / "masks", out, "--to", to, "--overwrite")

    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert before == after


def test_the_csv_is_one_that_check_csv_takes(tmp_path: Path, masks: dict[str, Mask]):
    convert(tmp_path / "masks", tmp_path / "a.csv.gz", "--to", "csv")

    checked = main(["check-csv", f"{tmp_path}/a.csv.gz", "--masks", f"{tmp_path}/masks"])

    assert checked == 0


def test_photos_give_names_and_labelme_a_path(tmp_path: Path, masks: dict[str, Mask]):
    (tmp_path / "photos/a.jpg").rename(tmp_path / "photos/a.JPEG")
    options = ("--photos", tmp_path / "photos", "--category", "car")

    convert(tmp_path / "masks", tmp_path / "coco.json", "--to", "coco", *options)
    convert(tmp_path / "masks", tmp_path / "x/labels", "--to", "labelme", *options)

    content = json.loads((tmp_path / "coco.json").read_bytes())
    assert [image["file_name"] for image in content["images"]] == ["a-b.jpg", "a.JPEG", "ü c.jpg"]
    assert content["categories"][0]["name"] == "car"
    content = json.loads((tmp_path / "x/labels/a.json").read_bytes())
    assert content["imagePath"] == "../../photos/a.JPEG"
    assert {shape["label"] for shape in content["shapes"]} == {"car"}


def test_masks_of_carvana_lose_the_ending_of_their_names(tmp_path: Path):
    (tmp_path / "in").mkdir()
    write_mask(tmp_path / "in/x_mask.png", EXAMPLES["hair"])

    convert(tmp_path / "in", tmp_path / "out", "--to", "yolo")

    assert sorted(path.name for path in (tmp_path / "out").rglob("*.*")) == ["data.yaml", "x.txt"]


def test_every_part_is_an_object_where_asked(tmp_path: Path):
    (tmp_path / "in").mkdir()
    write_mask(tmp_path / "in/x.png", EXAMPLES["parts"])

    convert(tmp_path / "in", tmp_path / "a.json", "--to", "coco", "--instances")

    assert len(json.loads((tmp_path / "a.json").read_bytes())["annotations"]) == 3


def test_a_category_is_chosen_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    content = document(["x.jpg"])
    content["categories"].append({"id": 4, "name": "tree"})
    tree = {"id": 9, "image_id": 0, "category_id": 4, "segmentation": [[4, 0, 8, 0, 8, 6, 4, 6]]}
    content["annotations"].append(tree)
    (tmp_path / "in.json").write_text(json.dumps(content))
    command = (tmp_path / "in.json", tmp_path / "out", "--to", "yolo", "--category")

    assert convert(*command[:-1]) == 1
    assert "has the categories car, tree; choose" in capsys.readouterr().err
    assert convert(*command, "bus") == 1
    assert "there is no 'bus'; the categories are car, tree" in capsys.readouterr().err
    assert convert(*command, "tree") == 0
    assert "0: tree" in (tmp_path / "out/data.yaml").read_text()
    assert (tmp_path / "out/labels/x.txt").read_text().startswith("0 1.0")


def test_a_format_can_be_given(tmp_path: Path, masks: dict[str, Mask]):
    convert(tmp_path / "masks", tmp_path / "photos", "--to", "labelme")
    cv2.imwrite(str(tmp_path / "photos/a.png"), np.zeros((3, 3)))

    there = convert(tmp_path / "photos", tmp_path / "back", "--to", "png", "--from", "labelme")

    assert there == 0
    assert_same(read_folder(tmp_path / "back"), masks)


@pytest.mark.parametrize("to", ["labelme", "geojson", "svg", "yolo"])
def test_hidden_files_are_no_polygons(tmp_path: Path, masks: dict[str, Mask], to: FormatName):
    """Such as those of macOS, and the manifest of `predict`."""
    out = tmp_path / "out"
    convert(tmp_path / "masks", out, "--to", to)
    place = out / "labels" if to == "yolo" else out
    for suffix in ("json", "geojson", "svg", "txt"):
        (place / f".hidden.{suffix}").write_text("{}")

    back = convert(out, tmp_path / "back", "--to", "png", "--photos", tmp_path / "photos")

    assert back == 0
    assert_same(read_folder(tmp_path / "back"), masks)
