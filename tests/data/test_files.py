import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from data.files import read_bytes, reading, replacing
from data.images import write_png
from data.locks import locked


@pytest.fixture
def umask() -> Iterator[Callable[[int], None]]:
    before = os.umask(0o022)

    def choose(mask: int) -> None:
        os.umask(mask)

    yield choose
    os.umask(before)


def test_a_block_that_ends_well_replaces_the_file(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    with replacing(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
        assert partial.parent == path.parent  # a rename across disks would not be atomic

    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_block_that_raises_leaves_everything_as_it_was(
    tmp_path: Path, error: type[BaseException]
):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write() -> None:
        with replacing(path) as partial:
            partial.write_text("half of the n")
            raise error

    with pytest.raises(error):
        write()

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path):
    path = tmp_path / "a.txt"

    with replacing(path) as one, replacing(path) as other:
        one.write_text("one")
        other.write_text("other")
        assert one != other

    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_as_the_umask_says(
    tmp_path: Path, umask: Callable[[int], None], mask: int, mode: int
):
    umask(mask)

    write_png(tmp_path / "a.png", np.zeros((2, 2), np.uint8))

    assert (tmp_path / "a.png").stat().st_mode & 0o777 == mode


def test_writing_never_changes_the_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # It belongs to the process: a thread that sets it, if only to read it, sets it for all.
    def refused(mask: int) -> int:
        raise AssertionError("os.umask was called")

    monkeypatch.setattr(os, "umask", refused)

    with replacing(tmp_path / "a.txt") as partial:
        partial.write_text("text")


def test_a_file_is_read_whole(tmp_path: Path):
    (tmp_path / "a.bin").write_bytes(b"one\ntwo")

    with reading(tmp_path / "a.bin") as file:
        assert file.read(3) == b"one"
    assert read_bytes(tmp_path / "a.bin") == b"one\ntwo"


@pytest.mark.parametrize("name", ["missing.jpg", "folder", "file/a.jpg"])
def test_what_cannot_be_read_is_named_with_the_reason(tmp_path: Path, name: str):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(InputError, match=rf"{name} cannot be read: (No such|Is a|Not a) "):
        read_bytes(tmp_path / name)


def test_a_disk_that_fails_while_a_file_is_read_is_an_error_of_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Failing:
        def __enter__(self) -> "Failing":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self) -> bytes:
            raise OSError(5, "Input/output error")

    (tmp_path / "a.jpg").touch()
    monkeypatch.setattr(Path, "open", lambda self, mode: Failing())

    with pytest.raises(InputError, match=r"a\.jpg cannot be read: Input/output error"):
        read_bytes(tmp_path / "a.jpg")


def test_a_lock_keeps_other_threads_out_and_is_not_lost_to_them(tmp_path: Path):
    lock, refusals = tmp_path / ".lock", []

    def second() -> None:
        try:
            with locked(lock, "busy"):
                refusals.append("not refused")
        except InputError as error:
            refusals.append(str(error))

    with locked(lock, "busy"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        # The refused one must not have given up the lock of this process, as closing a file does.
        code = (
            "import sys; from pathlib import Path; from data.locks import locked\n"
            "with locked(Path(sys.argv[1]), 'busy'): pass"
        )
        command = [sys.executable, "-c", code, str(lock)]
        other = subprocess.run(command, capture_output=True, text=True, check=False)

    assert refusals == ["busy"]
    assert "InputError: busy" in other.stderr
    with locked(lock, "busy"):
        pass
