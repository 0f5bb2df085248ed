"""`predict --watch` from the outside."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data.images import write_png
from pipeline.cli import signals
from pipeline.inference import arrivals, watch
from tests.builders import foveamask, shaded_photo
from tests.pipeline.inference.predicting import write_photos

ROOT = Path(__file__).parents[3]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two photos, one in a sub-folder."""
    write_photos(tmp_path / "photos", 1)
    write_photos(tmp_path / "photos" / "red", 1)
    return tmp_path / "photos"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "SETTLED_SECONDS", 0.3)
    monkeypatch.setattr(watch, "LEAST_PAUSE", 0.05)
    monkeypatch.setattr(signals, "SLICE", 0.02)


@contextmanager
def meanwhile(
    action: Callable[[], None], how: signal.Signals = signal.SIGTERM
) -> Iterator[list[Exception]]:
    """Do something in another thread, then send a signal to this process."""
    problems: list[Exception] = []

    def act() -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001  raised below, in the thread of the test
            problems.append(error)
        os.kill(os.getpid(), how)

    thread = threading.Thread(target=act)
    thread.start()
    yield problems
    thread.join()
    if problems:
        raise problems[0]


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, for a minute at most."""
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)


def test_photos_are_done_as_they_arrive_and_a_bad_one_is_named_until_it_is_mended(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    out, said = photos / "out", []
    good = (photos / "0000.png").read_bytes()

    def failed() -> bool:
        said.append(capsys.readouterr().err)
        return "bad.png" in "".join(said)

    def arrive() -> None:
        until((out / "red" / "0000.png").exists)
        (photos / "blue" / "deep").mkdir(parents=True)
        with (photos / "blue" / "deep" / "slow.png").open("wb") as file:
            for part in (good[:100], good[100:2000], good[2000:]):
                file.write(part)
                file.flush()
                time.sleep(0.2)
        until((out / "blue" / "deep" / "slow.png").exists)
        (photos / "bad.png").write_bytes(good[:100])
        until(failed)
        time.sleep(0.5)  # in which it is not tried again
        (photos / "bad.png").write_bytes(good)
        until((out / "bad.png").exists)

    with meanwhile(arrive):
        status = foveamask("predict", photos, out, "--watch", "--model", model, "--device", "cpu")

    lines = ("".join(said) + capsys.readouterr().err).splitlines()
    assert status == 0
    assert [line for line in lines if "slow" in line] == []
    assert sum("bad.png" in line for line in lines) == 1
    assert lines[-1] == "stopped: 4 photos are done, 0 failed"
    assert foveamask("predict", photos, tmp_path / "whole", "--model", model) == 0
    for mask in (tmp_path / "whole").rglob("*.png"):
        assert (out / mask.relative_to(tmp_path / "whole")).read_bytes() == mask.read_bytes()


def test_what_is_done_is_not_done_again_and_tables_are_written_at_the_end(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    out, table = tmp_path / "out", tmp_path / "masks.csv"
    assert foveamask("predict", photos, out, "--model", model) == 0
    before = (out / "0000.png").stat().st_mtime_ns
    capsys.readouterr()

    def arrive() -> None:
        shutil.copy(photos / "red" / "0000.png", photos / "0001.png")
        until((out / "0001.png").exists)

    with meanwhile(arrive, signal.SIGINT):
        status = foveamask("predict", photos, out, "--watch", "--model", model, "--csv", table)

    assert status == 0
    assert (out / "0000.png").stat().st_mtime_ns == before
    assert [row.partition(",")[0] for row in table.read_text().splitlines()[1:]] == [
        "0000.jpg",
        "0001.jpg",
        "red/0000.jpg",
    ]
    lines = capsys.readouterr().err.splitlines()
    assert {"2 of 2 photos are done already", "2 of 3 photos are done already"} & set(lines)
    assert "1 of 1 new photos are done, 3 in all" in lines


def test_photos_that_are_bad_at_the_end_are_the_exit_status(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    (photos / "bad.png").write_bytes(b"no photo")
    (photos / "worse.png").write_bytes(b"no photo")

    def arrive() -> None:
        until((out / "red" / "0000.png").exists)
        time.sleep(0.5)
        (photos / "worse.png").unlink()  # so that it is no matter any more
        write_png(photos / "0000.jpg", shaded_photo((64, 96), 9))  # of the name of another
        until(lambda: "would replace those of" in capsys_text())

    texts: list[str] = []

    def capsys_text() -> str:
        texts.append(capsys.readouterr().err)
        return "".join(texts)

    with meanwhile(arrive):
        status = foveamask("predict", photos, out, "--watch", "--model", model)

    lines = capsys_text().splitlines()
    assert status == 1
    assert lines[-1] == "stopped: 2 photos are done, 2 failed"
    assert (
        f"error: results of {photos}/0000.jpg would replace those of {photos}/0000.png; rename "
        "one of the photos"
    ) in lines


def test_an_empty_folder_may_be_watched(tmp_path: Path, model: Path):
    (tmp_path / "photos").mkdir()

    def arrive() -> None:
        until((tmp_path / "out" / ".foveamask.json").exists)
        (photo,) = write_photos(tmp_path / "elsewhere", 1)
        shutil.move(photo, tmp_path / "photos" / "a.png")
        until((tmp_path / "out" / "a.png").exists)

    with meanwhile(arrive):
        assert foveamask("predict", tmp_path / "photos", tmp_path / "out", "--watch",
                         "--model", model) == 0  # fmt: skip


@pytest.mark.parametrize(
    ("status", "options", "message"),
    [
        (2, ["--overwrite"], "--overwrite starts OUT anew, which --watch cannot do"),
        (2, ["--output", "cutout", "--crop", "group"], "--crop group takes all photos of a group"),
        (1, [], r"--watch takes folders, and"),
    ],
)
def test_what_watching_cannot_do_is_said_at_once(
    tmp_path: Path,
    photos: Path,
    capsys: pytest.CaptureFixture[str],
    status: int,
    options: list[str],
    message: str,
):
    watched = photos if options else photos / "0000.png"

    assert foveamask("predict", watched, tmp_path / "out", "--watch", *options) == status

    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_process_that_watches_ends_in_good_order_or_goes_on_after_a_kill(
    tmp_path: Path, photos: Path, model: Path, how: signal.Signals
):
    out = tmp_path / "out"
    command = ["predict", photos, out, "--watch", "--model", model, "--device", "cpu"]
    for name in ("red/0000.png", "later.png"):
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *map(str, command)],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            until((out / name).exists)
            process.send_signal(how)
            said, told = process.communicate(timeout=60)
        assert said == ""
        if how == signal.SIGKILL:
            assert process.returncode == -signal.SIGKILL
        else:
            assert process.returncode == 0
            assert told.splitlines()[-1].endswith("are done, 0 failed")
        shutil.copy(photos / "0000.png", photos / "later.png")

    assert sorted(path.name for path in out.rglob("*.png")) == ["0000.png", "0000.png", "later.png"]
