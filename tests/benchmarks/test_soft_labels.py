from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import soft_labels
from data.errors import InputError
from data.masks import read_mask
from data.samples import find_samples
from pipeline.model_folder import save_model
from tests.builders import unsure_model
from tests.measured import photo_of, segmenter_of, write_photos


def test_labels_of_a_mirror_image_are_the_mirror_image_of_the_labels():
    segmenter, photo = segmenter_of(), photo_of()

    p = soft_labels.mean_probability(photo, [segmenter])
    mirrored = soft_labels.mean_probability(np.ascontiguousarray(photo[:, ::-1]), [segmenter])

    assert np.allclose(p, mirrored[:, ::-1])
    assert not np.allclose(p, p[:, ::-1])


def test_labels_are_the_mean_over_models():
    one, other, photo = segmenter_of(), segmenter_of(trained=False), photo_of()
    single = [soft_labels.mean_probability(photo, [segmenter]) for segmenter in (one, other)]

    both = soft_labels.mean_probability(photo, [one, other])

    assert np.allclose(both, (single[0] + single[1]) / 2)
    assert not np.allclose(single[0], single[1])


def test_photos_in_dispute_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save_model(unsure_model(long_side=256), tmp_path / "model")
    (tmp_path / "photos").mkdir()
    for i in range(2):
        cv2.imwrite(str(tmp_path / "photos" / f"{i}.png"), photo_of(i)[..., ::-1])
    model = str(tmp_path / "model")

    soft_labels.soft_labels(tmp_path / "photos", tmp_path / "all", model=(model,), most_disputed=9)
    soft_labels.soft_labels(tmp_path / "photos", tmp_path / "no", model=(model,), most_disputed=0)

    assert capsys.readouterr().out.splitlines() == [
        "2 photos labelled, 0 left out",
        "0 photos labelled, 2 left out",
    ]
    samples = find_samples(tmp_path / "all")
    assert [sample.name for sample in samples] == ["0", "1"]
    assert any(read_mask(sample.mask).any() for sample in samples)
    assert not list((tmp_path / "no" / "masks").iterdir())


def test_the_share_in_dispute_is_of_the_object():
    p = np.array([[0.9, 0.9, 0.7, 0.6], [0.3, 0.2, 0.1, 0.0]], np.float32)

    assert soft_labels.disputed(p) == pytest.approx(3 / 4)
    assert soft_labels.disputed(np.zeros((2, 2), np.float32)) == 1


def test_labels_are_scored_on_photos_that_no_model_knows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_photos(tmp_path)
    save_model(segmenter_of().model, tmp_path / "model")

    soft_labels.score(data, model=(str(tmp_path / "model"),))

    assert capsys.readouterr().out.startswith("2 photos: 0.")


def test_photos_that_a_model_knows_are_not_scored(tmp_path: Path):
    data = write_photos(tmp_path)
    knowing = replace(segmenter_of().model, provenance={"groups": ["0", "1"]})
    save_model(knowing, tmp_path / "model")

    with pytest.raises(InputError, match="trained on all photos"):
        soft_labels.score(data, model=(str(tmp_path / "model"),))
