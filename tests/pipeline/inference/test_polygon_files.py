"""Polygons from `predict`: what is written, that it is the mask, and one COCO file for a call."""

import json
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from coarse.enet import ENet
from data.errors import InputError
from data.geometry import Fovea, Size
from data.images import read_photo
from data.masks import read_mask
from data.polygons import POLYGONS, PolygonName, coco
from data.polygons.annotation import read_mask_of
from data.polygons.contour import polygons_of, signed_area
from data.polygons.formats import FORMATS
from data.polygons.options import PolygonOptions
from pipeline.inference.mask_options import DEFAULT_OPTIONS, MaskOptions
from pipeline.inference.outputs import MASK, Output, in_folders
from pipeline.inference.polygon_files import polygon_output
from pipeline.inference.segmenter import Segmenter
from pipeline.model import Model
from refine.postprocess import parse
from tests.pipeline.inference.predicting import (
    CPU,
    predict_photos,
    segmenter_of,
    visible,
    write_photos,
)
from tests.pipeline.inference.test_resume import interrupted_after, redone

SIZE = Size(64, 96)
CAR = PolygonOptions(category="car")


def polygons_to(
    out: Path, *names: PolygonName, options: PolygonOptions = CAR, with_masks: bool = False
) -> tuple[Output, ...]:
    """The outputs of polygons in the folder `out`, perhaps beside masks."""
    is_one = len(names) + with_masks == 1
    made = [polygon_output(name, options, out / ("" if is_one else name)) for name in names]
    return in_folders([*([MASK] if with_masks else []), *made])


def predict(photos: list[Path], out: Path, *names: PolygonName, **options: Any) -> None:
    mask_options = options.pop("mask_options", DEFAULT_OPTIONS)
    overwrite = options.pop("overwrite", False)
    outputs = polygons_to(out, *names, **options)
    outcome = predict_photos(
        photos, out, segmenter_of(), mask_options, outputs=outputs, overwrite=overwrite
    )
    assert not outcome.failures


def read_back(name: PolygonName, folder: Path) -> dict[str, np.ndarray]:
    place = folder / "annotations.json" if name == "coco" else folder
    entries = FORMATS[name].entries(place)
    return {Path(e.name).stem: read_mask_of(e.read(), SIZE, "car") for e in entries}


def coco_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "annotations.json").read_bytes())
    return content


@pytest.mark.parametrize("steps", [(), (parse("components=60"), parse("close-open=5"))])
def test_all_formats_give_the_masks_again(tmp_path: Path, steps: tuple[Any, ...]):
    photos, out = write_photos(tmp_path / "photos", 4), tmp_path / "out"

    predict(photos, out, *POLYGONS, with_masks=True, mask_options=MaskOptions(postprocess=steps))

    masks = {path.stem: read_mask(path) for path in (out / "mask").glob("*.png")}
    assert len(masks) == 4
    assert any(0 < mask.mean() < 1 for mask in masks.values())
    for name in POLYGONS:
        found = read_back(name, out / name)
        assert found.keys() == masks.keys()
        for stem, mask in masks.items():
            np.testing.assert_array_equal(found[stem], mask, err_msg=f"{name} {stem}")


