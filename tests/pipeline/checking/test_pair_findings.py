"""What is said of photos without a mask, masks without a photo, and files that cannot be read."""

from pathlib import Path

import pytest
from PIL import Image

from tests.pipeline.checking.photo_sets import check, codes, finding, pair, stems, write_set


def test_a_good_set_has_nothing_wrong(tmp_path: Path):
    found = check(write_set(tmp_path))

    assert codes(found, "fatal", "suspect") == []
    assert found.planned is not None


def test_a_missing_mask_is_named_with_all_that_was_looked_for(tmp_path: Path):
    write_set(tmp_path, 3)
    (tmp_path / "masks" / "a01.png").unlink()

    one = finding(check(tmp_path), "missing-mask")

    assert one.severity == "fatal"
    assert stems(one) == ["a01"]
    assert f"1 of 3 photos in {tmp_path} without a mask: a01.jpg." in one.message
    assert f"Looked in {tmp_path / 'masks'} for a01, a01_mask, a01-mask, " in one.message
    assert ".png, .gif, .jpg" in one.message


def test_names_that_differ_in_capitals_only_are_told(tmp_path: Path):
    write_set(tmp_path, 2)
    (tmp_path / "masks" / "a01.png").rename(tmp_path / "masks" / "A01_mask.png")

    found = check(tmp_path)

    message = finding(found, "missing-mask").message
    assert "a01.jpg and A01_mask.png differ in capital letters only." in message
    assert [photo.name for photo in finding(found, "missing-photo").photos] == ["A01_mask.png"]


def test_files_of_masks_that_are_not_read_are_counted(tmp_path: Path):
    write_set(tmp_path, 2)
    (tmp_path / "masks" / "a01.png").rename(tmp_path / "masks" / "a01.psd")

    message = finding(check(tmp_path), "missing-mask").message

    assert "There are also 1 .psd file, which are not read." in message


def test_of_many_files_the_first_are_named(tmp_path: Path):
    write_set(tmp_path, 9)
    for i in range(1, 9):
        (tmp_path / "masks" / f"a0{i}.png").unlink()

    one = finding(check(tmp_path), "missing-mask")

    assert "a01.jpg, a02.jpg, a03.jpg, a04.jpg, a05.jpg and 3 more." in one.message
    assert len(one.photos) == 8


def test_a_photo_with_two_masks_is_named_with_both(tmp_path: Path):
    write_set(tmp_path, 2)
    (tmp_path / "masks" / "a01_mask.png").write_bytes((tmp_path / "masks" / "a01.png").read_bytes())

    one = finding(check(tmp_path), "several-masks")

    assert "a01.jpg has a01.png and a01_mask.png" in one.message
    assert stems(one) == ["a01"]


def test_photos_of_one_name_in_two_folders_are_named(tmp_path: Path):
    write_set(tmp_path / "one", 2)
    write_set(tmp_path / "two", 2, stems=["a01", "b"])

    one = finding(check(tmp_path / "one", tmp_path / "two"), "same-name")

    assert one.severity == "fatal"
    assert stems(one) == ["a01", "a01"]


def test_of_an_unknown_layout_the_folders_are_counted(tmp_path: Path):
    write_set(tmp_path, 2)
    (tmp_path / "images").rename(tmp_path / "raw")

    one = finding(check(tmp_path), "unknown-layout")

    assert "There are masks/ with 2 pictures, raw/ with 2 pictures" in one.message


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path):
    write_set(tmp_path, 8)
    masks, photos = tmp_path / "masks", tmp_path / "images"
    (masks / "a00.png").unlink()
    (masks / "a01.png").write_bytes((masks / "a01.png").read_bytes()[:60])
    (photos / "a02.jpg").write_bytes((photos / "a02.jpg").read_bytes()[:-3000])
    Image.fromarray(pair(3, (100, 144)).mask).save(masks / "a03.png")
    Image.fromarray(pair(4).photo).save(masks / "a04.png")
    (masks / "b.png").write_bytes((masks / "a05.png").read_bytes())

    found = check(tmp_path, group="(x.*)")

    expected = ["missing-mask", "missing-photo", "damaged-photo", "unreadable-mask"]
    assert codes(found, "fatal") == [*expected, "sizes-differ", "group-pattern"]
    assert stems(finding(found, "unreadable-mask")) == ["a01", "a04"]
    assert "is a picture in colour, not a mask" in finding(found, "unreadable-mask").message
    assert "resize the mask" in finding(found, "sizes-differ").message
    assert found.planned is None
    assert [e.sample.name for e in found.examined if e.is_whole] == ["a05", "a06", "a07"]


@pytest.mark.parametrize("num", [1, 2])
def test_one_photo_is_too_few_to_train_on(tmp_path: Path, num: int):
    found = check(write_set(tmp_path, num))

    assert codes(found, "fatal") == ["split"][: 2 - num]
    if num == 1:
        assert "There is only one photo with a mask" in finding(found, "split").message


def test_one_group_is_too_few_to_train_on(tmp_path: Path):
    found = check(write_set(tmp_path, 4), group="(a).*")

    assert "There is only one group of photos" in finding(found, "split").message


def test_what_is_left_out_of_a_folder_is_said(tmp_path: Path):
    write_set(tmp_path, 3)
    (tmp_path / "images" / "b.nef").touch()

    assert "1 .nef file (save as JPEG or PNG)" in finding(check(tmp_path), "left-out").message
