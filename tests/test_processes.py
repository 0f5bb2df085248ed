"""Commands as processes of their own, and how they end: by Ctrl-C, by damage, on a full disk."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from coarse.enet import ENet
from data.geometry import Fovea
from pipeline.model import Model
from pipeline.model_folder import load_model, save_model
from pipeline.training import checkpoint
from refine.refiner_network import Refiner

ROOT = Path(__file__).parent.parent
COMMAND = (sys.executable, "-m", "pipeline")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
LIMIT = "import os, resource as r, sys; r.setrlimit(r.RLIMIT_FSIZE, (64, 64)); "
NO_ROOM = (sys.executable, "-c", LIMIT + "os.execv(sys.argv[1], sys.argv[1:])")
"""Runs the rest of the line where no file may grow beyond 64 bytes, fewer than any mask has."""

SECONDS = 300
"""The longest wait for anything; the machine may be busy."""

SETTINGS = """
[data]
long_side = 96
val_share = 0.3
[coarse]
epochs = {epochs}
batch_size = 2
enet.dropout = 0.1
num_workers = {workers}
precision = "fp32"
[tiles]
side = 8
levels = 2
max_patches_per_photo = 100
"""


def write_data(folder: Path, count: int) -> Path:
    """Photos of a disc, many of which are the same file by another name."""
    (folder / "train").mkdir(parents=True)
    (folder / "train_masks").mkdir()
    random = np.random.default_rng(0)
    for i in range(count):
        photo = folder / "train" / f"{i:012x}_01.jpg"
        mask = folder / "train_masks" / f"{i:012x}_01_mask.png"
        if i < 10:
            disc = cv2.circle(np.zeros((64, 96), np.uint8), (30 + 3 * i, 32), 15 + i, 255, -1)
            noise = random.integers(0, 60, (64, 96, 3))
            cv2.imwrite(str(photo), (noise + disc[..., None] // 2).astype(np.uint8))
            cv2.imwrite(str(mask), disc)
        else:
            photo.hardlink_to(folder / "train" / f"{i % 10:012x}_01.jpg")
            mask.hardlink_to(folder / "train_masks" / f"{i % 10:012x}_01_mask.png")
    return folder


def write_settings(path: Path, *, epochs: int, workers: int) -> Path:
    path.write_text(SETTINGS.format(epochs=epochs, workers=workers))
    return path


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose model knows nothing."""
    run = tmp_path_factory.mktemp("untrained")
    torch.manual_seed(0)
    fovea = Fovea(8, 2)
    value = Model(ENet(), Refiner(fovea), fovea, low=0.05, high=0.95, long_side=96)
    save_model(value, run / "model")
    write_settings(run / "config.toml", epochs=1, workers=0)
    return run


@contextmanager
def started(*command: object) -> Iterator["subprocess.Popen[str]"]:
    """Start a command in a session of its own, as from a terminal of its own."""
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            if group_is_alive(process):
                os.killpg(process.pid, signal.SIGKILL)


def group_is_alive(process: "subprocess.Popen[str]") -> bool:
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.01)


def result_of(*command: object) -> tuple[int, str]:
    """Exit status and stderr of a command."""
    with started(*command) as process:
        _, said = process.communicate(timeout=SECONDS)
    return process.returncode, said


def interrupted_once(condition: Callable[[], bool], *command: object) -> str:
    """Start a command, press Ctrl-C as soon as `condition` holds; return what it said."""
    with started(*command) as process:
        wait_until(lambda: condition() or process.poll() is not None)
        assert process.poll() is None, process.communicate()[1]
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
        _, said = process.communicate(timeout=SECONDS)
        wait_until(lambda: not group_is_alive(process))
    assert process.returncode == 130, said
    assert "error: interrupted; run the same command again to resume" in said.splitlines()
    assert "Traceback" not in said
    return said


def unfinished(folder: Path) -> list[Path]:
    """Files that another name was meant for."""
    return list(folder.rglob(".*.partial"))


