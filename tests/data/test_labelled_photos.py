"""Data folders with polygons in place of masks: what is found, what is left out, what is told."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from data.fingerprints import fingerprint
from data.pairing import find_pairs
from data.polygons import POLYGONS, PolygonName
from data.samples import check_samples, check_sizes, find_samples, read_sample_mask
from tests.builders import SIZE, disc, write_sample
from tests.layouts import write_masks
from tests.polygon_folders import (
    PLACES,
    SQUARE,
    names,
    shape,
    with_polygons,
    write_labelme,
    write_photo,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three photos with masks, of which one is empty."""
    for i, radius in enumerate((20, 9, 0)):
        pixels = np.full((*SIZE, 3), 40 * i, np.uint8)
        write_sample(tmp_path / "data", f"{i}", pixels, disc((30, 50), radius - 0.5))
    return tmp_path / "data"


@pytest.mark.parametrize("to", POLYGONS)
def test_polygons_give_the_masks_that_they_were_made_from(
    tmp_path: Path, data: Path, to: PolygonName
):
    folder = with_polygons(data, tmp_path / "polygons", to)

    found, expected = find_samples(folder), find_samples(data)

    check_samples(found)
    check_sizes(found)
    assert names(found) == names(expected)
    for sample, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(read_sample_mask(sample), read_sample_mask(other))
        assert sample.mask.is_file()


@pytest.mark.parametrize(
    ("to", "photos", "place"),
    [
        ("labelme", "", ""),
        ("labelme", "train", "train"),
        ("labelme", "imgs", "imgs"),
        ("labelme", "photos", "annotations"),
        ("yolo", "images/train", "labels/train"),
        ("yolo", "train/images", "train/labels"),
        ("yolo", "images", "images"),
        ("svg", "", ""),
        ("coco", "", "_annotations.coco.json"),
        ("coco", "train", "train/_annotations.coco.json"),
        ("coco", "images", "result.json"),
        ("coco", "images", "labels/all.json"),
    ],
)
def test_usual_places_are_found(
    tmp_path: Path, data: Path, to: PolygonName, photos: str, place: str
):
    folder = tmp_path / "polygons"
    whole = with_polygons(data, tmp_path / "whole", to)
    source = whole / ("labels" if to == "yolo" else PLACES[to])
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    (folder / photos).mkdir(parents=True, exist_ok=True)
    for photo in (whole / "images").glob("*.png"):
        photo.rename(folder / photos / photo.name)
    if to == "coco":
        source.rename(folder / place)
    else:
        (folder / place).mkdir(parents=True, exist_ok=True)
        for file in source.iterdir():
            file.rename(folder / place / file.name)

    found = find_samples(folder)

    assert names(found) == ["0", "1", "2"]
    assert find_pairs(folder).layout.photos == photos


def test_photos_without_polygons_and_polygons_without_photos_are_left_out_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    for stem in ("a", "b", "c"):
        write_photo(tmp_path / f"images/{stem}.png")
    (tmp_path / "labels").mkdir()
    for stem in ("b", "x", "y"):
        write_labelme(tmp_path / f"labels/{stem}.json", shape(SQUARE))

    found = find_samples(tmp_path)

    assert names(found) == ["b"]
    assert caplog.messages == [
        f"2 of 3 photos, such as {tmp_path}/images/a.png, are left out: they have no LabelMe in "
        f"{tmp_path}/labels",
        f"2 labels are left out, since their photos are missing, such as {tmp_path}/labels/x.json",
    ]


def test_images_of_coco_without_a_photo_are_left_out_and_named(
    tmp_path: Path, data: Path, caplog: pytest.LogCaptureFixture
):
    folder = with_polygons(data, tmp_path / "polygons", "coco")
    (folder / "images/1.png").unlink()
    caplog.set_level(logging.WARNING)

    found = find_samples(folder)

    assert names(found) == ["0", "2"]
    file = folder / "annotations/instances.json"
    assert f"photos are missing, such as {file}, image 1.png" in caplog.text


def test_masks_come_before_polygons(tmp_path: Path, data: Path):
    with_polygons(data, tmp_path / "polygons", "labelme")
    write_masks(tmp_path / "polygons/masks", [f"{i}.png" for i in range(3)], SIZE[::-1])

    found = find_samples(tmp_path / "polygons")

    assert [sample.mask.parent.name for sample in found] == ["masks"] * 3
    assert all(sample.polygons is None for sample in found)


def test_two_kinds_of_polygons_for_the_same_photos_are_refused(tmp_path: Path, data: Path):
    folder = with_polygons(data, tmp_path / "polygons", "labelme")
    with_polygons(data, tmp_path / "others", "yolo")
    (tmp_path / "others/labels").rename(folder / "labels")

    with pytest.raises(InputError, match=r"several kinds of polygons .*: LabelMe in .*, YOLO in "):
        find_samples(folder)


def test_the_kind_with_more_photos_is_chosen(tmp_path: Path, data: Path):
    folder = with_polygons(data, tmp_path / "polygons", "labelme")
    with_polygons(data, tmp_path / "others", "yolo")
    (tmp_path / "others/labels").rename(folder / "labels")
    (folder / "labels/0.txt").unlink()

    assert {sample.mask.suffix for sample in find_samples(folder)} == {".json"}


def test_files_that_are_no_polygons_are_not_taken_for_some(tmp_path: Path):
    for stem in ("a", "b"):
        write_photo(tmp_path / f"images/{stem}.png")
        (tmp_path / f"images/{stem}.json").write_text('{"camera": "x"}')

    with pytest.raises(InputError, match="has none of the layouts known"):
        find_samples(tmp_path)


def test_a_damaged_file_of_coco_is_named_where_nothing_else_is_there(tmp_path: Path):
    write_photo(tmp_path / "images/a.png")
    (tmp_path / "annotations.json").write_text('{"images": [], "annotations": 3}')

    with pytest.raises(InputError, match=r"annotations\.json: 'annotations' must be a list"):
        find_samples(tmp_path)


def test_two_images_of_coco_for_one_photo_are_refused(tmp_path: Path, data: Path):
    folder = with_polygons(data, tmp_path / "polygons", "coco")
    file = folder / "annotations/instances.json"
    content = json.loads(file.read_bytes())
    content["images"].append(content["images"][0] | {"id": 9, "file_name": "val/0.jpg"})
    file.write_text(json.dumps(content))

    with pytest.raises(InputError, match=r"image 0\.png and .*image val/0\.jpg are both of "):
        find_samples(folder)


@pytest.mark.parametrize("to", POLYGONS)
def test_the_fingerprint_follows_the_polygons_of_the_photo(
    tmp_path: Path, data: Path, to: PolygonName
):
    folder = with_polygons(data, tmp_path / "polygons", to)
    before = [fingerprint([sample]) for sample in find_samples(folder)]
    other = tmp_path / "others"
    write_sample(data, "1", np.full((*SIZE, 3), 40, np.uint8), disc((30, 50), 9.5))
    with_polygons(data, other, to)
    after = [fingerprint([sample]) for sample in find_samples(other)]

    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]


def test_the_name_of_a_class_is_part_of_the_fingerprint(tmp_path: Path, data: Path):
    folder = with_polygons(data, tmp_path / "polygons", "yolo")
    before = fingerprint(find_samples(folder))
    (folder / "data.yaml").write_text("names: [other]\n")

    assert fingerprint(find_samples(folder)) != before
