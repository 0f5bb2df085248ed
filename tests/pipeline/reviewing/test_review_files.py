"""Files of a review: strokes beside the masks, finished masks where `train` reads them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import InputError
from data.images import encode_png
from data.masks import encode_mask, read_mask
from data.photo_files import PhotoFile
from data.samples import find_samples
from pipeline.inference.manifest import bytes_hash
from pipeline.reviewing.corrected_folder import CorrectedFolder
from pipeline.reviewing.review_files import PhotoReview, ReviewFolder
from tests.bright_objects import object_in, photo_of
from tests.pipeline.reviewing.reviews import stroke

REVIEW = PhotoReview(
    "a" * 64, (stroke((1, 2), (3.5, 4)), stroke((5, 6), is_object=False)), 0.4, "accepted", 0.37
)
CAR = PhotoFile(Path("photos/red/car.jpg"), "red/car")


def test_a_review_comes_back_from_disk(tmp_path: Path):
    folder = ReviewFolder.of(tmp_path)

    folder.write(CAR, REVIEW)

    assert folder.read(CAR, "") == REVIEW
    assert folder.file(CAR) == tmp_path / "review" / "red" / "car.json"


def test_without_a_file_nothing_was_said(tmp_path: Path):
    assert ReviewFolder.of(tmp_path).read(CAR, "b" * 64) == PhotoReview("b" * 64)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"format": 2}',
        '{"format": 1}',
        json.dumps(REVIEW.to_json() | {"status": "done"}),
        json.dumps(REVIEW.to_json() | {"offset": 7}),
        json.dumps(REVIEW.to_json() | {"offset": "0"}),
        json.dumps(REVIEW.to_json() | {"measured": True}),
        json.dumps(REVIEW.to_json() | {"strokes": [{}]}),
        json.dumps(REVIEW.to_json() | {"strokes": None}),
        json.dumps(REVIEW.to_json() | {"strokes": REVIEW.to_json()["strokes"] * 600}),
        "[" * 100_000,
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str):
    folder = ReviewFolder.of(tmp_path)
    folder.file(CAR).parent.mkdir(parents=True)
    folder.file(CAR).write_text(text)

    with pytest.raises(InputError, match=r"red/car\.json is damaged"):
        folder.read(CAR, "")


def test_two_reviews_of_one_folder_keep_each_other_out(tmp_path: Path):
    folder = ReviewFolder.of(tmp_path)

    with (
        folder.held(),
        pytest.raises(InputError, match="another `foveamask review`"),
        folder.held(),
    ):
        pass


def finished(tmp_path: Path) -> tuple[CorrectedFolder, PhotoFile, bytes, bytes]:
    path = tmp_path / "photos" / "car.png"
    path.parent.mkdir()
    path.write_bytes(encode_png(photo_of(object_in())))
    mask = encode_mask(object_in())
    out = CorrectedFolder(tmp_path / "out")
    return out, PhotoFile(path, "car"), path.read_bytes(), mask


def test_train_reads_what_is_finished(tmp_path: Path):
    out, photo, data, mask = finished(tmp_path)

    out.put(photo, data, mask, None)

    (sample,) = find_samples(out.path)
    assert sample.photo.read_bytes() == data
    assert (read_mask(sample.mask) == object_in()).all()


def test_photos_of_a_sub_folder_are_a_data_folder_of_their_own(tmp_path: Path):
    out, photo, data, mask = finished(tmp_path)

    out.put(replace(photo, name="red/car"), data, mask, None)

    (sample,) = find_samples(out.path / "red")
    assert sample.name == "car"


def test_a_mask_of_the_review_is_replaced_and_removed_and_no_other(tmp_path: Path):
    out, photo, data, mask = finished(tmp_path)
    written = out.put(photo, data, mask, None)
    other = encode_mask(object_in(seed=1))

    out.put(photo, data, mask, None)  # the same once more
    again = out.put(photo, data, other, written)
    with pytest.raises(InputError, match="not from this review"):
        out.put(photo, data, mask, None)
    out.remove(photo, written)
    assert out.has(photo)
    out.remove(photo, again)

    assert again == bytes_hash(other)
    assert not any(path.exists() for path in out.files(photo))


def test_a_photo_that_lies_there_already_is_not_overwritten(tmp_path: Path):
    out, photo, data, mask = finished(tmp_path)
    own, own_mask = out.files(photo)
    own.parent.mkdir(parents=True)
    own.write_bytes(b"another photo")

    with pytest.raises(InputError, match="not from this review"):
        out.put(photo, data, mask, None)

    assert own.read_bytes() == b"another photo"
    assert not own_mask.exists()
