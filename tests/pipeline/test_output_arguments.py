"""The options of `predict` that say what is written."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.images import write_png
from pipeline.model_folder import save_model
from tests.bright_objects import SIZE, bright_model, photo_of
from tests.builders import foveamask
from tests.pipeline.inference.predicting import visible, write_photos


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "cutouts"], "--output takes mask, cutout, alpha, coco, yolo, "),
        (["--output", "mask,mask"], "each once, not 'mask,mask'"),
        (["--format", "webp"], "--format is of cutout: add --output cutout"),
        (["--output", "alpha", "--crop", "object"], "--crop is of cutout: add --output cutout"),
        (["--output", "cutout", "--group", "(.).*"], "--group says which photos share a box"),
        (["--output", "cutout", "--crop", "group", "--group", "x"], "--group is 'x'; put the part"),
        (["--output", "cutout", "--crop", "group", "--group", "(x)"], "--group '(x)' fits none of"),
        (["--grow", "1"], "--grow is of cutout and alpha: add --output cutout"),
        (["--output", "cutout", "--format", "jpg"], "--format jpg has no transparency"),
        (["--output", "cutout", "--background", "blanc"], "'blanc' is neither"),
        (["--output", "cutout", "--csv", "masks.csv"], "--csv is made from masks"),
        (["--tolerance", "1"], "is of coco, yolo, labelme, svg and geojson: add --output coco"),
        (["--output", "alpha", "--instances"], "--instances is of coco, yolo"),
        (["--category", "car"], "--category is of coco, yolo"),
        (["--output", "svg", "--tolerance", "-1"], "Must be >= 0"),
        (["--output", "svg", "--category", " "], "a category has a name of one line, not ' '"),
        (["--output", "svg", "--category", "a\nb"], "a category has a name of one line"),
    ],
)
def test_options_that_do_not_fit_are_a_wrong_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
):
    write_photos(tmp_path / "photos", 1)

    status = foveamask("predict", tmp_path / "photos", tmp_path / "out", *options)

    assert status == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_all_outputs_in_one_command(tmp_path: Path, model: Path):
    write_photos(tmp_path / "photos", 2)

    status = foveamask(
        *("predict", tmp_path / "photos", tmp_path / "out", "--model", model),
        *("--output", "mask,cutout,alpha", "--background", "#336699", "--format", "avif"),
        *("--crop", "group", "--margin", "5%", "--grow", "-0.5", "--quality", "70"),
    )

    assert status == 0
    for name, suffix in (("mask", "png"), ("cutout", "avif"), ("alpha", "png")):
        assert set(visible(tmp_path / "out" / name)) == {f"0000.{suffix}", f"0001.{suffix}"}


def test_another_box_of_groups_is_refused_before_it_is_looked_for(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    write_photos(tmp_path / "photos", 1)
    call = ["predict", tmp_path / "photos", tmp_path / "out", "--model", model]
    assert foveamask(*call, "--output", "alpha") == 0
    capsys.readouterr()

    status = foveamask(*call, "--output", "cutout", "--crop", "group")

    assert status == 1
    assert "were not made with the same outputs" in (error := capsys.readouterr().err)
    assert "boxes" not in error


@pytest.mark.parametrize(
    ("pattern", "sizes"),
    [
        ("(...).*", [(92, 112), (92, 112)]),
        ("(....)", [(80, 40), (52, 112)]),
        (None, [(80, 40), (52, 112)]),
    ],
    ids=["one", "two", "default"],
)
def test_photos_of_a_group_share_a_box(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    pattern: str | None,
    sizes: list[tuple[int, int]],
):
    """Cutouts of photos whose names begin alike are of one size."""
    save_model(bright_model(), tmp_path / "model")
    (tmp_path / "photos").mkdir()
    objects = (slice(40, 120), slice(100, 140)), (slice(80, 132), slice(60, 172))
    for i, place in enumerate(objects):
        mask = np.zeros(SIZE, np.bool_)
        mask[place] = True
        write_png(tmp_path / "photos" / f"000{i}.png", photo_of(mask))
    given = [] if pattern is None else ["--group", pattern]

    status = foveamask(
        *("predict", tmp_path / "photos", tmp_path / "out", "--model", tmp_path / "model"),
        *("--output", "cutout", "--crop", "group", *given),
    )

    assert status == 0
    cutouts = sorted((tmp_path / "out").glob("*.png"))
    assert [
        np.asarray(Image.open(BytesIO(path.read_bytes()))).shape[:2] for path in cutouts
    ] == sizes
    assert ("--group says which photos" in capsys.readouterr().err) == (sizes[0] != sizes[1])
