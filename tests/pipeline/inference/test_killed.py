"""`predict` killed at several moments, and what the same command makes of it afterwards."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.inference.records import RECORDS
from pipeline.model_folder import save_model
from tests.pipeline.inference.predicting import segmenter_of, visible, write_photos

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, a model, and masks and a csv that were made without interruption."""
    root = tmp_path_factory.mktemp("whole")
    write_photos(root / "photos", 100)
    save_model(segmenter_of().model, root / "model")
    assert main(predict_command(root, root)) == 0
    return root


def predict_command(whole: Path, results: Path) -> list[str]:
    """The command that predicts the photos of `whole` into the folder `results`."""
    command = ["predict", whole / "photos", results / "out", "--csv", results / "masks.csv"]
    return [*map(str, command), "--model", str(whole / "model"), "--device", "cpu"]


@pytest.mark.slow
@pytest.mark.parametrize("num_done", [0, 40, 100])
def test_a_process_that_is_killed_is_resumed_to_the_same_bytes(
    tmp_path: Path, whole: Path, num_done: int, capsys: pytest.CaptureFixture[str]
):
    out, command = tmp_path / "out", predict_command(whole, tmp_path)
    killed_when(lambda: num_records(out) >= num_done, *command)
    num_before = num_records(out)

    assert main(command) == 0

    assert num_done <= num_before <= 100
    if num_before:
        said = capsys.readouterr().err.splitlines()
        assert f"{num_before} of 100 photos are done already" in said
    assert num_records(out) == 100
    assert visible(out) == visible(whole / "out")
    assert (tmp_path / "masks.csv").read_bytes() == (whole / "masks.csv").read_bytes()
    assert not list(out.glob(".*.partial"))


@pytest.mark.slow
def test_a_process_killed_again_and_again_gets_there(tmp_path: Path, whole: Path):
    out, command = tmp_path / "out", predict_command(whole, tmp_path)

    for num_done in (1, 70):
        killed_when(lambda num=num_done: num_records(out) >= num, *command)
        assert num_done <= num_records(out) <= 100
    assert main(command) == 0

    assert visible(out) == visible(whole / "out")
    assert (tmp_path / "masks.csv").read_bytes() == (whole / "masks.csv").read_bytes()


def num_records(out: Path) -> int:
    path = out / RECORDS
    return path.read_bytes().count(b"\n") if path.exists() else -1


def killed_when(condition: Callable[[], bool], *command: object) -> None:
    """Start a command and kill it as soon as `condition` holds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *map(str, command)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    with process:
        end = time.monotonic() + 300
        while not condition() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
