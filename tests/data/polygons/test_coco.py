import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from pycocotools import mask as pycocotools_mask
from pycocotools.coco import COCO

from data.arrays import Mask
from data.errors import InputError
from data.geometry import Size
from data.polygons import coco, coco_runs
from data.polygons.annotation import read_mask_of
from data.polygons.options import PolygonOptions
from tests.data.polygons.mask_examples import EXAMPLES, every_example, mask_of, masks

# pycocotools is not ready for a change of numpy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CAR = PolygonOptions(category="car")


def written(path: Path, masks: dict[str, Mask], options: PolygonOptions = CAR) -> dict[str, Any]:
    parts = [coco.encode(mask, name, options) for name, mask in masks.items()]
    path.write_bytes(b"".join(coco.finish(parts, options.category)))
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


@given(mask=masks)
@every_example
def test_run_lengths_are_those_of_pycocotools(mask: Mask):
    theirs = pycocotools_mask.encode(np.asfortranarray(mask.astype(np.uint8)))

    ours = coco_runs.encode(mask)

    assert ours == {"size": list(mask.shape), "counts": theirs["counts"].decode()}
    np.testing.assert_array_equal(coco_runs.decode(ours), mask)


@pytest.mark.parametrize("length", [1, 15, 16, 31, 32, 511, 512, 100_000])
def test_long_run_lengths_are_those_of_pycocotools_too(length: int):
    mask = np.zeros((2, 3 * length + 7), np.bool_)
    mask[0, length : 2 * length + 3] = True
    mask[:, -2:] = True
    theirs = pycocotools_mask.encode(np.asfortranarray(mask.astype(np.uint8)))

    ours = coco_runs.encode(mask)

    assert ours["counts"] == theirs["counts"].decode()
    np.testing.assert_array_equal(coco_runs.decode(ours), mask)


