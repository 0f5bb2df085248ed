import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from data.errors import InputError
from data.patch_cache import patch_writer
from data.patch_cache.patch_store import (
    Origin,
    array_shapes,
    open_store,
    stored_arrays,
)
from tests.data.patch_cache.stores import (
    AGAIN,
    ORIGIN,
    PHOTOS,
    SHARD,
    SMALL,
    arrays,
    contents,
    fill,
    go_on,
    joined,
    photo_patches,
    writer,
)

COUNTS = [
    pytest.param([3, 0, 10, 1, 0, 5, 2], id="uneven"),
    pytest.param([8, 8, 0, 0, 0, 0, 0], id="whole shards"),
    pytest.param([0, 0, 0, 0, 0, 0, 20], id="in the last photo alone"),
    pytest.param([40, 0, 0, 0, 0, 0, 0], id="in the first photo alone"),
    pytest.param([7, 1, 8, 9, 15, 16, 17], id="about the size of shards"),
    pytest.param([1, 1, 1, 1, 1, 1, 1], id="less than a shard"),
]


def test_a_full_disk_is_an_error_that_names_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store = writer(tmp_path / "patches.zarr")

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")  # as a write to an open file says it

    monkeypatch.setattr(zarr.Array, "__setitem__", no_room)
    with pytest.raises(OSError, match=r"patches\.zarr\.partial"):
        store.append(photo_patches(0, SHARD))


@pytest.mark.parametrize("counts", COUNTS)
def test_what_is_appended_is_read_back(tmp_path: Path, counts: list[int]):
    parts = [photo_patches(i, count) for i, count in enumerate(counts)]

    fill(tmp_path / "patches.zarr", parts)

    group = open_store(tmp_path / "patches.zarr", SMALL, ORIGIN.coarse, ORIGIN.settings)
    for name, rows in joined(parts).items():
        np.testing.assert_array_equal(group[name], rows)
        assert group[name].dtype == rows.dtype
    np.testing.assert_array_equal(group["outside"], [(i, 2 * i, 3 * i) for i in range(7)])
    assert group.attrs["photos"] == PHOTOS
    assert group.attrs["num_training"] == 5
    assert group.attrs["fingerprint"] == ORIGIN.fingerprint
    assert [p.name for p in tmp_path.iterdir()] == ["patches.zarr"]
    assert not (tmp_path / "patches.zarr" / "written.json").exists()


def test_no_patches_at_all_are_a_store(tmp_path: Path):
    fill(tmp_path / "patches.zarr", [photo_patches(i, 0) for i in range(7)])

    group = open_store(tmp_path / "patches.zarr", SMALL, ORIGIN.coarse, ORIGIN.settings)
    assert group["full"].shape == (0, 8, 8, 4)
    # Without these a coarse mask that is nowhere unsure would count as empty.
    np.testing.assert_array_equal(group["outside"], [(i, 2 * i, 3 * i) for i in range(7)])


@pytest.mark.parametrize("counts", COUNTS[::2])
@pytest.mark.parametrize("stop_after", [0, 2, 4, 6])
def test_an_interrupted_store_becomes_what_it_would_have_been(
    tmp_path: Path, counts: list[int], stop_after: int
):
    parts = [photo_patches(i, count) for i, count in enumerate(counts)]
    fill(tmp_path / "whole.zarr", parts)

    for photo in go_on(writer(tmp_path / "patches.zarr"), parts):
        if photo == stop_after:
            break  # and all that waits to be written is lost
    assert not (tmp_path / "patches.zarr").exists()
    fill(tmp_path / "patches.zarr", parts)

    assert contents(tmp_path / "patches.zarr") == contents(tmp_path / "whole.zarr")


class Killed(BaseException):
    """What no code may catch."""


