"""`predict` with photos, results, tables and reports in an object store."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.inference.records import RECORDS
from tests.pipeline.predict_command.in_buckets import NUM, into, predict, results, visible

if TYPE_CHECKING:
    from tests.s3_server import S3Server


def test_results_are_those_of_a_disk(
    s3: "S3Server", bucket: str, model: Path, local: dict[str, bytes]
):
    assert predict(model, *into(bucket)) == 0

    assert s3.count("GET .*png") == NUM
    assert s3.count("PUT .*png") == NUM
    assert len(local) == NUM + 1
    assert results(s3, bucket) == local


def test_photos_of_a_store_are_predicted_to_a_disk_and_the_other_way_round(
    s3: "S3Server",
    bucket: str,
    six_photos: Path,
    model: Path,
    local: dict[str, bytes],
    tmp_path: Path,
):
    masks = {name[6:]: data for name, data in local.items() if name != "masks.csv"}

    assert predict(model, f"s3://{bucket}/photos", tmp_path) == 0
    assert predict(model, six_photos, f"s3://{bucket}/other") == 0

    here = {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*.png")}
    assert here == masks
    assert visible(s3.content(f"{bucket}/other")) == masks


def test_one_photo_and_a_pipe(
    s3: "S3Server",
    bucket: str,
    model: Path,
    local: dict[str, bytes],
    capfdbinary: pytest.CaptureFixture[bytes],
):
    assert predict(model, f"s3://{bucket}/photos/0001.png", "-") == 0
    assert capfdbinary.readouterr().out == local["masks/0001.png"]

    assert predict(model, f"s3://{bucket}/photos/0001.png", f"s3://{bucket}/one") == 0
    assert visible(s3.content(f"{bucket}/one")) == {"0001.png": local["masks/0001.png"]}


def test_what_is_done_is_not_read_again(
    s3: "S3Server", bucket: str, model: Path, capsys: pytest.CaptureFixture[str]
):
    predict(model, *into(bucket)[:2])
    s3.reset()
    capsys.readouterr()

    assert predict(model, *into(bucket)[:2]) == 0

    assert f"{NUM} of {NUM} photos are done already" in capsys.readouterr().err
    assert [r for r in s3.requests if "png" in r] == []
    assert s3.count("PUT .*png") == 0


def test_what_has_changed_is_done_again(
    s3: "S3Server", bucket: str, model: Path, local: dict[str, bytes]
):
    predict(model, *into(bucket))
    files = s3.files()
    files.rm_file(f"{bucket}/masks/0000.png")
    files.pipe_file(f"{bucket}/masks/0001.png", local["masks/0003.png"])
    files.pipe_file(f"{bucket}/photos/0002.png", files.cat_file(f"{bucket}/photos/0003.png"))
    s3.reset()

    assert predict(model, *into(bucket)) == 0

    put = [request.rpartition("/")[2] for request in s3.requests if ".png" in request[-4:]]
    assert {name for name in put if s3.count(f"PUT .*masks/{name}")} == {
        "0000.png",
        "0001.png",
        "0002.png",
    }
    again = results(s3, bucket)
    assert again["masks/0002.png"] == local["masks/0003.png"]
    assert {**again, "masks/0002.png": b"", "masks.csv": b""} == {
        **local,
        "masks/0002.png": b"",
        "masks.csv": b"",
    }


def test_no_object_names_a_folder_of_this_disk(s3: "S3Server", bucket: str, model: Path):
    outputs = ("--output", "mask,cutout,coco,svg", "--expected", f"s3://{bucket}/expected.csv")

    status = predict(model, *into(bucket), *outputs, "--report", f"s3://{bucket}/report")

    content = s3.content(bucket)
    assert status == 0
    assert {
        "report/index.html",
        "report/photos.js",
        "masks/coco/annotations.json",
    } <= content.keys()
    assert sum(name.startswith("masks/cutout/") for name in content) == NUM
    assert not [name for name, data in content.items() if b"spool" in data]
    calls = json.loads(content["masks/run.json"])["calls"]
    assert calls[0]["arguments"]["out"] == f"s3://{bucket}/masks"
    assert calls[0]["arguments"]["csv"] == f"s3://{bucket}/masks.csv"


def test_parts_of_two_computers_are_joined(
    s3: "S3Server", bucket: str, model: Path, local: dict[str, bytes]
):
    for part in ("1/2", "2/2"):
        assert predict(model, *into(bucket)[:2], "--part", part) == 0
    assert len(visible(s3.content(f"{bucket}/masks"))) == NUM
    s3.reset()

    assert predict(model, *into(bucket)) == 0

    assert results(s3, bucket) == local
    assert s3.count("PUT .*png") == 0
    assert not [name for name in s3.content(f"{bucket}/masks") if "part-" in name]


def test_results_of_another_model_are_not_mixed(
    s3: "S3Server", bucket: str, model: Path, local: dict[str, bytes]
):
    assert predict(model, *into(bucket), "--stage", "coarse") == 0
    before = results(s3, bucket)

    assert predict(model, *into(bucket)) == 1
    assert results(s3, bucket) == before
    assert predict(model, *into(bucket), "--overwrite") == 0

    assert results(s3, bucket) == local
    records = s3.content(f"{bucket}/masks")[RECORDS].decode().splitlines()
    assert len(records) == NUM


def test_a_photo_is_not_overwritten(s3: "S3Server", bucket: str, model: Path):
    before = s3.content(bucket)

    assert predict(model, f"s3://{bucket}/photos", f"s3://{bucket}/photos") == 1

    assert s3.content(bucket) == before
