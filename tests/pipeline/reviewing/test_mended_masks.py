"""Results of masks that a person has mended: `predict --reviewed`."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.masks import read_mask
from pipeline.model_folder import save_model
from tests.bright_objects import bright_model, bright_segmenter
from tests.builders import foveamask
from tests.pipeline.reviewing.reviews import Batch, mask_of, stroke

CUTOUTS = ("--output", "mask,cutout", "--crop", "group", "--group", r"(\w+)_\d")


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """A batch that was reviewed: `car_0` is mended, `car_1` as it was, `car_2` not yet accepted."""
    save_model(bright_model(), tmp_path / "bright")
    batch = Batch(tmp_path, bright_segmenter()).predict()
    desk = batch.desk()
    for name in ("car_0", "car_2"):
        desk.draw(name, stroke((4, 4), (12, 4)))
    desk.accept("car_0")
    desk.accept("car_1")
    return batch


def predict(batch: Batch, *options: str | Path) -> int:
    folder = batch.photos.parent
    command = ("predict", batch.photos, folder / "shop", "--model", folder / "bright")
    return foveamask(*command, *CUTOUTS, *options)


def files_of(batch: Batch) -> dict[str, bytes]:
    shop = batch.photos.parent / "shop"
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in shop.rglob("*.png")}


def test_what_was_mended_and_accepted_is_in_the_results(batch: Batch):
    assert predict(batch, "--reviewed", batch.masks) == 0

    shop = batch.photos.parent / "shop"
    mended = read_mask(batch.out / "masks" / "car_0.png")
    assert not np.array_equal(mended, read_mask(batch.masks / "car_0.png"))
    np.testing.assert_array_equal(read_mask(shop / "mask" / "car_0.png"), mended)
    for name in ("car_1", "car_2"):
        np.testing.assert_array_equal(
            read_mask(shop / "mask" / f"{name}.png"), read_mask(batch.masks / f"{name}.png")
        )
    assert not np.array_equal(mask_of(batch.desk(), "car_2"), read_mask(batch.masks / "car_2.png"))


def test_the_box_of_a_group_holds_what_was_mended(batch: Batch):
    assert predict(batch) == 0
    with Image.open(batch.photos.parent / "shop" / "cutout" / "car_1.png") as before:
        smaller = before.size

    assert predict(batch, "--reviewed", batch.masks) == 0

    with Image.open(batch.photos.parent / "shop" / "cutout" / "car_1.png") as after:
        assert after.size[0] > smaller[0]


def test_only_what_was_mended_is_made_anew(batch: Batch, capsys: pytest.CaptureFixture[str]):
    options = ("--output", "mask", "--model", batch.photos.parent / "bright")
    command = ("predict", batch.photos, batch.photos.parent / "own", *options)
    assert foveamask(*command) == 0
    capsys.readouterr()

    assert foveamask(*command, "--reviewed", batch.masks) == 0
    said = capsys.readouterr().err
    assert "1 of 3 photos have a mask that was mended" in said
    assert "2 of 3 photos are done already" in said

    assert foveamask(*command, "--reviewed", batch.masks) == 0
    assert "3 of 3 photos are done already" in capsys.readouterr().err
    assert foveamask(*command) == 0
    assert "2 of 3 photos are done already" in capsys.readouterr().err
    np.testing.assert_array_equal(
        read_mask(batch.photos.parent / "own" / "car_0.png"),
        read_mask(batch.masks / "car_0.png"),
    )


def test_strokes_are_applied_to_logits_also_with_other_post_processing(batch: Batch):
    assert predict(batch, "--reviewed", batch.masks, "--postprocess", "specks=3") == 0

    alphas = files_of(batch)
    with Image.open(batch.photos.parent / "shop" / "cutout" / "car_0.png") as picture:
        alpha = np.asarray(picture)[..., 3]
    assert len(np.unique(alpha)) > 2  # a contour of logits is smooth, one of a mask has steps
    assert len(alphas) == 6


def test_a_mask_that_has_changed_since_is_left_out(
    batch: Batch, capsys: pytest.CaptureFixture[str]
):
    (batch.masks / "car_0.png").write_bytes((batch.masks / "car_1.png").read_bytes())

    assert predict(batch, "--reviewed", batch.masks) == 0

    said = capsys.readouterr().err
    assert "has changed since it was reviewed" in said
    assert "0 of 3 photos have a mask that was mended" in said


def test_verify_says_which_results_a_person_has_mended(
    batch: Batch, capsys: pytest.CaptureFixture[str]
):
    folder = batch.photos.parent
    for metadata in ((), ("--no-metadata",)):
        out = folder / f"own{len(metadata)}"
        model = ("--model", folder / "bright")
        command = ("predict", batch.photos, out, *model, *metadata)
        assert foveamask(*command, "--reviewed", batch.masks) == 0
        capsys.readouterr()

        assert foveamask("verify", out, batch.photos, *model) == 1

        answer = capsys.readouterr().out
        assert "car_0" in answer
        assert "a person has mended its mask" in answer
        assert "car_1" not in answer


def test_what_cannot_be_is_one_line(batch: Batch, capsys: pytest.CaptureFixture[str]):
    folder = batch.photos.parent
    model = ("--model", folder / "bright")

    assert foveamask("predict", batch.photos, batch.masks, *model, "--reviewed", batch.masks) == 1
    assert "name another folder" in capsys.readouterr().err
    assert foveamask("predict", batch.photos, folder / "o", *model, "--reviewed", batch.photos) == 1
    assert "has not been reviewed" in capsys.readouterr().err
    reviewed = ("--reviewed", batch.masks)
    assert foveamask("predict", batch.photos, folder / "o", *model, *reviewed, "--watch") == 2
    assert foveamask("predict", "-", "-", *model, *reviewed) == 2
