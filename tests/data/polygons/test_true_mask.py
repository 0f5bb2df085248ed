"""Masks from the polygons of a data folder: which can be used, and which are the object."""

from pathlib import Path
from typing import Any

import pytest

from data.errors import InputError
from data.samples import check_samples, find_samples, read_sample_mask
from tests.polygon_folders import BOW, SQUARE, labelled, names, shape, write_photo


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([shape(BOW)], "shape 1 cannot be used: it crosses itself"),
        ([shape(SQUARE), shape([[0, 0], [99, 0], [9, 9]])], "shape 2 cannot be used: it leaves"),
        ([{"label": "car"}], "shape 1: "),
    ],
)
def test_polygons_that_cannot_be_used_are_named_and_the_others_are_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong: list[dict[str, Any]], message: str
):
    labelled(tmp_path, a=[shape(SQUARE)], b=wrong, c=[])

    found = find_samples(tmp_path)

    assert names(found) == ["a", "c"]
    assert [read_sample_mask(sample).sum() for sample in found] == [600, 0]
    (line,) = caplog.messages
    assert line.startswith(f"left out: {tmp_path}/b.json: {message}")


def test_polygons_of_photos_of_another_size_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    labelled(tmp_path, a=[shape(SQUARE)], b=[shape(SQUARE)])
    write_photo(tmp_path / "b.png", (32, 48))

    assert names(find_samples(tmp_path)) == ["a"]
    assert "b.json is for a photo of 96 x 64 pixels, but the photo has 48 x 32" in caplog.text


def test_where_no_polygons_can_be_used_the_first_says_why(tmp_path: Path):
    labelled(tmp_path, a=[shape(BOW)], b=[shape(BOW)])

    with pytest.raises(InputError, match=r"no polygons that can be used; the first: .*a\.json: "):
        find_samples(tmp_path)


def test_many_that_cannot_be_used_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    labelled(tmp_path, a=[shape(SQUARE)], **{f"b{i:02}": [shape(BOW)] for i in range(25)})

    find_samples(tmp_path)

    assert len(caplog.messages) == 21
    assert caplog.messages[-1] == "left out: 5 more like these"


def test_of_several_categories_one_must_be_chosen(tmp_path: Path):
    labelled(tmp_path, a=[shape(SQUARE, "car")], b=[shape(SQUARE, "car"), shape(BOW, "tree")])

    with pytest.raises(InputError, match=r'tree.*such as data\.object = \["car"\]') as error:
        find_samples(tmp_path)
    assert "car (2 photos), tree (1 photo)" in str(error.value)


@pytest.mark.parametrize(
    ("values", "areas"),
    [
        (["car"], [600, 0]),
        (["tree"], [0, 600]),
        (["not tree"], [600, 0]),
        (["car", "tree"], [600] * 2),
    ],
)
def test_categories_are_chosen(tmp_path: Path, values: list[str], areas: list[int]):
    labelled(tmp_path, a=[shape(SQUARE, "car")], b=[shape(SQUARE, "tree")])

    found = find_samples(tmp_path, object_values=values)

    assert [read_sample_mask(sample).sum() for sample in found] == areas


def test_what_is_not_chosen_need_not_be_drawn(tmp_path: Path):
    labelled(tmp_path, a=[shape(SQUARE, "car"), shape(BOW, "tree")])

    (found,) = find_samples(tmp_path, object_values=["car"])

    assert read_sample_mask(found).sum() == 600


def test_a_category_that_is_nowhere_is_an_error_that_lists_those_there_are(tmp_path: Path):
    labelled(tmp_path, a=[shape(SQUARE, "car")], b=[shape(SQUARE, "tree")])

    with pytest.raises(InputError, match=r"no polygons of \['bus'\] .* car \(1 photo\), tree"):
        find_samples(tmp_path, object_values=["bus"])


def test_classes_of_yolo_are_chosen_by_number_or_name(tmp_path: Path):
    write_photo(tmp_path / "images/a.png")
    (tmp_path / "labels").mkdir()
    box = "0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5"
    (tmp_path / "labels/a.txt").write_text(f"0 {box}\n1 0 0 1 0 1 1 0 1\n")
    (tmp_path / "data.yaml").write_text("names: [leaf, table]\n")

    areas = {
        value: read_sample_mask(find_samples(tmp_path, object_values=[value])[0]).sum()
        for value in (0, 1, "leaf", "table", "not table")
    }

    assert areas == {0: 384, 1: 6144, "leaf": 384, "table": 6144, "not table": 384}


def test_a_damaged_photo_is_not_left_out_in_silence(tmp_path: Path):
    labelled(tmp_path, a=[shape(SQUARE)], b=[shape(SQUARE)])
    (tmp_path / "b.png").write_bytes(b"no picture")

    found = find_samples(tmp_path)

    assert names(found) == ["a", "b"]
    with pytest.raises(InputError, match=r"b\.png is not an image"):
        check_samples(found)
