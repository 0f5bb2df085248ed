"""POST /v1.0/removebg does what clients of remove.bg expect."""

import base64
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from data.geometry import Size
from data.images import encode_png
from tests.bright_objects import object_in, photo_of
from tests.pipeline.serving.serving import PHOTO, TRUTH, code_of, masks, picture, removebg

ROWS, COLUMNS = np.nonzero(TRUTH)


def test_the_cutout_is_that_of_the_other_call(client: TestClient):
    answer = removebg(client)

    assert np.array_equal(picture(answer), picture(masks(client, output="cutout")))
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-credits-charged"] == "0"
    assert answer.headers["x-type"] == "other"
    assert (answer.headers["x-width"], answer.headers["x-height"]) == ("256", "192")


def test_the_box_of_the_object_is_in_the_headers_and_in_json(client: TestClient):
    answer = removebg(client)
    as_json = client.post(
        "/v1.0/removebg", files={"image_file": PHOTO}, headers={"Accept": "application/json"}
    )

    alpha = picture(answer)[..., 3] > 0
    rows, columns = np.nonzero(alpha)
    box = [rows.min(), columns.min(), np.ptp(rows) + 1, np.ptp(columns) + 1]
    names = ("Top", "Left", "Height", "Width")
    assert [int(answer.headers[f"X-Foreground-{name}"]) for name in names] == box
    data = as_json.json()["data"]
    assert [data[f"foreground_{name.lower()}"] for name in names] == box
    assert base64.b64decode(data["result_b64"]) == answer.content


@pytest.mark.parametrize("how", ["json", "form", "multipart"])
def test_a_photo_may_come_in_base_64(client: TestClient, how: str):
    text = base64.b64encode(PHOTO).decode()
    data = {"image_file_b64": text, "size": "auto"}

    sent: dict[str, Any] = {
        "json": {"json": data},
        "form": {"data": data},
        "multipart": {"files": {name: (None, value) for name, value in data.items()}},
    }
    answer = client.post("/v1.0/removebg", **sent[how])

    assert np.array_equal(picture(answer), picture(removebg(client)))


def test_the_size_limits_the_megapixels_of_the_result(client: TestClient):
    photo = encode_png(photo_of(object_in(Size(900, 1200))))

    full, preview = picture(removebg(client, photo)), picture(removebg(client, photo, size="small"))

    assert full.shape == (900, 1200, 4)
    assert preview.shape == (433, 577, 4)
    assert abs((preview[..., 3] > 127).mean() - (full[..., 3] > 127).mean()) < 0.002
    large, small = (each[each[..., 3] == 255][:, :3].mean() for each in (full, preview))
    assert abs(large - small) < 1


def test_formats(client: TestClient):
    assert removebg(client, format="webp").headers["content-type"] == "image/webp"
    jpg = removebg(client, format="jpg")
    assert jpg.headers["content-type"] == "image/jpeg"
    assert picture(jpg)[0, 0].min() >= 253  # white
    on_colour = removebg(client, bg_color="00ff00")
    assert on_colour.headers["content-type"] == "image/jpeg"
    archive = ZipFile(BytesIO(removebg(client, format="zip").content))
    assert sorted(archive.namelist()) == ["alpha.png", "color.jpg"]
    alpha = np.asarray(Image.open(BytesIO(archive.read("alpha.png"))))
    assert np.array_equal(alpha, picture(removebg(client))[..., 3])
    assert Image.open(BytesIO(archive.read("color.jpg"))).mode == "RGB"


def test_alpha_alone(client: TestClient):
    alpha = picture(removebg(client, channels="alpha"))

    assert np.array_equal(alpha, picture(removebg(client))[..., 3])


@pytest.mark.parametrize("colour", ["f00", "#f00", "ff0000", "red", "ff0000ff"])
def test_background_colours(client: TestClient, colour: str):
    found = picture(removebg(client, bg_color=colour, format="png"))

    assert found.shape[2] == 3
    assert found[0, 0].tolist() == [255, 0, 0]


def test_a_background_colour_may_be_half_transparent(client: TestClient):
    found = picture(removebg(client, bg_color="0000ff80"))

    assert found[0, 0].tolist() == [0, 0, 255, 128]
    assert found[TRUTH][..., 3].min() >= 128


