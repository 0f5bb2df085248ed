import json
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import shapely
import yaml

from data.arrays import Mask
from data.errors import InputError
from data.geometry import Size
from data.polygons import geojson, svg, yolo
from data.polygons.annotation import read_mask_of
from data.polygons.options import PolygonOptions
from tests.data.polygons.mask_examples import EXAMPLES, mask_of

SIZE = Size(6, 8)
CAR = PolygonOptions(category="car & van")


def read_svg(tmp_path: Path, inside: str, head: str = 'viewBox="0 0 8 6"') -> Mask:
    (tmp_path / "a.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" {head}>{inside}</svg>'
    )
    (entry,) = svg.entries(tmp_path)
    return read_mask_of(entry.read())


def read_yolo(tmp_path: Path, text: str) -> Mask:
    (tmp_path / "a.txt").write_text(text)
    (entry,) = yolo.entries(tmp_path)
    return read_mask_of(entry.read(), SIZE)


def read_geojson(tmp_path: Path, *features: object) -> Mask:
    content = {"type": "FeatureCollection", "features": features}
    (tmp_path / "a.geojson").write_text(json.dumps(content))
    (entry,) = geojson.entries(tmp_path)
    return read_mask_of(entry.read(), SIZE)


def test_yolo_has_a_line_an_object():
    parts = EXAMPLES["parts"]

    one = yolo.encode(parts, "a.jpg", PolygonOptions()).decode().splitlines()
    three = yolo.encode(parts, "a.jpg", PolygonOptions(instances=True)).decode().splitlines()

    assert (len(one), len(three)) == (1, 3)
    for line in (*one, *three):
        number, *shares = line.split()
        assert number == "0"
        assert len(shares) % 2 == 0
        assert all(0 <= float(share) <= 1 for share in shares)


def test_yolo_s_own_filling_leaves_holes_open():
    mask = np.zeros((60, 80), np.bool_)
    mask[10:50, 10:70] = True
    mask[20:40, 30:50] = False
    shares = np.array(yolo.encode(mask, "a.jpg", PolygonOptions()).split()[1:], float)

    # As in ultralytics.data.utils.polygon2mask.
    picture = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(picture, [(shares.reshape(-1, 2) * (80, 60)).astype(np.int32)], 1)

    assert ((picture == 1) != mask).sum() < 200
    assert not picture[22:38, 32:48].mean() > 0.1


def test_yolo_s_classes_are_named(tmp_path: Path):
    (tmp_path / "labels/train").mkdir(parents=True)
    (tmp_path / "data.yaml").write_bytes(yolo.encode_classes("car: red"))
    (tmp_path / "labels/train/a.txt").write_text("0 0 0 1 0 1 1 0 1\n\n")

    (entry,) = yolo.entries(tmp_path)

    assert yaml.safe_load((tmp_path / "data.yaml").read_text())["names"] == {0: "car: red"}
    assert entry.read().categories == ["car: red"]
    assert yolo.entries(tmp_path / "labels")[0].read().categories == ["car: red"]
    assert read_mask_of(entry.read(), SIZE).all()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("data.yaml", "names: [tree, car]"),
        ("data.yaml", "nc: 2\nnames:\n- tree\n- car\n"),
        ("classes.txt", "tree\ncar\n"),
    ],
)
def test_names_of_yolo_s_classes_are_found_where_tools_write_them(
    tmp_path: Path, file: str, text: str
):
    (tmp_path / file).write_text(text)
    (tmp_path / "a.txt").write_text("1 0 0 1 0 1 1")

    (entry,) = yolo.entries(tmp_path)

    assert entry.read().categories == ["car"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0 0 1 0 1 1\nx 0 0 1 0 1 1", "line 2: a line is the number of a class"),
        ("0 0 0 1 0 1", "line 1: corners are pairs x y, but here are 5 numbers"),
        ("0 0.5 0.5 0.1 0.1", "line 1: it is a box, not a polygon"),
        ("0", "line 1: it has 0 corners"),
        ("0 0 0 1 0 1 nan", "line 1: a corner is not finite"),
        ("0 0 0 1 0 1 1e999", "line 1: a corner is not finite"),
        ("0 0 0 1 0 1 5", "line 1 cannot be used: it leaves the photo"),
        ("0 0 0 100 0 100 50 0 50", "line 1 cannot be used: it leaves the photo"),
        ("0 0 0 1 1 1 0 0 1", "line 1 cannot be used: it crosses itself"),
        (f"{'9' * 5000} 0 0 1 0 1 1", "line 1: a line is"),
        ("0 0 0 1 0 1 1\n1 0 0 1 0 1 1", "has the categories 0, 1"),
    ],
)
def test_damaged_yolo_labels_are_named(tmp_path: Path, text: str, message: str):
    with pytest.raises(InputError, match=rf"a\.txt:? .*{message}|a\.txt: {message}"):
        read_yolo(tmp_path, text)


