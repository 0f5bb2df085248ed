from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from data.errors import InputError
from data.geometry import MAX_LEVELS, TILE_SIDES, Fovea
from data.patch_cache import patch_store, patch_writer
from data.patch_cache.patch_store import (
    Origin,
    Patches,
    array_shapes,
    open_store,
    stored_arrays,
    verify,
)
from data.patch_cache.patch_writer import PatchWriter

SMALL = Fovea(tile=8, levels=2)
ORIGIN = Origin(photos="aa", coarse="bb", settings={"tiles": {"side": 8}, "data": {"group": "x"}})
PHOTOS = [f"photo{i}" for i in range(7)]
SHARD = 8
AGAIN = r"run `foveamask make-patches DATA .*`$"


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_store, "CHUNK", 4)
    monkeypatch.setattr(patch_store, "SHARD", SHARD)


def photo_patches(photo: int, count: int, fovea: Fovea = SMALL) -> Patches:
    """Noise that depends on the photo, numbered tiles."""
    random = np.random.default_rng(photo)
    patches: Patches = {
        name: random.integers(0, 256, (count, *shape), np.uint8)
        for name, shape in array_shapes(fovea).items()
    }
    patches["tile"] = np.array([(photo, i, 2 * i) for i in range(count)], np.int32).reshape(-1, 3)
    return patches


def joined(parts: list[Patches]) -> Patches:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def writer(path: Path, origin: Origin = ORIGIN) -> PatchWriter:
    return PatchWriter(path, SMALL, origin, PHOTOS, num_training=5)


def go_on(store: PatchWriter, parts: list[Patches]) -> Iterator[int]:
    """Append the patches of one photo after the other, the way `make-patches` does."""
    first, _ = store.last_photo()
    for photo in range(first, len(parts)):
        store.outside[photo] = photo, 2 * photo, 3 * photo
        patches = store.unwritten(parts[photo]) if photo == first else parts[photo]
        if len(patches["tile"]):
            store.append(patches)
        yield photo


def fill(path: Path, parts: list[Patches]) -> None:
    store = writer(path)
    for _ in go_on(store, parts):
        pass
    store.finish()


def contents(path: Path) -> dict[str, bytes]:
    """All that a finished store holds, by file."""
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def arrays(path: Path) -> Patches:
    group = zarr.open_group(path, mode="r")
    return {name: np.asarray(group[name]) for name in [*array_shapes(SMALL), "outside"]}


COUNTS = [
    pytest.param([3, 0, 10, 1, 0, 5, 2], id="uneven"),
    pytest.param([8, 8, 0, 0, 0, 0, 0], id="whole shards"),
    pytest.param([0, 0, 0, 0, 0, 0, 20], id="in the last photo alone"),
    pytest.param([40, 0, 0, 0, 0, 0, 0], id="in the first photo alone"),
    pytest.param([7, 1, 8, 9, 15, 16, 17], id="about the size of shards"),
    pytest.param([1, 1, 1, 1, 1, 1, 1], id="less than a shard"),
]


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
        InputError, match=rf"partial was begun with other tiles.*; delete it.*{AGAIN}"
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


def test_patches_that_are_not_there_are_asked_for(tmp_path: Path):
    with pytest.raises(InputError, match=rf"patches\.zarr is not there; {AGAIN}"):
        open_store(tmp_path / "patches.zarr", SMALL, ORIGIN.coarse, ORIGIN.settings)


def test_half_written_patches_are_refused(tmp_path: Path):
    writer(tmp_path / "patches.zarr").append(photo_patches(0, SHARD))

    with pytest.raises(InputError, match=rf"patches\.zarr is half-written; {AGAIN}"):
        open_store(tmp_path / "patches.zarr", SMALL, ORIGIN.coarse, ORIGIN.settings)


def test_patches_of_another_format_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fill(tmp_path / "patches.zarr", [photo_patches(0, 3)])
    monkeypatch.setattr(patch_store, "FORMAT", 2)

    with pytest.raises(InputError, match=rf"has format 1, this version reads 2; .*{AGAIN}"):
        open_store(tmp_path / "patches.zarr", SMALL, ORIGIN.coarse, ORIGIN.settings)


