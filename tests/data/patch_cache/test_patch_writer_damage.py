"""An unfinished store that was damaged before its writing is resumed."""

import json
from pathlib import Path

import pytest

from data.errors import InputError
from tests.data.patch_cache.stores import AGAIN, ORIGIN, SHARD, go_on, photo_patches, writer


@pytest.mark.parametrize("patches", [99, -1])
def test_an_unfinished_store_with_fewer_patches_than_it_says_is_damage(
    tmp_path: Path, patches: int
):
    half_written(tmp_path)
    state = {"fingerprint": ORIGIN.fingerprint, "patches": patches}
    (tmp_path / "patches.zarr.partial" / "written.json").write_text(json.dumps(state))

    with pytest.raises(InputError, match=rf"partial is damaged \(.*\); delete it and {AGAIN}"):
        writer(tmp_path / "patches.zarr")


@pytest.mark.parametrize("file", ["tile/zarr.json", "tile/c/0/0", "outside/c/0/0"])
def test_an_unfinished_store_with_a_flipped_bit_is_damaged(tmp_path: Path, file: str):
    half_written(tmp_path)
    path = tmp_path / "patches.zarr.partial" / file
    data = bytearray(path.read_bytes())
    data[20 if file.endswith("0") else 0] ^= 1
    path.write_bytes(data)

    with pytest.raises(InputError, match=rf"partial is damaged.*; delete it and {AGAIN}"):
        writer(tmp_path / "patches.zarr").last_photo()


def half_written(folder: Path) -> None:
    """A store whose writing ended after its first shards."""
    writing = go_on(writer(folder / "patches.zarr"), [photo_patches(i, SHARD) for i in range(3)])
    next(writing)
    next(writing)


@pytest.mark.parametrize("name", ["tile", "full", "outside"])
def test_an_unfinished_store_without_one_of_its_arrays_is_damaged(tmp_path: Path, name: str):
    half_written(tmp_path)
    (tmp_path / "patches.zarr.partial" / name / "zarr.json").unlink()

    with pytest.raises(InputError, match=rf"partial is damaged.*; delete it and {AGAIN}"):
        writer(tmp_path / "patches.zarr")
