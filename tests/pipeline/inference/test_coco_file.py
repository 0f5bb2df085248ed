"""The one file of COCO for all photos: whole or absent, the same whatever happened on the way."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from data.errors import InputError
from data.polygons import coco
from data.polygons.options import PolygonOptions
from tests.pipeline.inference.polygon_calls import coco_of, polygons_to, predict
from tests.pipeline.inference.predicting import (
    predict_photos,
    segmenter_of,
    visible,
    write_photos,
)
from tests.pipeline.inference.test_resume import interrupted_after, redone


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
