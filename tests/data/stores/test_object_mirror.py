"""Folders that stand for addresses: what is fetched when files are read."""

import time
from pathlib import Path

import pytest

from data import files, mirrors
from data.errors import InputError
from data.stores import fetching
from data.stores.object_mirror import ObjectMirror
from data.stores.object_store import Entry
from tests.data.stores.counting_store import CountingStore, Up, blocks, wait_for


def many(num: int, size: int = 5) -> CountingStore:
    return CountingStore(**{f"{i:03}": b"%05d" % i * (size // 5) for i in range(num)})


def test_nothing_is_fetched_before_it_is_read(up: Up):
    store = CountingStore(a=b"12345", b=b"x" * 100_000)

    root = up(store).root

    assert [path.stat().st_size for path in sorted(root.iterdir())] == [5, 100_000]
    assert blocks(root) == 0
    assert store.reads == []
    assert files.read_bytes(root / "a") == b"12345"


def test_an_object_is_fetched_once(up: Up):
    store = CountingStore(a=b"12345")
    root = up(store).root

    for _ in range(3):
        assert files.read_bytes(root / "a") == b"12345"

    assert store.reads == ["a"]


def test_those_that_come_next_are_fetched_ahead(up: Up, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fetching, "AHEAD", 4)
    store = many(20)
    root = up(store).root

    files.read_bytes(root / "003")
    wait_for(lambda: len(store.reads) == 5)

    assert sorted(store.reads) == ["003", "004", "005", "006", "007"]


def test_the_order_can_be_told(up: Up, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fetching, "AHEAD", 2)
    store = many(20)
    root = up(store).root

    mirrors.expect([root / name for name in ("017", "003", "011", "005")])
    files.read_bytes(root / "017")
    wait_for(lambda: len(store.reads) == 3)

    assert sorted(store.reads) == ["003", "011", "017"]


def test_a_slow_store_is_hidden_by_fetching_ahead(up: Up):
    store = many(100)
    root = up(store).root
    store.seconds = 0.05

    began = time.monotonic()
    for i in range(100):
        assert files.read_bytes(root / f"{i:03}") == b"%05d" % i

    assert time.monotonic() - began < 100 * store.seconds / 2
    assert 1 < store.most_at_once <= fetching.FETCHERS
    assert len(store.reads) == 100


def test_the_disk_holds_little(up: Up, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fetching, "MOST_BYTES", 200_000)
    monkeypatch.setattr(fetching, "MOST_BYTES_AHEAD", 50_000)
    store = many(50, 20_000)
    root = up(store).root
    most = 0

    for _ in range(2):
        for i in range(50):
            assert files.read_bytes(root / f"{i:03}") == b"%05d" % i * 4000
            most = max(most, blocks(root.parent))

    assert most < 400_000
    assert len(list(root.iterdir())) == 50


def test_what_is_open_keeps_its_content(up: Up, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fetching, "MOST_BYTES", 1)
    monkeypatch.setattr(fetching, "AHEAD", 0)
    store = many(3)
    root = up(store).root

    with files.reading(root / "000") as file:
        files.read_bytes(root / "001")
        files.read_bytes(root / "002")

        assert blocks(root) < 3 * 4096
        assert file.read() == b"00000"


def test_an_object_that_changed_after_it_was_listed_is_named(up: Up):
    store = CountingStore(a=b"12345")
    root = up(store).root
    store.put("a", b"123456")

    with pytest.raises(InputError, match=r"memory://.*/a cannot be read: 6 of 5 bytes came"):
        files.read_bytes(root / "a")


def test_keys_that_lead_elsewhere_are_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    store = CountingStore()
    odd = ["../a", "b/../../c", "/d", "e//f", ".", "g/.", "n" * 256, "h\0", "i", "i/j"]
    listed = {key: Entry(3) for key in [*odd, "photos/", "photos/k", "photos/..l"]}
    root = tmp_path / "0" / "mirror"
    root.mkdir(parents=True)

    mirror = ObjectMirror(store.place, root, store, listed)

    assert mirror.entries.keys() == {"photos/k", "photos/..l", "i/j"}
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()} == {
        "0/mirror/photos/k",
        "0/mirror/photos/..l",
        "0/mirror/i/j",
    }
    assert "9 objects whose keys are no paths on disk" in caplog.text
