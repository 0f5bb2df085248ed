"""Folders that stand for addresses: what is uploaded, and when."""

import time
from pathlib import Path

import pytest

from data import files, mirrors
from data.stores import fetching, uploading
from data.stores.etag_table import EtagTable
from data.stores.object_mirror import ObjectMirror
from data.stores.object_store import Entry
from data.stores.spool import PREFIX, spool
from tests.data.stores.counting_store import CountingStore, Up, blocks, wait_for


@pytest.mark.parametrize("is_durable", [True, False])
def test_what_is_written_is_uploaded(up: Up, is_durable: bool):
    store = CountingStore(a=b"old")
    root = up(store).root

    for name in ("a", "new"):
        files.write_bytes(root / name, b"content", is_durable=is_durable)
        if is_durable:
            assert store.get(name) == b"content"
    wait_for(lambda: len(store.writes) == 2)

    assert files.read_bytes(root / "a") == b"content"
    assert store.reads == []


def test_what_was_uploaded_makes_room_and_is_fetched_again(up: Up, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fetching, "MOST_BYTES", 30_000)
    store = CountingStore()
    root = up(store).root

    for i in range(20):
        files.write_bytes(root / f"{i:03}", b"%05d" % i * 2000)

    assert blocks(root) < 60_000
    for i in range(20):
        assert files.read_bytes(root / f"{i:03}") == b"%05d" % i * 2000


def test_one_that_writes_much_waits_for_the_store(up: Up, monkeypatch: pytest.MonkeyPatch):
    store = CountingStore()
    root = up(store).root
    store.seconds = 0.02

    for i in range(uploading.MOST_WAITING + 100):
        files.write_bytes(root / str(i), b"x", is_durable=False)
        assert i - len(store.writes) <= uploading.MOST_WAITING + uploading.UPLOADERS


def test_at_the_end_all_is_uploaded_and_marks_come_last(tmp_path: Path):
    store = CountingStore(gone=b"x", kept=b"y")
    root = tmp_path.resolve() / "mirror"
    root.mkdir()
    mirror = ObjectMirror(store.place, root, store, store.found(store.place))
    mirror.is_written = True

    with mirror.up():
        (root / "gone").unlink()
        for name in (".mark", "index.html", "sub/z.png", "a.png", ".lock", "b.partial"):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_bytes(name.encode())
        assert store.writes == []

    assert store.keys == {".mark", "index.html", "sub/z.png", "a.png", "kept"}
    assert set(store.writes[:2]) == {"sub/z.png", "a.png"}
    assert set(store.writes[2:]) == {".mark", "index.html"}
    assert store.reads == []


def test_a_folder_that_is_only_read_stays_as_it_is(tmp_path: Path):
    store = CountingStore(a=b"x")
    root = tmp_path.resolve() / "mirror"
    root.mkdir()

    with ObjectMirror(store.place, root, store, store.found(store.place)).up():
        (root / "a").unlink()
        (root / "new").touch()

    assert store.keys == {"a"}


def test_records_that_were_removed_are_gone_before_a_manifest_is_there(up: Up):
    store = CountingStore(**{".records": b"old", ".manifest": b"old"})
    root = up(store).root

    (root / ".records").unlink()
    files.write_bytes(root / ".manifest", b"new")

    assert store.keys == {".manifest"}


def test_of_two_computers_that_create_an_object_one_does(up: Up):
    store = CountingStore()
    one, other = up(store, "one").root, up(store, "other").root

    assert files.create(one / "manifest", b"one") is True
    assert files.create(other / "manifest", b"other") is False

    assert store.get("manifest") == b"one"
    assert files.read_bytes(other / "manifest") == b"one"


def test_after_an_upload_that_fails_nothing_goes_on(up: Up, monkeypatch: pytest.MonkeyPatch):
    store = CountingStore()
    root = up(store).root

    def broken(*_: object, **__: object) -> None:
        raise OSError(5, "cannot be written", "memory://bucket/a")

    monkeypatch.setattr(store, "write", broken)
    files.write_bytes(root / "a", b"x", is_durable=False)

    with pytest.raises(OSError, match="cannot be written"):
        _write_often(root / "b")
    monkeypatch.undo()


def test_one_object_alone_is_written(up: Up):
    store = CountingStore(other=b"x")
    root = up(store, only="table.csv").root

    files.write_bytes(root / "table.csv", b"rows")
    files.write_bytes(root / "else", b"no")

    assert store.keys == {"other", "table.csv"}


def test_hashes_of_objects_are_known_in_the_next_call(up: Up, tmp_path: Path):
    store = CountingStore(a=b"12345")
    store.found = lambda address: {"a": Entry(5, "etag-of-a")}  # type: ignore[method-assign]
    hashes = []

    for name in ("first", "second"):
        mirror = up(store, name)
        mirror.remember(EtagTable(tmp_path / "table"))
        hashes.append(mirrors.sha256(mirror.root / "a"))
        if name == "first":
            files.read_bytes(mirror.root / "a")

    assert hashes == [None, "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5"]


def test_messages_have_addresses(up: Up):
    store = CountingStore(a=b"x")

    root = up(store).root

    assert mirrors.with_addresses(f"{root}/a is odd") == f"{store.place}/a is odd"


def test_the_spool_of_a_killed_process_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    (left / "lock").touch()

    with spool() as first, spool() as second:
        assert set(tmp_path.iterdir()) == {first, second}

    assert list(tmp_path.iterdir()) == []


def _write_often(path: Path) -> None:
    for _ in range(100):
        time.sleep(0.01)
        files.write_bytes(path, b"x", is_durable=False)