BOMB = "".join(f"- &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghijk"))


@pytest.mark.parametrize(
    "text",
    ["names", "names: 3", "a: [", "[" * 5000, "!!python/object:os 1", f"names:\n- &a [1]\n{BOMB}"],
)
def test_damaged_yolo_classes_are_named(tmp_path: Path, text: str):
    (tmp_path / "data.yaml").write_text(text)

    with pytest.raises(InputError, match=r"data\.yaml") as error:
        read_yolo(tmp_path, "")

    assert len(str(error.value).splitlines()) == 1


def test_a_yolo_class_without_a_name_is_named(tmp_path: Path):
    (tmp_path / "data.yaml").write_text("names: [car]")

    with pytest.raises(InputError, match="line 1: class 3 has no name; there are 1"):
        read_yolo(tmp_path, "3 0 0 1 0 1 1")


def test_yolo_needs_the_size_of_the_photo(tmp_path: Path):
    (tmp_path / "a.txt").write_text("0 0 0 1 0 1 1")
    (entry,) = yolo.entries(tmp_path)

    with pytest.raises(InputError, match=r"a\.txt does not say the size of its photo"):
        read_mask_of(entry.read())


def test_an_svg_is_as_large_as_its_photo_and_fills_by_the_even_odd_rule():
    text = svg.encode(EXAMPLES["island in a hole"], "a.jpg", CAR).decode()

    assert 'width="5" height="5" viewBox="0 0 5 5"' in text
    assert text.count("<path ") == 1
    assert 'data-category="car &amp; van" fill-rule="evenodd"' in text


@pytest.mark.parametrize(
    "shape",
    [
        '<path d="M1 1 5 1 5 4 1 4Z"/>',
        '<path d="M 1,1 L 5,1 L5,4 H1 z"/>',
        '<path d="m1 1h4v3h-4z"/>',
        '<path d="m1,1 4,0 0,3 -4,0"/>',
        '<path d="M1-0+1H5V4H1Z"/>'.replace("-0+1", " 1"),
        '<polygon points="1,1 5,1 5,4 1,4"/>',
        '<rect x="1" y="1" width="4" height="3"/>',
        '<g><g><rect x="1e0" y="1" width="4" height="3"/></g></g><title>a</title>',
        '<path fill-rule="evenodd" d="M0 0H8V6H0ZM0 0H8V6H0ZM1 1H5V4H1Z"/>',
        '<path style="fill: red; fill-rule: evenodd" d="M1 1H5V4H1ZM6 1H7V2H6ZM6 1H7V2H6Z"/>',
        '<path d="M1 1H5V4H1Z M2 2H3V3H2Z"/>',
    ],
)
def test_svg_of_other_programs_is_read(tmp_path: Path, shape: str):
    expected = np.zeros(SIZE, np.bool_)
    expected[1:4, 1:5] = True

    np.testing.assert_array_equal(read_svg(tmp_path, shape), expected)


def test_without_the_even_odd_rule_a_ring_the_other_way_is_a_hole(tmp_path: Path):
    mask = read_svg(tmp_path, '<path d="M1 1H5V4H1Z M2 2V3H3V2Z"/>')

    assert mask.sum() == 11
    assert not mask[2, 2]