def test_a_background_picture_is_laid_behind(client: TestClient):
    behind = encode_png(np.full((10, 10, 3), (9, 99, 199), np.uint8))
    files = {"image_file": ("a.png", PHOTO), "bg_image_file": ("b.png", behind)}

    found = picture(client.post("/v1.0/removebg", files=files, data={"format": "png"}))

    assert found[0, 0].tolist() == [9, 99, 199]


def test_a_region_leaves_out_what_is_outside(client: TestClient):
    found = picture(removebg(client, roi="0% 0% 50% 100%"))

    assert not found[:, 128:, 3].any()
    whole = picture(removebg(client))[:, :128]
    assert np.array_equal(found[:, :128, 3], whole[..., 3])
    assert whole[..., 3].any()


def test_a_crop_has_margins_by_side(client: TestClient):
    whole = picture(removebg(client))
    rows, columns = np.nonzero(whole[..., 3])

    tight = picture(removebg(client, crop="true"))
    wide = picture(removebg(client, crop="true", crop_margin="10px 5px 0 3px"))

    assert tight.shape[:2] == (np.ptp(rows) + 1, np.ptp(columns) + 1)
    assert wide.shape[:2] == (tight.shape[0] + 10, tight.shape[1] + 8)
    assert np.array_equal(wide[10:, 3:-5], tight)


def test_the_object_is_scaled_and_put_in_place(client: TestClient):
    small = picture(removebg(client, scale="50%"))
    corner = picture(removebg(client, scale="50%", position="0% 100%"))
    moved = picture(removebg(client, position="center"))

    rows, columns = np.nonzero(small[..., 3])
    assert small.shape == (192, 256, 4)
    assert np.ptp(columns) + 1 == 128
    assert abs(columns.min() - 64) <= 1
    assert abs(rows.min() + rows.max() + 1 - 192) <= 1
    rows, columns = np.nonzero(corner[..., 3])
    assert (columns.min(), rows.max()) == (0, 191)
    rows, columns = np.nonzero(moved[..., 3])
    assert abs(columns.min() + columns.max() + 1 - 256) <= 1


def test_what_has_no_effect_is_let_pass(client: TestClient):
    data = {"type": "car", "type_level": "2", "semitransparency": "true", "new_parameter": "1"}

    answer = removebg(client, **data)

    assert answer.status_code == 200
    assert answer.headers["x-type"] == "car"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"image_url": "http://127.0.0.1/a.jpg"}, "url_not_supported"),
        ({"bg_image_url": "file:///etc/passwd"}, "url_not_supported"),
        ({"add_shadow": "true"}, "shadow_not_supported"),
        ({"shadow_type": "car"}, "shadow_not_supported"),
        ({"image_file_b64": base64.b64encode(PHOTO).decode()}, "multiple_sources"),
        ({"size": "huge"}, "invalid_parameter"),
        ({"roi": "1 2 3"}, "invalid_parameter"),
        ({"roi": "50% 0% 50% 100%"}, "invalid_parameter"),
        ({"crop_margin": "60%"}, "invalid_parameter"),
        ({"crop_margin": "1 2 3"}, "invalid_parameter"),
        ({"scale": "5%"}, "invalid_parameter"),
        ({"scale": "20px"}, "invalid_parameter"),
        ({"position": "120%"}, "invalid_parameter"),
        ({"bg_color": "nocolour"}, "invalid_parameter"),
        ({"bg_color": "12345"}, "invalid_parameter"),
        ({"channels": "rgb"}, "invalid_parameter"),
    ],
)
def test_what_cannot_be_done_is_said_in_their_form(
    client: TestClient, data: dict[str, str], code: str
):
    assert code_of(removebg(client, **data)) == (400, code)


def test_no_photo_and_no_object(client: TestClient):
    nothing = client.post("/v1.0/removebg", data={"size": "auto"})
    dark = encode_png(np.full((64, 64, 3), 40, np.uint8))

    assert code_of(nothing) == (400, "missing_source")
    assert code_of(removebg(client, dark)) == (400, "unknown_foreground")
    broken = client.post("/v1.0/removebg", data={"image_file_b64": "no base 64!"})
    assert code_of(broken) == (400, "invalid_parameter")
