"""What `convert` says about bad input, and that the other photos are done."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from data.arrays import Mask
from tests.data.polygons.converting import (
    ONE_FILE,
    SIZE,
    assert_same,
    convert,
    document,
    read_folder,
)
from tests.data.polygons.mask_examples import mask_of


@pytest.mark.parametrize(
    "name", ["../../x.jpg", "/etc/x.jpg", "a/b/../x.jpg", "..\\..\\x.jpg", "x/", "./x.jpg"]
)
@pytest.mark.parametrize("to", ["png", "labelme", "coco"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str, to: str):
    (tmp_path / "in.json").write_text(json.dumps(document([name])))
    (tmp_path / "results").mkdir()
    out = tmp_path / "results" / ONE_FILE.get(to, "out")

    assert convert(tmp_path / "in.json", out, "--to", to) == 0

    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "in.json"]
    assert [path.parent for path in files] == [out if to != "coco" else out.parent]
    if to == "coco":
        assert json.loads(out.read_bytes())["images"][0]["file_name"] == "x.jpg"


@pytest.mark.parametrize(
    "name",
    ["..", "", "/", "a\0b.jpg", "a\nb.jpg", "\ud800.jpg", "x" * 250 + ".jpg", 3, None, "..."],
)
def test_a_name_that_cannot_be_a_file_s_is_told_and_the_others_are_done(
    tmp_path: Path, name: object, capsys: pytest.CaptureFixture[str]
):
    names: list[Any] = ["good.jpg", name]
    (tmp_path / "in.json").write_text(json.dumps(document(names)))

    status = convert(tmp_path / "in.json", tmp_path / "out", "--to", "png")

    assert status == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert "in.json, image" in errors[0]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]


BAD_LABELME = {
    "broken": b'{"shapes": [',
    "deep": b'{"shapes":' + b"[" * 5000,
    "huge": b'{"shapes": [], "imageHeight": 999999999, "imageWidth": 999999999}',
    "other size": b'{"shapes": [], "imageHeight": 5, "imageWidth": 8}',
    "crossing": b'{"shapes": [{"label": "car", "points": [[0,0],[5,5],[5,0],[0,5]]}],'
    b'"imageHeight": 6, "imageWidth": 8}',
    "outside": b'{"shapes": [{"label": "car", "points": [[0,0],[50,5],[5,0]]}],'
    b'"imageHeight": 6, "imageWidth": 8}',
    "two points": b'{"shapes": [{"label": "car", "points": [[0,0],[5,5]]}],'
    b'"imageHeight": 6, "imageWidth": 8}',
    "nan": b'{"shapes": [{"label": "car", "points": [[0,0],[5,5],[NaN,1]]}],'
    b'"imageHeight": 6, "imageWidth": 8}',
    "other category": b'{"shapes": [{"label": "tree", "points": [[0,0],[5,0],[5,5]]}],'
    b'"imageHeight": 6, "imageWidth": 8}',
    "without a photo": b'{"shapes": [], "imageHeight": 6, "imageWidth": 8}',
}


def test_each_bad_file_is_told_in_a_line_and_the_others_are_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "in").mkdir()
    (tmp_path / "photos").mkdir()
    good = b'{"shapes": [{"label": "car", "points": [[1,1],[5,1],[5,5]]}],'
    good += b'"imageHeight": 6, "imageWidth": 8}'
    for name, data in {"a": good, "z": good, **BAD_LABELME}.items():
        (tmp_path / f"in/{name}.json").write_bytes(data)
        if name != "without a photo":
            cv2.imwrite(str(tmp_path / f"photos/{name}.png"), np.zeros((*SIZE, 3), np.uint8))

    status = convert(
        tmp_path / "in", tmp_path / "out", "--to", "coco", "--photos", tmp_path / "photos"
    )

    said = capsys.readouterr().err.splitlines()
    errors = [line for line in said if line.startswith("error: ")]
    assert status == 1
    assert len(errors) == len(BAD_LABELME)
    for name in BAD_LABELME:
        assert sum(f"{name}.json" in line for line in errors) == 1, name
    content = json.loads((tmp_path / "out").read_bytes())
    assert [image["file_name"] for image in content["images"]] == ["a.png", "z.png"]


def test_two_photos_of_one_stem_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "in.json").write_text(json.dumps(document(["a/x.jpg", "b/x.png"])))

    status = convert(tmp_path / "in.json", tmp_path / "out", "--to", "svg")

    assert status == 1
    assert "image b/x.png: the stem x is there twice" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x.svg"]


def test_what_somebody_has_changed_is_not_overwritten(
    tmp_path: Path, masks: dict[str, Mask], capsys: pytest.CaptureFixture[str]
):
    convert(tmp_path / "masks", tmp_path / "out", "--to", "labelme")
    (tmp_path / "out/a.json").write_text("{}")

    again = convert(tmp_path / "masks", tmp_path / "out", "--to", "labelme")

    assert again == 1
    assert "a.json exists with other content; --overwrite replaces it" in capsys.readouterr().err
    assert (tmp_path / "out/a.json").read_text() == "{}"
    assert convert(tmp_path / "masks", tmp_path / "out", "--to", "labelme", "--overwrite") == 0
    assert (tmp_path / "out/a.json").read_text() != "{}"


@pytest.mark.parametrize("to", ["coco", "csv"])
def test_a_file_that_is_there_is_not_overwritten(
    tmp_path: Path, masks: dict[str, Mask], to: str, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").write_text("")

    assert convert(tmp_path / "masks", tmp_path / "file", "--to", to) == 1
    assert "exists already; --overwrite replaces it" in capsys.readouterr().err
    assert convert(tmp_path / "masks", tmp_path / "file", "--to", to, "--overwrite") == 0


def test_what_is_read_is_not_written_to(
    tmp_path: Path, masks: dict[str, Mask], capsys: pytest.CaptureFixture[str]
):
    photos = ("--photos", tmp_path / "photos")

    assert convert(tmp_path / "masks", tmp_path / "masks", "--to", "png") == 1
    assert convert(tmp_path / "masks", tmp_path / "photos", "--to", "png", *photos) == 1
    assert capsys.readouterr().err.count("is read from; name another place to write to") == 2
    assert convert(tmp_path / "masks", tmp_path / "photos", "--to", "labelme", *photos) == 0


def test_labels_of_unknown_size_need_photos_or_a_size(
    tmp_path: Path, masks: dict[str, Mask], capsys: pytest.CaptureFixture[str]
):
    convert(tmp_path / "masks", tmp_path / "yolo", "--to", "yolo")

    assert convert(tmp_path / "yolo", tmp_path / "back", "--to", "png") == 2
    assert "give --photos DIR, or --size" in capsys.readouterr().err
    assert convert(tmp_path / "yolo", tmp_path / "back", "--to", "png", "--size", 6, 8) == 0
    assert_same(read_folder(tmp_path / "back"), masks)


def test_bad_rows_of_a_csv_are_told_and_the_others_are_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    rows = ["img,rle_mask", "a.jpg,1 2", "b.jpg,1 99", "c.jpg", "../d.jpg,3 1", "a.jpg,1 1"]
    (tmp_path / "in.csv").write_text("\n".join(rows) + "\n")

    status = convert(tmp_path / "in.csv", tmp_path / "out", "--to", "png", "--size", 1, 3)

    said = capsys.readouterr().err
    assert status == 1
    for line, reason in ((3, "ends at pixel"), (4, "a row has 2"), (6, "is there twice")):
        assert [s for s in said.splitlines() if f"in.csv line {line}" in s and reason in s]
    assert_same(read_folder(tmp_path / "out"), {"a": mask_of("##."), "d": mask_of("..#")})


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has none of masks, JSON, SVG and text files"),
        ({"a.json": "{}", "b.svg": "<svg/>"}, "a.json is JSON, but of none of COCO"),
        ({"a.json": '{"shapes": []}', "b.svg": "<svg/>"}, "has labelme and svg; name the format"),
        ({"a.json": "["}, "a.json is in no format that is known"),
    ],
)
def test_a_format_that_cannot_be_told_is_asked_for(
    tmp_path: Path, files: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "in").mkdir()
    for name, text in files.items():
        (tmp_path / "in" / name).write_text(text)

    assert convert(tmp_path / "in", tmp_path / "out", "--to", "png") == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments", [("--tolerance", -1), ("--tolerance", "nan"), ("--category", " "), ("--to", "x")]
)
def test_wrong_options_are_refused(
    tmp_path: Path, masks: dict[str, Mask], arguments: tuple[object, ...]
):
    status = convert(tmp_path / "masks", tmp_path / "out", "--to", "svg", *arguments)

    assert status == 2
    assert not (tmp_path / "out").exists()


def test_nothing_at_the_path_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert convert(tmp_path / "no", tmp_path / "out", "--to", "png") == 1
    assert f"no such file or folder: {tmp_path}/no" in capsys.readouterr().err
