"""Whether a prediction says that its photo is unlike those the model was trained on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from coarse.novelty import fit_novelty
from data.images import write_png
from pipeline.inference.segmenter import Segmenter
from pipeline.model_folder import save_model
from tests.builders import CPU, area_mean, foveamask, shaded_photo, unsure_model
from tests.pipeline.inference.predicting import predict_photos


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


def mixed(folder: Path) -> list[Path]:
    """Write two photos of the kind that is known, and one of another kind between them."""
    folder.mkdir()
    for i, photo in enumerate([bright(50), dark(51), bright(52)]):
        write_png(folder / f"{i}.png", photo)
    return sorted(folder.iterdir())


def test_unknown_photos_are_told_from_the_others_and_have_no_expected_dice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    photos, table = mixed(tmp_path / "photos"), tmp_path / "expected.csv"
    segmenter = segmenter_of([bright(seed) for seed in range(20)])

    outcome = predict_photos(photos, tmp_path / "out", segmenter, expected=table)

    assert outcome.unknown == [photos[1]]
    assert f"1 of 3 photos, such as {photos[1]}, are unlike those" in caplog.text
    header, first, *others = table.read_text().splitlines()
    assert header == "photo,expected_dice,low,high,known,detached"
    assert first.startswith("1.png,,,,no,")
    assert all(line.split(",")[4] == "yes" for line in others)


def test_what_is_unknown_is_still_so_when_nothing_is_left_to_do(tmp_path: Path):
    photos, out = mixed(tmp_path / "photos"), tmp_path / "out"
    segmenter = segmenter_of([bright(seed) for seed in range(20)])
    predict_photos(photos, out, segmenter)

    assert predict_photos(photos, out, segmenter).unknown == [photos[1]]


def test_the_command_fails_on_unknown_photos_where_it_is_told_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    photos = mixed(tmp_path / "photos")
    save_model(segmenter_of([bright(seed) for seed in range(20)]).model, tmp_path / "model")
    arguments = ("predict", *photos, tmp_path / "out", "--model", tmp_path / "model")

    assert foveamask(*arguments) == 0
    assert "are unlike those that the model was trained on" in capsys.readouterr().err
    assert foveamask(*arguments, "--fail-unknown") == 1
    assert foveamask(*arguments[:2], *arguments[4:], "--fail-unknown") == 0
