"""The options of `predict` that say what is written."""

from pathlib import Path

import pytest

from pipeline.model_folder import save_model
from tests.builders import foveamask
from tests.pipeline.inference.predicting import segmenter_of, visible, write_photos


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    save_model(segmenter_of().model, path)
    return path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "cutouts"], "--output takes mask, cutout, alpha, coco, yolo, "),
        (["--output", "mask,mask"], "each once, not 'mask,mask'"),
        (["--format", "webp"], "--format is of cutout: add --output cutout"),
        (["--output", "alpha", "--crop", "object"], "--crop is of cutout: add --output cutout"),
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


def test_polygons_and_their_options_in_one_command(tmp_path: Path, model: Path):
    write_photos(tmp_path / "photos", 2)

    status = foveamask(
        *("predict", tmp_path / "photos", tmp_path / "out", "--model", model),
        *("--output", "mask,coco,yolo,labelme,svg,geojson", "--category", "leaf"),
        *("--tolerance", "0.5", "--instances"),
    )

    assert status == 0
    out = tmp_path / "out"
    assert set(visible(out / "coco")) == {"annotations.json"}
    assert (out / "yolo/classes.txt").read_text() == "leaf\n"
    for name, suffix in (("labelme", "json"), ("svg", "svg"), ("geojson", "geojson")):
        assert set(visible(out / name)) == {f"0000.{suffix}", f"0001.{suffix}"}
        assert "leaf" in (out / name / f"0000.{suffix}").read_text()
    assert foveamask("convert", out / "coco/annotations.json", out / "back", "--to", "png") == 0


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
