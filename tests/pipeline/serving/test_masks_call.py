"""POST /v1/masks gives what `predict` writes, and says what is expected of it."""

import base64
import json
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from starlette.testclient import TestClient

from pipeline.inference import OUTPUT_NAMES
from pipeline.inference import segmenter as segmenter_module
from pipeline.inference.segmenter import Segmenter
from pipeline.model_folder import save_model
from tests.bright_objects import CPU, bright_model, bright_segmenter, photo_of
from tests.builders import foveamask
from tests.pipeline.inference.predicting import segmenter_of
from tests.pipeline.serving.serving import (
    PHOTO,
    TRUTH,
    client_of,
    code_of,
    engine_of,
    masks,
    picture,
)


def test_a_mask_is_that_of_the_photo(client: TestClient):
    answer = masks(client)

    assert np.array_equal(picture(answer) > 0, TRUTH)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-expected-dice"] == "1.0"
    assert (answer.headers["x-width"], answer.headers["x-height"]) == ("256", "192")


def test_every_output_is_the_file_that_predict_writes(tmp_path: Path):
    save_model(bright_model(), tmp_path / "model")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(PHOTO)
    names = ",".join(OUTPUT_NAMES)
    options = ["--model", tmp_path / "model", "--output", names, "--grow", "1.5"]
    assert foveamask("predict", tmp_path / "photos", tmp_path / "out", *options) == 0
    engine = engine_of(Segmenter.load(tmp_path / "model", "cpu"))

    with client_of(engine) as client:
        answer = masks(client, output=names, grow="1.5")

    found = ZipFile(BytesIO(answer.content))
    about = json.loads(found.read("result.json"))
    assert about["expected_dice"] == 1
    assert sorted(about) == [
        *("expected_dice", "height", "interval", "known", "model", "photo", "tiles", "width"),
    ]
    for name in found.namelist():
        if not name.startswith(("result", "labelme", "coco")):
            assert found.read(name) == (tmp_path / "out" / name).read_bytes(), name
    coco = (tmp_path / "out" / "coco" / "annotations.json").read_bytes()
    assert json.loads(found.read("coco/a.json")) == json.loads(coco)
    assert json.loads(found.read("labelme/a.json"))["imagePath"] == "a.png"


def test_json_holds_the_files_in_base_64(client: TestClient):
    answer = masks(client, output="mask,svg", answer="json").json()

    alone = masks(client, output="svg")
    assert base64.b64decode(answer["files"]["svg"]["base64"]) == alone.content
    assert answer["files"]["svg"]["type"] == alone.headers["content-type"] == "image/svg+xml"
    assert answer["files"]["mask"]["name"] == "a.png"
    assert answer["known"] is None


def test_a_budget_and_a_stage_give_the_masks_that_they_give_elsewhere():
    segmenter = segmenter_of()
    photo = photo_of(TRUTH)

    with client_of(engine_of(segmenter)) as client:
        few = picture(masks(client, budget="20"))
        coarse = masks(client, stage="coarse")

    from pipeline.inference.mask_options import MaskOptions

    assert np.array_equal(few > 0, segmenter(photo, MaskOptions(budget=20)))
    assert np.array_equal(picture(coarse) > 0, segmenter(photo, MaskOptions(stage="coarse")))
    assert coarse.headers["x-tiles"] == "0"
    assert segmenter.device == CPU


def test_a_cutout_is_laid_on_a_colour_or_an_uploaded_picture_and_cropped(client: TestClient):
    red = picture(masks(client, output="cutout", background="#ff0000"))
    files = {"photo": ("a.png", PHOTO), "background_file": ("b.png", PHOTO)}
    same = client.post("/v1/masks", files=files, data={"output": "cutout", "format": "webp"})
    cropped = picture(masks(client, output="cutout", crop="object", margin="5"))

    assert red[0, 0].tolist() == [255, 0, 0]
    assert red[TRUTH].min() > 150
    assert picture(same).shape == (192, 256, 3)
    assert same.headers["content-type"] == "image/webp"
    rows, columns = np.nonzero(TRUTH)
    assert abs(cropped.shape[0] - (np.ptp(rows) + 11)) <= 2
    assert abs(cropped.shape[1] - (np.ptp(columns) + 11)) <= 2


def test_a_background_is_never_a_path(client: TestClient, tmp_path: Path):
    (tmp_path / "secret.png").write_bytes(PHOTO)

    answer = masks(client, output="cutout", background=str(tmp_path / "secret.png"))

    assert code_of(answer) == (400, "invalid_parameter")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("output", "mask,mask"),
        ("output", "video"),
        ("answer", "xml"),
        ("budget", "-1"),
        ("budget", "many"),
        ("stage", "third"),
        ("grow", "nan"),
        ("postprocess", "smooth=x"),
        ("postprocess", "unknown"),
        ("margin", "3%"),  # without a crop
        ("quality", "50"),  # of png
        ("format", "jpg"),  # without a background
        ("metadata", "perhaps"),
    ],
)
def test_a_wrong_value_is_named(client: TestClient, field: str, value: str):
    answer = masks(client, **({"output": "cutout"} | {field: value}))

    assert code_of(answer) == (400, "invalid_parameter")
    assert "--" not in answer.text


def test_several_outputs_are_no_one_file(client: TestClient):
    assert code_of(masks(client, output="mask,svg", answer="file"))[0] == 400


def test_a_category_is_one_line(client: TestClient):
    answer = masks(client, output="coco", category="a\nb")

    assert code_of(answer) == (400, "invalid_parameter")


def test_an_unknown_field_and_a_missing_photo_are_named(client: TestClient):
    assert code_of(masks(client, buget="3")) == (400, "unknown_parameter")
    no_photo = client.post("/v1/masks", files={"background_file": ("a.png", PHOTO)})
    assert code_of(no_photo) == (400, "missing_source")
    as_text = client.post("/v1/masks", json={"photo": "text"})
    assert code_of(as_text) == (400, "invalid_parameter")


def test_a_model_without_a_refiner_says_so():
    model = bright_model()
    from dataclasses import replace

    segmenter = Segmenter.from_model(replace(model, refiner=None), CPU, "fp32")
    with client_of(engine_of(segmenter)) as client:
        assert code_of(masks(client, stage="refined")) == (400, "invalid_parameter")
        assert masks(client).status_code == 200


def test_the_model_is_hashed_once_and_not_with_each_photo(monkeypatch: pytest.MonkeyPatch):
    hashed: list[object] = []
    original = segmenter_module.identity
    monkeypatch.setattr(
        segmenter_module, "identity", lambda model: (hashed.append(model), original(model))[1]
    )
    segmenter = bright_segmenter()

    with client_of(engine_of(segmenter)) as client:
        answers = [masks(client) for _ in range(3)]

    assert {answer.headers["x-model"] for answer in answers} == {original(segmenter.model)}
    assert len(hashed) == 1
