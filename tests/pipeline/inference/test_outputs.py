from pathlib import Path

import cv2
import numpy as np
import pytest

from data.errors import InputError
from data.images import read_photo
from data.masks import decode_mask, write_mask
from data.photo_files import PhotoFile
from pipeline.inference import outputs
from pipeline.inference.outputs import (
    MASK,
    OUTPUTS,
    Finished,
    check_names,
    check_out,
    check_replaced,
    may_be_mask,
)
from tests.pipeline.inference.predicting import by_stems, segmenter_of, write_photos


def test_a_mask_has_the_name_of_its_photo(tmp_path: Path):
    assert MASK.path(tmp_path, "red/a.b") == tmp_path / "red" / "a.b.png"


def test_outputs_write_to_files_of_different_names(tmp_path: Path):
    paths = [output.path(tmp_path, "a") for output in OUTPUTS]

    assert len(set(paths)) == len(paths) == len({output.name for output in OUTPUTS})


def test_the_file_of_a_mask_holds_the_mask(tmp_path: Path):
    (photo,) = write_photos(tmp_path, 1)
    prediction = segmenter_of().predict(read_photo(photo))

    data = MASK.encode(Finished(photo, prediction))

    np.testing.assert_array_equal(decode_mask(data, "mask.png"), prediction.mask)


def test_results_go_neither_among_photos_nor_masks_nor_into_a_file(tmp_path: Path):
    photos, truth = by_stems([tmp_path / "photos/a.jpg"]), [tmp_path / "masks/a.png"]
    (tmp_path / "file").touch()

    check_out(tmp_path / "out", photos, truth)
    for name, message in (("photos", "the photos"), ("masks", "the masks"), ("file", "is a file")):
        with pytest.raises(InputError, match=message):
            check_out(tmp_path / name, photos, truth)


def test_results_in_sub_folders_go_neither_among_photos_nor_masks(tmp_path: Path):
    photos = [PhotoFile(tmp_path / "photos/red/a.jpg", "red/a")]

    check_out(tmp_path / "out", photos, [tmp_path / "masks/red/a.png"])
    for name, message in (("photos", "red holds the photos"), ("masks", "red holds the masks")):
        with pytest.raises(InputError, match=message):
            check_out(tmp_path / name, photos, [tmp_path / "masks/red/a.png"])


def test_a_result_that_would_be_a_folder_of_others_is_refused(tmp_path: Path):
    photos = [PhotoFile(Path("a.jpg"), "a"), PhotoFile(Path("a.png/b.jpg"), "a.png/b")]

    check_names(tmp_path, [*photos[1:], PhotoFile(Path("c.jpg"), "c")], OUTPUTS)
    with pytest.raises(InputError, match=r"a\.png would be a result of a\.jpg, and a folder"):
        check_names(tmp_path, photos, OUTPUTS)


@pytest.mark.parametrize("names", [("Red/a", "red/a"), ("a", "A"), ("caf\u00e9", "cafe\u0301")])
def test_names_that_are_one_on_the_disk_of_results_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]
):
    """As on many network drives, and on those of macOS."""
    photos = [PhotoFile(Path(f"{i}.jpg"), name) for i, name in enumerate(names)]
    check_names(tmp_path / "out", photos, OUTPUTS)  # the disk of the tests tells them apart
    assert not list(tmp_path.iterdir())

    monkeypatch.setattr(outputs, "takes_for_same", lambda *_: True)
    with pytest.raises(InputError, match=r"results of 0\.jpg and 1\.jpg would be"):
        check_names(tmp_path / "out", photos, OUTPUTS)


def test_a_disk_takes_a_name_for_itself_and_not_for_another(tmp_path: Path):
    assert outputs.takes_for_same(tmp_path / "out", "a/b", "a/b")
    assert not outputs.takes_for_same(tmp_path / "out", "a/b", "a/c")


def test_a_photo_is_not_replaced_and_a_mask_is(tmp_path: Path):
    write_mask(tmp_path / "mask.png", np.eye(4, dtype=bool))
    cv2.imwrite(str(tmp_path / "photo.png"), np.zeros((4, 4, 3), np.uint8))

    check_replaced([tmp_path / "mask.png", tmp_path / "missing.png"])
    with pytest.raises(InputError, match=r"photo\.png is no mask, and would be replaced"):
        check_replaced([tmp_path / "mask.png", tmp_path / "photo.png"])


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"", True),
        (b"\x89PNG", True),
        (b"\x89PNG\r\n\x1a\n" + bytes(92), True),
        (b"\0\0\0\x1cftypavif", False),
        (b"notes of the day", False),
    ],
)
def test_a_damaged_mask_may_be_replaced_but_no_other_file(
    tmp_path: Path, content: bytes, wanted: bool
):
    (tmp_path / "car.png").write_bytes(content)

    assert may_be_mask(tmp_path / "car.png") == wanted