def test_the_contour_lies_where_the_logits_are_zero(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 1), tmp_path / "out"

    predict(photos, out, "geojson")

    prediction = segmenter_of().predict(read_photo(photos[0]), DEFAULT_OPTIONS)
    expected = polygons_of(prediction.mask, logits=prediction.logits)
    (feature,) = json.loads((out / "0000.geojson").read_bytes())["features"]
    found = [np.array(rings[0][:-1]) for rings in feature["geometry"]["coordinates"]]
    areas = [signed_area(ring) for ring in found]
    assert areas == pytest.approx([signed_area(p.outer) for p in expected], abs=0.1)
    of_mask = [signed_area(p.outer) for p in polygons_of(prediction.mask)]
    assert areas != pytest.approx(of_mask, abs=0.1)


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("coco", {"annotations.json"}),
        ("yolo", {"0000.txt", "0001.txt", "classes.txt"}),
        ("labelme", {"0000.json", "0001.json"}),
        ("svg", {"0000.svg", "0001.svg"}),
        ("geojson", {"0000.geojson", "0001.geojson"}),
    ],
)
def test_one_output_is_in_the_folder_and_several_have_their_own(
    tmp_path: Path, name: PolygonName, files: set[str]
):
    photos = write_photos(tmp_path / "photos", 2)

    predict(photos, tmp_path / "a", name)
    predict(photos, tmp_path / "b/c", name, with_masks=True)

    alone = visible_files(tmp_path / "a")
    assert alone.keys() == files
    beside = visible_files(tmp_path / "b/c" / name)
    if name == "labelme":
        assert beside.keys() == files
    else:
        assert beside == alone


def visible_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."}


def test_files_of_labelme_lead_to_their_photos(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 1), tmp_path / "deep/out"

    predict(photos, out, "labelme", with_masks=True)

    content = json.loads((out / "labelme/0000.json").read_bytes())
    assert os.path.normpath(out / "labelme" / content["imagePath"]) == str(photos[0])
    assert (content["imageHeight"], content["imageWidth"]) == SIZE


def test_photos_that_have_moved_get_other_files_of_labelme(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 2), tmp_path / "out"
    predict(photos, out, "labelme")
    (tmp_path / "photos").rename(tmp_path / "moved")
    moved = [tmp_path / "moved" / photo.name for photo in photos]

    predict(moved, out, "labelme")

    assert json.loads((out / "0001.json").read_bytes())["imagePath"] == "../moved/0001.png"


@pytest.mark.parametrize("name", POLYGONS)
def test_the_category_and_the_tolerance_are_obeyed(tmp_path: Path, name: PolygonName):
    photos = write_photos(tmp_path / "photos", 1)
    sizes = []
    for tolerance in (0, 2):
        out = tmp_path / f"{tolerance}"
        predict(photos, out, name, options=PolygonOptions("my leaf", tolerance, instances=True))
        sizes.append(sum(path.stat().st_size for path in out.iterdir() if path.name[0] != "."))
        (entry, *_) = FORMATS[name].entries(out / ("annotations.json" if name == "coco" else ""))
        assert entry.read().categories == ["my leaf"]

    assert sizes[1] < sizes[0]


def test_each_part_is_an_object_where_asked(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 11)[4:]
    counts = []
    for instances in (False, True):
        options = PolygonOptions(instances=instances)
        predict(photos, tmp_path / f"{instances}", "coco", options=options)
        counts.append(len(coco_of(tmp_path / f"{instances}")["annotations"]))

    parts = [len(polygons_of(segmenter_of()(read_photo(photo)))) for photo in photos]
    assert counts == [sum(num > 0 for num in parts), sum(parts)]
    assert counts[1] > counts[0]


def test_coco_has_the_photos_in_the_order_of_their_names(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 3), tmp_path / "out"

    predict([photos[2], photos[0], photos[1]], out, "coco")

    content = coco_of(out)
    assert [(i["id"], i["file_name"]) for i in content["images"]] == [
        (1, "0000.png"), (2, "0001.png"), (3, "0002.png"),
    ]  # fmt: skip
    ids = [annotation["image_id"] for annotation in content["annotations"]]
    assert all(a <= b for a, b in pairwise(ids))


def test_an_interrupted_call_ends_with_the_same_file_of_coco(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 12), tmp_path / "out"
    predict(photos, tmp_path / "whole", "coco")

    interrupted_after(6, photos, out, outputs=polygons_to(out, "coco"))
    assert not (out / "annotations.json").exists()
    again = redone(photos, out, outputs=polygons_to(out, "coco"))

    assert 0 < len(again) < 12
    assert visible(out) == visible(tmp_path / "whole")


