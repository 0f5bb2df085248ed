"""Locks that are shared, and disks without any; files that one of several processes creates."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from data import locks
from data.errors import InputError
from data.files import create, remove_partials, replacing, write_bytes
from data.locks import locked

ROOT = Path(__file__).parents[2]

HOLDS = (
    "import sys; from pathlib import Path; from data.locks import locked\n"
    "with locked(Path(sys.argv[1]), 'busy', is_shared=bool(int(sys.argv[2]))):\n"
    "    print('locked', flush=True); sys.stdin.read()"
)


def holder(lock: Path, *, is_shared: bool) -> subprocess.Popen[str]:
    """Another process that holds a lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(lock), str(int(is_shared))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


@pytest.mark.parametrize("theirs", [True, False])
@pytest.mark.parametrize("ours", [True, False])
def test_a_lock_is_held_by_several_only_if_all_share_it(
    tmp_path: Path, *, theirs: bool, ours: bool
):
    lock = tmp_path / "lock"
    with holder(lock, is_shared=theirs) as process:
        if theirs and ours:
            with locked(lock, "busy", is_shared=True):
                pass
        else:
            with pytest.raises(InputError, match="busy"), locked(lock, "busy", is_shared=ours):
                pass
        process.communicate()

    with locked(lock, "busy"):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_disk_without_locks_is_warned_of(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
):
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locks.fcntl, "lockf", refuse)
    with locked(tmp_path / "lock", "busy"):
        pass

    assert caplog.messages == [
        f"{tmp_path}/lock cannot be locked: see that no two commands write there at once"
    ]


def test_another_error_of_a_lock_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(locks.fcntl, "lockf", fail)

    with pytest.raises(OSError, match="Input/output") as caught, locked(tmp_path / "lock", "busy"):
        pass
    assert caught.value.filename == str(tmp_path / "lock")


def test_of_several_that_create_a_file_one_does_so(tmp_path: Path):
    start, created = threading.Barrier(8), []

    def attempt(number: int) -> None:
        start.wait()
        if create(tmp_path / "file", str(number).encode() * 1000):
            created.append(number)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(created) == 1
    assert (tmp_path / "file").read_bytes() == str(created[0]).encode() * 1000
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert not create(tmp_path / "file", b"other")


def test_a_file_is_created_on_a_disk_without_links_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)

    assert create(tmp_path / "file", b"content")
    assert not create(tmp_path / "file", b"other")
    assert (tmp_path / "file").read_bytes() == b"content"


def test_temporary_files_may_lie_in_another_folder(tmp_path: Path):
    place = tmp_path / "place"
    place.mkdir()

    with replacing(tmp_path / "file", place=place) as partial:
        partial.write_bytes(b"content")
        assert partial.parent == place
        remove_partials(place)  # this one is being written
        assert partial.exists()
    write_bytes(tmp_path / "other", b"content", place=place)

    assert (tmp_path / "file").read_bytes() == (tmp_path / "other").read_bytes() == b"content"
    assert list(place.iterdir()) == []


def test_a_symbolic_link_may_lead_to_another_disk_than_that_of_temporary_files(tmp_path: Path):
    (tmp_path / "there").mkdir()
    (tmp_path / "place").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")

    with replacing(tmp_path / "link", place=tmp_path / "place") as partial:
        partial.write_bytes(b"content")
        assert partial.parent == tmp_path / "there"

    assert (tmp_path / "there" / "file").read_bytes() == b"content"


def test_a_lock_that_a_killed_process_held_is_free(tmp_path: Path):
    with holder(tmp_path / "lock", is_shared=True) as process:
        process.kill()
        process.wait()

    with locked(tmp_path / "lock", "busy"):
        pass
