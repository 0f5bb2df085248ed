"""Training and evaluation with photos, masks and patches in an object store."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.config import MlpConfig
from pipeline.training import patches
from tests.builders import foveamask, tiny_config, with_coarse, write_grey_data, write_settings

if TYPE_CHECKING:
    from tests.s3_server import S3Server

CPU = ("--device", "cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_grey_data(tmp_path_factory.mktemp("data"), 6)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tiny = with_coarse(tiny_config(), network="mlp", mlp=MlpConfig(grid=(4, 4), hidden=(4,)))
    return write_settings(tmp_path_factory.mktemp("settings") / "given.toml", tiny)


@pytest.fixture(scope="module")
def local(data: Path, settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained from the disk."""
    run = tmp_path_factory.mktemp("local") / "run"
    assert foveamask("train-coarse", data, run, "--config", settings, *CPU) == 0
    assert foveamask("make-patches", data, run, *CPU) == 0
    assert foveamask("train-refiner", run, *CPU) == 0
    return run


@pytest.fixture
def bucket(s3: "S3Server", data: Path) -> str:
    return s3.bucket_of(data, "data")


def weights(run: Path) -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in (run / "model").glob("*.safetensors")}
    assert len(found) >= 2
    return found


def rounded(scores: str) -> object:
    """Scores to six digits; distances differ in the ninth from call to call."""
    return json.loads(scores, parse_float=lambda text: round(float(text), 6))


def test_a_run_from_a_store_is_that_from_the_disk(
    s3: "S3Server",
    bucket: str,
    settings: Path,
    local: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    run, place = tmp_path / "run", f"s3://{bucket}/patches.zarr"
    cached, stored = ("--patches", place), f"{bucket}/patches.zarr"

    assert foveamask("train-coarse", f"s3://{bucket}/data", run, "--config", settings, *CPU) == 0
    assert foveamask("make-patches", f"s3://{bucket}/data", run, *cached, *CPU) == 0
    assert capsys.readouterr().out.splitlines()[-1] == place
    assert s3.requests[-1] == f"PUT /{stored}/zarr.json"
    assert not list(run.glob("patches.zarr*"))
    there = s3.content(stored)
    assert there == {
        str(path.relative_to(local / "patches.zarr")): path.read_bytes()
        for path in (local / "patches.zarr").rglob("*")
        if path.is_file()
    }

    # Too large for memory, so that each epoch reads them anew.
    monkeypatch.setattr(patches, "memory_limit", lambda: 0)
    s3.reset()
    assert foveamask("train-refiner", run, *cached, *CPU) == 0

    read = Counter(request for request in s3.requests if "patches.zarr/" in request)
    assert read == {f"GET /{stored}/{key}": 1 for key in there}
    assert weights(run) == weights(local)


def test_patches_that_are_there_are_verified_and_others_refused(
    s3: "S3Server", bucket: str, data: Path, settings: Path, tmp_path: Path, local: Path
):
    place = f"s3://{bucket}/patches.zarr"
    assert foveamask("make-patches", data, local, "--patches", place, *CPU) == 0
    assert (local / "patches.zarr").exists() is False
    before = s3.content(bucket)

    assert foveamask("make-patches", data, local, "--patches", place, *CPU) == 0
    other = write_grey_data(tmp_path / "other", 5)
    assert foveamask("make-patches", other, local, "--patches", place, *CPU) == 1

    assert s3.content(bucket) == before
    assert foveamask("make-patches", data, local, *CPU) == 0


@pytest.mark.parametrize("command", ["train-refiner", "make-patches"])
def test_unfinished_patches_are_no_patches(
    s3: "S3Server",
    bucket: str,
    data: Path,
    local: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
):
    place = f"s3://{bucket}/patches.zarr"
    with s3.failing("slow down", "PUT .*patches.zarr/zarr.json", times=99):
        assert foveamask("make-patches", data, local, "--patches", place, *CPU) == 1
    assert f"{place}/zarr.json" in capsys.readouterr().err.splitlines()[-1]

    if command == "make-patches":
        assert foveamask(command, data, local, "--patches", place, *CPU) == 0
        assert foveamask("make-patches", data, local, *CPU) == 0
        return
    assert foveamask(command, local, "--patches", place, *CPU) == 1

    line = capsys.readouterr().err.splitlines()[-1]
    hint = f"run `foveamask make-patches DATA RUN --patches {place}`"
    assert line == f"error: {place} is half-written; {hint}"


def test_patches_that_are_missing_are_named(
    s3: "S3Server", bucket: str, local: Path, capsys: pytest.CaptureFixture[str]
):
    place = f"s3://{bucket}/none.zarr"

    assert foveamask("train-refiner", local, "--patches", place, *CPU) == 1

    assert capsys.readouterr().err == f"error: no such object or folder: {place}\n"


def test_scores_are_those_of_the_disk(
    s3: "S3Server",
    bucket: str,
    data: Path,
    local: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    options = ("--split", "all", "--model", local / "model", *CPU)
    here, there = tmp_path / "scores.csv", f"s3://{bucket}/scores.csv"
    report = ("--report", f"s3://{bucket}/report")
    assert foveamask("evaluate", data, *options, "--per-photo", here) == 0
    expected = rounded(capsys.readouterr().out)

    assert (
        foveamask("evaluate", f"s3://{bucket}/data", *options, *report, "--per-photo", there) == 0
    )

    assert rounded(capsys.readouterr().out) == expected
    content = s3.content(bucket)
    assert content["scores.csv"].count(b"\n") == here.read_bytes().count(b"\n") == 7
    assert "report/index.html" in content
    assert not [name for name, file in content.items() if b"spool" in file]


def test_a_photo_that_cannot_be_read_is_named(
    s3: "S3Server",
    bucket: str,
    data: Path,
    settings: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    first = min(path.name for path in (data / "images").iterdir())
    with s3.failing("slow down", f"GET .*{first}", times=999):
        arguments = (f"s3://{bucket}/data", tmp_path / "run", "--config", settings, *CPU)
        assert foveamask("train-coarse", *arguments) == 1

    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"error: s3://{bucket}/data/images/{first} cannot be read: ")
