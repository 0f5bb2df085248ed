from pathlib import Path

import cv2
import numpy as np
import pytest

from data.errors import InputError
from data.images import read_photo
from data.masks import decode_mask, write_mask
from pipeline.inference.outputs import (
    MASK,
    OUTPUTS,
    Finished,
    check_out,
    check_replaced,
    may_be_mask,
)
from tests.pipeline.inference.predicting import segmenter_of, write_photos


def test_a_mask_has_the_stem_of_its_photo(tmp_path: Path):
    assert MASK.path(tmp_path, Path("photos/a.b.jpg")) == tmp_path / "a.b.png"


def test_outputs_write_to_files_of_different_names(tmp_path: Path):
    paths = [output.path(tmp_path, Path("a.jpg")) for output in OUTPUTS]

    assert len(set(paths)) == len(paths) == len({output.name for output in OUTPUTS})


def test_the_file_of_a_mask_holds_the_mask(tmp_path: Path):
    (photo,) = write_photos(tmp_path, 1)
    prediction = segmenter_of().predict(read_photo(photo))

    data = MASK.encode(Finished(photo, prediction))

    np.testing.assert_array_equal(decode_mask(data, "mask.png"), prediction.mask)


def test_results_go_neither_among_photos_nor_masks_nor_into_a_file(tmp_path: Path):
    photos, truth = [tmp_path / "photos" / "a.jpg"], [tmp_path / "masks" / "a.png"]
    (tmp_path / "file").touch()

    check_out(tmp_path / "out", photos, truth)
    for name, message in (("photos", "the photos"), ("masks", "the masks"), ("file", "is a file")):
        with pytest.raises(InputError, match=message):
            check_out(tmp_path / name, photos, truth)


def test_two_photos_of_one_stem_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="have the same stem"):
        check_out(tmp_path / "out", [tmp_path / "a.jpg", tmp_path / "a.png"])


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
