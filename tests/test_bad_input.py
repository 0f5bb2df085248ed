"""What a user can get wrong, and what the commands answer: one line, and the right status."""

import csv
import errno
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from coarse.enet import ENet
from data.geometry import Fovea
from pipeline.cli import main
from pipeline.model import Model
from pipeline.model_folder import save_model
from refine.refiner_network import Refiner

Errors = Callable[..., list[str]]
"""Status and arguments to the lines said."""


@pytest.fixture
def errors(capsys: pytest.CaptureFixture[str]) -> Errors:
    """Run a command that must fail; return the lines it says, of which none is a traceback."""

    def run(status: int, *arguments: object) -> list[str]:
        assert main([str(argument) for argument in arguments]) == status
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return said.splitlines()

    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four photos with masks."""
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for name in "abcd":
        cv2.imwrite(str(tmp_path / f"data/images/{name}.png"), np.full((64, 96, 3), 90, np.uint8))
        write_mask(tmp_path / "data", name, np.eye(64, 96, dtype=np.uint8) * 255)
    return tmp_path / "data"


@pytest.fixture
def untrained(tmp_path: Path) -> Path:
    """The folder of a model that knows nothing."""
    torch.manual_seed(0)
    fovea = Fovea(8, 2)
    value = Model(ENet(), Refiner(fovea), fovea, low=0.05, high=0.95, long_side=96)
    save_model(value, tmp_path / "model")
    return tmp_path / "model"


def write_mask(data: Path, name: str, mask: np.ndarray) -> None:
    cv2.imwrite(str(data / "masks" / f"{name}.png"), mask)


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "nowhere", "out"], "no such photo or folder: nowhere"),
        (["predict", ".", "out"], "no photos in ."),
        (["evaluate", "nowhere"], "no such folder: nowhere"),
        (["evaluate", "."], "neither of the layouts"),
        (["train-coarse", "nowhere", "run"], "no such folder: nowhere"),
        (["make-patches", "nowhere", "run"], "train-coarse"),
        (["train-refiner", "run"], "train-coarse"),
        (["train-coarse", "nowhere", "run", "--config", "none.toml"], "no such settings file"),
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
    ("text", "message"),
    [
        (
            "[coarse]\nepoch = 3",
            "no setting coarse.epoch; did you mean coarse.epochs? There are",
        ),
        ("[coarse]\nepochs = 0", "coarse.epochs must be from 1 to 1000000, not 0"),
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


def test_a_damaged_model_is_named_with_what_to_run(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path
):
    weights = next(untrained.glob("refiner-*"))
    damaged = bytearray(weights.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    weights.write_bytes(damaged)

    said = errors(1, "predict", data / "images", tmp_path / "out", "--model", untrained)

    assert len(said) == 1
    assert weights.name in said[0]
    assert "train-coarse" in said[0]
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(self: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)

    said = errors(1, "predict", data / "images", tmp_path / "out", "--model", untrained)

    assert "No space left on device" in said[-1]
    assert not [*(tmp_path / "out").glob("*.png"), *(tmp_path / "out").glob("*.partial")]


def test_a_folder_that_cannot_be_written_to_is_one_line(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path
):
    (tmp_path / "file").write_text("in the way")

    said = errors(1, "predict", data / "images", tmp_path / "file" / "out", "--model", untrained)

    assert len(said) == 1
    assert "file" in said[0]


def test_photos_without_a_folder_for_their_masks_are_told_so(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path
):
    photos = sorted((data / "images").iterdir())
    more = tmp_path / "more"
    more.mkdir()
    shutil.copy(photos[0], more)

    [said] = errors(1, "predict", *photos, "--model", untrained)
    assert f"{photos[-1]} is a file; the last argument names the folder" in said

    [said] = errors(1, "predict", data / "images", more, "--model", untrained)
    assert f"{more / photos[0].name} is no mask, and would be replaced by one" in said


@pytest.mark.parametrize("option", ["--csv", "--expected", "--per-photo"])
def test_a_table_that_cannot_be_written_is_said_before_the_work(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path, option: str
):
    out = tmp_path / "out"
    command = ["evaluate", data] if option == "--per-photo" else ["predict", data / "images", out]

    [said] = errors(1, *command, "--model", untrained, option, tmp_path)

    assert f"{tmp_path} is a folder; name a file" in said
    assert not list(out.glob("*.png"))


@pytest.mark.parametrize(
    ("command", "option"),
    [("predict", "--csv"), ("predict", "--expected"), ("evaluate", "--per-photo")],
)
def test_a_table_never_takes_the_place_of_something_else(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path, command: str, option: str
):
    """As where the name of the table was left out: predict --csv photos/* masks/."""
    photos, out = sorted((data / "images").iterdir()), tmp_path / "out"
    arguments = [*photos, out] if command == "predict" else [photos[0], data]
    before = photos[0].read_bytes()

    [said] = errors(1, command, option, *arguments, "--model", untrained)

    assert f"{photos[0]} is not a table with the columns" in said
    assert photos[0].read_bytes() == before
    assert not out.exists()


def test_a_folder_with_other_masks_is_not_written_to_unless_told_so(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path
):
    command = ["predict", data / "images", tmp_path / "out", "--model", untrained]
    errors(0, *command, "--stage", "coarse")

    [said] = errors(1, *command)
    assert said == (
        f"error: the results in {tmp_path / 'out'} were not made with the same stage (coarse, now "
        "refined); use --overwrite to make all results anew, or name another folder"
    )

    assert errors(0, *command, "--overwrite")[-1].startswith("4 of 4 photos in")
    assert errors(0, *command)[-1] == "4 of 4 photos are done already"


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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "run the same command again to resume"),
        (["--csv", "c.csv", "--expected", "e.csv"], "run the same command again to resume"),
        (["--overwrite"], "run the same command again, without --overwrite, to resume"),
    ],
)
def test_it_is_said_how_an_interrupted_command_is_resumed(
    errors: Errors,
    data: Path,
    untrained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str,
):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.inference.predict.predict_photos", interrupted)

    found = errors(130, "predict", data / "images", "out", "--model", untrained, *options)

    assert found == [f"error: interrupted; {said}"]


def test_a_missing_gpu_is_said(
    errors: Errors, data: Path, untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    said = errors(
        1, "predict", data / "images", tmp_path / "out", "--model", untrained, "--device", "cuda"
    )

    assert said == ["error: no CUDA device was found; use --device cpu or auto"]


def test_a_loss_that_is_not_finite_stops_training_with_advice(
    errors: Errors, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = tmp_path / "settings.toml"
    settings.write_text("[data]\nval_share = 0.5\nlong_side = 96\n[coarse]\nnum_workers = 0\n")
    monkeypatch.setattr(ENet, "forward", lambda self, x: self.head.bias * x[:, 0] * torch.inf)

    said = errors(1, "train-coarse", data, tmp_path / "run", "--config", settings)

    assert "the loss is nan in epoch 1" in said[-1]


def test_a_mask_never_takes_the_place_of_a_photo(errors: Errors, data: Path, untrained: Path):
    before = (data / "images" / "a.png").read_bytes()

    said = errors(1, "predict", data / "images", data / "images", "--model", untrained)

    assert len(said) == 1
    assert "images holds the photos; name another folder" in said[0]
    assert (data / "images" / "a.png").read_bytes() == before


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
        "import sys; from pathlib import Path; from data.files import locked\n"
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


def test_a_file_name_with_a_comma_stays_one_cell(untrained: Path, data: Path, tmp_path: Path):
    (data / "images" / "a.png").rename(data / "images" / "a, b.png")
    table = tmp_path / "masks.csv"

    photos, out = str(data / "images"), str(tmp_path / "out")
    main(["predict", photos, out, "--model", str(untrained), "--csv", str(table)])

    with table.open(newline="") as file:
        rows = list(csv.reader(file))
    assert [len(row) for row in rows] == [2] * 5
    assert rows[1][0] == "a, b.jpg"
