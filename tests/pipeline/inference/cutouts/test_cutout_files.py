"""Cutouts and alpha from file to file."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from data.errors import InputError
from data.images import read_photo, write_png
from pipeline.inference.cutouts.background import Background
from pipeline.inference.cutouts.crop_box import Box
from pipeline.inference.cutouts.cutout_files import (
    alpha_output,
    cutout_output,
)
from pipeline.inference.cutouts.cutout_options import CutoutOptions
from pipeline.inference.outputs import MASK, Output, in_folders
from tests.pipeline.inference.predicting import (
    predict_photos,
    segmenter_of,
    visible,
    write_photos,
)


def outputs_of(options: CutoutOptions, *names: str) -> tuple[Output, ...]:
    made = {"mask": MASK, "cutout": cutout_output(options), "alpha": alpha_output(options)}
    return in_folders([made[name] for name in names])


def alpha_at(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGBA"))[..., 3]


def test_one_output_is_in_the_folder_and_several_have_their_own(tmp_path: Path):
    photos, options = write_photos(tmp_path / "photos", 2), CutoutOptions()

    predict_photos(photos, tmp_path / "a", segmenter_of(), outputs=outputs_of(options, "cutout"))
    predict_photos(
        photos,
        tmp_path / "b",
        segmenter_of(),
        outputs=outputs_of(options, "mask", "cutout", "alpha"),
        csv=tmp_path / "masks.csv",
    )

    assert set(visible(tmp_path / "a")) == {"0000.png", "0001.png"}
    assert {path.name for path in (tmp_path / "b").iterdir() if path.is_dir()} == {
        "mask", "cutout", "alpha",
    }  # fmt: skip
    assert visible(tmp_path / "a") == visible(tmp_path / "b" / "cutout")
    assert len((tmp_path / "masks.csv").read_text().splitlines()) == 3


def test_mask_alpha_and_cutout_agree(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 1)

    predict_photos(
        photos,
        tmp_path / "out",
        segmenter_of(),
        outputs=outputs_of(CutoutOptions(), "mask", "cutout", "alpha"),
    )

    mask, alpha = (
        cv2.imread(str(tmp_path / "out" / name / "0000.png"), -1) for name in ("mask", "alpha")
    )
    np.testing.assert_array_equal(alpha_at(tmp_path / "out" / "cutout" / "0000.png"), alpha)
    assert 0 < mask.mean() < 255
    assert (mask[alpha == 255] == 255).all()
    assert not mask[alpha == 0].any()
    assert ((alpha > 0) & (alpha < 255)).any()


def test_a_folder_goes_on_where_it_was_interrupted(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 3), tmp_path / "out"
    outputs = outputs_of(CutoutOptions(), "cutout", "alpha")
    predict_photos(photos, out, segmenter_of(), outputs=outputs)
    before = visible(out / "cutout")
    (out / "alpha" / "0001.png").unlink()
    times = {path: path.stat().st_mtime_ns for path in (out / "cutout").iterdir()}

    predict_photos(photos, out, segmenter_of(), outputs=outputs)

    assert visible(out / "cutout") == before
    assert len(visible(out / "alpha")) == 3
    again = {path.name for path, when in times.items() if path.stat().st_mtime_ns != when}
    assert again == {"0001.png"}


def test_other_options_of_cutouts_are_other_results(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 1), tmp_path / "out"
    predict_photos(photos, out, segmenter_of(), outputs=outputs_of(CutoutOptions(), "cutout"))
    others = outputs_of(CutoutOptions(grow=1), "cutout")

    with pytest.raises(InputError, match=r"the same outputs \(grow=0, now grow=1\)"):
        predict_photos(photos, out, segmenter_of(), outputs=others)
    again = predict_photos(photos, out, segmenter_of(), outputs=others, overwrite=True)
    assert not again.failures


def test_a_manifest_of_masks_is_as_it_was(tmp_path: Path):
    predict_photos(write_photos(tmp_path / "photos", 1), tmp_path / "out", segmenter_of())

    assert json.loads((tmp_path / "out/.foveamask.json").read_text())["outputs"] == ["mask"]


def test_a_picture_that_is_no_result_is_not_written_over(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 1), tmp_path / "out"
    out.mkdir()
    (out / "0000.png").write_bytes(photos[0].read_bytes())

    with pytest.raises(InputError, match=r"0000\.png is there already, and is no result of ours"):
        predict_photos(photos, out, segmenter_of(), outputs=outputs_of(CutoutOptions(), "cutout"))

    assert (out / "0000.png").read_bytes() == photos[0].read_bytes()


def test_the_photos_own_folder_is_refused_for_each_output(tmp_path: Path):
    photos = write_photos(tmp_path / "out" / "cutout", 1)

    with pytest.raises(InputError, match="cutout holds the photos"):
        predict_photos(
            photos,
            tmp_path / "out",
            segmenter_of(),
            outputs=outputs_of(CutoutOptions(), "mask", "cutout"),
        )


def test_a_csv_needs_masks(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 1)

    with pytest.raises(InputError, match="add mask to the outputs"):
        predict_photos(
            photos,
            tmp_path / "out",
            segmenter_of(),
            outputs=outputs_of(CutoutOptions(), "alpha"),
            csv=tmp_path / "masks.csv",
        )


def test_a_turned_photo_is_cut_out_upright_with_its_camera(tmp_path: Path):
    (photo,) = write_photos(tmp_path / "photos", 1)
    exif = Image.Exif()
    exif[274], exif[272] = 6, "A camera"
    Image.open(photo).save(photo.with_suffix(".jpg"), exif=exif)

    predict_photos(
        [photo.with_suffix(".jpg")],
        tmp_path / "out",
        segmenter_of(),
        outputs=outputs_of(CutoutOptions(), "cutout"),
    )

    with Image.open(tmp_path / "out" / "0000.png") as found:
        assert found.size == (64, 96)  # width and height of a photo of 96 x 64, turned
        assert found.getexif()[272] == "A camera"
        assert 274 not in found.getexif()


def test_metadata_can_be_left_out(tmp_path: Path):
    (photo,) = write_photos(tmp_path / "photos", 1)
    exif = Image.Exif()
    exif[272] = "A camera"
    Image.open(photo).save(photo, exif=exif)

    predict_photos(
        [photo],
        tmp_path / "out",
        segmenter_of(),
        outputs=outputs_of(CutoutOptions(metadata=False), "cutout"),
    )

    assert b"A camera" not in (tmp_path / "out" / "0000.png").read_bytes()


def test_photos_of_sixteen_bits_keep_them(tmp_path: Path):
    (photo,) = write_photos(tmp_path / "photos", 1)
    fine = cv2.imread(str(photo)).astype(np.uint16) * 257 + 77
    cv2.imwrite(str(photo), fine)

    predict_photos(
        [photo], tmp_path / "out", segmenter_of(), outputs=outputs_of(CutoutOptions(), "cutout")
    )

    found = cv2.imread(str(tmp_path / "out" / "0000.png"), cv2.IMREAD_UNCHANGED)
    assert (found.dtype, found.shape) == (np.uint16, (64, 96, 4))
    deep = cv2.erode(found[..., 3], np.ones((9, 9))) == 65535
    assert deep.any()
    np.testing.assert_array_equal(found[deep][:, :3], fine[deep])


def test_jpeg_on_a_colour_is_as_large_as_the_object(tmp_path: Path):
    (photo,) = write_photos(tmp_path / "photos", 1)
    options = CutoutOptions(format="jpg", background=Background.parse("white"), crop="object")

    predict_photos(
        [photo], tmp_path / "out", segmenter_of(), outputs=outputs_of(options, "cutout", "alpha")
    )

    alpha = cv2.imread(str(tmp_path / "out" / "alpha" / "0000.png"), -1)
    rows, columns = np.nonzero(alpha)
    cut = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
    found = read_photo(tmp_path / "out" / "cutout" / "0000.jpg")
    assert found.shape[:2] == alpha[cut].shape
    clear = cv2.dilate(alpha[cut], np.ones((17, 17))) == 0
    assert (found[clear] > 250).all()


def test_a_group_that_grows_makes_its_cutouts_anew(tmp_path: Path):
    photos, options = write_photos(tmp_path / "photos", 2), CutoutOptions(crop="group")
    boxes = dict.fromkeys(photos, Box(0, 0, 30, 30))
    predict_photos(
        photos, tmp_path / "out", segmenter_of(), outputs=[cutout_output(options, boxes)]
    )
    boxes[photos[0]] = Box(0, 0, 30, 40)

    predict_photos(
        photos, tmp_path / "out", segmenter_of(), outputs=[cutout_output(options, boxes)]
    )

    sizes = [read_photo(tmp_path / "out" / photo.name).shape[:2] for photo in photos]
    assert sizes == [(30, 40), (30, 30)]


def test_groups_need_boxes():
    with pytest.raises(ValueError, match="share a box"):
        cutout_output(CutoutOptions(crop="group"))


def test_a_cutout_too_large_for_its_format_is_that_photos_failure(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 1)
    write_png(tmp_path / "photos" / "wide.png", np.zeros((8, 16_400, 3), np.uint8))
    photos.append(tmp_path / "photos" / "wide.png")

    outcome = predict_photos(
        photos,
        tmp_path / "out",
        segmenter_of(),
        outputs=outputs_of(CutoutOptions(format="webp"), "cutout"),
    )

    assert [failure.photo for failure in outcome.failures] == [photos[1]]
    assert (
        "too large for webp, which holds 16383 pixels a side; choose png"
        in outcome.failures[0].reason
    )
