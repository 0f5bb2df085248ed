"""What is found out about a store that is damaged, and what is said of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from data.errors import InputError
from data.patch_cache.patch_store import (
    Metadata,
    Patches,
    array_shapes,
    metadata,
    open_store,
    stored_arrays,
    verify,
)
from tests.data.patch_cache.stores import (
    AGAIN,
    ORIGIN,
    PHOTOS,
    SHARD,
    SMALL,
    arrays,
    fill,
    joined,
    photo_patches,
)


@pytest.mark.parametrize("content", [None, "", "{", "{}"])
def test_a_damaged_store_is_refused(tmp_path: Path, content: str | None):
    (tmp_path / "patches.zarr").mkdir()
    if content is not None:
        (tmp_path / "patches.zarr" / "zarr.json").write_text(content)

    with pytest.raises(InputError, match=rf"(is damaged|has format None).*{AGAIN}"):
        open_store(tmp_path / "patches.zarr", SMALL, ORIGIN.coarse, ORIGIN.settings)


@pytest.mark.parametrize("name", [*array_shapes(SMALL), "outside"])
@pytest.mark.parametrize("harm", ["missing", "empty"])
def test_a_shard_that_is_lost_is_found_out(tmp_path: Path, name: str, harm: str):
    path = tmp_path / "patches.zarr"
    fill(path, [photo_patches(0, SHARD + 1)])
    lost = sorted(p for p in (path / name / "c").rglob("*") if p.is_file())[-1]
    if harm == "missing":
        lost.unlink()
    else:
        lost.write_bytes(b"")

    message = rf"is damaged: {lost.relative_to(path)} is missing or empty; delete it and "
    with pytest.raises(InputError, match=message + AGAIN):
        open_store(path, SMALL, ORIGIN.coarse, ORIGIN.settings)
    with pytest.raises(
        InputError, match=message + rf"run `foveamask make-patches photos {tmp_path}`"
    ):
        verify(path, SMALL, ORIGIN, Path("photos"))


@pytest.mark.parametrize("name", [*array_shapes(SMALL), "outside"])
@pytest.mark.parametrize("content", [None, "", "null", "{}"])
def test_an_array_that_is_lost_is_found_out(tmp_path: Path, name: str, content: str | None):
    path = tmp_path / "patches.zarr"
    fill(path, [photo_patches(0, 3)])
    (path / name / "zarr.json").unlink()
    if content is not None:
        (path / name / "zarr.json").write_text(content)

    with pytest.raises(InputError, match=rf"is damaged: .*; delete it and {AGAIN}"):
        open_store(path, SMALL, ORIGIN.coarse, ORIGIN.settings)


@pytest.mark.parametrize("name", array_shapes(SMALL))
def test_arrays_of_different_length_are_found_out(tmp_path: Path, name: str):
    path = tmp_path / "patches.zarr"
    fill(path, [photo_patches(0, 7)])
    array: Any = zarr.open_group(path, mode="a")[name]
    array.resize((6, *array.shape[1:]))

    with pytest.raises(InputError, match=rf"is damaged: .* has the shape .*{AGAIN}"):
        open_store(path, SMALL, ORIGIN.coarse, ORIGIN.settings)


@pytest.mark.parametrize(
    "harm",
    [lambda data: data[:-1], lambda data: data[:50], lambda data: data[:1], lambda data: bytes(9)],
    ids=["last byte", "most", "all but a byte", "other content"],
)
@pytest.mark.parametrize("name", ["full", "target"])
def test_a_shard_that_was_cut_off_is_found_out_when_it_is_read(
    tmp_path: Path, name: str, harm: Callable[[bytes], bytes]
):
    path = tmp_path / "patches.zarr"
    fill(path, [photo_patches(0, 2 * SHARD)])
    shard = sorted(p for p in (path / name / "c").rglob("*") if p.is_file())[1]
    shard.write_bytes(harm(shard.read_bytes()))

    stored = stored_arrays(open_store(path, SMALL, ORIGIN.coarse, ORIGIN.settings), path)[name]

    for rows in (slice(None), slice(SHARD, SHARD + 4)):
        with pytest.raises(InputError, match=rf"damaged: {name} cannot be read.*; delete.*{AGAIN}"):
            stored[rows]
    assert len(stored[:SHARD]) == SHARD  # the shard before is whole


def test_a_chunk_that_does_not_decompress_is_found_out_when_it_is_read(tmp_path: Path):
    path = tmp_path / "patches.zarr"
    fill(path, [photo_patches(0, 3)])
    shard = path / "full" / "c" / "0" / "0" / "0" / "0"
    shard.write_bytes(bytes([255] * 16) + shard.read_bytes()[16:])

    stored = stored_arrays(open_store(path, SMALL, ORIGIN.coarse, ORIGIN.settings), path)

    with pytest.raises(InputError, match=rf"damaged: full cannot be read.*; delete.*{AGAIN}"):
        stored["full"][:]


def test_stored_arrays_are_what_was_written(tmp_path: Path):
    path = tmp_path / "patches.zarr"
    fill(path, [photo_patches(i, 7) for i in range(3)])

    stored = stored_arrays(open_store(path, SMALL, ORIGIN.coarse, ORIGIN.settings), path)

    assert set(stored) == {*array_shapes(SMALL), "outside"}
    for name, rows in arrays(path).items():
        assert stored[name].shape == rows.shape
        assert stored[name].dtype == rows.dtype
        np.testing.assert_array_equal(stored[name][:], rows)
        np.testing.assert_array_equal(stored[name][3:5], rows[3:5])


def stored(path: Path, parts: list[Patches] | None = None) -> zarr.Group:
    """A finished store, opened to be harmed."""
    fill(path, parts or [photo_patches(i, 3) for i in range(3)])
    return zarr.open_group(path, mode="a")


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"fingerprint": None}, "its fingerprint is None"),
        ({"fingerprint": 7}, "its fingerprint is 7"),
        ({"photos": None}, "its photos are no list of names"),
        ({"photos": "photo0"}, "its photos are no list of names"),
        ({"photos": [1, 2]}, "its photos are no list of names"),
        ({"num_training": None}, "its num_training is None"),
        ({"num_training": "5"}, "its num_training is '5'"),
        ({"num_training": 5.0}, r"its num_training is 5\.0"),
        ({"num_training": True}, "its num_training is True"),
        ({"num_training": -1}, "-1 of 7 photos are to train on"),
        ({"num_training": 8}, "8 of 7 photos are to train on"),
    ],
)
def test_attributes_that_make_no_sense_are_damage(
    tmp_path: Path, attributes: dict[str, Any], message: str
):
    path = tmp_path / "patches.zarr"
    group = stored(path)
    group.update_attributes(attributes)

    for read in (
        lambda: open_store(path, SMALL, ORIGIN.coarse, ORIGIN.settings),
        lambda: verify(path, SMALL, ORIGIN, "DATA"),
        lambda: metadata(path),
    ):
        with pytest.raises(InputError, match=rf"zarr is damaged: {message}; delete it and {AGAIN}"):
            read()


@pytest.mark.parametrize("name", ["fingerprint", "photos", "num_training"])
def test_an_attribute_that_is_missing_is_damage(tmp_path: Path, name: str):
    path = tmp_path / "patches.zarr"
    group = stored(path)
    attributes = dict(group.attrs)
    del attributes[name]
    group.attrs.put(attributes)

    with pytest.raises(InputError, match=rf"zarr is damaged: its {name} .*{AGAIN}"):
        metadata(path)


def test_metadata_is_what_was_written(tmp_path: Path):
    stored(tmp_path / "patches.zarr")

    assert metadata(tmp_path / "patches.zarr") == Metadata(ORIGIN.fingerprint, tuple(PHOTOS), 5)


@pytest.mark.parametrize("name", [*array_shapes(SMALL), "outside"])
def test_an_array_of_another_type_is_damage(tmp_path: Path, name: str):
    path = tmp_path / "patches.zarr"
    group = stored(path)
    rows = arrays(path)[name]
    group.create_array(name, data=rows.astype(np.float32), overwrite=True)

    with pytest.raises(InputError, match=rf"zarr is damaged: {name} is of float32; .*{AGAIN}"):
        open_store(path, SMALL, ORIGIN.coarse, ORIGIN.settings)


def test_counts_of_other_photos_are_damage(tmp_path: Path):
    path = tmp_path / "patches.zarr"
    group = stored(path)
    group.create_array("outside", data=np.zeros((6, 3), np.int64), overwrite=True)

    with pytest.raises(InputError, match=rf"damaged: outside has the shape \(6, 3\); .*{AGAIN}"):
        open_store(path, SMALL, ORIGIN.coarse, ORIGIN.settings)


@pytest.mark.parametrize("photos", [[1, 0], [0, 2, 1], [7], [0, -1], [-1, 0]])
def test_tiles_that_are_not_in_the_order_of_their_photos_are_damage(
    tmp_path: Path, photos: list[int]
):
    path = tmp_path / "patches.zarr"
    stored(path, [joined([photo_patches(photo % 9, 2) for photo in photos])])
    tiles: Any = zarr.open_group(path, mode="a")["tile"]
    rows = tiles[:]
    rows[:, 0] = np.repeat(photos, 2)
    tiles[:] = rows

    with pytest.raises(
        InputError, match=rf"damaged: its tiles are not in the order of its photos; .*{AGAIN}"
    ):
        open_store(path, SMALL, ORIGIN.coarse, ORIGIN.settings)


def test_tiles_that_cannot_be_read_are_found_out_when_the_store_is_opened(tmp_path: Path):
    path = tmp_path / "patches.zarr"
    stored(path)
    shard = next(p for p in (path / "tile" / "c").rglob("*") if p.is_file())
    shard.write_bytes(shard.read_bytes()[:-1])

    with pytest.raises(InputError, match=rf"damaged: tile cannot be read.*; delete.*{AGAIN}"):
        open_store(path, SMALL, ORIGIN.coarse, ORIGIN.settings)


@pytest.mark.parametrize("name", [*array_shapes(SMALL), "outside"])
def test_a_flipped_bit_in_a_chunk_is_found_out_when_it_is_read(tmp_path: Path, name: str):
    path = tmp_path / "patches.zarr"
    stored(path)
    shard = next(p for p in (path / name / "c").rglob("*") if p.is_file())
    data = bytearray(shard.read_bytes())
    data[20] ^= 1
    shard.write_bytes(data)

    with pytest.raises(InputError, match=rf"damaged: {name} cannot be read.*; delete.*{AGAIN}"):
        read_all(path)


@pytest.mark.parametrize(
    "attributes",
    [{"num_training": 4}, {"photos": [*PHOTOS[:-1], "photo7"]}, {"fingerprint": "0"}, {"more": 1}],
)
def test_attributes_that_were_changed_are_damage(tmp_path: Path, attributes: dict[str, Any]):
    path = tmp_path / "patches.zarr"
    stored(path).update_attributes(attributes)

    with pytest.raises(InputError, match=f"damaged: its attributes have another checksum.*{AGAIN}"):
        metadata(path)


@pytest.mark.slow
def test_whatever_bit_of_a_store_flips_it_is_refused_or_the_same(tmp_path: Path):
    path, random = tmp_path / "patches.zarr", np.random.default_rng(0)
    stored(path)
    about, whole = read_all(path)

    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        data = file.read_bytes()
        for place in random.integers(0, len(data), 15):
            changed = bytearray(data)
            changed[place] ^= 1 << random.integers(8)
            file.write_bytes(changed)
            try:
                again, rows = read_all(path)
            except InputError:
                continue
            assert again == about, (file, place)
            for name, values in whole.items():
                np.testing.assert_array_equal(rows[name], values)
        file.write_bytes(data)


def read_all(path: Path) -> tuple[Metadata, Patches]:
    group = open_store(path, SMALL, ORIGIN.coarse, ORIGIN.settings)
    verify(path, SMALL, ORIGIN, "DATA")
    return metadata(path), {name: rows[:] for name, rows in stored_arrays(group, path).items()}
