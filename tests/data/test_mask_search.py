from pathlib import Path

import pytest

from data.errors import InputError
from data.layouts import MASK_ENDINGS
from data.mask_search import find_masks
from data.photo_files import PhotoFile


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def photo(name: str) -> PhotoFile:
    return PhotoFile(Path(f"photos/{name}.jpg"), name)


@pytest.mark.parametrize("ending", MASK_ENDINGS)
def test_every_usual_name_is_found(tmp_path: Path, ending: str):
    place = touched(tmp_path, f"a{ending}.png", f"b{ending}.gif", "c.png")

    found = find_masks([photo("a"), photo("b")], place)

    assert found == {photo("a"): place / f"a{ending}.png", photo("b"): place / f"b{ending}.gif"}


def test_masks_lie_in_sub_folders_as_their_photos_do(tmp_path: Path):
    place = touched(tmp_path, "a.png", "red/a.png", "red/deep/a_mask.tif")

    found = find_masks([photo("a"), photo("red/a"), photo("red/deep/a")], place)

    assert list(found.values()) == [
        place / "a.png",
        place / "red/a.png",
        place / "red/deep/a_mask.tif",
    ]


def test_a_photo_without_a_mask_and_one_with_two_are_named_and_others_found(tmp_path: Path):
    place = touched(tmp_path, "a.png", "b.png", "b_mask.png")

    found = find_masks([photo("a"), photo("b"), photo("c"), photo("far/d")], place)

    assert found[photo("a")] == place / "a.png"
    assert str(found[photo("b")]) == f"2 masks of photos/b.jpg in {place}: b.png, b_mask.png"
    assert f"no mask of photos/c.jpg in {place} (looked for c, c-gt" in str(found[photo("c")])
    assert f"no mask of photos/far/d.jpg in {place / 'far'}" in str(found[photo("far/d")])


def test_a_photo_is_not_its_own_mask(tmp_path: Path):
    place = touched(tmp_path, "a.png", "a_mask.png")

    found = find_masks([PhotoFile(place / "a.png", "a")], place)

    assert list(found.values()) == [place / "a_mask.png"]


def test_one_mask_is_that_of_one_photo(tmp_path: Path):
    mask = touched(tmp_path, "whatever.png") / "whatever.png"

    assert find_masks([photo("a")], mask) == {photo("a"): mask}
    with pytest.raises(InputError, match="one mask for 2 photos"):
        find_masks([photo("a"), photo("b")], mask)


def test_a_place_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"no such mask or folder: .*nowhere"):
        find_masks([photo("a")], tmp_path / "nowhere")
