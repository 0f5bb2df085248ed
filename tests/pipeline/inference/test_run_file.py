"""The list of calls that `predict` leaves beside its results."""

import json
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from data.errors import InputError
from pipeline.inference.outputs import MASK
from pipeline.inference.part import Part
from pipeline.inference.run_file import MOST_CALLS, RUN_FILE, Call, earlier_calls
from pipeline.model import identity, own_version
from pipeline.model_folder import load_model
from tests.builders import foveamask
from tests.pipeline.inference.predicting import predict_photos, segmenter_of, visible, write_photos
from tests.pipeline.inference.test_resume import interrupted_after

CALL = Call({"out": Path("out")}, model="tiny")


def calls_in(out: Path) -> list[dict[str, Any]]:
    content = json.loads((out / RUN_FILE).read_text())
    assert (content["format"], content["foveamask"]) == (1, own_version())
    calls: list[dict[str, Any]] = content["calls"]
    return calls


def test_a_call_is_described_with_its_figures(tmp_path: Path, model: Path):
    photos, out = write_photos(tmp_path / "photos", 4), tmp_path / "out"
    photos[2].write_bytes(b"")

    status = foveamask(
        *("predict", tmp_path / "photos", out, "--model", model, "--budget", 5),
        *("--expected", tmp_path / "expected.csv"),
    )

    (call,) = calls_in(out)
    assert status == 1
    assert call["status"] == "done"
    assert call["arguments"]["photos"] == [str(tmp_path / "photos")]
    assert call["arguments"]["out"] == str(out)
    assert call["arguments"]["budget"] == 5
    assert call["arguments"]["output"] == "mask"
    assert call["model"] == {"name": str(model), "sha256": identity(load_model(model))}
    assert (call["stage"], call["budget"], call["outputs"]) == ("refined", 5, ["mask"])
    assert call["versions"].keys() >= {"foveamask", "python", "torch", "numpy", "pillow"}
    assert call["machine"]["device"].startswith("cpu, ")
    assert (call["photos"], call["done"], call["failed"], call["skipped"]) == (4, 3, 1, 0)
    assert call["unlike_training"] == 0
    assert 0 < call["tiles"] <= 3 * 5
    assert call["tiles_a_photo"] == pytest.approx(call["tiles"] / 3, abs=0.01)
    rows = (tmp_path / "expected.csv").read_text().splitlines()[1:]
    mean = sum(float(row.split(",")[1]) for row in rows) / 3
    assert call["expected_dice"] == pytest.approx(mean, abs=1e-6)
    assert call["photos_a_second"] == pytest.approx(3 / call["predicting_seconds"], rel=0.05)
    began, ended = (datetime.fromisoformat(call[key]) for key in ("started", "ended"))
    assert began.tzinfo is not None
    assert began <= ended


def test_every_call_is_added_and_says_what_it_found_done(tmp_path: Path, model: Path):
    photos, out = write_photos(tmp_path / "photos", 3), tmp_path / "out"
    command = ("predict", photos[0].parent, out, "--model", model)
    assert foveamask("predict", *photos[:2], out, "--model", model) == 0

    assert foveamask(*command) == 0
    assert foveamask(*command) == 0

    figures = [(call["photos"], call["done"], call["skipped"]) for call in calls_in(out)]
    assert figures == [(2, 2, 0), (3, 1, 2), (3, 0, 3)]
    assert calls_in(out)[-1]["photos_a_second"] is None
    assert calls_in(out)[-1]["tiles"] == calls_in(out)[-2]["tiles"] > 0


def test_an_interrupted_call_is_listed_with_what_it_had_done(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 12), tmp_path / "out"
    interrupted_after(4, photos, out, call=CALL)
    predict_photos(photos, out, segmenter_of(), call=CALL)

    first, second = calls_in(out)
    assert first["status"] == "interrupted"
    assert first["done"] <= 4
    assert second["status"] == "done"
    assert second["skipped"] == first["done"]
    assert second["done"] + second["skipped"] == 12


