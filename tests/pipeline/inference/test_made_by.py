"""What results say of how they were made, through the command."""

import json
from pathlib import Path

import pytest
from PIL import Image

from data.images import read_photo
from data.masks import encode_mask
from data.picture_provenance import provenance_in
from pipeline.inference.manifest import bytes_hash
from pipeline.inference.segmenter import Segmenter
from pipeline.model import identity, own_version
from pipeline.model_folder import load_model
from tests.builders import foveamask
from tests.pipeline.inference.predicting import CPU, visible, write_photos


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    return write_photos(tmp_path / "photos", 3)


def predicted(out: Path, model: Path, *arguments: object) -> dict[str, bytes]:
    """Predict the photos beside `out`; return the results."""
    photos = out.parent / "photos"
    assert foveamask("predict", photos, out, "--model", model, *arguments) == 0
    return visible(out)


def test_a_mask_says_what_made_it_and_from_what(tmp_path: Path, model: Path, photos: list[Path]):
    results = predicted(tmp_path / "out", model, "--budget", 3, "--postprocess", "smooth=3")

    for photo in photos:
        made = provenance_in(results[photo.name], photo.name)
        assert made is not None
        assert made.software == f"foveamask {own_version()}"
        assert made.details == {
            "model": identity(load_model(model)),
            "stage": "refined",
            "budget": 3,
            "postprocess": ["smooth=3"],
            "output": "mask",
            "photo": bytes_hash(photo.read_bytes()),
        }


def test_the_same_bytes_come_out_wherever_and_whenever(
    tmp_path: Path, model: Path, photos: list[Path]
):
    first = predicted(tmp_path / "out", model)
    moved = tmp_path / "elsewhere" / "photos"
    moved.parent.mkdir()
    photos[0].parent.rename(moved)

    assert predicted(tmp_path / "elsewhere" / "out", model) == first
    for data in first.values():
        assert str(tmp_path).encode() not in data
        assert model.name.encode() not in data


def test_without_metadata_there_are_the_pixels_alone(
    tmp_path: Path, model: Path, photos: list[Path]
):
    plain = predicted(tmp_path / "plain", model, "--no-metadata")
    results = predicted(tmp_path / "out", model)

    segmenter = Segmenter.from_model(load_model(model), CPU)
    for photo in photos:
        mask = segmenter(read_photo(photo))
        assert plain[photo.name] == encode_mask(mask)
        made = provenance_in(results[photo.name], photo.name)
        assert made is not None
        assert results[photo.name] == encode_mask(mask, made)


def test_results_with_and_without_metadata_do_not_mix(
    tmp_path: Path, model: Path, photos: list[Path], capsys: pytest.CaptureFixture[str]
):
    predicted(tmp_path / "out", model)
    capsys.readouterr()

    arguments = (photos[0].parent, tmp_path / "out", "--model", model, "--no-metadata")
    assert foveamask("predict", *arguments) == 1
    assert "outputs (mask, now mask metadata=False)" in capsys.readouterr().err
    assert foveamask("predict", *arguments, "--overwrite") == 0
    assert provenance_in((tmp_path / "out" / photos[0].name).read_bytes(), "it") is None


@pytest.mark.parametrize("form", ["png", "webp", "jpg", "avif"])
def test_cutouts_say_it_in_every_format(tmp_path: Path, model: Path, photos: list[Path], form: str):
    options = ("--output", "cutout,alpha", "--format", form, "--background", "white")
    predicted(tmp_path / "out", model, *options)
    predicted(tmp_path / "plain", model, *options, "--no-metadata")

    for name in (f"cutout/{photos[0].stem}.{form}", f"alpha/{photos[0].stem}.png"):
        said = provenance_in((tmp_path / "out" / name).read_bytes(), name)
        assert said is not None
        assert said.details["output"].startswith(name.split("/")[0])
        assert "background=#ffffff" in said.details["output"] or "alpha/" in name
        assert provenance_in((tmp_path / "plain" / name).read_bytes(), name) is None


def test_the_software_of_the_photo_stays_in_its_exif_data(tmp_path: Path, model: Path):
    exif = Image.Exif()
    exif[305] = "The camera's own"
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (96, 64), "gray").save(tmp_path / "photos" / "a.jpg", exif=exif)

    predicted(tmp_path / "out", model, "--output", "cutout")

    cutout = Image.open(tmp_path / "out" / "a.png")
    assert cutout.getexif()[305] == "The camera's own"
    assert json.loads(cutout.text["foveamask"])["output"].startswith("cutout")
