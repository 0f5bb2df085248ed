"""`foveamask verify`: which results are not what the model makes of the photos."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from data.images import read_photo
from pipeline.inference import outputs, verify
from pipeline.model_folder import load_model, save_model
from tests.builders import foveamask
from tests.pipeline.inference.predicting import by_stems
from tests.pipeline.inference.verifying.verify_call import WAYS, VerifyCall, flip, mask_at


@pytest.mark.parametrize("options", WAYS)
def test_nothing_is_wrong_with_what_predict_has_written(check: VerifyCall, options: list[str]):
    status, lines, err = check(*options)

    num = {"": 6, "--quick": 0, "--sample": 2}[options[0] if options else ""]
    assert (status, lines) == (0, [])
    assert f"6 of 6 results are right; of 6 photos, {num} were predicted again" in err


def test_an_edited_result_is_named_with_its_pixels(check: VerifyCall):
    flip(mask_at(check.folder, "0003"), 3)

    status, lines, _ = check()
    assert status == 1
    assert lines == [
        "0003.png: 3 pixels differ from what the model makes; it has changed since it was written"
    ]
    assert check("--quick")[:2] == (1, ["0003.png: it has changed since it was written"])


def test_a_result_saved_again_with_the_same_pixels_is_right_unless_files_are_compared(
    check: VerifyCall,
):
    path = mask_at(check.folder, "0001")
    for mode in ("RGB", "1", "P", "L"):
        Image.open(path).convert(mode).save(path, optimize=True)

        assert check()[:2] == (0, [])
        assert check("--quick")[:2] == (1, ["0001.png: it has changed since it was written"])


def test_a_changed_photo_is_named(check: VerifyCall):
    photo = check.folder / "photos" / "0004.png"
    cv2.imwrite(str(photo), 255 - cv2.imread(str(photo)))

    status, lines, _ = check()
    assert status == 1
    (line,) = lines
    assert line.startswith("0004.png: ")
    assert line.endswith("pixels differ from what the model makes; the photo has changed since")
    assert check("--quick")[:2] == (1, ["0004.png: the photo has changed since"])


def test_a_photo_of_the_same_pixels_in_another_file_has_the_same_mask(check: VerifyCall):
    photo = check.folder / "photos" / "0004.png"
    pixels = read_photo(photo)
    Image.fromarray(pixels).save(photo, optimize=True)

    assert check()[:2] == (0, [])
    assert check("--quick")[:2] == (1, ["0004.png: the photo has changed since"])


def test_other_options_are_named(check: VerifyCall):
    status, lines, err = check("--quick", "--budget", 0)

    assert status == 1
    assert lines == [f"{i:04}.png: it was made with another budget (none, now 0)" for i in range(6)]
    assert "were not made with the same budget (none, now 0)" in err
    again = check("--budget", 0)[1]
    assert again
    for line in again:
        assert "pixels differ from what the model makes; it was made with another budget" in line


def test_another_model_is_named(check: VerifyCall, tmp_path: Path):
    other = replace(load_model(check.model), low=0.2)
    save_model(other, tmp_path / "other")
    check.model = tmp_path / "other"

    status, lines, err = check("--quick")

    assert status == 1
    assert lines == [f"{i:04}.png: it was made with another model" for i in range(6)]
    assert "were not made with the same model" in err


def test_one_mask_of_another_model_among_others_is_told_by_what_it_says(
    check: VerifyCall, tmp_path: Path
):
    shutil.copytree(check.folder / "photos", tmp_path / "photos")
    coarse = ("--stage", "coarse", "--model", check.model)
    assert foveamask("predict", tmp_path / "photos", tmp_path / "out", *coarse) == 0
    shutil.copy(tmp_path / "out" / "0000.png", mask_at(check.folder, "0000"))

    assert check("--quick")[1] == ["0000.png: it was made with another stage (coarse, now refined)"]
    assert "; it was made with another stage (coarse, now refined)" in check()[1][0]


def test_a_few_pixels_of_a_file_as_it_was_written_are_those_of_another_machine(
    check: VerifyCall, monkeypatch: pytest.MonkeyPatch
):
    def other_machine(*arguments: Any) -> int:
        return num_different(*arguments) + pixels

    num_different = outputs.num_different
    monkeypatch.setattr(outputs, "num_different", other_machine)
    monkeypatch.setattr(verify, "TOLERANCE", 10 / (96 * 64))

    pixels = 10
    status, lines, err = check()
    assert (status, lines) == (0, [])
    assert "6 of 6 results are right (6 of them but for 10 pixels at most)" in err
    pixels = 11
    assert len(check()[1]) == 6


def test_masks_without_metadata_are_verified_by_their_records(check: VerifyCall):
    shutil.rmtree(check.folder / "out")
    arguments = (check.folder / "photos", check.folder / "out", "--model", check.model)
    assert foveamask("predict", *arguments, "--no-metadata") == 0

    for options in WAYS:
        assert check(*options)[:2] == (0, [])
    assert len(check("--quick", "--stage", "coarse")[1]) == 6


@pytest.mark.parametrize("form", ["png", "webp", "jpg"])
def test_cutouts_and_alpha_are_verified_too(check: VerifyCall, form: str):
    shutil.rmtree(check.folder / "out")
    options = ("--output", "mask,cutout,alpha", "--format", form, "--background", "white")
    options = (*options, "--crop", "group")
    arguments = (check.folder / "photos", check.folder / "out", "--model", check.model)
    assert foveamask("predict", *arguments, *options) == 0

    assert check(*options)[:2] == (0, [])
    assert check(*options, "--quick")[:2] == (0, [])
    cutout = check.folder / "out" / "cutout" / f"0001.{form}"
    Image.fromarray(255 - np.asarray(Image.open(cutout))).save(cutout)
    status, lines, _ = check(*options)
    assert status == 1
    (line,) = lines
    assert line.startswith(f"cutout/0001.{form}: ")
    assert line.endswith("; it has changed since it was written")
    other = (*options[:5], "black", *options[6:])
    assert any("another output (cutout" in line for line in check("--quick", *other)[1])


@pytest.mark.parametrize("written", ["cutout", "mask,cutout", "coco"])
@pytest.mark.parametrize("way", [[], ["--quick"]])
def test_results_of_another_kind_are_refused_in_one_line(
    check: VerifyCall, written: str, way: list[str]
):
    shutil.rmtree(check.folder / "out")
    arguments = (check.folder / "photos", check.folder / "out", "--model", check.model)
    assert foveamask("predict", *arguments, "--output", written) == 0

    status, lines, said = check(*way)

    assert (status, lines) == (1, [])
    (line,) = said.splitlines()
    assert f"has results of --output {written}, and what is asked for is --output mask;" in line
    assert check(*way, "--output", written)[:2] == (0, [])


def test_the_answer_as_json(check: VerifyCall):
    flip(mask_at(check.folder, "0003"), 2)
    mask_at(check.folder, "0005").unlink()

    status, lines, _ = check("--json")

    assert status == 1
    answer = json.loads("\n".join(lines))
    assert (answer["photos"], answer["predicted_again"], answer["right"]) == (6, 5, 4)
    edited, missing = answer["findings"]
    assert edited["status"] == "changed"
    assert edited["pixels"] == 2
    assert edited["result"] == "0003.png"
    assert edited["photo"].endswith("photos/0003.png")
    assert (missing["status"], missing["pixels"]) == ("missing", None)


def test_a_sample_is_always_the_same_and_of_photos_with_results(check: VerifyCall):
    photos = by_stems(sorted((check.folder / "photos").iterdir()))
    assert verify.sample_of(photos, 3) == verify.sample_of(photos, 3)
    assert set(verify.sample_of(photos, 2)) < set(verify.sample_of(photos, 3)) < set(photos)
    assert verify.sample_of(photos, 99) == photos
    for photo in photos[1:]:
        mask_at(check.folder, photo.name).unlink()

    _, lines, err = check("--sample", 1)

    assert len(lines) == 5
    assert "1 of 6 results are right; of 6 photos, 1 were predicted again" in err
