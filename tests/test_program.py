"""What a person sees when something goes wrong."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from data.files import read_bytes, replacing
from data.images import write_png
from pipeline.inference import predict as predicting
from pipeline.model_folder import save_model
from tests.builders import foveamask, shaded_photo, tiny_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_model(tiny_model(), tmp_path / "model")
    return tmp_path / "model"


def photos(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for i, name in enumerate(names):
        write_png(folder / name, shaded_photo((64, 96), i))
    return folder


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("a\nb"), ValueError("c"), KeyError(3)]
)
def test_any_error_of_one_photo_is_named_and_the_others_are_done(
    tmp_path: Path,
    model: Path,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    folder, out = photos(tmp_path / "photos", "a.png", "b.png", "c.png"), tmp_path / "out"
    decode = predicting.decode_photo

    def failing(data: bytes, name: str) -> np.ndarray:
        if name.endswith("b.png"):
            raise error
        return decode(data, name)

    monkeypatch.setattr(predicting, "decode_photo", failing)

    status = foveamask("predict", folder, out, "--model", model)

    lines = [line for line in capsys.readouterr().err.splitlines() if "b.png" in line]
    assert status == 1
    assert len(lines) == 1
    assert f"error: {folder}/b.png cannot be processed ({type(error).__name__}" in lines[0]
    assert sorted(path.name for path in out.glob("*.png")) == ["a.png", "c.png"]


def test_a_traceback_is_shown_with_debug_and_only_then(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = photos(tmp_path / "photos", "a.png")

    def failing(*_: object) -> np.ndarray:
        raise RuntimeError("inside")

    monkeypatch.setattr(predicting, "decode_photo", failing)

    assert foveamask("predict", folder, tmp_path / "one", "--model", model) == 1
    assert "Traceback" not in capsys.readouterr().err
    assert foveamask("predict", folder, tmp_path / "two", "--model", model, "--debug") == 1
    assert "Traceback" in capsys.readouterr().err
    for package in ("data", "pipeline"):
        logging.getLogger(package).setLevel(logging.NOTSET)


def test_a_full_disk_is_no_fault_of_a_photo(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder, out = photos(tmp_path / "photos", "a.png", "b.png"), tmp_path / "out"

    def full(_: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)

    assert foveamask("predict", folder, out, "--model", model) == 1
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert error in ([f"error: No space left on device: {out}/{n}.png"] for n in "ab")


def test_names_reach_the_terminal_without_their_escapes(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    folder = photos(tmp_path / "photos", "a.png")
    (folder / "\x1b[31mred\u202e.png").write_bytes(b"")

    assert foveamask("predict", folder, tmp_path / "out", "--model", model) == 1

    err = capsys.readouterr().err
    assert "\\x1b[31mred\\u202e.png is not an image" in err
    assert "\x1b" not in err


def test_output_that_nobody_reads_ends_a_command_quietly(tmp_path: Path):
    code = (
        "import sys\nfrom cyclopts import App\nfrom pipeline.program import run\napp = App()\n"
        "@app.default\ndef talk():\n    for i in range(10**5):\n        print(i)\n"
        "sys.exit(run(app, []))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_photo_that_is_no_file_is_refused_and_does_not_block(tmp_path: Path, kind: str):
    path = tmp_path / "a.jpg"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")

    with pytest.raises(InputError, match=r"a\.jpg cannot be read: it is a pipe, a socket or a"):
        read_bytes(path)


def test_a_symbolic_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link.txt").symlink_to(tmp_path / "there" / "a.txt")
    for text in ("first", "second"):
        with replacing(tmp_path / "link.txt") as partial:
            partial.write_text(text)

        assert (tmp_path / "link.txt").is_symlink()
        assert (tmp_path / "there" / "a.txt").read_text() == text
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["a.txt"]