@pytest.mark.parametrize(
    "head", ['width="8" height="6"', 'width="8px" height="6px"', 'viewBox="0,0,8,6" width="99"']
)
def test_the_size_of_an_svg_is_found(tmp_path: Path, head: str):
    assert read_svg(tmp_path, "", head).shape == SIZE


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ('<path d="M1 1C2 2 3 3 4 4"/>', "path 1: 'C2 2 3 3 4' in its path is no straight line"),
        ('<path d="1 1 2 2"/>', "path 1: its path does not begin with M"),
        ('<path d="L1 1 2 2"/>', "path 1: its path does not begin with M"),
        ('<path d="M1 1 2"/>', "path 1: its path lacks a number"),
        ('<path d="M1 1 2 2"/>', "path 1: it has 2 corners"),
        ('<path d="M1 1Z"/><path d="nan"/>', "path 1: it has 1 corners"),
        ('<path d="M0 0 4 4 4 0 0 4"/>', "path 1 cannot be used: it crosses itself"),
        ('<rect width="1e999" height="1"/>', "rect 1: a corner is not finite"),
        ('<rect width="x" height="1"/>', "rect 1: a rectangle has"),
        ('<polygon points="1 1 2"/>', "polygon 1: points are pairs"),
        ('<circle r="3"/>', "circle 1: only paths, polygons and rectangles"),
        ('<g transform="scale(2)"/>', "g has a transform; apply it first"),
        ("<g>", "it is no XML"),
    ],
)
def test_a_damaged_svg_is_named(tmp_path: Path, inside: str, message: str):
    with pytest.raises(InputError, match=r"a\.svg:? ") as error:
        read_svg(tmp_path, inside)

    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    "head", ["", 'viewBox="1 0 8 6"', 'viewBox="0 0 8.5 6"', 'viewBox="0 0 1e9 1e9"',
             'width="5cm" height="3cm"', 'viewBox="0 0 1e999 6"']
)  # fmt: skip
def test_an_svg_without_a_size_in_pixels_is_named(tmp_path: Path, head: str):
    with pytest.raises(InputError, match=r"a\.svg: "):
        read_svg(tmp_path, "", head)


def test_entities_of_an_svg_are_not_read(tmp_path: Path):
    bomb = '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg viewBox="0 0 8 6">&b;</svg>'
    (tmp_path / "a.svg").write_text(bomb)
    (entry,) = svg.entries(tmp_path)

    with pytest.raises(InputError, match="defines entities"):
        entry.read()


def test_a_deep_svg_is_read(tmp_path: Path):
    assert not read_svg(tmp_path, "<g>" * 5000 + "</g>" * 5000).any()


def test_geojson_has_the_outer_ring_then_the_holes():
    content = json.loads(geojson.encode(EXAMPLES["island in a hole"], "a.jpg", CAR))

    (feature,) = content["features"]
    assert content["image"] == {"file_name": "a.jpg", "width": 5, "height": 5}
    assert feature["properties"] == {"category": "car & van"}
    assert [len(polygon) for polygon in feature["geometry"]["coordinates"]] == [2, 1]
    shape = shapely.from_geojson(json.dumps(feature["geometry"]))
    assert shape.is_valid
    assert all(polygon.exterior.is_ccw for polygon in shape.geoms)
    assert all(ring[0] == ring[-1] for ring in feature["geometry"]["coordinates"][0])


def test_a_plain_polygon_is_read(tmp_path: Path):
    outer, hole = [[0, 0], [3, 0], [3, 3], [0, 3], [0, 0]], [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]
    feature = {"geometry": {"type": "Polygon", "coordinates": [outer, hole]}}

    expected = np.zeros(SIZE, np.bool_)
    expected[:3, :3] = mask_of("###", "#.#", "###")
    np.testing.assert_array_equal(read_geojson(tmp_path, feature), expected)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ({}, "feature 1: its geometry is no Polygon"),
        ({"geometry": {"type": "Point"}}, "feature 1: its geometry is no Polygon"),
        ({"geometry": {"type": "Polygon"}}, "feature 1: coordinates are lists of rings"),
        ({"geometry": {"type": "MultiPolygon", "coordinates": [[]]}}, "coordinates are lists"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}}, "it has 2 corners"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, "x"]]]}}, "a corner is two numbers"),
    ],
)
def test_a_damaged_feature_is_named(tmp_path: Path, feature: object, message: str):
    with pytest.raises(InputError, match=rf"a\.geojson: .*{message}|{message}"):
        read_geojson(tmp_path, feature)
