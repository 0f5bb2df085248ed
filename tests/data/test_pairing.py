"""Which mask belongs to which photo."""

from pathlib import Path

import pytest

from data.errors import InputError
from data.images import MASK_SUFFIXES
from data.layouts import MASK_ENDINGS
from data.pairing import checked_pairs, find_pairs
from tests.layouts import write_masks, write_photos


@pytest.mark.parametrize("ending", MASK_ENDINGS)
@pytest.mark.parametrize(("photos", "masks"), [("train", "train_masks"), ("images", "labels")])
def test_masks_of_all_usual_names_are_found(
    tmp_path: Path, photos: str, masks: str, ending: str
) -> None:
    write_photos(tmp_path / photos, ["a.jpg", "b.png"])
    write_masks(tmp_path / masks, [f"a{ending}.png", f"b{ending}.png"])

    found = {photo.name: mask.name for photo, mask in checked_pairs(tmp_path).pairs.items()}

    assert found == {"a.jpg": f"a{ending}.png", "b.png": f"b{ending}.png"}


@pytest.mark.parametrize("suffix", MASK_SUFFIXES)
def test_masks_of_all_file_types_are_found(tmp_path: Path, suffix: str) -> None:
    write_photos(tmp_path / "images", ["a.jpg"])
    write_masks(tmp_path / "masks", [f"a{suffix}"])

    assert [mask.name for mask in checked_pairs(tmp_path).pairs.values()] == [f"a{suffix}"]


def test_a_photo_that_is_named_as_a_mask_would_be_has_its_own(tmp_path: Path) -> None:
    write_photos(tmp_path / "images", ["a.jpg", "a_mask.jpg"])
    write_masks(tmp_path / "masks", ["a.png", "a_mask.png"])

    found = {photo.name: mask.name for photo, mask in checked_pairs(tmp_path).pairs.items()}

    assert found == {"a.jpg": "a.png", "a_mask.jpg": "a_mask.png"}


def test_masks_may_be_named_in_several_ways(tmp_path: Path) -> None:
    write_photos(tmp_path / "images", ["a.jpg", "b.jpg"])
    write_masks(tmp_path / "masks", ["a.png", "b_mask.png"])

    assert [mask.name for mask in checked_pairs(tmp_path).pairs.values()] == ["a.png", "b_mask.png"]


def test_two_masks_of_one_photo_are_both_named(tmp_path: Path) -> None:
    write_photos(tmp_path / "images", ["a.jpg", "b.jpg"])
    write_masks(tmp_path / "masks", ["a.png", "a_mask.png", "b.png"])

    with pytest.raises(InputError, match=r"a\.jpg has several masks: .*/a\.png, .*/a_mask\.png$"):
        checked_pairs(tmp_path)


def test_of_a_thousand_missing_masks_a_few_are_named(tmp_path: Path) -> None:
    write_photos(tmp_path / "images", [f"{i:04}.jpg" for i in range(200)])
    write_masks(tmp_path / "masks", [f"x{i:04}.png" for i in range(150)])

    with pytest.raises(InputError) as caught:
        checked_pairs(tmp_path)

    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    assert lines[0].endswith("images/0000.jpg has no mask")
    assert lines[2].startswith("and 197 more of 200; ")
    assert "(looked for <stem>, <stem>_mask, " in lines[2]
    assert lines[5].startswith("and 147 more of 150; ")


def test_names_in_other_capitals_are_both_named(tmp_path: Path) -> None:
    write_photos(tmp_path / "images", ["IMG_1.JPG"])
    write_masks(tmp_path / "masks", ["img_1.png"])

    with pytest.raises(InputError, match=r"(?s)IMG_1\.JPG has no mask .*img_1\.png has no photo"):
        checked_pairs(tmp_path)


def test_what_is_found_is_known_with_all_that_has_no_partner(tmp_path: Path) -> None:
    write_photos(tmp_path / "images", ["a.jpg", "b.jpg", "c.jpg"])
    write_masks(tmp_path / "masks", ["a.png", "b.png", "b_mask.png", "d.png"])

    pairing = find_pairs(tmp_path)

    images, masks = tmp_path / "images", tmp_path / "masks"
    assert pairing.pairs == {images / "a.jpg": masks / "a.png"}
    assert pairing.missing == (images / "c.jpg",)
    assert pairing.several == {images / "b.jpg": (masks / "b.png", masks / "b_mask.png")}
    assert pairing.unused == (masks / "d.png",)
    assert len(pairing.problems) == 1
