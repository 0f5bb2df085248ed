"""What `predict` takes over of earlier calls, and what it does again."""

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from data import kaggle_csv
from data.errors import InputError
from data.images import decode_photo, read_photo
from data.kaggle_csv import check
from data.masks import read_mask, write_mask
from pipeline.inference import photo_work
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Photo, Segmenter
from refine.postprocess import parse
from tests.pipeline.inference.predicting import predict_photos, segmenter_of, visible, write_photos

ROOT = Path(__file__).parents[3]


def interrupted_after(count: int, photos: list[Path], out: Path, **options: Any) -> None:
    """Predict until so many photos are proposed, then press Ctrl-C."""
    segmenter = segmenter_of()
    propose, left = segmenter.propose, [count]

    def dying(*arguments: object) -> object:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return propose(*arguments)  # type: ignore[arg-type]

    segmenter.propose = dying  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        predict_photos(photos, out, segmenter, **options)


def predicted(segmenter: Segmenter) -> list[int]:
    """Note the photos that `segmenter` is asked for from now on, by the sum of their pixels."""
    calls: list[int] = []
    propose = segmenter.propose

    def counting(*arguments: object) -> object:
        calls.extend(int(np.sum(photo)) for photo in arguments[0])  # type: ignore[attr-defined]
        return propose(*arguments)  # type: ignore[arg-type]

    segmenter.propose = counting  # type: ignore[method-assign,assignment]
    return calls


def redone(photos: list[Path], out: Path, **options: Any) -> list[str]:
    """Predict again; return the stems of the photos that were not taken over."""
    segmenter = segmenter_of()
    calls = predicted(segmenter)
    predict_photos(photos, out, segmenter, **options)
    sums = {int(read_photo(photo).sum()): photo.stem for photo in photos}
    assert len(sums) == len(photos)
    return sorted(sums[call] for call in calls)


@pytest.mark.parametrize("name", [None, "masks.csv", "masks.csv.gz"])
def test_an_interrupted_call_resumes_to_the_same_bytes(tmp_path: Path, name: str | None):
    photos = write_photos(tmp_path / "photos", 12)
    out, table = tmp_path / "out", name and tmp_path / name
    whole, whole_table = tmp_path / "whole", name and tmp_path / "tables" / name
    predict_photos(photos, whole, segmenter_of(), csv=whole_table)

    interrupted_after(6, photos, out, csv=table)
    assert table is None or not table.exists()
    again = redone(photos, out, csv=table)

    assert 0 < len(again) < 12
    assert visible(out) == visible(whole)
    if table is not None:
        assert table.read_bytes() == whole_table.read_bytes()
        assert check(table, masks=out).rows == 12


def test_a_finished_call_is_not_done_again(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    photos, out = write_photos(tmp_path / "photos", 4), tmp_path / "out"
    predict_photos(photos, out, segmenter_of())
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}

    with caplog.at_level("INFO"):
        assert redone(photos, out) == []

    assert caplog.messages[-1] == "4 of 4 photos are done already"
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.png")}.items() <= before.items()


def test_masks_that_are_not_as_they_were_written_are_made_again_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    photos, out = write_photos(tmp_path / "photos", 6), tmp_path / "out"
    predict_photos(photos, out, segmenter_of())
    whole = visible(out)
    gone, empty, short, edited, touched, _ = (out / photo.name for photo in photos)
    gone.unlink()
    empty.write_bytes(b"")
    short.write_bytes(short.read_bytes()[:100])
    write_mask(edited, ~read_mask(edited))
    os.utime(touched, (0, 0))  # dates say nothing

    again = redone(photos, out, csv=tmp_path / "masks.csv")

    assert again == [path.stem for path in (gone, empty, short, edited)]
    (said,) = (text for text in caplog.messages if "made anew" in text)
    assert said.startswith("4 are made anew, since the photo, a mask that is given or mended, ")
    assert said.endswith(f": {gone.stem}, {empty.stem}, {short.stem} and 1 more")
    assert visible(out) == whole
    assert check(tmp_path / "masks.csv", masks=out).rows == 6


@pytest.mark.parametrize("age", [-1000, 1000])
def test_a_photo_that_was_replaced_is_done_again(tmp_path: Path, age: int):
    photos = write_photos(tmp_path / "photos", 4)
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    predict_photos(photos, out, segmenter_of())
    times = photos[1].stat()
    cv2.imwrite(str(photos[1]), 255 - read_photo(photos[1]))
    os.utime(photos[1], (times.st_atime + age, times.st_mtime + age))

    assert redone(photos, out) == [photos[1].stem]

    predict_photos(photos, fresh, segmenter_of())
    assert visible(out) == visible(fresh)


def test_a_photo_replaced_while_it_is_read_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (photo,) = write_photos(tmp_path / "photos", 1)
    new = cv2.imencode(".png", 255 - read_photo(photo))[1].tobytes()

    def replaced(data: bytes, name: str) -> Photo:
        photo.write_bytes(new)
        return decode_photo(data, name)

    monkeypatch.setattr(photo_work, "decode_photo", replaced)
    predict_photos([photo], tmp_path / "out", segmenter_of())
    monkeypatch.undo()

    assert redone([photo], tmp_path / "out") == [photo.stem]


