"""Polygons from the command `predict`: sub-folders, parts, pipes, and whether they are right."""

import json
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.geometry import Size
from data.masks import read_mask
from data.polygons import POLYGONS, PolygonName
from data.polygons.annotation import drawn
from data.polygons.formats import FORMATS
from tests.builders import foveamask
from tests.pipeline.inference.predicting import visible, write_photos


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of five photos, three of them in a sub-folder."""
    write_photos(tmp_path / "photos", 2)
    for path in write_photos(tmp_path / "photos/red", 5)[:2]:
        path.unlink()
    return tmp_path / "photos"


def predict(photos: Path, out: Path, model: Path, output: str, *options: str) -> int:
    return foveamask("predict", photos, out, "--model", model, "--output", output, *options)


def coco_in(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def test_results_lie_as_their_photos_do(tmp_path: Path, photos: Path, model: Path):
    out = tmp_path / "out"

    assert predict(photos, out, model, "mask,coco,yolo,labelme,svg,geojson") == 0

    for name, suffix in (("yolo", "txt"), ("labelme", "json"), ("svg", "svg")):
        assert (out / f"{name}/0001.{suffix}").is_file()
        assert (out / f"{name}/red/0004.{suffix}").is_file()
    images = [image["file_name"] for image in coco_in(out / "coco/annotations.json")["images"]]
    assert images == ["0000.png", "0001.png", "red/0002.png", "red/0003.png", "red/0004.png"]
    path = json.loads((out / "labelme/red/0002.json").read_bytes())["imagePath"]
    assert path == "../../../photos/red/0002.png"
    assert json.loads((out / "geojson/red/0002.geojson").read_bytes())["image"]["file_name"] == (
        "red/0002.png"
    )


def test_parts_together_are_the_whole(tmp_path: Path, photos: Path, model: Path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert predict(photos, whole, model, "coco,yolo") == 0

    for k in (1, 2):
        assert predict(photos, parts, model, "coco,yolo", "--part", f"{k}/2") == 0
    assert not (parts / "coco/annotations.json").exists()
    sizes = [len(coco_in(parts / f"coco/annotations.part-{k}-of-2.json")["images"]) for k in (1, 2)]
    assert predict(photos, parts, model, "coco,yolo") == 0

    assert sum(sizes) == 5
    assert visible(parts / "yolo") == visible(whole / "yolo")
    file = "coco/annotations.json"
    assert (parts / file).read_bytes() == (whole / file).read_bytes()


@pytest.mark.parametrize("name", POLYGONS)
def test_a_pipe_gets_the_polygons_of_a_photo(
    tmp_path: Path, photos: Path, model: Path, monkeypatch: pytest.MonkeyPatch, name: PolygonName
):
    photo, form = photos / "0000.png", FORMATS[name]
    assert predict(photo, tmp_path / "masks", model, "mask") == 0
    written = BytesIO()
    monkeypatch.setattr("sys.stdout", TextIOWrapper(written))

    assert foveamask("predict", photo, "-", "--model", model, "--output", name) == 0

    path = tmp_path / f"piped{form.suffix}"
    path.write_bytes(written.getvalue())
    (entry,) = form.entries(path)
    mask = read_mask(tmp_path / "masks/0000.png")
    annotation = entry.read()
    assert annotation.photo in ("", "0000.png")
    np.testing.assert_array_equal(drawn(annotation, Size(*mask.shape)), mask)


@pytest.mark.parametrize("output", ["coco,yolo,labelme,svg,geojson", "coco"])
def test_results_that_are_right_are_verified(
    tmp_path: Path, photos: Path, model: Path, output: str, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    predict(photos, out, model, output)
    capsys.readouterr()

    for options in ([], ["--quick"]):
        call = ("verify", out, photos, "--model", model, "--output", output, *options)
        assert foveamask(*call) == 0
        assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("svg/0000.svg", (b"0 0 96 64", b"0 0 97 64"), "is for a photo of 97 x 64 pixels"),
        ("svg/red/0003.svg", (b"M", b"M0 0Z M"), "path 1: it has 1 corners"),
        ("geojson/0001.geojson", (b'"object"', b'"tree"'), "its categories are ['tree'], not"),
        ("yolo/0001.txt", (b"0 ", b"0 0 0 1 0 1 1 0 1\n0 "), "pixels differ from what the model"),
        ("yolo/classes.txt", (b"object", b"tree"), "not what the files of the photos give"),
        ("coco/annotations.json", (b'"id":1', b'"id":9'), "not what the files of the photos give"),
        ("labelme/red/0002.json", (b"[", b"{"), "it is no JSON"),
    ],
)
def test_results_that_were_changed_are_named(
    tmp_path: Path,
    photos: Path,
    model: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    change: tuple[bytes, bytes],
    message: str,
):
    out, output = tmp_path / "out", "coco,yolo,labelme,svg,geojson"
    predict(photos, out, model, output)
    data = (out / file).read_bytes()
    assert change[0] in data
    (out / file).write_bytes(data.replace(*change, 1))
    capsys.readouterr()

    status = foveamask("verify", out, photos, "--model", model, "--output", output)

    lines = capsys.readouterr().out.splitlines()
    assert status == 1
    assert len(lines) == 1
    assert lines[0].startswith(f"{out / file}: ")
    assert message in lines[0]


def test_corners_that_were_rounded_are_the_same_polygons(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    """Whoever saves a file again may write numbers and spaces otherwise."""
    out = tmp_path / "out"
    predict(photos, out, model, "labelme")
    file = out / "red/0003.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()), indent=2))
    capsys.readouterr()

    status = foveamask("verify", out, photos, "--model", model, "--output", "labelme")

    assert (status, capsys.readouterr().out) == (0, "")


def test_a_photo_is_not_called_as_the_file_of_all_photos(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    (photos / "0000.png").rename(photos / "classes.png")

    assert predict(photos, tmp_path / "out", model, "yolo") == 1

    assert "classes.txt would be a result of one photo, and of all; rename" in (
        capsys.readouterr().err
    )


def test_all_options_in_one_command(tmp_path: Path, photos: Path, model: Path):
    out = tmp_path / "out"

    status = predict(
        photos, out, model, "mask,coco,yolo,labelme,svg,geojson",
        "--category", "leaf", "--tolerance", "0.5", "--instances",
    )  # fmt: skip

    assert status == 0
    assert (out / "yolo/classes.txt").read_text() == "leaf\n"
    for name, suffix in (("labelme", "json"), ("svg", "svg"), ("geojson", "geojson")):
        assert "leaf" in (out / name / f"0000.{suffix}").read_text()
    back = ("convert", out / "coco/annotations.json", tmp_path / "back", "--to", "png")
    assert foveamask(*back) == 0


@pytest.mark.parametrize(("output", "folder"), [("coco", "."), ("mask,coco", "coco")])
def test_what_a_killed_call_left_beside_the_file_of_all_photos_is_removed(
    tmp_path: Path, photos: Path, model: Path, output: str, folder: str
):
    assert predict(photos, tmp_path / "out", model, output) == 0
    left = tmp_path / "out" / folder / ".0123456789abcdef.partial"
    left.write_text("half")

    assert predict(photos, tmp_path / "out", model, output) == 0

    assert not left.exists()
