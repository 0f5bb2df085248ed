"""`predict` in a pipe, from the outside."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from data.picture_provenance import provenance_in
from pipeline.inference.manifest import bytes_hash
from tests.builders import foveamask
from tests.pipeline.inference.predicting import visible, write_photos

ROOT = Path(__file__).parents[3]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", 1)[0]


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch, photo: Path) -> io.BytesIO:
    """A photo on standard input."""
    content = io.BytesIO(photo.read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))
    return content


def test_a_photo_from_standard_input_becomes_its_mask_on_standard_output(
    tmp_path: Path,
    photo: Path,
    model: Path,
    stdin: io.BytesIO,
    capfdbinary: pytest.CaptureFixture[bytes],
):
    assert foveamask("predict", photo, tmp_path / "out", "--model", model) == 0
    capfdbinary.readouterr()

    assert foveamask("predict", "-", "-", "--model", model) == 0

    assert capfdbinary.readouterr().out == (tmp_path / "out" / photo.name).read_bytes()


@pytest.mark.parametrize(
    ("options", "form", "mode"),
    [
        (["--output", "alpha"], "PNG", "L"),
        (["--output", "cutout", "--format", "webp"], "WEBP", "RGBA"),
        (["--output", "cutout", "--format", "jpg", "--background", "white"], "JPEG", "RGB"),
    ],
)
def test_a_file_given_by_its_name_becomes_any_output(
    tmp_path: Path,
    photo: Path,
    model: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    options: list[str],
    form: str,
    mode: str,
):
    assert foveamask("predict", photo, tmp_path / "out", "--model", model, *options) == 0
    (content,) = visible(tmp_path / "out").values()
    capfdbinary.readouterr()

    assert foveamask("predict", photo, "-", "--model", model, *options) == 0

    said = capfdbinary.readouterr()
    assert said.out == content
    picture = Image.open(io.BytesIO(said.out))
    assert (picture.format, picture.mode) == (form, mode)
    assert said.err == b""


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["-", "OUT"], 2, "a photo from standard input has no name for its results"),
        (["-", "PHOTO", "-"], 2, "standard output takes one result of one photo"),
        (["PHOTO", "-", "--output", "mask,alpha"], 2, "takes one result of one photo"),
        (["PHOTO", "-", "--output", "cutout", "--crop", "group"], 2, "use --crop object"),
        (["PHOTO", "-", "--csv", "t.csv"], 2, "--csv needs a folder for OUT"),
        (["PHOTO", "-", "--part", "1/2"], 2, "--part needs a folder for OUT"),
        (["-", "-", "--watch"], 2, "--watch needs a folder for OUT"),
        (["PHOTO", "OUT", "--csv", "-"], 2, "--csv takes a file, such as /dev/stdout, not -"),
        (["missing.jpg", "-"], 1, "no such photo or folder: missing.jpg"),
        (["FOLDER", "-"], 1, "is a folder, and standard output takes one result of one photo"),
    ],
)
def test_what_does_not_go_through_a_pipe_is_said_and_nothing_is_written(
    tmp_path: Path,
    photo: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    message: str,
):
    paths = {"OUT": tmp_path / "out", "PHOTO": photo, "FOLDER": photo.parent}

    assert foveamask("predict", *(paths.get(text, text) for text in arguments)) == status

    said = capsys.readouterr()
    assert message in said.err
    assert said.out == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "standard input is empty"), (b"no photo", "standard input is not an image")],
)
def test_what_is_no_photo_is_one_line_and_nothing_on_standard_output(
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: bytes,
    message: str,
):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    assert foveamask("predict", "-", "-", "--model", model) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [said.err.strip()]
    assert message in said.err


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_a_terminal_is_neither_read_from_nor_written_to(
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stream: str,
):
    monkeypatch.setattr(getattr(sys, stream), "isatty", lambda: True)

    assert foveamask("predict", "-" if stream == "stdin" else photo, "-") == 1

    assert "is a terminal" in capsys.readouterr().err


@pytest.mark.slow
def test_whoever_reads_the_result_may_leave(photo: Path, model: Path):
    command = [sys.executable, "-m", "pipeline", "predict", "-", "-", "--model", str(model)]
    with (
        photo.open("rb") as data,
        subprocess.Popen(
            command,
            stdin=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        ) as process,
    ):
        assert process.stdout is not None
        process.stdout.close()
        _, said = process.communicate(timeout=120)

    assert process.returncode == 141
    assert said == b""


def test_a_mask_that_may_be_too_bad_comes_out_and_the_status_says_so(
    photo: Path, model: Path, capfdbinary: pytest.CaptureFixture[bytes]
):
    assert foveamask("predict", photo, "-", "--model", model) == 0
    plain = capfdbinary.readouterr().out

    assert foveamask("predict", photo, "-", "--model", model, "--fail-under", 0) == 0
    assert capfdbinary.readouterr().out == plain
    assert foveamask("predict", photo, "-", "--model", model, "--fail-under", 1) == 1

    said = capfdbinary.readouterr()
    assert said.out == plain
    assert b"1 of 1 masks may have a Dice below 1: expected Dice 0." in said.err


def test_what_a_mask_says_of_itself_can_be_left_out(
    photo: Path, model: Path, capfdbinary: pytest.CaptureFixture[bytes]
):
    for options, says in (([], True), (["--no-metadata"], False)):
        assert foveamask("predict", photo, "-", "--model", model, *options) == 0
        said = provenance_in(capfdbinary.readouterr().out, "it")
        assert (said is not None) == says
        assert said is None or said.details["photo"] == bytes_hash(photo.read_bytes())