def test_an_interruption_while_the_file_is_written_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    photos, out = write_photos(tmp_path / "photos", 3), tmp_path / "out"
    predict(photos, tmp_path / "whole", "coco")

    def dying(parts: object, category: str) -> Iterator[bytes]:
        yield b'{"images":['
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(coco, "finish", dying)
        with pytest.raises(KeyboardInterrupt):
            predict(photos, out, "coco")
    assert visible(out) == {}
    assert redone(photos, out, outputs=polygons_to(out, "coco")) == []

    assert visible(out) == visible(tmp_path / "whole")


def test_a_file_of_coco_that_was_edited_or_lost_is_written_again(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 2), tmp_path / "out"
    predict(photos, out, "coco")
    before = visible(out)

    for damage in ("unlink", "write"):
        file = out / "annotations.json"
        file.unlink() if damage == "unlink" else file.write_text("{}")
        assert redone(photos, out, outputs=polygons_to(out, "coco")) == []
        assert visible(out) == before


def test_a_part_that_was_damaged_is_made_again(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 2), tmp_path / "out"
    predict(photos, out, "coco")
    before = visible(out)
    (out / ".coco/0001.json").write_text("{}")

    assert redone(photos, out, outputs=polygons_to(out, "coco")) == ["0001"]
    assert visible(out) == before


def test_a_photo_that_fails_is_not_in_the_file_of_coco(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 3), tmp_path / "out"
    photos[1].write_bytes(b"no picture")

    outcome = predict_photos(photos, out, segmenter_of(), outputs=polygons_to(out, "coco"))

    assert len(outcome.failures) == 1
    assert [i["file_name"] for i in coco_of(out)["images"]] == ["0000.png", "0002.png"]


def test_other_options_are_other_results_and_leave_no_file_of_before(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 3), tmp_path / "out"
    predict(photos, out, "coco")
    others = polygons_to(out, "coco", options=PolygonOptions("tree", tolerance=0.5))

    with pytest.raises(InputError, match=r"not made with the same outputs .*category=car"):
        predict_photos(photos, out, segmenter_of(), outputs=others)
    assert coco_of(out)["categories"][0]["name"] == "car"
    interrupted_after(2, photos, out, outputs=others, overwrite=True)
    assert not (out / "annotations.json").exists()
    predict_photos(photos, out, segmenter_of(), outputs=others)

    assert coco_of(out)["categories"][0]["name"] == "tree"


@pytest.mark.parametrize(
    ("name", "file"),
    [("coco", "annotations.json"), ("yolo", "classes.txt"), ("labelme", "0000.json")],
)
def test_files_of_others_are_not_written_over(tmp_path: Path, name: PolygonName, file: str):
    photos, out = write_photos(tmp_path / "photos", 1), tmp_path / "out"
    out.mkdir()
    (out / file).write_text("mine")

    with pytest.raises(InputError, match=rf"{file} is there already, and is no result of ours"):
        predict(photos, out, name)
    assert (out / file).read_text() == "mine"


@pytest.mark.parametrize("name", POLYGONS)
def test_a_photo_without_object_has_a_file_without_polygons(tmp_path: Path, name: PolygonName):
    photos, out = write_photos(tmp_path / "photos", 1), tmp_path / "out"
    coarse = ENet()
    nn.init.zeros_(coarse.head.weight)
    nn.init.constant_(coarse.head.bias, -9)
    empty = Segmenter.from_model(Model(coarse, None, Fovea(8, 2), 0.05, 0.95, 96), CPU, "fp32")

    predict_photos(photos, out, empty, outputs=polygons_to(out, name))

    assert [mask.any() for mask in read_back(name, out).values()] == [False]


def test_the_classes_of_yolo_are_named(tmp_path: Path):
    predict(write_photos(tmp_path / "photos", 1), tmp_path / "out", "yolo")

    assert (tmp_path / "out/classes.txt").read_text() == "car\n"
