"""Which photos are scored: those that the model has not seen, unless all are asked for."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from data.errors import InputError
from data.fingerprints import photo_hashes
from data.samples import find_samples
from pipeline import model
from pipeline.cli import main
from pipeline.evaluation.evaluate import evaluate
from pipeline.inference.segmenter import Segmenter
from pipeline.model_folder import save_model
from pipeline.seen_photos import joined
from tests.builders import CPU, car_name, grey, group_name, tiny_model, write_data

CARS, ANGLES, SEEN = 5, 2, (0, 3)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    stems = (car_name(car, angle) for car in range(CARS) for angle in range(1, ANGLES + 1))
    return write_data(tmp_path / "data", {stem: grey(9 * i) for i, stem in enumerate(stems)})


def names(cars: tuple[int, ...]) -> list[str]:
    return [car_name(car, angle) for car in cars for angle in range(1, ANGLES + 1)]


def model_that_has_seen(*cars: int, **settings: Any) -> model.Model:
    provenance = {"groups": [group_name(car) for car in cars], "settings": {"data": settings}}
    return replace(tiny_model(), provenance=provenance)


def test_photos_of_groups_that_the_model_has_seen_are_not_scored(data: Path):
    segmenter = Segmenter.from_model(model_that_has_seen(*SEEN), CPU, "fp32")

    summary, photos = evaluate(data, segmenter)

    assert [photo.name for photo in photos] == names((1, 2, 4))
    assert (summary.photos, summary.left_out_as_seen_in_training) == (6, 4)


def test_all_photos_are_scored_where_all_are_asked_for(data: Path):
    segmenter = Segmenter.from_model(model_that_has_seen(*SEEN), CPU, "fp32")

    summary, photos = evaluate(data, segmenter, split="all")

    assert [photo.name for photo in photos] == names((0, 1, 2, 3, 4))
    assert (summary.photos, summary.left_out_as_seen_in_training) == (10, 0)


def test_groups_are_those_that_the_model_was_trained_by(data: Path):
    """Of a model whose groups are angles, not cars, it is angles that are not scored."""
    knows = replace(
        tiny_model(),
        provenance={"groups": ["02"], "settings": {"data": {"group": r"[0-9a-f]{12}_(\d{2})"}}},
    )

    _, photos = evaluate(data, Segmenter.from_model(knows, CPU, "fp32"))

    assert [photo.name for photo in photos] == [car_name(car, 1) for car in range(CARS)]


def test_photos_that_the_model_has_seen_are_not_scored_under_another_name(data: Path):
    samples = find_samples(data)
    provenance = {"groups": ["x"], "photo_hashes": joined(photo_hashes(samples[:3]))}
    model = replace(tiny_model(), provenance=provenance)

    summary, photos = evaluate(data, Segmenter.from_model(model, CPU, "fp32"))

    assert [photo.name for photo in photos] == [sample.name for sample in samples[3:]]
    assert summary.left_out_as_seen_in_training == 3


@pytest.mark.parametrize(("value", "what"), [(0, "empty"), (255, "full")])
def test_masks_that_are_all_empty_or_all_full_are_said_to_be(
    data: Path, caplog: pytest.LogCaptureFixture, value: int, what: str
):
    for sample in find_samples(data):
        with Image.open(sample.mask) as image:
            Image.new("L", image.size, value).save(sample.mask)

    evaluate(data, Segmenter.from_model(model_that_has_seen(0), CPU, "fp32"))

    assert f"all 8 masks read of {data} are {what}" in caplog.text


def test_a_model_that_has_seen_all_of_them_is_not_scored(data: Path):
    segmenter = Segmenter.from_model(model_that_has_seen(*range(CARS)), CPU, "fp32")

    with pytest.raises(InputError, match="trained on all 10 photos"):
        evaluate(data, segmenter)


@pytest.mark.parametrize(("split", "cars"), [("unseen", (1, 2, 4)), ("all", (0, 1, 2, 3, 4))])
def test_the_command_scores_the_photos_of_the_split_asked_for(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], split: str, cars: tuple[int]
):
    save_model(model_that_has_seen(*SEEN), tmp_path / "model")
    table = tmp_path / "photos.csv"
    arguments = ["evaluate", data, "--model", tmp_path / "model", "--per-photo", table]

    status = main([str(argument) for argument in [*arguments, "--split", split]])

    assert status == 0
    with table.open() as file:
        assert sorted(row["name"] for row in csv.DictReader(file)) == names(cars)
    assert json.loads(capsys.readouterr().out)["photos"] == len(names(cars))


def test_the_command_leaves_out_what_the_model_has_seen_unless_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    save_model(model_that_has_seen(*SEEN), tmp_path / "model")

    assert main(["evaluate", str(data), "--model", str(tmp_path / "model")]) == 0

    assert json.loads(capsys.readouterr().out)["photos"] == 6
