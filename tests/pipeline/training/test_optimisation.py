"""How weights change: learning rates, averages, decay, clipping."""

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, nn

from coarse.enet import ENet
from pipeline.config import TrainConfig
from pipeline.schedule_config import PlateauConfig
from pipeline.training import checkpoint
from pipeline.training.loop import (
    StageRun,
    fit,
    lr_factor,
    moving_average,
    new_optimizer,
    new_schedule,
    parameter_groups,
)
from tests.tiny_runs import Batch, TinyBatches, rows_of, small_run


@given(st.floats(0, 1), st.floats(0, 1))
@example(0.0, 0.0)
def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero(warmup: float, fraction: float):
    factor = lr_factor(fraction, warmup)

    assert 0 <= factor <= 1
    assert lr_factor(warmup, warmup) == 1
    if fraction < warmup:
        assert factor == max(fraction / warmup, 0.01)
    else:
        assert factor >= lr_factor(min(1.0, fraction + 0.01), warmup) - 1e-9


@pytest.mark.parametrize("warmup", [0, 0.05, 0.9])
def test_the_learning_rate_ends_at_zero_and_stays_there(warmup: float):
    assert lr_factor(1.0, warmup) == pytest.approx(0, abs=1e-12)
    assert lr_factor(1.5, warmup) == pytest.approx(0, abs=1e-12)


def test_half_way_down_is_half_the_rate():
    assert lr_factor(0.6, 0.2) == pytest.approx(0.5)


def test_the_moving_average_starts_as_a_plain_mean_and_then_decays():
    update = moving_average(0.9, share=1.0)
    average, values = [torch.tensor(1.0)], [1.0]

    for num in range(1, 10):  # the tenth value is the last with a weight of a tenth
        values.append(float(num**2))
        update(average, [torch.tensor(values[-1])], num)
        assert average[0].item() == pytest.approx(sum(values) / len(values))
    before = average[0].item()
    update(average, [torch.tensor(0.0)], torch.tensor(50))

    assert average[0].item() == pytest.approx(0.9 * before)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_the_window_of_the_moving_average_follows_the_length_of_the_training(share: float):
    """The mean age of the weights in the average is about a share of the steps so far."""
    update = moving_average(0.99999, share)

    for num_steps in (200, 2000):
        step = [torch.tensor(0.0, dtype=torch.float64)]
        for num in range(1, num_steps):
            update(step, [torch.tensor(float(num), dtype=torch.float64)], num)
        age = num_steps - step[0].item()
        assert age / num_steps == pytest.approx(share / (1 + share), rel=0.15)


def test_the_decay_limits_the_window():
    average = [torch.tensor(1.0)]

    moving_average(0.9, share=0.1)(average, [torch.tensor(0.0)], 10**6)

    assert average[0].item() == pytest.approx(0.9)


def test_without_a_decay_the_average_is_the_last_of_all(tmp_path: Path):
    weights = small_run(tmp_path, ema_decay=0.0)

    average = checkpoint.read(tmp_path / "last.pt")["average"]
    for name, value in weights.items():
        torch.testing.assert_close(average[f"module.{name}"], value)


def test_the_statistics_of_norms_are_averaged_as_weights_are(tmp_path: Path):
    weights = small_run(tmp_path)

    average = checkpoint.read(tmp_path / "last.pt")["average"]
    for name in ("1.running_mean", "0.weight"):
        assert not torch.allclose(average[f"module.{name}"], weights[name], atol=1e-4), name


def test_counts_are_taken_over_and_not_averaged():
    average, current = [torch.tensor(3)], [torch.tensor(8)]

    moving_average(0.9, share=0.1)(average, current, 5)

    assert average[0].item() == 8