@pytest.mark.parametrize(
    ("coarse", "settings"),
    [
        ("other", ORIGIN.settings),
        (ORIGIN.coarse, {}),
        (ORIGIN.coarse, {**ORIGIN.settings, "tiles": {"side": 16}}),
        (ORIGIN.coarse, {**ORIGIN.settings, "new": None}),
    ],
)
def test_patches_of_other_weights_or_settings_are_refused(
    tmp_path: Path, coarse: str, settings: dict[str, object]
):
    fill(tmp_path / "patches.zarr", [photo_patches(0, 3)])

    with pytest.raises(InputError, match=rf"made from other weights or settings; .*{AGAIN}"):
        open_store(tmp_path / "patches.zarr", SMALL, coarse, settings)


@pytest.mark.parametrize("content", [None, "", "{", "{}"])
def test_a_damaged_store_is_refused(tmp_path: Path, content: str | None):
    (tmp_path / "patches.zarr").mkdir()
    if content is not None:
        (tmp_path / "patches.zarr" / "zarr.json").write_text(content)

    with pytest.raises(InputError, match=rf"(is damaged|has format None).*{AGAIN}"):
        open_store(tmp_path / "patches.zarr", SMALL, ORIGIN.coarse, ORIGIN.settings)


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
@pytest.mark.parametrize("name", ["full", "tile"])
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


def test_patches_of_the_same_origin_are_kept(tmp_path: Path):
    fill(tmp_path / "patches.zarr", [photo_patches(0, 3)])

    verify(tmp_path / "patches.zarr", SMALL, ORIGIN, Path("photos"))


@pytest.mark.parametrize("field", ["photos", "coarse", "settings"])
def test_patches_of_another_origin_are_not_kept(tmp_path: Path, field: str):
    fill(tmp_path / "patches.zarr", [photo_patches(0, 3)])
    other = replace(ORIGIN, **{field: {} if field == "settings" else "other"})  # type: ignore[arg-type]

    with pytest.raises(
        InputError, match=r"made from other photos, weights or settings; .* photos "
    ):
        verify(tmp_path / "patches.zarr", SMALL, other, Path("photos"))


def test_settings_may_hold_tuples(tmp_path: Path):
    settings = {"exclude": ("a", "b")}
    PatchWriter(
        tmp_path / "patches.zarr", SMALL, replace(ORIGIN, settings=settings), PHOTOS, 5
    ).finish()

    open_store(tmp_path / "patches.zarr", SMALL, ORIGIN.coarse, settings)
    open_store(tmp_path / "patches.zarr", SMALL, ORIGIN.coarse, {"exclude": ["a", "b"]})


def test_the_fingerprint_never_changes_by_accident():
    # A new value makes every cache on every disk stale: change FORMAT with it, on purpose.
    assert ORIGIN.fingerprint[:16] == "746969f6465e7cec"


def test_the_fingerprint_tells_all_origins_apart():
    origins = [
        ORIGIN,
        replace(ORIGIN, photos="other"),
        replace(ORIGIN, coarse="other"),
        replace(ORIGIN, settings={}),
        replace(ORIGIN, photos=ORIGIN.coarse, coarse=ORIGIN.photos),
    ]

    assert len({origin.fingerprint for origin in origins}) == len(origins)


def test_the_fingerprint_minds_no_order_of_settings():
    turned = dict(reversed(ORIGIN.settings.items()))

    assert replace(ORIGIN, settings=turned).fingerprint == ORIGIN.fingerprint


@pytest.mark.parametrize("tile", TILE_SIDES)
@pytest.mark.parametrize("levels", range(1, MAX_LEVELS + 1))
def test_a_store_has_an_array_for_each_ring(tile: int, levels: int):
    fovea = Fovea(tile, levels)

    shapes = array_shapes(fovea)

    rings = ["half_ring", "quarter_ring", "eighth_ring"][: levels - 1]
    assert list(shapes) == ["full", *rings, "target", "tile"]
    assert shapes["full"] == (tile, tile, 4)
    for level, ring in enumerate(rings, 1):
        assert shapes[ring] == (fovea.ring_pixels(level), 4)
    assert shapes["target"] == (tile, tile)
    assert shapes["tile"] == (3,)


def test_the_default_fovea_takes_4_kib_a_patch():
    shapes = array_shapes(Fovea())

    pixels = sum(int(np.prod(shapes[name])) for name in ("full", "half_ring", "quarter_ring"))
    assert pixels == 4096