def test_a_photo_that_failed_is_tried_again(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 4), tmp_path / "out"
    whole = photos[1].read_bytes()
    photos[1].write_bytes(b"")
    assert predict_photos(photos, out, segmenter_of()).failures[0].photo == photos[1]

    photos[1].write_bytes(whole)

    assert redone(photos, out) == [photos[1].stem]


def test_masks_made_with_something_else_are_not_mixed_with_others(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 3), tmp_path / "out"
    predict_photos(photos, out, segmenter_of())
    before = visible(out)
    smooth = MaskOptions(postprocess=(parse("smooth=9"),))

    with pytest.raises(InputError, match=r"with the same postprocess \(none, now smooth=9\)"):
        predict_photos(photos, out, segmenter_of(), smooth)
    assert visible(out) == before
    predict_photos(photos, out, segmenter_of(), smooth, overwrite=True)

    predict_photos(photos, tmp_path / "smooth", segmenter_of(), smooth)
    assert visible(out) == visible(tmp_path / "smooth") != before
    with pytest.raises(InputError, match=r"with the same postprocess \(smooth=9, now none\)"):
        predict_photos(photos, out, segmenter_of())


def test_masks_that_nothing_is_known_of_are_written_over(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 2), tmp_path / "out"
    out.mkdir()
    write_mask(out / photos[0].name, np.zeros((64, 96), bool))

    assert redone(photos, out) == [photo.stem for photo in photos]

    predict_photos(photos, tmp_path / "fresh", segmenter_of())
    assert visible(out) == visible(tmp_path / "fresh")


def test_overwriting_makes_all_masks_anew(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 3), tmp_path / "out"
    predict_photos(photos, out, segmenter_of())

    assert len(redone(photos, out, overwrite=True)) == 3
    assert redone(photos, out) == []


def test_what_a_killed_process_leaves_behind_is_removed(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 2), tmp_path / "out"
    out.mkdir()
    (out / ".0123456789abcdef.partial").write_bytes(b"half of a mask")

    predict_photos(photos, out, segmenter_of())

    assert not list(out.glob(".*.partial"))


def test_a_photo_added_since_gets_its_place(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 6)
    out, table = tmp_path / "out", tmp_path / "masks.csv"
    predict_photos(photos[2:], out, segmenter_of(), csv=table)

    assert redone(photos, out, csv=table) == [photo.stem for photo in photos[:2]]

    assert check(table, masks=out).rows == 6


def test_a_csv_that_was_interrupted_is_written_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    photos, out = write_photos(tmp_path / "photos", 6), tmp_path / "out"
    table, whole = tmp_path / "masks.csv", tmp_path / "whole.csv"
    encode, left = kaggle_csv.rle.encode, [3]

    def interrupted(mask: Any) -> str:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return encode(mask)

    monkeypatch.setattr(kaggle_csv.rle, "encode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict_photos(photos, out, segmenter_of(), csv=table)
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]

    assert redone(photos, out, csv=table) == []

    predict_photos(photos, tmp_path / "whole", segmenter_of(), csv=whole)
    assert table.read_bytes() == whole.read_bytes()


def test_the_expected_dice_of_an_interrupted_call_is_kept(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 8), tmp_path / "out"
    table, whole = tmp_path / "expected.csv", tmp_path / "whole.csv"
    predict_photos(photos, tmp_path / "whole", segmenter_of(), expected=whole)

    interrupted_after(6, photos, out, expected=table)
    again = redone(photos, out, expected=table)

    assert 0 < len(again) < 8
    assert table.read_bytes() == whole.read_bytes()


def test_photos_done_without_their_expected_dice_are_done_again_for_it(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 3), tmp_path / "out"
    predict_photos(photos, out, segmenter_of())

    assert len(redone(photos, out, expected=tmp_path / "expected.csv")) == 3
    assert redone(photos, out, expected=tmp_path / "expected.csv") == []
    assert redone(photos, out) == []


def test_photos_of_one_name_from_several_folders_are_not_taken_for_each_other(tmp_path: Path):
    (one,) = write_photos(tmp_path / "one", 1)
    (other,) = write_photos(tmp_path / "other", 1)
    cv2.imwrite(str(other), 255 - read_photo(other))
    predict_photos([one], tmp_path / "out", segmenter_of())

    assert redone([other], tmp_path / "out") == [other.stem]


def test_overwriting_some_results_says_how_many_others_are_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    photos, out = write_photos(tmp_path / "photos", 3), tmp_path / "out"
    predict_photos(photos, out, segmenter_of())

    predict_photos(photos[:1], out, segmenter_of(), MaskOptions(budget=1), overwrite=True)

    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith(
        f"2 other results in {out}, such as that of {photos[1].stem}, are left"
    )
    assert len(list(out.glob("*.png"))) == 3
    caplog.clear()
    predict_photos(photos, out, segmenter_of(), overwrite=True)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
