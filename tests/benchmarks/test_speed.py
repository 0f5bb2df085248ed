"""All measurements of speed, each run once, small."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import machine, scaling, speed, stage_times, throughput, timing
from benchmarks.machine import Machine
from benchmarks.speed import Options
from benchmarks.stage_times import Clock
from coarse.mlp import MLP
from data.errors import InputError, SettingsError
from data.geometry import Fovea
from pipeline.model import Model
from pipeline.model_folder import save_model
from refine.refiner_network import Refiner
from tests.measured import SETTINGS, write_cars

CPU = torch.device("cpu")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (scaling, stage_times, throughput, timing):
        monkeypatch.setattr(module, "ROUNDS", 1)
    monkeypatch.setattr(machine, "SIDE", {"cpu": 64})
    monkeypatch.setattr(machine, "COPIED", 2**20)
    monkeypatch.setattr(scaling, "MEGAPIXELS", (0.01, 0.02))


def write_model(folder: Path) -> Path:
    """A model for photos of 96 x 64, in which half of the tiles are uncertain or so."""
    torch.manual_seed(0)
    coarse = MLP(grid=(4, 6), hidden=(8,))
    nn.init.normal_(coarse.head.weight, std=2)
    refiner = Refiner(Fovea(16, 2), channels=(4, 4), depths=(1, 1))
    save_model(Model(coarse, refiner, Fovea(16, 2), 0.05, 0.95, 96), folder)
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.filterwarnings("ignore")  # those of the compiler
def test_every_part_has_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = write_cars(tmp_path / "data", cars=4, angles=4)
    (tmp_path / "base.toml").write_text(SETTINGS)
    options = Options(
        data=data,
        model=str(write_model(tmp_path / "model")),
        counts=(2, 3),
        every=1,
        settings=tmp_path / "base.toml",
        device="cpu",
    )

    speed.speed(tmp_path / "out", replace(options, only="training"))
    speed.speed(tmp_path / "out", options)

    text = (tmp_path / "out" / "speed.md").read_text()
    assert text in capsys.readouterr().out
    parts = re.split(r"^### ", text, flags=re.MULTILINE)
    assert len(parts) == 1 + len(speed.PARTS)
    for part in parts[1:]:
        rows = [line for line in part.splitlines() if line.startswith("| ")]
        assert len(rows) >= 4, part
        assert not re.search(r"\bnan\b|\binf\b", part)
    assert (tmp_path / "out" / "scaling.png").stat().st_size > 10_000
    folder = tmp_path / "out" / "files"
    assert len(list((folder / "masks").glob("*.png"))) == 3
    assert sum(len(list(masks.glob("*.png"))) for masks in folder.glob("masks?")) == 3


def test_a_part_that_is_none_is_refused():
    with pytest.raises(SettingsError, match="no part 'speling'; there are stages"):
        speed.chosen("stages,speling")


def test_time_within_a_stage_is_counted_once(monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    clock = Clock(CPU)

    with clock.timing("outer"):
        now[0] += 1
        with clock.timing("inner"):
            now[0] += 3
        now[0] += 2
        with clock.timing("inner"):
            now[0] += 3

    assert clock.times == {"inner": 6.0, "outer": 3.0}


def test_a_floor_is_the_longer_of_computing_and_moving():
    one = Machine(CPU, "a machine", 2, torch.float32, gmac_a_second=50.0, gb_a_second=10.0)

    assert one.floor_ms(gmac=1.0, megabytes=10.0) == 20.0
    assert one.floor_ms(gmac=1.0, megabytes=1000.0) == 100.0


def test_the_exponent_of_a_power_is_found():
    x = [1.0, 2.5, 10.0, 40.0]

    assert scaling.exponent(x, [3 * value**0.5 for value in x]) == pytest.approx(0.5)


def test_only_the_contour_is_uncertain_to_the_network_that_follows_it():
    mask = np.zeros((128, 192), bool)
    mask[32:96, 64:129] = True  # one column of a coarse pixel's sixteen

    network = MLP(grid=(8, 12), hidden=(4,), stride=16)
    p = torch.sigmoid(scaling.logits_of_mask(mask, network, 0.9))

    assert p.shape == (8, 12)
    assert (p[2:6, 4:8] > 0.9).all()
    uncertain = (p > 0.1) & (p < 0.9)
    assert uncertain.nonzero().tolist() == [[row, 8] for row in range(2, 6)]


def test_memory_is_that_of_the_command_alone():
    ballast = np.ones(2**28, np.uint8)  # 268 MB

    small = throughput.used_once([["--help"]])

    assert ballast.nbytes > 2e8
    assert 0 < small.seconds < 30
    assert 5 < small.megabytes < 150


def test_a_command_that_fails_says_why(tmp_path: Path):
    with pytest.raises(InputError, match=r"failed: .*nothing"):
        throughput.used_once([["predict", str(tmp_path / "nothing"), str(tmp_path / "masks")]])
