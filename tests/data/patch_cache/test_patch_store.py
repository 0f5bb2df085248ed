from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from data.geometry import MAX_LEVELS, TILE_SIDES, Fovea
from data.patch_cache import patch_store
from data.patch_cache.patch_store import (
    array_shapes,
    open_store,
    verify,
)
from data.patch_cache.patch_writer import PatchWriter
from tests.data.patch_cache.stores import (
    AGAIN,
    ORIGIN,
    PHOTOS,
    SHARD,
    SMALL,
    fill,
    photo_patches,
    writer,
)


def test_patches_that_are_not_there_are_asked_for(tmp_path: Path):
    with pytest.raises(InputError, match=rf"patches\.zarr is not there; {AGAIN}"):
        open_store(tmp_path / "patches.zarr", SMALL, ORIGIN.coarse, ORIGIN.settings)


def test_half_written_patches_are_refused(tmp_path: Path):
    writer(tmp_path / "patches.zarr").append(photo_patches(0, SHARD))

    with pytest.raises(InputError, match=rf"patches\.zarr is half-written; {AGAIN}"):
        open_store(tmp_path / "patches.zarr", SMALL, ORIGIN.coarse, ORIGIN.settings)


def test_patches_of_another_format_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fill(tmp_path / "patches.zarr", [photo_patches(0, 3)])
    monkeypatch.setattr(patch_store, "FORMAT", 3)

    with pytest.raises(InputError, match=rf"has format 2, this version reads 3; .*{AGAIN}"):
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
    assert ORIGIN.fingerprint[:16] == "04027677c9486506"


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