def test_vectors_never_decay_and_every_parameter_is_optimised_once():
    model = ENet()

    decaying, rest = parameter_groups(model, 0.1)

    assert (decaying["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)
    slopes = {id(m.weight) for m in model.modules() if isinstance(m, nn.PReLU)}
    convolutions = {
        id(m.weight) for m in model.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
    }
    assert slopes <= {id(p) for p in rest["params"]}
    assert convolutions == {id(p) for p in decaying["params"]}
    both = [id(p) for p in decaying["params"] + rest["params"]]
    assert sorted(both) == sorted(id(p) for p in model.parameters())


def test_a_matrix_decays_and_is_in_one_group():
    model = nn.Linear(2, 3)

    decaying, rest = parameter_groups(model, 0.1)

    assert [id(p) for p in decaying["params"]] == [id(model.weight)]
    assert [id(p) for p in rest["params"]] == [id(model.bias)]


def test_gradients_are_clipped(tmp_path: Path):
    model = nn.Linear(1, 1)

    def steep(model: nn.Module, _: Batch) -> Tensor:
        return 1e6 * sum(p.sum() for p in model.parameters())

    norms: list[float] = []

    def watching(model: nn.Module) -> float:
        return 0.0

    class Watched(TinyBatches):
        def __iter__(self) -> Iterator[Batch]:
            for batch in super().__iter__():
                yield batch
                norms.append(math.hypot(*(p.grad.norm().item() for p in model.parameters())))

    config = TrainConfig(epochs=1, max_grad_norm=0.5)
    fit(model, steep, Watched(), watching, config, StageRun(tmp_path, "steep"))

    assert norms == pytest.approx([0.5] * 4, rel=1e-3)


def test_a_plateau_reduces_the_learning_rate_and_is_resumed(tmp_path: Path):
    """The score rises once, to the first; then after every second epoch the rate falls."""
    settings = {"schedule": "plateau", "plateau": PlateauConfig(patience=1), "lr": 1e-6}
    settings["ema_decay"] = 0.0

    small_run(tmp_path / "whole", epochs=7, **settings)
    small_run(tmp_path / "parts", epochs=4, **settings)
    small_run(tmp_path / "parts", epochs=7, **settings)

    rates = [row["lr"] for row in rows_of(tmp_path / "whole")]
    assert rates == pytest.approx([x * 1e-6 for x in (1, 1, 1, 0.2, 0.2, 0.04, 0.04)])
    assert rows_of(tmp_path / "parts") == rows_of(tmp_path / "whole")


def test_a_plateau_leaves_the_learning_rate_while_the_score_rises(tmp_path: Path):
    settings = {"schedule": "plateau", "plateau": PlateauConfig(patience=0), "lr": 1e-2}

    small_run(tmp_path, epochs=6, ema_decay=0.0, **settings)

    rows = rows_of(tmp_path)
    falls = [later["lr"] < row["lr"] for row, later in pairwise(rows)]
    best = [max(row["score"] for row in rows[: i + 1]) for i in range(len(rows))]
    stale = [rows[i + 1]["score"] <= best[i] + 1e-4 for i in range(len(rows) - 1)]
    assert falls == stale
    assert not all(stale)


def test_a_score_that_rises_by_less_than_a_ten_thousandth_does_not_rise():
    config = TrainConfig(schedule="plateau", plateau=PlateauConfig(patience=0, factor=0.5), lr=1.0)
    optimizer = new_optimizer(nn.Linear(1, 1), config)
    schedule = new_schedule(optimizer, config, 1)

    rates = []
    for score in (0.5, 0.50009, 0.50011, 0.50012):
        schedule.step(score)
        rates.append(schedule.get_last_lr()[0])

    assert rates == [1, 0.5, 0.5, 0.25]


@pytest.mark.parametrize("gradient", [2.0, 1e-7])
def test_rmsprop_is_that_of_keras(gradient: float):
    config = TrainConfig(optimizer="rmsprop", lr=1e-3, weight_decay=0.0)
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    optimizer = new_optimizer(network, config)

    for _ in range(2):
        network.weight.grad = torch.full_like(network.weight, gradient)
        optimizer.step()

    first, second = (gradient / (math.sqrt(x) * gradient + 1e-7) for x in (0.1, 0.19))
    assert network.weight.item() == pytest.approx(-1e-3 * (first + second), rel=1e-5)