class Fuse:
    """Kills at the given one of the moments between two writes; 0 for never."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        for owner, name in [
            (zarr.Array, "resize"),
            (zarr.Array, "__setitem__"),
            (patch_writer, "replacing"),
        ]:
            monkeypatch.setattr(owner, name, self._burning(getattr(owner, name)))

    def _burning(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def write_or_die(*args: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                raise Killed
            return write(*args)

        return write_or_die


def test_a_kill_at_any_moment_is_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    parts = [photo_patches(i, count) for i, count in enumerate([3, 7, 0, 4])]
    fill(tmp_path / "whole.zarr", parts)
    whole = arrays(tmp_path / "whole.zarr")
    fuse = Fuse(monkeypatch)

    for moment in range(1, NUM_MOMENTS + 1):
        path = tmp_path / f"{moment}.zarr"
        fuse.left = moment
        with pytest.raises(Killed):
            fill(path, parts)
        assert not path.exists()
        fill(path, parts)

        for name, rows in arrays(path).items():
            np.testing.assert_array_equal(rows, whole[name], err_msg=f"{moment}: {name}")


# 4 arrays opened, 2 shards of 4 arrays resized and written, with their state; what is outside
# of the tiles with each and at the end.
NUM_MOMENTS = 4 + 2 * (4 * 2 + 1 + 1) + 1


def test_rows_that_were_being_written_are_dropped(tmp_path: Path):
    # A GPU may find another number of tiles unsure when it is asked again.
    first, again = [photo_patches(0, SHARD), photo_patches(1, 6)], [photo_patches(0, SHARD)]
    store = writer(tmp_path / "patches.zarr")
    for _ in go_on(store, first):
        pass
    store.group["full"].resize((SHARD + 6, 8, 8, 4))  # and killed before the other arrays

    fill(tmp_path / "patches.zarr", again)

    for name, rows in again[0].items():
        np.testing.assert_array_equal(arrays(tmp_path / "patches.zarr")[name], rows)


def test_writing_goes_on_from_the_last_whole_shard(tmp_path: Path):
    parts = [photo_patches(0, 5), photo_patches(1, 6), photo_patches(2, 4)]
    for _ in go_on(writer(tmp_path / "patches.zarr"), parts):
        pass

    again = writer(tmp_path / "patches.zarr")

    assert again.num_written == SHARD
    assert again.last_photo() == (1, 3)  # 8 of 15 are safe: all of photo 0 and 3 of photo 1


def test_a_new_store_starts_with_the_first_photo(tmp_path: Path):
    store = writer(tmp_path / "patches.zarr")

    assert store.last_photo() == (0, 0)
    for name, rows in store.unwritten(photo_patches(0, 3)).items():
        np.testing.assert_array_equal(rows, photo_patches(0, 3)[name])


def test_of_the_photo_to_go_on_with_the_rest_is_written(tmp_path: Path):
    writer(tmp_path / "patches.zarr").append(photo_patches(0, SHARD + 3))

    rest = writer(tmp_path / "patches.zarr").unwritten(photo_patches(0, SHARD + 5))

    for name, rows in photo_patches(0, SHARD + 5).items():
        np.testing.assert_array_equal(rest[name], rows[SHARD:])


@pytest.mark.parametrize(
    "change", [lambda tile: tile[1:], lambda tile: tile[: SHARD - 1], lambda tile: tile[::-1]]
)
def test_writing_does_not_go_on_with_other_tiles(
    tmp_path: Path, change: Callable[[NDArray[np.int32]], NDArray[np.int32]]
):
    writer(tmp_path / "patches.zarr").append(photo_patches(0, SHARD + 3))
    patches = photo_patches(0, SHARD + 3)
    other = {name: change(rows) for name, rows in patches.items()}

    with pytest.raises(
        InputError, match=rf"partial was started with other tiles.*; delete it.*{AGAIN}"
    ):
        writer(tmp_path / "patches.zarr").unwritten(other)


@pytest.mark.parametrize(
    "other",
    [
        replace(ORIGIN, photos="other"),
        replace(ORIGIN, coarse="other"),
        replace(ORIGIN, settings={**ORIGIN.settings, "tiles": {"side": 16}}),
    ],
    ids=["photos", "coarse", "settings"],
)
def test_an_unfinished_store_of_another_origin_is_thrown_away(tmp_path: Path, other: Origin):
    store = writer(tmp_path / "patches.zarr", other)
    store.append(photo_patches(0, 3 * SHARD))
    assert store.num_written == 3 * SHARD

    assert writer(tmp_path / "patches.zarr").num_written == 0
    parts = [photo_patches(i, 4) for i in range(3)]
    fill(tmp_path / "patches.zarr", parts)

    for name, rows in joined(parts).items():
        np.testing.assert_array_equal(arrays(tmp_path / "patches.zarr")[name], rows)


@pytest.mark.parametrize("state", ["", "{", "null", "{}", '{"patches": 8}'])
def test_an_unfinished_store_of_unknown_state_is_thrown_away(tmp_path: Path, state: str):
    writer(tmp_path / "patches.zarr").append(photo_patches(0, SHARD))
    (tmp_path / "patches.zarr.partial" / "written.json").write_text(state)

    assert writer(tmp_path / "patches.zarr").num_written == 0


def test_a_finished_store_is_never_written_to(tmp_path: Path):
    fill(tmp_path / "patches.zarr", [photo_patches(0, 3)])

    with pytest.raises(InputError, match=r"patches\.zarr is there already"):
        writer(tmp_path / "patches.zarr")


def filled_with_zeros(path: Path, num_photos: int = 3) -> None:
    """A store whose patches, but for their tiles, are zero, 7 to a photo."""
    parts = [
        {name: rows if name == "tile" else np.zeros_like(rows) for name, rows in part.items()}
        for part in (photo_patches(i, 7) for i in range(num_photos))
    ]
    fill(path, parts)


def test_shards_of_zeros_are_written_too(tmp_path: Path):
    path = tmp_path / "patches.zarr"

    filled_with_zeros(path)

    for name, shape in array_shapes(SMALL).items():
        shards = {p.relative_to(path / name) for p in (path / name / "c").rglob("*") if p.is_file()}
        rest = "/0" * len(shape)
        assert shards == {Path(f"c/{i}{rest}") for i in range(3)}, name  # of 21 patches
    assert not stored_arrays(open_store(path, SMALL, ORIGIN.coarse, ORIGIN.settings), path)[
        "target"
    ][:].any()


def test_a_store_that_is_gone_on_with_has_its_shards_of_zeros(tmp_path: Path):
    nothing = {name: np.zeros_like(rows) for name, rows in photo_patches(0, 30).items()}
    nothing["tile"] = photo_patches(0, 30)["tile"]
    for count in (SHARD, 2 * SHARD + 1):
        store = writer(tmp_path / "patches.zarr")
        store.append(store.unwritten({name: rows[:count] for name, rows in nothing.items()}))

    fill(tmp_path / "patches.zarr", [nothing])

    open_store(tmp_path / "patches.zarr", SMALL, ORIGIN.coarse, ORIGIN.settings)
