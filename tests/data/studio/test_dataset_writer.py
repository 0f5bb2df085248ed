from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import rle
from data.errors import InputError
from data.geometry import Size
from data.studio import render_photo, write_dataset

SMALL = Size(160, 240)
MIDDLE = Size(320, 480)


def test_a_set_has_the_files_of_the_real_one(tmp_path: Path):
    progress: list[tuple[int, int]] = []

    write_dataset(
        tmp_path / "set",
        cars=2,
        angles=3,
        seed=4,
        size=SMALL,
        on_photo=lambda done, total: progress.append((done, total)),
    )

    photos = sorted(path.name for path in (tmp_path / "set/train").iterdir())
    masks = sorted(path.name for path in (tmp_path / "set/train_masks").iterdir())
    assert progress == [(n, 6) for n in range(1, 7)]
    assert [name[12:] for name in photos] == ["_01.jpg", "_02.jpg", "_03.jpg"] * 2
    assert [name.replace("_mask.gif", ".jpg") for name in masks] == photos
    assert all(int(name[:12], 16) >= 0 for name in photos)
    header, *rows = (tmp_path / "set/train_masks.csv").read_text().splitlines()
    assert header == "img,rle_mask"
    assert [row.split(",")[0] for row in rows] == photos
    for row, name in zip(rows, masks, strict=True):
        with Image.open(tmp_path / "set/train_masks" / name) as image:
            assert (image.format, image.mode) == ("GIF", "P")
            mask = np.asarray(image)
        assert set(np.unique(mask)) == {0, 1}
        np.testing.assert_array_equal(rle.decode(row.split(",")[1], SMALL), mask == 1)


def test_the_files_hold_the_photos_that_are_rendered(tmp_path: Path):
    write_dataset(tmp_path, cars=1, angles=2, seed=9, size=MIDDLE)

    photo, mask = render_photo(9, 0, 2, num_angles=2, size=MIDDLE)

    with Image.open(next((tmp_path / "train").glob("*_02.jpg"))) as image:
        difference = np.abs(np.asarray(image).astype(int) - photo)
    with Image.open(next((tmp_path / "train_masks").glob("*_02_mask.gif"))) as image:
        np.testing.assert_array_equal(np.asarray(image) == 1, mask)
    assert difference.mean() < 3


def test_an_interrupted_set_is_completed_and_whole_photos_stay(tmp_path: Path):
    write_dataset(tmp_path, cars=1, angles=3, size=SMALL)
    first, second, _ = sorted((tmp_path / "train").iterdir())
    untouched, remade = first.stat().st_mtime_ns, second.read_bytes()
    second.unlink()
    calls: list[int] = []

    write_dataset(
        tmp_path, cars=1, angles=3, size=SMALL, on_photo=lambda done, total: calls.append(done)
    )

    assert calls == [3]
    assert first.stat().st_mtime_ns == untouched
    assert second.read_bytes() == remade


def test_a_folder_with_other_photos_is_refused(tmp_path: Path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train/holiday.jpg").touch()

    with pytest.raises(InputError, match=r"holiday\.jpg"):
        write_dataset(tmp_path, cars=1, angles=1, size=SMALL)

    assert not (tmp_path / "train_masks").exists()


@pytest.mark.parametrize(("cars", "angles"), [(0, 16), (1, 0), (1, 100)])
def test_a_set_of_no_photos_is_a_wrong_call(tmp_path: Path, cars: int, angles: int):
    with pytest.raises(ValueError, match="at least 1"):
        write_dataset(tmp_path, cars=cars, angles=angles)
