from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import wrong_pixels
from benchmarks.wrong_pixels import PhotoErrors, error_table
from data.errors import InputError
from pipeline.evaluation.error_breakdown import break_down
from pipeline.model_folder import save_model
from tests.measured import photo_of, segmenter_of, write_photos


def test_the_table_has_means_of_each_set():
    segmenter, photo = segmenter_of(), photo_of()
    truths = [photo[..., i] > 128 for i in range(2)]
    photos = [PhotoErrors(break_down(segmenter.predict(photo), truth)) for truth in truths]

    first, second = (photo.breakdown for photo in photos)
    lines = error_table({"not trained on": photos, "trained on": photos[:1]}).splitlines()

    assert lines[0] == "| | not trained on, 2 photos | trained on, 1 photos |"
    mean = (first.refined + second.refined) / 2
    assert f"| refined Dice | {mean:.5f} | {first.refined:.5f} |" in lines
    mean = (first.wrong + second.wrong) / 2
    assert f"| wrong pixels a photo | {mean:.0f} | {first.wrong} |" in lines
    assert len({line.count("|") for line in lines}) == 1
    assert not any("reference" in line for line in lines)


def test_the_command_prints_both_sets_and_the_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data, (mine, other) = write_photos(tmp_path), (tmp_path / "mine", tmp_path / "other")
    model = segmenter_of().model
    save_model(replace(model, provenance={"groups": ["0"]}), mine)
    save_model(model, other)

    wrong_pixels.wrong_pixels(data, model=str(mine), reference=str(other))

    printed = capsys.readouterr().out
    assert printed.startswith("model ")
    assert "| not trained on, 1 photos | trained on, 1 photos |" in printed
    assert "| coarse Dice of the reference | 0." in printed
    with pytest.raises(InputError, match="was trained on photos of the column 'trained on'"):
        wrong_pixels.wrong_pixels(data, model=str(mine), reference=str(mine))
