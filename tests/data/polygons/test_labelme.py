import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from data.arrays import Mask
from data.errors import InputError
from data.masks import encode_mask
from data.polygons import labelme
from data.polygons.annotation import read_mask_of
from data.polygons.options import PolygonOptions
from tests.data.polygons.mask_examples import EXAMPLES, mask_of

SQUARE = [[1, 1], [6, 1], [6, 5], [1, 5]]


def document(*shapes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    filled = [{"label": "car", "points": SQUARE, "shape_type": "polygon"} | s for s in shapes]
    content = {"shapes": filled, "imagePath": "a.png", "imageHeight": 6, "imageWidth": 8}
    return content | changes


def read(tmp_path: Path, content: object) -> Mask:
    (tmp_path / "a.json").write_text(json.dumps(content))
    (entry,) = labelme.entries(tmp_path)
    return read_mask_of(entry.read(), category="car")


def test_the_file_has_what_labelme_reads():
    options = PolygonOptions(category="car")

    content = json.loads(labelme.encode(EXAMPLES["parts"], "../photos/a.jpg", options))

    assert {
        "version",
        "flags",
        "shapes",
        "imagePath",
        "imageData",
        "imageHeight",
        "imageWidth",
    } == {*content}
    assert content["imagePath"] == "../photos/a.jpg"
    assert (content["imageHeight"], content["imageWidth"]) == (3, 5)
    assert len(content["shapes"]) == 3
    for shape in content["shapes"]:
        assert {"label", "points", "group_id", "description", "shape_type", "flags", "mask"} == {
            *shape
        }
        assert (shape["label"], shape["group_id"], shape["shape_type"]) == ("car", 1, "polygon")


def test_objects_one_by_one_have_groups_of_their_own():
    options = PolygonOptions(instances=True)

    content = json.loads(labelme.encode(EXAMPLES["parts"], "a.jpg", options))

    assert [shape["group_id"] for shape in content["shapes"]] == [1, 2, 3]


def test_labelme_s_own_filling_leaves_holes_open():
    mask = np.zeros((60, 80), np.bool_)
    mask[10:50, 10:70] = True
    mask[20:40, 30:50] = False
    (shape,) = json.loads(labelme.encode(mask, "a.jpg", PolygonOptions()))["shapes"]

    # As in labelme.utils.shape_to_mask.
    picture = Image.new("L", (80, 60))
    corners = [tuple(point) for point in shape["points"]]
    ImageDraw.Draw(picture).polygon(corners, outline=1, fill=1)

    wrong = (np.asarray(picture) == 1) != mask
    assert not wrong[22:38, 32:48].mean() > 0.1
    assert wrong.sum() < 200


def test_shapes_are_drawn_in_order_and_background_erases(tmp_path: Path):
    mask = read(
        tmp_path,
        document(
            {},
            {"label": "_background_", "points": [[2, 2], [5, 2], [5, 4], [2, 4]]},
            {"points": [[3, 2], [4, 2], [4, 3], [3, 3]]},
            {"label": "tree", "points": [[0, 0], [8, 0], [8, 6], [0, 6]]},
        ),
    )

    expected = mask_of("........", ".#####..", ".#.#.#..", ".#...#..", ".#####..", "........")
    np.testing.assert_array_equal(mask, expected)


def test_rectangles_circles_and_masks_are_read(tmp_path: Path):
    stamp = mask_of("#.#")
    encoded = base64.b64encode(encode_mask(stamp)).decode()

    mask = read(
        tmp_path,
        document(
            {"shape_type": "rectangle", "points": [[2, 6], [0, 5]]},
            {"shape_type": "circle", "points": [[6.5, 1.5], [7.6, 1.5]]},
            {"shape_type": "mask", "points": [[1, 2], [3, 2]], "mask": encoded},
        ),
    )

    expected = mask_of("......#.", ".....###", ".#.#..#.", "........", "........", "##......")
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"shape_type": "linestrip"}, "it is a 'linestrip', which has no area"),
        ({"label": 3}, "'label' must be a text"),
        ({"points": None}, "a corner is"),
        ({"points": []}, "it has 0 corners"),
        ({"points": [[1, 1], [2, 2], [1, 1]]}, "it has 2 corners"),
        ({"points": [[1, 1], [2, 2], [3]]}, "a corner is two numbers"),
        ({"points": [[1, 1, 1], [2, 2, 2], [3, 3, 3]]}, "a corner is two numbers"),
        ({"points": {"x": 1}}, "a corner is two numbers"),
        ({"points": [[1, 1], [2, None], [3, 3]]}, "not finite"),
        ({"shape_type": "circle", "points": [[1, 1]]}, "it must have two points"),
        ({"shape_type": "mask", "points": [[1, 1], [2, 2]]}, "'mask' must be a picture"),
        ({"shape_type": "mask", "points": [[1, 1], [2, 2]], "mask": "%%"}, "'mask' is no base64"),
        ({"shape_type": "mask", "points": [[1, 1], [2, 2]], "mask": "aaaa"}, "is not an image"),
    ],
)
def test_a_damaged_shape_is_named(tmp_path: Path, shape: dict[str, Any], message: str):
    with pytest.raises(InputError, match=rf"a\.json: shape 2.*{message}"):
        read(tmp_path, document({}, shape))


@pytest.mark.parametrize("corner", [[-1, 0], [7, 0], [0, 6]])
def test_a_mask_that_leaves_the_photo_is_named(tmp_path: Path, corner: list[int]):
    encoded = base64.b64encode(encode_mask(mask_of("##"))).decode()
    shape = {"shape_type": "mask", "points": [corner, [1, 1]], "mask": encoded}

    with pytest.raises(InputError, match="its mask leaves the photo"):
        read(tmp_path, document(shape))


def test_a_mask_larger_than_the_photo_is_not_decoded(tmp_path: Path):
    encoded = base64.b64encode(encode_mask(np.zeros((70, 80), np.bool_))).decode()
    shape = {"shape_type": "mask", "points": [[0, 0], [1, 1]], "mask": encoded}

    with pytest.raises(InputError, match="too many pixels"):
        read(tmp_path, document(shape))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is no JSON"),
        (b'{"shapes": [', "it is no JSON"),
        (b"[" * 5000, "nested too deeply"),
        (b'{"shapes":' * 5000, "nested too deeply"),
        (b"[1]", "it holds a list, not an object"),
        (b"\xff\xfe{", "it is no JSON"),
        (b'{"imageHeight": 6, "imageWidth": ' + b"9" * 5000 + b"}", "it is no JSON"),
        (b'{"imageHeight": 1e9, "imageWidth": 6}', "whole numbers from 1"),
        (b'{"imageHeight": 99999999, "imageWidth": 99999999}', "are more than"),
        (b'{"imageHeight": 6, "imageWidth": 8}', "'shapes' must be a list"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, data: bytes, message: str):
    (tmp_path / "a.json").write_bytes(data)
    (entry,) = labelme.entries(tmp_path / "a.json")

    with pytest.raises(InputError, match=rf"a\.json: .*{message}") as error:
        entry.read()

    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 300 + len(str(tmp_path))