def test_run_lengths_as_numbers_are_read():
    mask = coco_runs.decode({"size": [2, 3], "counts": [1, 2, 3]})

    np.testing.assert_array_equal(mask, mask_of(".#.", "#.."))


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [2, 3], "counts": [1, 2]}, "do not fill 3 x 2 pixels, 6"),
        ({"size": [2, 3], "counts": [7, -1]}, "do not fill"),
        ({"size": [2, 3], "counts": [True, 5]}, "whole numbers"),
        ({"size": [2, 3], "counts": None}, "whole numbers"),
        ({"size": [2, 3], "counts": "ü"}, "stands for no run lengths"),
        ({"size": [2, 3], "counts": "oooooooooooooo"}, "stands for no run lengths"),
        ({"size": [2, 3], "counts": "P"}, "ends within a number"),
        ({"size": [10**9, 10**9], "counts": [10**18]}, "are more than"),
        ({"size": [2], "counts": [2]}, "height and width"),
        ({"size": [0, 2], "counts": [0]}, "whole numbers from 1"),
    ],
)
def test_damaged_run_lengths_are_refused(segmentation: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        coco_runs.decode(segmentation)


@pytest.mark.parametrize("instances", [False, True])
def test_pycocotools_reads_the_same_masks(tmp_path: Path, instances: bool):
    written(tmp_path / "a.json", EXAMPLES, PolygonOptions(instances=instances))

    theirs = COCO(tmp_path / "a.json")

    theirs.info()
    assert len(theirs.imgs) == len(EXAMPLES)
    for image in theirs.loadImgs(theirs.getImgIds()):
        mask = np.zeros((image["height"], image["width"]), np.bool_)
        for annotation in theirs.loadAnns(theirs.getAnnIds(image["id"])):
            part = theirs.annToMask(annotation)
            mask |= part == 1
            box = pycocotools_mask.toBbox(theirs.annToRLE(annotation)).tolist()
            assert annotation["area"] == part.sum()
            assert annotation["bbox"] == box
        np.testing.assert_array_equal(mask, EXAMPLES[image["file_name"]])


@given(mask=masks)
def test_pycocotools_draws_our_polygons_as_we_do(mask: Mask):
    options = PolygonOptions(instances=True)
    annotations = json.loads(coco.encode(mask, "a", options))["annotations"]

    for annotation in annotations:
        if isinstance(annotation["segmentation"], list):
            runs = pycocotools_mask.frPyObjects(annotation["segmentation"], *mask.shape)
            ours = coco._rings(annotation["segmentation"])
            theirs = pycocotools_mask.decode(pycocotools_mask.merge(runs)) == 1
            drawn = coco.drawing(ours)(Size(*mask.shape))
            np.testing.assert_array_equal(drawn, theirs)


def test_the_file_numbers_images_and_annotations(tmp_path: Path):
    content = written(
        tmp_path / "a.json",
        {"a.jpg": EXAMPLES["parts"], "b.png": EXAMPLES["empty"], "c.jpg": EXAMPLES["full"]},
        PolygonOptions(category="car", instances=True),
    )

    assert content["categories"] == [{"id": 1, "name": "car", "supercategory": ""}]
    assert content["images"][1] == {"id": 2, "file_name": "b.png", "width": 4, "height": 3}
    assert [(a["id"], a["image_id"]) for a in content["annotations"]] == [
        (1, 1), (2, 1), (3, 1), (4, 3),
    ]  # fmt: skip
    assert {a["category_id"] for a in content["annotations"]} == {1}


def test_an_object_has_polygons_where_it_has_no_holes_and_run_lengths_else():
    hole, parts = (
        json.loads(coco.encode(EXAMPLES[name], "a", CAR))["annotations"]
        for name in ("island in a hole", "parts")
    )

    assert [type(a["segmentation"]) for a in (*hole, *parts)] == [dict, list]
    assert len(parts[0]["segmentation"]) == 3


def document(**changes: Any) -> dict[str, Any]:
    """A file of one photo of 8 x 6 with two categories, and what is changed in it."""
    square = [[1, 1, 4, 1, 4, 4, 1, 4]]
    content = {
        "images": [{"id": 7, "file_name": "a/b.jpg", "width": 8, "height": 6}],
        "categories": [{"id": 3, "name": "car"}, {"id": 4, "name": "tree"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "segmentation": square},
            {"id": 2, "image_id": 7, "category_id": 4, "segmentation": [[4, 0, 8, 0, 8, 6, 4, 6]]},
        ],
    }
    return content | changes


def entry_of(path: Path, content: object) -> coco.Entry:
    path.write_text(json.dumps(content))
    (entry,) = coco.entries(path)
    return entry


def test_one_of_several_categories_is_chosen(tmp_path: Path):
    annotation = entry_of(tmp_path / "a.json", document()).read()

    assert annotation.photo == "a/b.jpg"
    assert read_mask_of(annotation, category="car").sum() == 9
    assert read_mask_of(annotation, category="tree").sum() == 24
    with pytest.raises(InputError, match="has the categories car, tree; choose"):
        read_mask_of(annotation)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, "'images' must be a list of objects"),
        ({"annotations": [3]}, "'annotations' must be a list of objects"),
        ({"categories": [{"id": 1}]}, "'name' must be a text, not None"),
        ({"images": [{"file_name": "a"}]}, "'id' must be a whole number"),
        ({"images": [{"id": 1}, {"id": 1}]}, "two images have one id"),
        ({"annotations": [{"image_id": [1]}]}, "'image_id' must be a whole number"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, changes: dict[str, Any], message: str):
    (tmp_path / "a.json").write_text(json.dumps(document(**changes)))

    with pytest.raises(InputError, match=rf"a.json: {message}"):
        coco.entries(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"segmentation": None}, "annotation 1: 'segmentation' must be a list"),
        ({"segmentation": []}, "annotation 1: 'segmentation' must be a list"),
        ({"segmentation": [[1, 2, 3]]}, "of an even number"),
        ({"segmentation": [[1, 2, 3, 4]]}, "it has 2 corners; a polygon has 3 or more"),
        ({"segmentation": [[1, 1, 4, 1, 4, float("nan")]]}, "is not finite"),
        ({"segmentation": [[1, 1, 4, 1, 4, 10**400]]}, "a corner is two numbers"),
        ({"segmentation": [[1, 1, 4, 1, 4, "x"]]}, "a corner is two numbers"),
        ({"segmentation": [[1, 1, 4, 1, 4, [[1]]]]}, "a corner is two numbers"),
        ({"category_id": 9}, "annotation 1 has the category_id 9, which is not in categories"),
        ({"category_id": None}, "annotation 1 has the category_id None"),
    ],
)
def test_a_damaged_annotation_is_named(tmp_path: Path, changes: dict[str, Any], message: str):
    annotation = document()["annotations"][0] | changes
    entry = entry_of(tmp_path / "a.json", document(annotations=[annotation]))

    with pytest.raises(InputError, match=rf"a.json, image a/b.jpg: .*{message}"):
        entry.read()


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[1, 1, 4, 4, 4, 1, 1, 4]], "annotation 1 cannot be used: it crosses itself"),
        ([[1, 1, 4, 1, 4, 99]], "annotation 1 cannot be used: it leaves the photo, 8 x 6"),
        ([[1, 1, 4, 1, 4, 1e300]], "leaves the photo"),
        ({"size": [6, 7], "counts": [42]}, r"its run lengths are of the height and width \[6, 7\]"),
    ],
)
def test_a_shape_that_cannot_be_drawn_is_named(tmp_path: Path, segmentation: Any, message: str):
    annotation = document()["annotations"][0] | {"segmentation": segmentation}
    entry = entry_of(tmp_path / "a.json", document(annotations=[annotation]))

    with pytest.raises(InputError, match=rf"a.json, image a/b.jpg: .*{message}"):
        read_mask_of(entry.read())


@pytest.mark.parametrize("side", [10**9, 10**400, -1, 0, 2.5, "8", None, True])
def test_an_impossible_size_is_named(tmp_path: Path, side: object):
    image = {"id": 7, "file_name": "b.jpg", "width": side, "height": 10**9}
    entry = entry_of(tmp_path / "a.json", document(images=[image]))

    with pytest.raises(InputError, match=r"a\.json, image b\.jpg: "):
        entry.read()


def test_annotations_of_a_photo_that_is_not_there_are_named(tmp_path: Path):
    (tmp_path / "a.json").write_text(json.dumps(document(images=[])))

    (entry,) = coco.entries(tmp_path / "a.json")

    with pytest.raises(InputError, match="image_id 7: it is not in images, but 2 annotations are"):
        entry.read()
