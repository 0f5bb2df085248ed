import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from data import masks
from data.errors import InputError
from data.masks import write_mask
from pipeline.evaluation.evaluate import Split, evaluate, write_score_table
from pipeline.evaluation.scores import PhotoScores, Scores
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.segmenter import Segmenter
from tests.measured import segmenter_of, write_photos

COARSE = MaskOptions(stage="coarse")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_photos(tmp_path)


def trained_on(*groups: str) -> Segmenter:
    segmenter = segmenter_of()
    segmenter.model = replace(segmenter.model, provenance={"groups": groups})
    return segmenter


def test_each_mask_is_decoded_once(data: Path, monkeypatch: pytest.MonkeyPatch):
    decoded: Counter[str] = Counter()
    read_mask = masks.read_mask

    def counting(path: Path, **options: Any) -> NDArray[np.bool_]:
        decoded[path.name] += 1
        return read_mask(path, **options)

    monkeypatch.setattr("data.samples.read_mask", counting)

    evaluate(data, segmenter_of(), COARSE)

    assert decoded == {"0.png": 1, "1.png": 1}


def test_masks_of_another_size_are_all_named_before_any_work(
    data: Path, monkeypatch: pytest.MonkeyPatch
):
    segmenter = segmenter_of()
    for i in range(2):
        write_mask(data / "masks" / f"{i}.png", np.eye(50, dtype=np.bool_))

    def work(*_arguments: Any, **_options: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(segmenter, "predict_batch", work)

    with pytest.raises(InputError, match=r"(?s)0\.png is 192 x 256, its mask 50 x 50.*1\.png is"):
        evaluate(data, segmenter)


def test_masks_that_are_none_are_all_named_at_the_first_of_them(data: Path):
    for i in range(2):
        shades = np.arange(192 * 256, dtype=np.uint32).reshape(192, 256) % 7 * 20
        cv2.imwrite(str(data / "masks" / f"{i}.png"), shades.astype(np.uint8))

    with pytest.raises(InputError, match=r"(?s)masks/0\.png has 7 values.*masks/1\.png has 7"):
        evaluate(data, segmenter_of(), COARSE)


def test_a_model_that_does_not_name_what_it_was_trained_on_is_scored_with_a_warning(
    data: Path, caplog: pytest.LogCaptureFixture
):
    summary, _ = evaluate(data, segmenter_of(), COARSE)

    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "so all 2 photos" in record.getMessage()
    assert summary.photos == 2


@pytest.mark.parametrize(
    ("split", "groups", "names"),
    [("all", ("1",), ["1"]), ("all", ("1", "0"), ["0", "1"]), ("unseen", ("1",), ["1"])],
)
def test_only_the_groups_that_are_named_are_scored(
    data: Path, split: Split, groups: tuple[str, ...], names: list[str]
):
    summary, photos = evaluate(data, trained_on("0"), COARSE, split=split, groups=groups)

    assert [photo.name for photo in photos] == names
    assert summary.photos == len(names)
    assert summary.left_out_as_seen_in_training == 0


def test_a_group_that_was_trained_on_is_not_scored_because_it_is_named(data: Path):
    with pytest.raises(InputError, match="trained on all 1 photos"):
        evaluate(data, trained_on("0"), COARSE, groups=("0",))


def test_a_group_that_no_photo_is_of_is_named_with_those_that_are_there(data: Path):
    with pytest.raises(InputError, match=r"of the group 2; its 2 groups are 0, 1$"):
        evaluate(data, segmenter_of(), COARSE, groups=("1", "2"))


@pytest.mark.parametrize(("split", "names"), [("unseen", ["1"]), ("all", ["0", "1"])])
def test_photos_that_the_model_was_trained_on_are_scored_only_on_demand(
    data: Path, caplog: pytest.LogCaptureFixture, split: Split, names: list[str]
):
    summary, photos = evaluate(data, trained_on("0"), COARSE, split=split)

    assert [photo.name for photo in photos] == names
    assert summary.left_out_as_seen_in_training == 2 - len(names)
    assert not caplog.records


def test_the_worst_finished_mask_comes_first(tmp_path: Path):
    def photo(name: str, refined: float, postprocessed: float) -> PhotoScores:
        scores = [Scores(dice, 1.0, 0.5) for dice in (0.8, 0.85, refined, postprocessed)]
        return PhotoScores(name, *scores, tiles=10, tiles_share=0.1, predicted_dice=0.9)

    photos = [photo("a", 0.90, 0.97), photo("b", 0.95, 0.96), photo("c", 0.93, 0.91)]

    write_score_table(tmp_path / "photos.csv", photos)

    with (tmp_path / "photos.csv").open() as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["c", "b", "a"]
