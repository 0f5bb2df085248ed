"""`predict` with an object store that fails, is missing, or is no store at all."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fsspec.registry import _registry

from tests.builders import foveamask
from tests.pipeline.predict_command.in_buckets import NUM, into, predict, results

if TYPE_CHECKING:
    from tests.s3_server import S3Server


def test_failures_that_pass_do_no_harm(
    s3: "S3Server", bucket: str, model: Path, local: dict[str, bytes]
):
    with (
        s3.failing("slow down", "GET .*photos/.*png", times=2),
        s3.failing("cut", "GET .*photos/red", times=1),
        s3.failing("broken", "PUT .*masks", times=3),
        s3.failing("slow down", "GET .*list-type|GET /[^/]*$", times=1),
    ):
        assert predict(model, *into(bucket)) == 0

    assert results(s3, bucket) == local


def test_a_photo_that_cannot_be_read_is_named_and_the_others_are_done(
    s3: "S3Server",
    bucket: str,
    model: Path,
    local: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
):
    with s3.failing("slow down", "GET .*photos/0001.png", times=99):
        assert predict(model, *into(bucket)) == 1

    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert errors[0].startswith(f"error: s3://{bucket}/photos/0001.png cannot be read: ")
    assert results(s3, bucket).keys() == local.keys() - {"masks/0001.png"}
    assert predict(model, *into(bucket)) == 0
    assert results(s3, bucket) == local


def test_a_mask_that_cannot_be_written_ends_the_call_which_goes_on_later(
    s3: "S3Server",
    bucket: str,
    model: Path,
    local: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
):
    with s3.failing("slow down", "PUT .*masks/0001.png", times=99):
        assert predict(model, *into(bucket)) == 1

    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert f"s3://{bucket}/masks/0001.png" in errors[0]
    assert "masks/0001.png" not in s3.content(bucket)
    assert predict(model, *into(bucket)) == 0
    assert re.search(rf"[1-{NUM}] of {NUM} photos are done already", capsys.readouterr().err)
    assert results(s3, bucket) == local


def test_a_wrong_key_is_one_line(
    s3: "S3Server", bucket: str, model: Path, capsys: pytest.CaptureFixture[str]
):
    with s3.failing("wrong key", ".*", times=99):
        assert predict(model, *into(bucket)) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: s3://{bucket}/photos cannot be listed: access is denied")


@pytest.mark.parametrize("place", ["photos", "masks", "--csv"])
def test_a_missing_bucket_is_one_line_before_any_work(
    s3: "S3Server", bucket: str, model: Path, capsys: pytest.CaptureFixture[str], place: str
):
    arguments = into(bucket)
    number = {"photos": 0, "masks": 1, "--csv": 3}[place]
    arguments[number] = arguments[number].replace(bucket, "no-such-bucket")

    assert predict(model, *arguments) == 1

    *_, line = capsys.readouterr().err.splitlines()
    assert line == f"error: {arguments[number]}: there is no bucket no-such-bucket"
    assert results(s3, bucket) == {}


def test_a_folder_without_objects_is_one_line(
    s3: "S3Server", bucket: str, model: Path, capsys: pytest.CaptureFixture[str]
):
    assert predict(model, f"s3://{bucket}/none", f"s3://{bucket}/masks") == 1

    assert capsys.readouterr().err == f"error: no such object or folder: s3://{bucket}/none\n"


def test_a_missing_package_is_one_line(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)

    assert predict(model, "s3://bucket/photos", "s3://bucket/masks") == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: s3://bucket/photos needs a package that is missing")
    assert line.endswith("`pip install 'foveamask[s3]'`")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["predict", "s3://b/photos", "out", "--watch"], "what --watch looks at"),
        (["predict", "photos", "s3://b/out", "--watch"], "what --watch looks at"),
        (["predict", "s3://b/photos", "out", "--model", "s3://b/model"], "--model is on this disk"),
        (["predict", "az://b/photos", "out"], "such addresses are not read"),
        (["audit", "s3://b/data", "run"], "audit takes no addresses of object stores"),
        (["train", "s3://b/data", "run"], "train takes no addresses of object stores"),
        (["export", "a.onnx", "--model=s3://b/model"], "export takes no addresses"),
        (["train-coarse", "data", "s3://b/run"], "RUN is on this disk"),
        (["evaluate", "s3://b/data", "--model", "s3://b/m"], "--model is on this disk"),
    ],
)
def test_what_takes_no_address_says_so_in_one_line(
    command: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    assert foveamask(*command) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line
