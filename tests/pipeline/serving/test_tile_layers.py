"""POST /v1/tiles: what a page stitches from it is what the model finishes, for every budget."""

import base64
import zlib
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.arrays import Mask
from data.geometry import Size
from data.images import encode_png
from pipeline.inference import segmenter as segmenter_module
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from pipeline.serving.tile_layers import levels_of
from tests.bright_objects import bright_segmenter, object_in, photo_of
from tests.builders import shaded_photo
from tests.pipeline.inference.predicting import segmenter_of
from tests.pipeline.serving.serving import PHOTO, TRUTH, client_of, code_of, engine_of


def layers_of(segmenter: Segmenter, photo: NDArray[np.uint8], **data: str) -> dict[str, Any]:
    with client_of(engine_of(segmenter)) as client:
        files = {"photo": ("a.png", encode_png(photo))}
        answer = client.post("/v1/tiles", files=files, data=data)
    assert answer.status_code == 200, answer.text
    layers: dict[str, Any] = answer.json()
    return layers


def stitched(layers: dict[str, Any], budget: int) -> Mask:
    """What the page does: the mask of a budget, from the layers alone."""
    height, width = layers["padded"]
    side = layers["side"]
    levels = inflated(layers["coarse"]).reshape(height, width).copy()
    refined = inflated(layers["refined"]).reshape(-1, side, side)
    for tile, index in zip(refined[:budget], layers["order"], strict=False):
        row, column = divmod(index, width // side)
        levels[row * side : (row + 1) * side, column * side : (column + 1) * side] = tile
    kept = levels[: layers["working"][0], : layers["working"][1]]
    mask: Mask = kept >= 128
    return mask


def inflated(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)


@pytest.mark.parametrize("size", [Size(64, 96), Size(61, 90)])
def test_the_mask_of_every_budget_is_that_of_the_model(size: Size):
    segmenter = segmenter_of()
    photo = shaded_photo(size)

    layers = layers_of(segmenter, photo)

    assert len(layers["order"]) > 20
    for budget in (0, 1, 7, 20, len(layers["order"])):
        expected = segmenter.predict(photo, MaskOptions(budget=budget))
        assert np.array_equal(stitched(layers, budget), expected.mask), budget
        assert layers["expected"][budget] == pytest.approx(expected.predicted_dice, abs=1e-4)


@pytest.mark.parametrize(("budget", "times"), [(None, 1), (1000, 1), (7, 2)])
def test_tiles_are_stitched_once_unless_the_model_takes_fewer_of_them(
    monkeypatch: pytest.MonkeyPatch, budget: int | None, times: int
):
    plain = segmenter_of()
    segmenter = Segmenter(replace(plain.model, budget=budget), plain.networks)
    counted = Mock(wraps=segmenter_module.stitch)
    photo = shaded_photo(Size(64, 96))
    expected = segmenter.predict(photo)

    with client_of(engine_of(segmenter)) as client:
        monkeypatch.setattr(segmenter_module, "stitch", counted)
        answer = client.post("/v1/tiles", files={"photo": ("a.png", encode_png(photo))})

    assert counted.call_count == times
    assert answer.headers["x-tiles"] == str(len(expected.tiles))
    assert np.array_equal(stitched(answer.json(), len(expected.tiles)), expected.mask)


def test_a_photo_of_another_size_than_the_model_works_at_has_layers_of_that():
    layers = layers_of(bright_segmenter(), photo_of(object_in(Size(384, 512))))

    assert (layers["height"], layers["width"]) == (384, 512)
    assert layers["working"] == [192, 256]


def test_the_preview_is_a_jpeg_of_the_working_size():
    layers = layers_of(bright_segmenter(), photo_of(TRUTH), preview="true")

    assert base64.b64decode(layers["preview"])[:3] == b"\xff\xd8\xff"
    assert "preview" not in layers_of(bright_segmenter(), photo_of(TRUTH))


def test_a_photo_is_needed():
    with client_of() as client:
        assert code_of(client.post("/v1/tiles", files={"foto": ("a.png", PHOTO)}))[0] == 400
        nothing = client.post("/v1/tiles", data={"preview": "true"})
        assert code_of(nothing) == (400, "missing_source")


@given(st.lists(st.floats(-100, 100, width=32), min_size=1))
def test_levels_are_object_exactly_where_logits_are(logits: list[float]):
    tensor = torch.tensor(logits)

    levels = levels_of(tensor)

    assert np.array_equal(levels >= 128, (tensor > 0).numpy())
    assert np.abs(levels / 256 - torch.sigmoid(tensor).numpy()).max() <= 1 / 128
