"""Whether a prediction says that its photo is unlike those the model was trained on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from coarse.novelty import fit_novelty
from pipeline.inference.segmenter import Segmenter
from tests.builders import CPU, area_mean, shaded_photo, unsure_model


@torch.inference_mode()
def segmenter_of(photos: list[np.ndarray]) -> Segmenter:
    """A model whose detector was fitted to `photos`."""
    model = unsure_model()
    plain = Segmenter.from_model(model, CPU, "fp32")
    small = [area_mean(photo, 4).round().astype(np.uint8) for photo in photos]
    batch = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2)
    features = plain.networks.coarse(batch)[1].double().numpy()
    novelty = fit_novelty(features, [str(i) for i in range(len(photos))])
    return Segmenter.from_model(replace(model, novelty=novelty), CPU, "fp32")


def bright(seed: int) -> np.ndarray:
    return np.clip(shaded_photo((96, 128), seed) // 8 + 200, 0, 255).astype(np.uint8)


def dark(seed: int) -> np.ndarray:
    return (shaded_photo((96, 128), seed) // 8).astype(np.uint8)


def test_a_photo_like_those_of_training_is_known_and_another_is_not():
    segmenter = segmenter_of([bright(seed) for seed in range(20)])

    known, unknown = segmenter.predict_batch([bright(50), dark(51)])

    assert known.is_known is True
    assert unknown.is_known is False


def test_the_novelty_of_a_photo_is_the_same_alone_and_in_a_batch():
    segmenter = segmenter_of([bright(seed) for seed in range(20)])

    together = segmenter.predict_batch([dark(51), bright(50)])
    alone = segmenter.predict(bright(50))

    assert together[1].proposal.novelty is not None
    assert alone.proposal.novelty is not None
    assert float(together[1].proposal.novelty[0]) == pytest.approx(
        float(alone.proposal.novelty[0]), rel=1e-3
    )


def test_a_model_without_a_detector_cannot_tell():
    prediction = Segmenter.from_model(unsure_model(), CPU, "fp32").predict(bright(1))

    assert prediction.is_known is None


def test_of_logits_that_the_coarse_network_did_not_compute_nothing_is_told():
    segmenter = segmenter_of([bright(seed) for seed in range(20)])
    first = segmenter.propose([bright(1)])

    again = segmenter.propose([bright(1)], coarse=first.coarse.clone())

    assert first.novelty is not None
    assert again.novelty is None