def test_a_call_that_is_refused_leaves_no_trace(tmp_path: Path, model: Path):
    photos, out = write_photos(tmp_path / "photos", 1), tmp_path / "out"
    assert foveamask("predict", *photos, out, "--model", model) == 0
    before = (out / RUN_FILE).read_bytes()

    assert foveamask("predict", *photos, out, "--model", model, "--budget", 1) == 1

    assert (out / RUN_FILE).read_bytes() == before


def test_another_file_of_that_name_is_not_overwritten(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    photos, out = write_photos(tmp_path / "photos", 1), tmp_path / "out"
    out.mkdir()
    for text in ('{"version": "5.0.1", "shapes": []}', "[]", "no JSON", '{"calls": 3}', "[" * 9999):
        (out / RUN_FILE).write_text(text)

        assert foveamask("predict", *photos, out, "--model", model) == 1

        error = capsys.readouterr().err
        assert f"{out / RUN_FILE} is no list of calls" in error
        assert error.count("\n") == 1
        assert (out / RUN_FILE).read_text() == text
        assert visible(out) == {}


def test_a_folder_in_its_place_is_named(tmp_path: Path):
    (tmp_path / RUN_FILE).mkdir()

    with pytest.raises(InputError, match=r"run\.json cannot be read: Is a directory"):
        earlier_calls(tmp_path / RUN_FILE)


def test_a_result_of_that_name_is_refused_before_any_work(tmp_path: Path):
    (photo,) = write_photos(tmp_path / "photos", 1)
    photo = photo.rename(photo.with_name("run.png"))
    output = replace(MASK, suffix=".json")

    with pytest.raises(InputError, match="both a result and the list of calls; rename the photo"):
        predict_photos([photo], tmp_path / "out", segmenter_of(), outputs=[output], call=CALL)

    assert not (tmp_path / "out").exists()


def test_only_the_latest_calls_are_kept(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 1), tmp_path / "out"
    predict_photos(photos, out, segmenter_of(), call=CALL)
    content = json.loads((out / RUN_FILE).read_text())
    content["calls"] = [{"number": i} for i in range(MOST_CALLS)]
    (out / RUN_FILE).write_text(json.dumps(content))

    predict_photos(photos, out, segmenter_of(), call=CALL)

    calls = calls_in(out)
    assert len(calls) == MOST_CALLS
    assert calls[0] == {"number": 1}
    assert calls[-1]["skipped"] == 1


def test_a_call_in_python_leaves_no_file_unless_it_is_asked_to(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 1)

    predict_photos(photos, tmp_path / "out", segmenter_of())

    assert not (tmp_path / "out" / RUN_FILE).exists()


def test_a_part_has_a_list_of_its_own(tmp_path: Path):
    photos, out = write_photos(tmp_path / "photos", 1), tmp_path / "out"
    predict_photos(photos, out, segmenter_of(), call=CALL)

    predict_photos(photos, out, segmenter_of(), call=CALL, part=Part(1, 2))

    assert len(calls_in(out)) == 1
    assert len(json.loads((out / "run.part-1-of-2.json").read_text())["calls"]) == 1


@pytest.mark.parametrize("part", [None, Part(3, 40)])
def test_masks_beside_the_list_are_converted(tmp_path: Path, part: Part | None):
    photos, out = write_photos(tmp_path / "photos", 2), tmp_path / "out"
    predict_photos(photos, out, segmenter_of(), call=CALL, part=part)
    name = RUN_FILE if part is None else "run.part-3-of-40.json"

    assert foveamask("convert", out, tmp_path / "labels", "--to", "labelme") == 0
    shutil.copy(out / name, tmp_path / "labels" / name)
    assert foveamask("convert", tmp_path / "labels", tmp_path / "again", "--to", "png") == 0

    assert set(visible(tmp_path / "again")) == {"0000.png", "0001.png"}


def test_a_photo_called_run_has_polygons_like_any_other(tmp_path: Path):
    (photo,) = write_photos(tmp_path / "photos", 1)
    photo = photo.rename(photo.with_name("run.png"))
    predict_photos([photo], tmp_path / "masks", segmenter_of())
    assert foveamask("convert", tmp_path / "masks", tmp_path / "labels", "--to", "labelme") == 0

    assert foveamask("convert", tmp_path / "labels", tmp_path / "again", "--to", "png") == 0

    assert set(visible(tmp_path / "again")) == {"run.png"}