@pytest.mark.slow
def test_ctrl_c_ends_predict_with_a_word_and_whole_masks(tmp_path: Path, untrained: Path):
    photos, out = write_data(tmp_path / "data", 500) / "train", tmp_path / "out"

    interrupted_once(
        lambda: out.exists() and any(out.glob("*.png")),
        *(*COMMAND, "predict", photos, out, "--model", untrained / "model", "--device", "cpu"),
    )

    masks = list(out.glob("*.png"))
    assert 0 < len(masks) < 500
    assert not unfinished(out)
    for path in masks:
        assert cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).shape == (64, 96)


@pytest.mark.slow
def test_ctrl_c_ends_make_patches_with_a_word_and_no_patches(tmp_path: Path, untrained: Path):
    data = write_data(tmp_path / "data", 500)

    interrupted_once(
        (untrained / "patches.zarr.partial").exists,
        *(*COMMAND, "make-patches", data, untrained, "--device", "cpu"),
    )

    assert not (untrained / "patches.zarr").exists()


@pytest.mark.slow
def test_training_interrupted_with_loaders_goes_on_to_the_weights_of_one_without(tmp_path: Path):
    data = write_data(tmp_path / "data", 20)
    none = write_settings(tmp_path / "none.toml", epochs=8, workers=0)
    two = write_settings(tmp_path / "two.toml", epochs=8, workers=2)
    run, other = tmp_path / "run", tmp_path / "other"
    train = (*COMMAND, "train-coarse", data, run, "--config", two, "--device", "cpu")
    last = run / "coarse" / "last.pt"

    interrupted_once(last.exists, *train)
    killed_at = checkpoint.read(last)["epoch"]
    assert result_of(*train)[0] == 0
    status, _ = result_of(
        *(*COMMAND, "train-coarse", data, other, "--config", none, "--device", "cpu")
    )

    assert status == 0
    assert killed_at < 8, "the training was over before it could be interrupted"
    again, whole = (checkpoint.read(path / "coarse" / "last.pt") for path in (run, other))
    assert again["epoch"] == whole["epoch"] == 8
    for name, weights in whole["average"].items():
        torch.testing.assert_close(again["average"][name], weights, rtol=0, atol=0)


@pytest.mark.slow
def test_a_photo_damaged_in_the_middle_ends_evaluate_in_one_line(tmp_path: Path, untrained: Path):
    data = write_data(tmp_path / "data", 60)
    damaged = sorted((data / "train").iterdir())[31]
    whole = damaged.read_bytes()
    damaged.unlink()  # and not the other names of the file
    damaged.write_bytes(whole[: len(whole) // 2])

    status, said = result_of(
        *(*COMMAND, "evaluate", data, "--model", untrained / "model"),
        *("--split", "all", "--device", "cpu"),
    )

    assert status == 1, said
    (line,) = said.splitlines()
    assert line.startswith(f"error: {damaged} ")


@pytest.mark.slow
def test_a_full_disk_ends_predict_in_one_line_and_leaves_nothing(tmp_path: Path, untrained: Path):
    photos, out = write_data(tmp_path / "data", 60) / "train", tmp_path / "out"

    status, said = result_of(
        *(*NO_ROOM, *COMMAND, "predict", photos, out, "--model", untrained / "model"),
        *("--device", "cpu"),
    )

    assert status == 1, said
    (line,) = said.splitlines()
    assert line.startswith("error: ")
    assert "File too large" in line
    assert [path.name for path in out.iterdir() if path.stat().st_size] == []


@pytest.mark.slow
def test_two_processes_train_to_a_model(tmp_path: Path):
    data = write_data(tmp_path / "data", 20)
    settings = write_settings(tmp_path / "settings.toml", epochs=2, workers=1)
    run = tmp_path / "run"

    status, said = result_of(
        *(sys.executable, *TORCHRUN, "-m", "pipeline", "train-coarse", data, run),
        *("--config", settings, "--device", "cpu"),
    )

    assert status == 0, said
    assert load_model(str(run / "model")).refiner is None
    assert checkpoint.read(run / "coarse" / "last.pt")["epoch"] == 2
