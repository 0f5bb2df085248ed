"""`refine` from the outside: which masks it takes, what it writes, what it says."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from data.arrays import Mask
from data.geometry import Size
from data.mask_errors import grown, reduced, shifted
from data.masks import read_mask
from pipeline.model_folder import save_model
from tests.bright_objects import SIZE, bright_model, write_masks, write_objects
from tests.builders import foveamask

Truths = dict[str, Mask]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    save_model(bright_model(), path)
    return path


@pytest.fixture
def truths(tmp_path: Path) -> Truths:
    """The true masks of photos in the folder `photos`."""
    return write_objects(tmp_path / "photos", ["a", "b", "c"])


def off(truths: Truths) -> Truths:
    """Masks that are off by some pixels."""
    return {name: shifted(mask, 4, -3) for name, mask in truths.items()}


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def check_refined(out: Path, truths: Truths) -> None:
    assert sorted(path.stem for path in out.glob("*.png")) == sorted(truths)
    for name, truth in truths.items():
        np.testing.assert_array_equal(read_mask(out / f"{name}.png"), truth)


def test_masks_are_refined_at_the_photos_own_size(tmp_path: Path, truths: Truths, model: Path):
    masks = write_masks(tmp_path / "masks", off(truths))

    assert foveamask("refine", tmp_path / "photos", masks, tmp_path / "out", "--model", model) == 0

    check_refined(tmp_path / "out", truths)


def test_masks_of_any_size_kind_and_name_are_taken(tmp_path: Path, truths: Truths, model: Path):
    masks = tmp_path / "masks"
    masks.mkdir()
    soft = cv2.GaussianBlur(truths["a"] * np.uint8(255), (0, 0), 5)
    Image.fromarray(soft).save(masks / "a_mask.png")
    Image.fromarray(reduced(truths["b"], Size(64, 64), smoothly=True)).save(
        masks / "b-seg.webp", lossless=True
    )
    small = reduced(truths["c"], Size(96, 128), smoothly=False)
    Image.fromarray(small).convert("P").save(masks / "c.gif")
    options = ("--model", model, "--no-guard")

    assert foveamask("refine", tmp_path / "photos", masks, tmp_path / "out", *options) == 0

    check_refined(tmp_path / "out", truths)


def test_one_photo_with_one_mask(tmp_path: Path, truths: Truths, model: Path):
    mask = write_masks(tmp_path / "masks", off(truths)) / "b.png"
    photo = tmp_path / "photos" / "b.png"

    assert foveamask("refine", photo, mask, tmp_path / "out", "--model", model) == 0

    check_refined(tmp_path / "out", {"b": truths["b"]})


def test_sub_folders_are_kept(tmp_path: Path, model: Path):
    truths = write_objects(tmp_path / "photos", ["a", "red/a", "red/deep/b"])
    masks = write_masks(tmp_path / "masks", off(truths))

    assert foveamask("refine", tmp_path / "photos", masks, tmp_path / "out", "--model", model) == 0

    for name, truth in truths.items():
        np.testing.assert_array_equal(read_mask(tmp_path / "out" / f"{name}.png"), truth)


@pytest.mark.parametrize("inner", ["photos", "photos/masks", "photos/a_mask.png"])
def test_masks_may_lie_among_the_photos(tmp_path: Path, truths: Truths, model: Path, inner: str):
    place = tmp_path / inner
    if inner.endswith(".png"):
        photos, wanted = tmp_path / "photos" / "a.png", {"a": truths["a"]}
        write_masks(place.parent, {"a_mask": off(truths)["a"]})
    elif inner == "photos":
        photos, wanted = place, truths
        write_masks(place, {f"{name}_mask": mask for name, mask in off(truths).items()})
    else:
        photos, wanted = place.parent, truths
        write_masks(place, off(truths))

    assert foveamask("refine", photos, place, tmp_path / "out", "--model", model) == 0

    check_refined(tmp_path / "out", wanted)


def test_what_has_no_mask_or_a_wrong_one_is_named_and_the_others_are_done(
    tmp_path: Path, truths: Truths, model: Path, capsys: pytest.CaptureFixture[str]
):
    write_objects(tmp_path / "photos", ["d", "e"])
    masks = write_masks(tmp_path / "masks", {"b": shifted(truths["b"], 4, 0)})
    Image.fromarray(reduced(truths["a"], Size(256, 192), smoothly=False)).save(masks / "a.png")
    (masks / "d.png").write_bytes(b"no picture")
    Image.fromarray(np.full((*SIZE, 3), (200, 30, 30), np.uint8)).save(masks / "e.png")

    status = foveamask("refine", tmp_path / "photos", masks, tmp_path / "out", "--model", model)

    assert status == 1
    check_refined(tmp_path / "out", {"b": truths["b"]})
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 4
    assert f"{masks / 'a.png'} is 256 x 192, which is another aspect than that of" in errors[0]
    assert f"no mask of {tmp_path / 'photos' / 'c.png'}" in errors[1]
    assert str(masks / "d.png") in errors[2]
    assert f"{masks / 'e.png'} has 1 colour (#c81e1e); a mask has two" in errors[3]


def test_a_mask_of_another_aspect_is_stretched_if_asked_for(
    tmp_path: Path, truths: Truths, model: Path
):
    masks = tmp_path / "masks"
    masks.mkdir()
    for name, truth in truths.items():
        small = reduced(truth, Size(192, 160), smoothly=True)
        Image.fromarray(small).save(masks / f"{name}.png")
    options = ("--stretch", "--no-guard", "--model", model)

    assert foveamask("refine", tmp_path / "photos", masks, tmp_path / "out", *options) == 0

    check_refined(tmp_path / "out", truths)


def test_an_exact_mask_is_kept_and_that_is_said(
    tmp_path: Path, truths: Truths, model: Path, capsys: pytest.CaptureFixture[str]
):
    masks = write_masks(tmp_path / "masks", truths | {"a": grown(truths["a"], 5)})

    foveamask("refine", tmp_path / "photos", masks, tmp_path / "out", "--model", model)

    check_refined(tmp_path / "out", truths)
    assert "of 3 masks" in capsys.readouterr().err


def test_a_finished_mask_is_not_refined_again_unless_photo_or_mask_have_changed(
    tmp_path: Path, truths: Truths, model: Path, capsys: pytest.CaptureFixture[str]
):
    photos, out = tmp_path / "photos", tmp_path / "out"
    masks = write_masks(tmp_path / "masks", off(truths))
    command = ("refine", photos, masks, out, "--model", model)
    assert foveamask(*command) == 0
    (out / "c.png").unlink()
    write_masks(masks, {"b": grown(truths["b"], 2)})

    assert foveamask(*command) == 0

    assert "1 of 3 photos are done already" in capsys.readouterr().err
    check_refined(out, truths)


def test_results_of_other_options_or_of_predict_are_not_mixed(
    tmp_path: Path, truths: Truths, model: Path, capsys: pytest.CaptureFixture[str]
):
    photos, out = tmp_path / "photos", tmp_path / "out"
    masks = write_masks(tmp_path / "masks", off(truths))
    assert foveamask("refine", photos, masks, out, "--model", model) == 0
    before = bytes_in(out)

    assert foveamask("refine", photos, masks, out, "--model", model, "--band", 5) == 1
    assert "were not made with the same masks" in capsys.readouterr().err
    assert foveamask("predict", photos, out, "--model", model) == 1
    assert "were not made with the same masks" in capsys.readouterr().err

    assert bytes_in(out) == before


def test_masks_are_never_written_over_those_that_are_given(
    tmp_path: Path, truths: Truths, model: Path, capsys: pytest.CaptureFixture[str]
):
    masks = write_masks(tmp_path / "masks", off(truths))
    before = bytes_in(masks)

    assert foveamask("refine", tmp_path / "photos", masks, masks, "--model", model) == 1

    assert "holds the masks; name another folder" in capsys.readouterr().err
    assert bytes_in(masks) == before


def test_cutouts_and_a_csv_are_made_of_refined_masks(tmp_path: Path, truths: Truths, model: Path):
    masks, out = write_masks(tmp_path / "masks", off(truths)), tmp_path / "out"
    options = ("--output", "mask,cutout", "--crop", "group", "--csv", tmp_path / "masks.csv")

    assert foveamask("refine", tmp_path / "photos", masks, out, *options, "--model", model) == 0

    check_refined(out / "mask", truths)
    for name, truth in truths.items():
        with Image.open(out / "cutout" / f"{name}.png") as picture:
            alpha = np.asarray(picture)[..., 3]
        assert abs((alpha >= 128).sum() - truth.sum()) <= 0.02 * truth.sum()
    assert foveamask("check-csv", tmp_path / "masks.csv", "--masks", out / "mask") == 0


def test_parts_together_are_the_whole(tmp_path: Path, truths: Truths, model: Path):
    masks = write_masks(tmp_path / "masks", off(truths))
    command = ("refine", tmp_path / "photos", masks)
    assert foveamask(*command, tmp_path / "whole", "--model", model) == 0

    for part in ("1/2", "2/2"):
        foveamask(*command, tmp_path / "parts", "--part", part, "--model", model)

    parts, whole = bytes_in(tmp_path / "parts"), bytes_in(tmp_path / "whole")
    lists = {"run.part-1-of-2.json", "run.part-2-of-2.json"}
    assert {name for name in parts if name.startswith("run")} == lists
    for name in lists:
        del parts[name]
    del whole["run.json"]  # has times
    assert parts == whole


def test_records_say_what_was_refined_and_how_much_was_kept(
    tmp_path: Path, truths: Truths, model: Path
):
    masks, out = write_masks(tmp_path / "masks", off(truths)), tmp_path / "out"

    foveamask("refine", tmp_path / "photos", masks, out, "--model", model)

    records = [json.loads(line) for line in (out / ".foveamask.jsonl").read_text().splitlines()]
    assert all(len(record["mask"]) == 64 and record["kept"] == 0 for record in records)
    assert json.loads((out / ".foveamask.json").read_text())["masks"] == "band found, guarded"


@pytest.mark.parametrize("band", ["0", "-3", "nan", "wide"])
def test_a_band_is_a_number_of_pixels(
    tmp_path: Path, truths: Truths, capsys: pytest.CaptureFixture[str], band: str
):
    masks = write_masks(tmp_path / "masks", truths)

    assert foveamask("refine", tmp_path / "photos", masks, tmp_path / "out", "--band", band) == 2

    assert "band" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_pipes_are_refused(
    tmp_path: Path, truths: Truths, capsys: pytest.CaptureFixture[str], place: int
):
    masks = write_masks(tmp_path / "masks", truths)
    arguments = [tmp_path / "photos" / "a.png", masks / "a.png", tmp_path / "out"]
    arguments[place] = Path("-")

    assert foveamask("refine", *arguments) == 2

    assert "refine takes files and folders" in capsys.readouterr().err


def test_a_folder_without_masks_is_named(
    tmp_path: Path, truths: Truths, model: Path, capsys: pytest.CaptureFixture[str]
):
    missing = tmp_path / "nowhere"

    status = foveamask("refine", tmp_path / "photos", missing, tmp_path / "out", "--model", model)

    assert status == 1
    assert f"no such mask or folder: {missing}" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
