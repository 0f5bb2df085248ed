"""The boxes that photos of a group share, and those that are kept for the next call."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.images import read_photo
from data.photo_files import PhotoFile
from pipeline.inference.cutouts.crop_box import Box
from pipeline.inference.cutouts.cutout_files import cutout_output
from pipeline.inference.cutouts.cutout_options import CutoutOptions
from pipeline.inference.cutouts.group_boxes import (
    KEPT_BOXES,
    KeptBoxes,
    ObjectBoxes,
    group_boxes,
    group_names,
)
from pipeline.inference.job import Job
from pipeline.inference.made_with import made_with
from pipeline.inference.mask_options import DEFAULT_OPTIONS
from tests.pipeline.inference.predicting import (
    by_stems,
    predict_photos,
    segmenter_of,
    write_photos,
)

OPTIONS = CutoutOptions(crop="group")


def finder(kept: Path | None = None) -> ObjectBoxes:
    """Finds boxes; those in the file `kept` are known."""
    segmenter = segmenter_of()
    making = made_with(segmenter, DEFAULT_OPTIONS, ())
    boxes = None if kept is None else KeptBoxes(kept, making)
    job = Job(out=Path("out"))
    return ObjectBoxes(
        segmenter=segmenter, options=DEFAULT_OPTIONS, cutouts=OPTIONS, job=job, kept=boxes
    )


def test_photos_of_a_group_share_a_box(tmp_path: Path):
    photos = []
    for i, photo in enumerate(write_photos(tmp_path / "photos", 3)):
        photos.append(photo.rename(photo.with_name(f"{0 if i < 2 else 1:012x}_{i:02}.png")))
    files = by_stems(photos)
    boxes = group_boxes(files, group_names(files), finder())

    predict_photos(
        photos, tmp_path / "out", segmenter_of(), outputs=[cutout_output(OPTIONS, boxes)]
    )

    alone = [group_boxes(by_stems([photo]), ["a"], finder())[photo] for photo in photos]
    assert boxes[photos[0]] == boxes[photos[1]] == alone[0].union(alone[1])
    assert boxes[photos[2]] == alone[2]
    for photo in photos:
        assert read_photo(tmp_path / "out" / photo.name).shape[:2] == boxes[photo].size


def test_a_group_may_lie_in_several_folders_and_other_photos_are_groups_of_their_own():
    names = ("0123456789ab_01", "red/0123456789ab_02", "car", "red/car", "red/0123456789ab")
    photos = [PhotoFile(Path(f"{name}.jpg"), name) for name in names]

    assert group_names(photos) == ["0123456789ab", "0123456789ab", *names[2:]]
    assert group_names(photos, "(.).*") == ["0", "0", "c", "c", "0"]


def test_a_photo_that_cannot_be_read_has_no_box(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 2)
    photos[0].write_bytes(b"")

    boxes = group_boxes(by_stems(photos), ["a", "a"], finder(tmp_path / KEPT_BOXES))

    assert list(boxes) == [photos[1]]


def test_boxes_are_kept_for_photos_that_have_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    photos, kept = write_photos(tmp_path / "photos", 4), tmp_path / KEPT_BOXES
    predicted: list[Path] = []
    found = ObjectBoxes._found

    def counted(self: ObjectBoxes, files: list[PhotoFile]) -> object:
        predicted.extend(photo.path for photo in files)
        return found(self, files)

    monkeypatch.setattr(ObjectBoxes, "_found", counted)
    finder(kept).of(by_stems(photos[:2]))
    photos[0].write_bytes(photos[3].read_bytes())

    boxes = finder(kept).of(by_stems(photos[:3]))

    assert predicted == [*photos[:2], photos[0], photos[2]]
    assert boxes == finder().of(by_stems(photos[:3]))


def test_boxes_that_were_found_before_an_interruption_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    photos, kept = by_stems(write_photos(tmp_path / "photos", 3)), tmp_path / KEPT_BOXES
    found = ObjectBoxes._found

    def interrupted(self: ObjectBoxes, files: list[PhotoFile]) -> Iterator[object]:
        yield next(found(self, files))
        raise KeyboardInterrupt

    monkeypatch.setattr(ObjectBoxes, "_found", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finder(kept).of(photos)

    assert len(kept.read_text().splitlines()) == 1


def test_a_damaged_line_is_left_out(tmp_path: Path):
    photos, kept = by_stems(write_photos(tmp_path / "photos", 2)), tmp_path / KEPT_BOXES
    boxes = finder(kept).of(photos)
    first, second = kept.read_text().splitlines()
    wrong = json.dumps({**json.loads(second), "box": [1, 2, "3", 4]})
    kept.write_text(f"{first[:20]}\n{wrong}\n[]\n{'[' * 100_000}\n")

    assert not finder(kept).kept.found
    assert finder(kept).of(photos) == boxes
    assert len(finder(kept).kept.found) == 2


def test_another_model_or_option_has_boxes_of_its_own(tmp_path: Path):
    (photo,) = by_stems(write_photos(tmp_path / "photos", 1))
    making = made_with(segmenter_of(), DEFAULT_OPTIONS, ())
    other = made_with(segmenter_of(), DEFAULT_OPTIONS, (cutout_output(OPTIONS, {}),))
    kept = KeptBoxes(tmp_path / KEPT_BOXES, making)

    assert kept.key(photo, None) == kept.key(photo, None)
    assert kept.key(photo, None) != kept.key(photo, "0")
    assert kept.key(photo, None) != KeptBoxes(kept.path, other).key(photo, None)


def test_a_photo_without_an_object_is_kept_as_such(tmp_path: Path):
    making = made_with(segmenter_of(), DEFAULT_OPTIONS, ())
    kept = KeptBoxes(tmp_path / KEPT_BOXES, making, {"a": None, "b": Box(1, 2, 3, 4)})

    kept.write()

    assert KeptBoxes(kept.path, making).found == kept.found
