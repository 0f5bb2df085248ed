"""Temporary files: held by their writer, and removed by the next call if they were left behind."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data.errors import InputError
from data.files import read_bytes, remove_partials, replacing, write_bytes
from data.locks import locked
from data.tables import prepare_table, replacing_table, reserved

ROOT = Path(__file__).parents[2]
WRITES = (
    "import sys; from pathlib import Path; from data.files import replacing\n"
    "with replacing(Path(sys.argv[1])) as partial:\n"
    "    partial.write_text('half'); print('writing', flush=True); sys.stdin.read()"
)
RESERVES = (
    "import sys; from pathlib import Path; from data.tables import reserved\n"
    "with reserved(Path(sys.argv[1])): print('reserved', flush=True); sys.stdin.read()"
)


def started(code: str, path: Path) -> "subprocess.Popen[str]":
    """Start a process with `code`; return once it has said so."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def test_a_file_that_another_process_is_writing_is_not_removed(tmp_path: Path):
    with started(WRITES, tmp_path / "a.txt") as process:
        remove_partials(tmp_path)
        process.communicate()

    assert process.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "half"


def test_what_a_killed_process_was_writing_is_removed(tmp_path: Path):
    with started(WRITES, tmp_path / "a.txt") as process:
        process.send_signal(signal.SIGKILL)
    assert len(list(tmp_path.iterdir())) == 1

    prepare_table(tmp_path / "other.csv", ["name"])

    assert not list(tmp_path.iterdir())


def test_a_file_whose_name_another_process_takes_away_at_once_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As where `remove_partials` finds it between being made and being held."""
    import fcntl

    flock, left = fcntl.flock, [2]

    def late(file: int, how: int) -> None:
        if left[0]:
            left[0] -= 1
            for path in tmp_path.glob(".*.partial"):
                path.unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    write_bytes(tmp_path / "a.txt", b"whole")

    assert not left[0]
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_table_is_reserved_for_one_process_at_a_time(tmp_path: Path):
    table = tmp_path / ("n" * 251 + ".csv")
    (tmp_path / "link.csv").symlink_to(table)
    with started(RESERVES, table) as process:
        for name in (table, tmp_path / "link.csv"):
            with (
                pytest.raises(InputError, match="another command is going to write"),
                reserved(name),
            ):
                pass
        with reserved(tmp_path / "other.csv"):
            pass
        process.communicate()

    with reserved(table), replacing_table(table, ["name"]) as file:
        file.write("name\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.csv", table.name]


def test_what_is_durable_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    synced: list[tuple[int, bool]] = []
    fsync = os.fsync

    def noted(file: int) -> None:
        synced.append((os.fstat(file).st_ino, (tmp_path / "a.txt").exists()))
        fsync(file)

    monkeypatch.setattr(os, "fsync", noted)
    write_bytes(tmp_path / "mask.png", b"mask", is_durable=False)
    assert not synced
    write_bytes(tmp_path / "a.txt", b"whole")

    inodes = [path.stat().st_ino for path in (tmp_path / "a.txt", tmp_path)]
    assert synced == list(zip(inodes, [False, True], strict=True))


@pytest.mark.parametrize("is_durable", [True, False])
def test_a_full_disk_names_the_file_and_not_its_temporary_name(tmp_path: Path, *, is_durable: bool):
    code = (
        "import resource, signal, sys; from pathlib import Path; from data.files import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_bytes(Path(sys.argv[1]), bytes(5000), is_durable=bool(int(sys.argv[2])))\n"
        "except OSError as error: print(error.strerror, error.filename)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.bin"), str(int(is_durable))]

    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert said == f"{os.strerror(errno.EFBIG)} {tmp_path / 'a.bin'}\n"
    assert not list(tmp_path.iterdir())


def test_a_lock_leaves_the_content_of_its_file_and_waits_for_no_pipe(tmp_path: Path):
    (tmp_path / "file").write_text("content")
    os.mkfifo(tmp_path / "pipe")

    for name in ("file", "pipe"):
        with locked(tmp_path / name, "busy"):
            pass

    assert (tmp_path / "file").read_text() == "content"


def test_more_bytes_than_allowed_are_not_read(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"12345")

    assert read_bytes(tmp_path / "a", 5) == b"12345"
    with pytest.raises(InputError, match="a has more than 4 bytes"):
        read_bytes(tmp_path / "a", 4)
    with pytest.raises(InputError, match="/ cannot be read: Is a directory"):
        read_bytes(Path("/"))


def test_a_device_is_written_to_and_stays(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)

    with replacing(tmp_path / "link") as path:
        path.write_text("text")

    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
