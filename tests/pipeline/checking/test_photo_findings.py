"""What is said of copies, odd photos, groups, and masks that do not follow the photo."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from data.arrays import Photo
from data.samples import Sample
from tests.pipeline.checking.photo_sets import (
    SIZE,
    Pair,
    check,
    codes,
    finding,
    pair,
    stems,
    write_set,
)


def brighter(photo: Photo) -> Photo:
    return np.clip(photo * 1.15 + 5, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda one: one, ""),
        (lambda one: replace(one, photo=brighter(one.photo)), ""),
        (lambda one: Pair(one.photo[:, ::-1].copy(), one.mask[:, ::-1]), ", mirrored"),
        (lambda one: Pair(one.photo[2:-2, 3:-3].copy(), one.mask[2:-2, 3:-3]), ""),
    ],
    ids=["same", "brighter", "mirrored", "cropped"],
)
def test_copies_on_both_sides_of_the_split_are_named(
    tmp_path: Path, change: Callable[[Pair], Pair], what: str
):
    write_set(tmp_path, 12)
    planned = check(tmp_path).planned
    assert planned is not None
    source, target = planned.train[0], planned.val[0]
    overwrite(target, change(pair(int(source.name[1:]))))

    one = finding(check(tmp_path), "near-copies")

    assert one.severity == "suspect"
    first, second = sorted([source.name, target.name])
    assert f"{first}.jpg and {second}.jpg{what}. 1 pair would be divided" in one.message
    assert stems(one) == [first, second]


def overwrite(sample: Sample, one: Pair) -> None:
    Image.fromarray(one.photo).save(sample.photo, quality=80)
    Image.fromarray(one.mask * np.uint8(255)).save(sample.mask)


def test_copies_on_one_side_are_good_to_know(tmp_path: Path):
    write_set(tmp_path, 12)
    planned = check(tmp_path).planned
    assert planned is not None
    first, second = planned.train[:2]
    overwrite(second, pair(int(first.name[1:])))

    assert finding(check(tmp_path), "near-copies").severity == "note"


def test_copies_in_one_group_are_no_matter(tmp_path: Path):
    """That is what groups are for."""
    names = [f"{i // 2}-{i % 2}" for i in range(12)]
    write_set(tmp_path, 12, stems=names, change=lambda i, _: pair(i // 2))

    assert "near-copies" not in codes(check(tmp_path, group=r"(\d)-\d"))


def test_copies_with_different_masks_are_named(tmp_path: Path):
    write_set(tmp_path, 6)
    photos = tmp_path / "images"
    (photos / "a03.jpg").write_bytes((photos / "a01.jpg").read_bytes())

    one = finding(check(tmp_path), "copies-disagree")

    assert "a01.png and a03.png" in one.message


def test_groups_in_the_names_are_proposed_with_a_line_that_makes_them(tmp_path: Path):
    def view(i: int, _: Pair) -> Pair:
        """Three views of each of five objects, from about the same place."""
        one, shift = pair(i // 3), 14 * (i % 3)
        return Pair(np.roll(one.photo, shift, axis=1), np.roll(one.mask, shift, axis=1))

    names = [f"plant{i // 3}_{'abc'[i % 3]}" for i in range(15)]
    write_set(tmp_path, 15, stems=names, change=view)

    one = finding(check(tmp_path), "propose-group")

    assert "15 photos are of 5 groups, such as plant0_a, plant0_b, plant0_c" in one.message
    pattern = one.message.rpartition("group = ")[2].strip("'")
    again = check(tmp_path, group=pattern)
    assert "propose-group" not in codes(again)
    assert "15 photos of 5 groups" in finding(again, "groups").message


def test_numbers_that_say_nothing_are_no_groups(tmp_path: Path):
    names = [f"shot{i // 3}_{i % 3}" for i in range(15)]

    found = check(write_set(tmp_path, 15, stems=names))

    assert "propose-group" not in codes(found)


def test_a_pattern_that_fits_only_some_photos_is_said(tmp_path: Path):
    found = check(write_set(tmp_path, 6), group=r"(a0[0-3])")

    one = finding(found, "group-pattern")
    assert one.severity == "suspect"
    assert "fits 4 of 6 photos; each other one, such as 'a04', is a group" in one.message


def test_a_pattern_that_is_none_is_fatal(tmp_path: Path):
    found = check(write_set(tmp_path, 3), group="a+")

    assert (
        "put the part that names the group in brackets" in finding(found, "group-pattern").message
    )
    assert found.fatal


def test_excluded_photos_that_are_not_there_are_named(tmp_path: Path):
    found = check(write_set(tmp_path, 3), exclude=["a00", "zz"])

    assert "names photos that are not there: zz." in finding(found, "exclude-unknown").message


def test_a_photo_unlike_the_rest_is_named(tmp_path: Path):
    def alike(i: int, one: Pair) -> Pair:
        """All on one background, but for the last one, in the dark and full of detail."""
        photo = np.where(one.mask[..., None], one.photo, pair(0).photo[:1, :1] // 2 + 100)
        if i == 15:
            photo = np.random.default_rng(0).integers(0, 90, one.photo.shape)
        return replace(one, photo=photo.astype(np.uint8))

    one = finding(check(write_set(tmp_path, 16, change=alike)), "unlike-photo")

    assert stems(one) == ["a15"]


def test_a_photo_that_shows_nothing_is_named(tmp_path: Path):
    def blank(i: int, one: Pair) -> Pair:
        return replace(one, photo=np.full_like(one.photo, 40)) if i == 2 else one

    assert stems(finding(check(write_set(tmp_path, 6, change=blank)), "flat-photo")) == ["a02"]


@pytest.mark.parametrize(
    ("rows", "columns", "where"),
    [(0, 20, "20 pixels left"), (-24, 0, "24 pixels down"), (12, -18, "pixels right and")],
)
def test_a_mask_that_has_slipped_is_named_with_the_way_back(
    tmp_path: Path, rows: int, columns: int, where: str
):
    def slip(i: int, one: Pair) -> Pair:
        mask = np.roll(one.mask, (rows, columns), axis=(0, 1))
        return replace(one, mask=mask) if i == 4 else one

    one = finding(check(write_set(tmp_path, 12, change=slip)), "edges-disagree")

    assert stems(one) == ["a04"]
    assert "a04.jpg would fit better about" in one.message
    assert where in one.message


def test_two_masks_that_were_exchanged_are_named(tmp_path: Path):
    other = {3: 7, 7: 3}

    found = check(
        write_set(tmp_path, 12, change=lambda i, one: replace(one, mask=pair(other.get(i, i)).mask))
    )

    assert sorted(stems(finding(found, "edges-disagree"))) == ["a03", "a07"]


def test_masks_that_all_belong_to_other_photos_are_noticed(tmp_path: Path):
    found = check(
        write_set(tmp_path, 12, change=lambda i, one: replace(one, mask=pair(i + 1).mask[::-1]))
    )

    assert "in all 12 photos" in finding(found, "edges-disagree-set").message


def test_sizes_and_orientations_are_counted(tmp_path: Path):
    def turn(i: int, one: Pair) -> Pair:
        if i < 2:
            return Pair(np.rot90(one.photo).copy(), np.rot90(one.mask))
        return one

    found = check(write_set(tmp_path, 5, change=turn))

    assert "5 photos of 288 x 200 (3), 200 x 288 (2), width" in finding(found, "sizes").message
    one = finding(found, "orientations")
    assert one.message.startswith("2 of 5 photos upright, 3 wide.")
    assert stems(one) == ["a00", "a01"]


def test_thumbnails_are_suspicious(tmp_path: Path):
    def shrink(_: int, one: Pair) -> Pair:
        size = SIZE[1] // 2, SIZE[0] // 2
        small = cv2.resize(one.photo, size, interpolation=cv2.INTER_AREA)
        return Pair(small, cv2.resize(one.mask.astype(np.uint8), size) > 0)

    one = finding(check(write_set(tmp_path, 3, change=shrink)), "small-photo")

    assert one.message.startswith("All 3 photos have less than 256 pixels")
