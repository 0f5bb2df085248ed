"""The check of photos with polygons in place of masks."""

import json
from pathlib import Path

import pytest

from data.errors import InputError
from data.polygons import PolygonName
from data.samples import find_samples
from tests.pipeline.checking.photo_sets import (
    SIZE,
    check,
    codes,
    finding,
    pair,
    stems,
    write_set,
)
from tests.polygon_folders import BOW, SQUARE, shape, with_polygons, write_labelme


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    return write_set(tmp_path / "masks", 8)


@pytest.mark.parametrize("to", ["labelme", "coco", "svg"])
def test_polygons_are_checked_as_their_masks_are(masks: Path, tmp_path: Path, to: PolygonName):
    found = check(with_polygons(masks, tmp_path / "polygons", to))

    assert codes(found, "fatal", "suspect") == []
    assert [e.mask.share for e in found.examined if e.mask] == [
        pair(i).mask.mean() for i in range(8)
    ]
    assert "polygons; disc is the object" in finding(found, "mask-values").message
    assert found.planned is not None


def test_photos_without_polygons_are_good_to_know(masks: Path, tmp_path: Path):
    data = with_polygons(masks, tmp_path / "polygons", "labelme")
    (data / "images" / "a03.json").unlink()

    found = check(data)

    one = finding(found, "unlabelled-photo")
    assert one.message.startswith("1 of 8 photos has no polygons (LabelMe in ")
    assert stems(one) == ["a03"]
    assert found.fatal == ()
    assert len(found.examined) == 7


@pytest.mark.parametrize("num", [1, 8])
def test_polygons_that_cannot_be_drawn_are_left_out_unless_none_is_left(
    masks: Path, tmp_path: Path, num: int
):
    data = with_polygons(masks, tmp_path / "polygons", "labelme")
    for i in range(num):
        write_labelme(data / "images" / f"a{i:02}.json", shape(BOW, "disc"), size=SIZE)

    found = check(data)

    one = finding(found, "unusable-polygons")
    assert len(one.photos) == num
    assert one.severity == ("suspect" if num == 1 else "fatal")
    if num == 1:
        assert found.planned is not None
        assert len(found.planned.train) + len(found.planned.val) == len(find_samples(data)) == 7
    else:
        with pytest.raises(InputError):
            find_samples(data)


def test_several_categories_need_a_choice(masks: Path, tmp_path: Path):
    data = with_polygons(masks, tmp_path / "polygons", "labelme")
    path = data / "images" / "a02.json"
    content = json.loads(path.read_text())
    content["shapes"].append(shape(SQUARE, "mirror"))
    path.write_text(json.dumps(content))

    found, chosen = check(data), check(data, object=["disc"])

    one = finding(found, "choose-object")
    assert one.severity == "fatal"
    assert "disc (8 photos), mirror (1 photo)" in one.message
    assert '\n    object = ["disc"]\n' in one.message
    assert codes(chosen, "fatal") == []
    assert "disc is the object, mirror is not" in finding(chosen, "mask-values").message
    (third,) = [e.mask for e in chosen.examined if e.sample.name == "a02"]
    assert third is not None
    assert third.share == pair(2).mask.mean()


def test_a_category_that_is_nowhere_is_refused(masks: Path, tmp_path: Path):
    data = with_polygons(masks, tmp_path / "polygons", "coco")

    found = check(data, object=["dog"])

    assert "object-not-found" in codes(found, "fatal")
    with pytest.raises(InputError, match="no polygons of"):
        find_samples(data, object_values=["dog"])
