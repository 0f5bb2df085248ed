"""What a person sees when something goes wrong."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cyclopts import App

from data.errors import InputError
from data.files import read_bytes, replacing
from data.images import write_png
from data.studio import write_dataset
from data.tables import reserved
from pipeline.cli.program import answer, run
from pipeline.inference import photo_work
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
    decode = photo_work.decode_photo

    def failing(data: bytes, name: str) -> np.ndarray:
        if name.endswith("b.png"):
            raise error
        return decode(data, name)

    monkeypatch.setattr(photo_work, "decode_photo", failing)

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

    monkeypatch.setattr(photo_work, "decode_photo", failing)

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
        "import sys\nfrom cyclopts import App\nfrom pipeline.cli.program import run\napp = App()\n"
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


@pytest.mark.parametrize(("argument", "unbuffered"), [("talk", ""), ("talk", "1"), ("--help", "")])
def test_an_output_that_cannot_be_written_is_named(argument: str, unbuffered: str):
    code = (
        "import sys\nfrom cyclopts import App\nfrom pipeline.cli.program import answer, run\n"
        "app = App()\n@app.command\ndef talk():\n    answer(1)\nsys.exit(run(app, sys.argv[1:]))"
    )
    with Path("/dev/full").open("wb") as full:
        said = subprocess.run(
            [sys.executable, "-c", code, argument],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )

    assert said.stderr == b"error: No space left on device: standard output\n"
    assert said.returncode == 1


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "there is not enough memory"),
        (RuntimeError("[enforce] not enough: can't allocate memory"), "there is not enough memory"),
        (RuntimeError("can't start new thread"), "no thread can be started"),
    ],
)
def test_memory_that_runs_out_is_one_line(
    capsys: pytest.CaptureFixture[str], error: Exception, message: str
):
    app = App()

    @app.default
    def fail() -> None:
        raise error

    assert run(app, []) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {message}")


def test_results_are_escaped_for_a_terminal_and_for_no_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    answer("a\x1b[31m.png")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    answer("a\x1b[31m.png")

    assert capsys.readouterr().out == "a\x1b[31m.png\na\\x1b[31m.png\n"


def test_a_photo_that_cannot_be_drawn_is_named_and_the_others_are_drawn(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    folder = photos(tmp_path / "photos", "a.png", "c.png", f"b{'x' * 250}.png")
    (folder / "bad.png").write_bytes(b"")

    assert foveamask("show", folder, tmp_path / "out", "--model", model) == 1

    said = capsys.readouterr()
    assert len(said.out.splitlines()) == len(list((tmp_path / "out").glob("[!.]*"))) == 6
    errors = said.err.splitlines()
    assert "bad.png is not an image" in errors[0]
    assert "xxx.png cannot be processed (OSError: [Errno 36] File name too long" in errors[1]
    assert ".partial" not in said.err


def test_one_csv_is_written_by_one_call(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    folder, table = photos(tmp_path / "photos", "a.png"), tmp_path / "t.csv"

    for option in ("--csv", "--expected"):
        with reserved(table):
            status = foveamask("predict", folder, tmp_path / "o", "--model", model, option, table)
        assert status == 1
        assert f"another command is going to write {table}" in capsys.readouterr().err


def test_a_mask_is_not_written_to_a_pipe(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    folder = photos(tmp_path / "photos", "a.png")
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out" / "a.png")

    assert foveamask("predict", folder, tmp_path / "out", "--model", model) == 1
    assert "out/a.png is a pipe, a socket or a device, and no result" in capsys.readouterr().err


def test_synthetic_photos_do_not_replace_the_table_of_others(tmp_path: Path):
    (tmp_path / "train_masks.csv").write_text("img,rle_mask\n")

    with pytest.raises(InputError, match=r"train_masks\.csv is of another data set"):
        write_dataset(tmp_path, cars=1, angles=1)
