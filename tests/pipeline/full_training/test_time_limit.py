"""`train --time`: the limit is kept, by a clock that runs with the steps of the trainings alone."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.cli.arguments import parse_duration
from pipeline.full_training import train as full_training
from pipeline.training.batch_clock import TimedBatches
from pipeline.training.speed_trial import Speeds
from tests.pipeline.full_training.small_training import command

SPEEDS = Speeds(read=0.2, coarse_step=5.0, coarse_photo=0.2, refiner_step=3.0)


class StepClock:
    """Seconds that pass with each step, of either stage."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, coarse: float, refiner: float) -> None:
        self.now = 1000.0
        self.pace = {2: coarse}
        """By the number of tensors in a batch: photos with masks, or the arrays of patches."""
        real = TimedBatches.__iter__

        def slow(batches: TimedBatches) -> Iterator[Any]:
            for batch in real(batches):
                self.now += self.pace.get(len(batch), refiner)
                yield batch

        monkeypatch.setattr(TimedBatches, "__iter__", slow)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(full_training, "measure_speeds", lambda *_: SPEEDS)


@pytest.mark.parametrize(("coarse", "refiner"), [(5, 3), (3, 4.5), (8.5, 2)])
def test_a_limit_is_kept_within_a_tenth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coarse: float, refiner: float
):
    clock = StepClock(monkeypatch, coarse, refiner)

    assert main(command(tmp_path, "--time", "6m", steps="")) == 0

    assert clock.now - 1000 == pytest.approx(360, rel=0.1)
    seconds = json.loads((tmp_path / "run" / "train.json").read_text())["seconds"]
    assert seconds["coarse"] > seconds["refiner"] > 30


def test_a_limit_holds_for_all_trainings_of_a_cross_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clock = StepClock(monkeypatch, 6, 3)

    assert main(command(tmp_path, "--time", "20m", "--all-photos", steps="")) == 0

    assert clock.now - 1000 == pytest.approx(1200, rel=0.1)


def test_an_interrupted_limit_counts_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clock = StepClock(monkeypatch, 5, 3)
    real = TimedBatches.__iter__

    def interrupted(batches: TimedBatches) -> Iterator[Any]:
        for batch in real(batches):
            if clock.now > 1100:
                raise KeyboardInterrupt
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(TimedBatches, "__iter__", interrupted)
        assert main(command(tmp_path, "--time", "6m", steps="")) == 130
    clock.now += 10**6  # a night later
    began = clock.now
    assert main(command(tmp_path, "--time", "6m", steps="")) == 0

    # At most the epoch that was interrupted is trained again.
    assert 90 + clock.now - began == pytest.approx(360, rel=0.1)


def test_too_little_time_is_said_with_how_much_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    StepClock(monkeypatch, 5, 3)

    assert main(command(tmp_path, "--time", "60s", steps="")) == 1

    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: --time 60 s is too short for these photos")
    assert said.endswith("on this machine, as busy as it is now; give at least that")
    assert not (tmp_path / "run").exists()


def test_time_and_steps_contradict_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(command(tmp_path, "--time", "6m", steps="steps = 4")) == 2

    said = capsys.readouterr().err
    assert "--time does not go with coarse.steps, refiner.steps; take one of them out" in said


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *[("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("45s", 45), ("10", 600)],
        *[("1.5h", 5400), ("2H0M", 7200), ("90min", 5400), (None, None)],
    ],
)
def test_durations_are_read_as_people_write_them(text: str | None, seconds: float | None):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "-5m", "5 minutes", "m", "1d", "30m2h", "1e3m"])
def test_what_is_no_duration_is_refused(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
):
    assert main(command(tmp_path, f"--time={text}")) == 2

    assert "--time takes a duration, such as 30m, 2h or 1h30m" in capsys.readouterr().err
