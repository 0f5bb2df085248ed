"""Shipped models and first steps of training give the numbers that they gave before."""

import json
from collections import Counter

import numpy as np
import pytest

from data.images import read_photo
from pipeline.model_folder import load_model
from tests.goldens import make_goldens
from tests.goldens.make_goldens import Golden, golden_of, logits_at, predict

REMAKE = "; if that is meant, run `python -m tests.goldens.make_goldens` and say so in the commit"


def pixels_of(model: str) -> Golden:
    pixels: Golden = json.loads(golden_of(model).read_text())
    return pixels


@pytest.mark.parametrize("model", make_goldens.MODELS)
def test_a_shipped_model_says_of_a_photo_what_it_said_before(model: str):
    pixels = pixels_of(model)
    stages = [stage for stage in ("coarse", "refined") if stage in pixels[0]]

    prediction = predict(model)

    for stage in stages:
        wanted = np.array([pixel[stage] for pixel in pixels])
        difference = np.abs(np.asarray(logits_at(prediction, pixels, stage)) - wanted)
        message = f"{model} has other {stage} logits{REMAKE}"
        # Another processor adds in another order. Where two pixels of a pooling window are nearly
        # equal, the other one may then be the largest, and what is unpooled moves by a pixel.
        assert (difference > 2e-3).mean() < 0.1, message
        assert difference.max() < 0.1, message


@pytest.mark.parametrize("model", make_goldens.MODELS)
def test_goldens_are_of_all_kinds_of_pixels(model: str):
    pixels, size = pixels_of(model), read_photo(make_goldens.PHOTO).shape[:2]
    has_refiner = load_model(model).refiner is not None

    at = np.array([pixel["at"] for pixel in pixels])
    near = np.minimum(at, np.array(size) - 1 - at).min(1) < make_goldens.BORDER

    num_kinds = 5 if has_refiner else 4
    assert set(Counter(pixel["kind"] for pixel in pixels).values()) == {make_goldens.NUM_EACH}
    assert len({pixel["kind"] for pixel in pixels}) == num_kinds
    assert near.sum() == make_goldens.NUM_EACH
    assert all(("refined" in pixel) == has_refiner for pixel in pixels)
    if has_refiner:
        refined = [abs(pixel["refined"] - pixel["coarse"]) > 0.05 for pixel in pixels]
        assert sum(refined) > make_goldens.NUM_EACH


def test_both_stages_begin_to_learn_as_they_did_before():
    wanted = json.loads(make_goldens.LOSSES.read_text())

    found = make_goldens.losses()

    for stage, losses in wanted.items():
        np.testing.assert_allclose(
            found[stage], losses, rtol=1e-3, err_msg=f"{stage} learns otherwise{REMAKE}"
        )
        assert len(set(losses)) == make_goldens.NUM_STEPS
