"""What a user can get wrong, and what the commands answer: one line, and the right status."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from coarse.enet import ENet
from tests.bad_input.answers import Errors, write_mask


def test_all_photos_and_masks_without_a_partner_are_named_at_once(errors: Errors, data: Path):
    (data / "masks" / "a.png").unlink()
    (data / "images" / "c.png").unlink()

    said = errors(1, "train-coarse", data, data / "run")

    assert any("a.png has no mask" in line for line in said)
    assert any("c.png has no photo" in line for line in said)


def test_training_names_every_damaged_file_before_the_first_epoch(
    errors: Errors, data: Path, tmp_path: Path
):
    whole = (data / "images" / "a.png").read_bytes()
    (data / "images" / "a.png").write_bytes(whole[: len(whole) // 2])
    (data / "images" / "b.png").write_bytes(b"")
    write_mask(data, "c", np.zeros((64, 95), np.uint8))
    write_mask(data, "d", np.arange(64 * 96, dtype=np.uint8).reshape(64, 96) % 5)
    settings = tmp_path / "settings.toml"
    settings.write_text("[data]\nval_share = 0.5\n")

    said = errors(1, "train-coarse", data, data / "run", "--config", settings)

    for part in ("a.png", "b.png", "64 x 96, its mask 64 x 95", "d.png has 5 values"):
        assert any(part in line for line in said), part
    assert not any("epoch" in line for line in said)
    assert not (data / "run" / "coarse" / "last.pt").exists()


def test_training_names_a_damaged_jpeg_before_the_first_epoch(
    errors: Errors, data: Path, tmp_path: Path
):
    (data / "images" / "a.png").unlink()
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
    (data / "images" / "a.jpg").write_bytes(jpeg[: len(jpeg) // 2] + b"\xff\xd9")
    settings = tmp_path / "settings.toml"
    settings.write_text("[data]\nval_share = 0.5\n")

    said = errors(1, "train-coarse", data, data / "run", "--config", settings)

    assert any("a.jpg is damaged: a part of the picture is missing" in line for line in said)
    assert not any("epoch" in line or line.startswith("Corrupt") for line in said)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "nowhere", "out"], "no such photo or folder: nowhere"),
        (["predict", ".", "out"], "no photos in ."),
        (["evaluate", "nowhere"], "no such folder: nowhere"),
        (["evaluate", "."], "none of the layouts"),
        (["train-coarse", "nowhere", "run"], "no such folder: nowhere"),
        (["make-patches", "nowhere", "run"], "no such folder: nowhere"),
        (["make-patches", ".", "run"], "train-coarse"),
        (["train-refiner", "run"], "train-coarse"),
        (["train-coarse", "nowhere", "run", "--config", "none.toml"], "no such settings file"),
        (["train-coarse", ".", "nowhere", "run"], "no such folder: nowhere"),
        (["train-refiner", "run", "--config", "none.toml"], "no such settings file: none.toml"),
    ],
)
def test_what_is_missing_is_named_in_one_line(
    errors: Errors,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
):
    monkeypatch.chdir(tmp_path)

    said = errors(1, *arguments)

    assert len(said) == 1
    assert message in said[0]


@pytest.mark.parametrize(
    "arguments", [["train-coarse", "{data}"], ["make-patches", "{data}"], ["train-refiner"]]
)
def test_a_file_in_place_of_a_run_is_named_before_torch_is_imported(
    errors: Errors, data: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
):
    monkeypatch.setitem(sys.modules, "pipeline.training", None)  # an import of it would raise
    run = data / "images" / "a.png"

    said = errors(1, *(argument.format(data=data) for argument in arguments), run)

    assert said == [f"error: {run} is a file; name a folder for the run"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[coarse]\nepoch = 3",
            "no setting coarse.epoch; did you mean coarse.epochs? There are",
        ),
        ("[coarse]\nepochs = -1", "coarse.epochs must be from 0 to 1000000, not -1"),
        ("[tiles]\nside = 12", "tiles.side must be one of 8, 16, 32, not 12"),
        ("[tiles]\nlevels = 5", "tiles.levels must be from 1 to 4, not 5"),
        ("[data]\ngroup = '('", "data.group"),
        ("[coarse]\nema = 0.9", "coarse.ema is now called coarse.ema_decay"),
        ("nonsense", "not TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_may_be(
    errors: Errors, data: Path, tmp_path: Path, text: str, message: str
):
    settings = tmp_path / "settings.toml"
    settings.write_text(text)

    said = errors(2, "train-coarse", data, tmp_path / "run", "--config", settings)

    assert len(said) == 1
    assert message in said[0]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["predit", "a", "b"],
        ["predict", "a"],
        ["predict", "a", "b", "--budget", "-1"],
        ["predict", "a", "b", "--stage", "fine"],
        ["demo-data", "a", "--cars", "0"],
        ["demo-data", "a", "--seed", "-1"],
        ["evaluate", "a", "--device", "tpu"],
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(errors: Errors, arguments: list[str]):
    said = errors(2, *arguments)

    assert len(said) == 1
    assert said[0].endswith("--help")


@pytest.mark.parametrize(
    ("arguments", "takes"),
    [
        (["predict", "a"], "predict takes PHOTOS and OUT"),
        (["train-coarse", "a"], "train-coarse takes DATA and RUN"),
        (["evaluate"], "evaluate takes DATA"),
        (["predict", "a", "b", "--budget"], "--budget requires an argument"),
    ],
)
def test_what_a_command_takes_is_said_where_something_is_missing(
    errors: Errors, arguments: list[str], takes: str
):
    [said] = errors(2, *arguments)

    assert takes in said


def test_a_second_predict_in_a_folder_is_refused(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path
):
    out = tmp_path / "out"
    out.mkdir()
    with held(out / ".foveamask.lock"):
        said = errors(1, "predict", data / "images", out, "--model", untrained)

    assert said == [
        f"error: another `foveamask predict` is writing to {out}; wait for it, or name another "
        "folder"
    ]
    assert [path.name for path in out.iterdir()] == [".foveamask.lock"]


def test_a_loss_that_is_not_finite_stops_training_with_advice(
    errors: Errors, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = tmp_path / "settings.toml"
    settings.write_text("[data]\nval_share = 0.5\nlong_side = 96\n[coarse]\nnum_workers = 0\n")
    monkeypatch.setattr(ENet, "forward", lambda self, x: self.head.bias * x[:, 0] * torch.inf)

    said = errors(1, "train-coarse", data, tmp_path / "run", "--config", settings)

    assert "the loss is nan in epoch 1" in said[-1]


def test_a_second_command_in_a_run_is_refused(errors: Errors, data: Path, tmp_path: Path):
    settings = tmp_path / "settings.toml"
    settings.write_text("[data]\nval_share = 0.5\n")

    (tmp_path / "run").mkdir()
    with held(tmp_path / "run" / ".lock"):
        said = errors(1, "train-coarse", data, tmp_path / "run", "--config", settings)

    assert said == [f"error: another command is at work in {tmp_path / 'run'}"]


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Have another process hold a lock."""
    other = (
        "import sys; from pathlib import Path; from data.locks import locked\n"
        "with locked(Path(sys.argv[1]), ''): print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", other, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield
        process.communicate()
