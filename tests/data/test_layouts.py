"""Which layout a data folder has."""

from pathlib import Path

import pytest

from data.errors import InputError
from data.layouts import LAYOUTS, MASK_FOLDERS, PHOTO_FOLDERS, SAME_FOLDER, Layout, find_layout
from data.pairing import checked_pairs, find_pairs, true_masks
from tests.layouts import write_masks, write_photos


@pytest.mark.parametrize("layout", [LAYOUTS[0], *LAYOUTS[1:-1:10]], ids=str)
def test_all_layouts_are_found_and_known_to_hold_true_masks(tmp_path: Path, layout: Layout):
    write_photos(tmp_path / layout.photos, ["a.jpg", "b.jpg"])
    write_masks(tmp_path / layout.masks, ["a_mask.png", "b_mask.png"])

    pairing = find_pairs(tmp_path)

    assert pairing.layout == layout
    assert [mask.name for mask in pairing.pairs.values()] == ["a_mask.png", "b_mask.png"]
    assert true_masks(pairing.pairs) == [mask.absolute() for mask in pairing.pairs.values()]


def test_any_folder_of_photos_goes_with_any_folder_of_masks():
    assert {Layout(photos, masks) for photos in PHOTO_FOLDERS for masks in MASK_FOLDERS} < set(
        LAYOUTS
    )


def test_masks_may_lie_among_the_photos(tmp_path: Path):
    write_photos(tmp_path, ["a.jpg", "b.jpg"])
    write_masks(tmp_path, ["a_mask.png", "b-mask.png"])

    pairing = find_pairs(tmp_path)

    assert pairing.layout == SAME_FOLDER
    assert {photo.name: mask.name for photo, mask in pairing.pairs.items()} == {
        "a.jpg": "a_mask.png",
        "b.jpg": "b-mask.png",
    }


def test_photos_without_masks_among_them_are_named(tmp_path: Path):
    write_photos(tmp_path, ["a.jpg", "b.jpg", "c.jpg"])
    write_masks(tmp_path, ["a_mask.png"])

    with pytest.raises(InputError, match=r"(?s)b\.jpg has no mask.*c\.jpg has no mask in "):
        checked_pairs(tmp_path)


def test_of_several_layouts_the_one_that_fits_is_chosen(tmp_path: Path):
    write_photos(tmp_path / "images", ["a.jpg", "b.jpg"])
    write_masks(tmp_path / "masks", ["other.png"])
    write_masks(tmp_path / "labels", ["a.png", "b.png"])

    assert find_layout(tmp_path) == Layout("images", "labels")


def test_labels_of_other_kinds_beside_masks_do_no_harm(tmp_path: Path):
    write_photos(tmp_path / "images", ["a.jpg"])
    write_masks(tmp_path / "masks", ["a.png"])
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").touch()

    assert find_layout(tmp_path) == Layout("images", "masks")


def test_two_layouts_that_fit_are_both_named(tmp_path: Path):
    write_photos(tmp_path / "images", ["a.jpg"])
    for masks in ("masks", "labels"):
        write_masks(tmp_path / masks, ["a.png"])

    with pytest.raises(InputError, match="images/ and masks/, or images/ and labels/; move"):
        find_layout(tmp_path)


def test_what_lies_in_the_folder_of_masks_instead_is_said(tmp_path: Path):
    write_photos(tmp_path / "images", ["a.jpg"])
    (tmp_path / "labels").mkdir()
    for name in ("a.json", "b.json", "c.txt", "Thumbs.db"):
        (tmp_path / "labels" / name).touch()

    with pytest.raises(InputError, match=r"; there are 2 \.json files, 1 \.txt file\)$"):
        checked_pairs(tmp_path)
