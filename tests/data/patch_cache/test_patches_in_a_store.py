"""Patches in an object store: whole or absent, and read in whole shards."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from data.datasets.patch_dataset import PatchBatches
from data.errors import InputError
from data.patch_cache import patch_store
from data.stores import object_store
from data.stores.object_mirror import ObjectMirror
from data.stores.publishing import publish
from tests.data.patch_cache.stores import ORIGIN, SHARD, SMALL, fill, photo_patches
from tests.data.stores.counting_store import CountingStore

PARTS = [photo_patches(i, 5) for i in range(7)]
"""35 patches, 25 of them to train on, in 5 shards."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "patches.zarr", PARTS)
    return tmp_path / "patches.zarr"


def mirror_of(store: CountingStore, root: Path) -> ObjectMirror:
    root = root.resolve()
    root.mkdir(parents=True)
    return ObjectMirror(store.place, root, store, store.found(store.place))


def test_the_mark_is_sent_last(folder: Path):
    store = CountingStore()

    publish(folder, store.place, store)

    assert store.writes[-1] == "zarr.json"
    assert store.keys == {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_without_the_mark_patches_are_half_written(folder: Path, tmp_path: Path):
    store = CountingStore()
    publish(folder, store.place, store)
    store.files.rm_file(f"{store.place.key}/zarr.json")

    mirror = mirror_of(store, tmp_path / "there")
    with mirror.up(), pytest.raises(InputError, match=r"half-written; run .* RUN --patches"):
        patch_store.open_store(mirror.root, SMALL, ORIGIN.coarse, ORIGIN.settings)


def test_an_upload_that_was_interrupted_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(object_store, "PAUSES", ())
    store = CountingStore(**{"zarr.json": b"of others", "full/c/9/0/0/0": b"of others"})
    num_files = sum(path.is_file() for path in folder.rglob("*"))
    failures = iter([False] * 10 + [True] * num_files)
    write = store.files.pipe_file

    def failing(*arguments: object, **options: object) -> None:
        if next(failures, False):
            raise OSError("connection lost")
        write(*arguments, **options)

    monkeypatch.setattr(store.files, "pipe_file", failing)
    with pytest.raises(OSError, match="connection lost"):
        publish(folder, store.place, store)
    assert "zarr.json" not in store.keys

    failures = iter(())
    publish(folder, store.place, store)

    assert store.keys == {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert all(store.get(key) == (folder / key).read_bytes() for key in store.keys)


def test_each_shard_is_fetched_once_however_often_it_is_read(folder: Path, tmp_path: Path):
    store = CountingStore()
    publish(folder, store.place, store)
    here = patch_store.open_store(folder, SMALL, ORIGIN.coarse, ORIGIN.settings)
    mirror = mirror_of(store, tmp_path / "there")

    with mirror.up():
        group = patch_store.open_store(mirror.root, SMALL, ORIGIN.coarse, ORIGIN.settings)
        arrays = patch_store.stored_arrays(group, mirror.root)
        names = list(patch_store.array_shapes(SMALL))
        batches = PatchBatches({name: arrays[name] for name in names}, 25, 4)
        for _ in range(3):
            read = [[part.numpy() for part in batch] for batch in batches]

    expected = PatchBatches({name: here[name] for name in names}, 25, 4)
    for ours, theirs in zip(read, expected, strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert Counter(store.reads) == dict.fromkeys(store.keys, 1)
    assert sum(key.startswith("full/c/") for key in store.reads) == -(-35 // SHARD) == 5


def test_a_slice_needs_its_own_shards_alone(folder: Path):
    group = patch_store.open_store(folder, SMALL, ORIGIN.coarse, ORIGIN.settings)

    def numbers(rows: slice) -> list[str]:
        files = patch_store.shard_files(group["full"], folder, rows)
        return [str(file.relative_to(folder)) for file in files]

    assert numbers(slice(0, SHARD)) == ["full/c/0/0/0/0"]
    assert numbers(slice(SHARD - 1, SHARD + 1)) == ["full/c/0/0/0/0", "full/c/1/0/0/0"]
    assert len(numbers(slice(None))) == 5
    assert numbers(slice(3, 3)) == ["full/c/0/0/0/0"]
