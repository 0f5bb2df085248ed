import json
import math
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from coarse.enet import ENet
from data.errors import InputError
from pipeline.config import PlateauConfig, TrainConfig
from pipeline.training import checkpoint, distributed
from pipeline.training.checkpoint import TrainState
from pipeline.training.loop import (
    describe,
    fit,
    lr_factor,
    moving_average,
    new_optimizer,
    parameter_groups,
)

Batch = tuple[Tensor, Tensor]


class TinyBatches:
    """Four shuffled batches of the same noise."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(7)
        self.x = torch.randn(32, 4, generator=generator)
        self.y = torch.randn(32, 1, generator=generator)
        self.epoch = 0
        self.epochs: list[int] = []

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        self.epochs.append(epoch)

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[Batch]:
        order = torch.randperm(32, generator=torch.Generator().manual_seed(self.epoch))
        for rows in order.split(8):
            yield self.x[rows], self.y[rows]


def batch_loss(model: nn.Module, batch: Batch) -> Tensor:
    x, y = batch
    return nn.functional.mse_loss(model(x), y)


def tiny_network(seed: int = 1) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))


def score(model: nn.Module) -> float:
    assert not model.training
    batches = TinyBatches()
    return -float(batch_loss(model, (batches.x, batches.y)))


def small_run(run_dir: Path, seed: int = 1, **settings: object) -> dict[str, Tensor]:
    """Train a tiny network, or resume that; return its weights after the last step."""
    model = tiny_network(seed)
    config = TrainConfig(**({"epochs": 4} | settings))  # type: ignore[arg-type]
    fit(model, batch_loss, TinyBatches(), score, config, run_dir, "tiny")
    weights: dict[str, Tensor] = checkpoint.read(run_dir / "last.pt")["model"]
    return weights


def rows_of(run_dir: Path) -> list[dict[str, float]]:
    """The lines of the log but for how long each epoch took."""
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if not k.endswith("seconds")} for line in lines
    ]


def die_at(monkeypatch: pytest.MonkeyPatch, what: str, epoch: int) -> None:
    """Interrupt the run at a moment of an epoch, the first of which is 1."""

    def dying(*arguments: object) -> None:
        raise KeyboardInterrupt

    if what == "in the middle of an epoch":
        whole = TinyBatches.__iter__

        def half(self: TinyBatches) -> Iterator[Batch]:
            batches = list(whole(self))
            yield from batches[:2] if self.epoch + 1 == epoch else batches
            if self.epoch + 1 == epoch:
                raise KeyboardInterrupt

        monkeypatch.setattr(TinyBatches, "__iter__", half)
        return
    name, file = {
        "before best.pt": ("save", "best.pt"),
        "before metrics.jsonl": ("write_history", "metrics.jsonl"),
        "before last.pt": ("save", "last.pt"),
    }[what]
    real = getattr(TrainState, name)

    def write(self: TrainState, path: Path) -> None:
        if path.name == file and self.epoch == epoch:
            raise KeyboardInterrupt
        real(self, path)

    monkeypatch.setattr(TrainState, name, write)


@pytest.mark.parametrize(
    ("moment", "epoch"),
    [
        ("before best.pt", 1),  # the one epoch that is the best so far for sure
        *product(
            ["in the middle of an epoch", "before metrics.jsonl", "before last.pt"], [1, 3, 4]
        ),
    ],
)
def test_a_resumed_run_ends_as_one_that_was_never_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, epoch: int
):
    whole = small_run(tmp_path / "whole", lr=0.05)

    with monkeypatch.context() as patch:
        die_at(patch, moment, epoch)
        with pytest.raises(KeyboardInterrupt):
            small_run(tmp_path / "halves", lr=0.05)
    resumed = small_run(tmp_path / "halves", lr=0.05)

    for name, value in whole.items():
        assert torch.equal(resumed[name], value), name
    assert rows_of(tmp_path / "halves") == rows_of(tmp_path / "whole")
    for file in ("last.pt", "best.pt"):
        one, other = (checkpoint.read(tmp_path / run / file) for run in ("whole", "halves"))
        assert one["epoch"] == other["epoch"]
        assert one["best_score"] == other["best_score"]
        for name, value in one["average"].items():
            assert torch.equal(other["average"][name], value), name


def test_the_first_weights_of_a_resumed_run_do_not_matter(tmp_path: Path):
    small_run(tmp_path, epochs=4)
    (tmp_path / "metrics.jsonl").unlink()

    again = small_run(tmp_path, seed=99, epochs=4)

    assert torch.equal(
        again["0.weight"], checkpoint.read(tmp_path / "last.pt")["model"]["0.weight"]
    )


def test_a_finished_run_goes_on_with_more_epochs(tmp_path: Path):
    first = small_run(tmp_path, epochs=2)
    before = rows_of(tmp_path)

    more = small_run(tmp_path, epochs=4)

    rows = rows_of(tmp_path)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[:2] == before
    assert rows[2]["lr"] > 0
    assert rows[3]["lr"] == 0
    assert not torch.equal(more["0.weight"], first["0.weight"])


def test_every_epoch_has_its_number_and_its_randomness(tmp_path: Path):
    batches = TinyBatches()
    drawn: list[float] = []

    def drawing(model: nn.Module, batch: Batch) -> Tensor:
        drawn.append(torch.rand(()).item())
        return batch_loss(model, batch)

    config = TrainConfig(epochs=3)
    fit(tiny_network(), drawing, batches, score, config, tmp_path, "tiny")

    assert batches.epochs == [0, 1, 2]
    assert len(set(drawn)) == 12


def test_training_lowers_the_loss(tmp_path: Path):
    small_run(tmp_path, epochs=30, lr=0.05)

    losses = [row["loss"] for row in rows_of(tmp_path)]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_training_stops_when_the_loss_is_not_finite(tmp_path: Path, value: float):
    def broken(model: nn.Module, batch: Batch) -> Tensor:
        return batch_loss(model, batch) * value

    with pytest.raises(FloatingPointError, match=rf"loss is {value} in epoch 1; a lower lr"):
        fit(tiny_network(), broken, TinyBatches(), score, TrainConfig(), tmp_path, "tiny")

    assert not (tmp_path / "last.pt").exists()


def test_training_stops_before_a_gradient_that_is_not_finite_reaches_the_weights(tmp_path: Path):
    class Steep(torch.autograd.Function):
        """Gives what it is given, with a gradient beyond all bounds."""

        @staticmethod
        def forward(_: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(_: Any, *gradients: Tensor) -> Tensor:
            return gradients[0] * math.inf

    def steep(model: nn.Module, batch: Batch) -> Tensor:
        loss: Tensor = Steep.apply(batch_loss(model, batch))
        return loss

    model = tiny_network()
    with pytest.raises(FloatingPointError, match=r"norm of the gradient is .* in epoch 1; a lower"):
        fit(model, steep, TinyBatches(), score, TrainConfig(), tmp_path, "tiny")

    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert not (tmp_path / "last.pt").exists()


def test_a_run_of_another_origin_is_refused(tmp_path: Path):
    small_run(tmp_path)

    with pytest.raises(InputError, match="trained from other photos or settings"):
        fit(tiny_network(), batch_loss, TinyBatches(), score, TrainConfig(), tmp_path, "other")


def test_a_network_ends_with_the_average_of_its_best_epoch_and_its_score(tmp_path: Path):
    scores = iter([0.5, 0.9, 0.7, math.nan])
    seen: list[nn.Module] = []

    def scripted(model: nn.Module) -> float:
        seen.append(model)
        return next(scores)

    model = tiny_network()
    best = fit(model, batch_loss, TinyBatches(), scripted, TrainConfig(epochs=4), tmp_path, "tiny")

    assert best == 0.9
    assert checkpoint.read(tmp_path / "best.pt")["epoch"] == 2
    assert checkpoint.read(tmp_path / "last.pt")["best_score"] == 0.9
    assert model not in seen
    average = checkpoint.read(tmp_path / "last.pt")["average"]
    assert torch.equal(average["module.0.weight"], seen[-1][0].weight)
    best_average = checkpoint.read(tmp_path / "best.pt")["average"]
    assert not torch.equal(average["module.0.weight"], best_average["module.0.weight"])
    for name, value in model.state_dict().items():
        assert torch.equal(value, best_average[f"module.{name}"]), name


@pytest.mark.parametrize(("every", "scored"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (9, [5])])
def test_every_so_many_epochs_are_scored_and_the_last(
    tmp_path: Path, every: int, scored: list[int]
):
    small_run(tmp_path, epochs=5, validate_every=every)

    assert [row["epoch"] for row in rows_of(tmp_path) if "score" in row] == scored


@given(st.floats(0, 1), st.floats(0, 1))
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
    update = moving_average(0.9)
    average, values = [torch.tensor(1.0)], [1.0]

    for num in range(1, 10):  # the tenth value is the last with a weight of a tenth
        values.append(float(num**2))
        update(average, [torch.tensor(values[-1])], num)
        assert average[0].item() == pytest.approx(sum(values) / len(values))
    before = average[0].item()
    update(average, [torch.tensor(0.0)], torch.tensor(50))

    assert average[0].item() == pytest.approx(0.9 * before)


def test_counts_are_taken_over_and_not_averaged():
    average, current = [torch.tensor(3)], [torch.tensor(8)]

    moving_average(0.9)(average, current, 5)

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
    fit(model, steep, Watched(), watching, config, tmp_path, "steep")

    assert norms == pytest.approx([0.5] * 4, rel=1e-3)


def test_fp16_trains_with_scaled_gradients(tmp_path: Path):
    whole = small_run(tmp_path / "fp16", precision="fp16", lr=0.05)
    plain = small_run(tmp_path / "fp32", precision="fp32", lr=0.05)

    assert checkpoint.read(tmp_path / "fp16" / "last.pt")["scaler"]["scale"] > 1
    torch.testing.assert_close(whole["0.weight"], plain["0.weight"], rtol=1e-3, atol=1e-4)


def test_other_processes_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(distributed, "rank", lambda: 1)

    fit(tiny_network(), batch_loss, TinyBatches(), score, TrainConfig(epochs=2), tmp_path, "tiny")

    assert not list(tmp_path.iterdir())


def test_a_line_of_the_log_says_what_matters():
    row = {"epoch": 3, "loss": 0.12345, "lr": 0.1, "score": 0.99731, "seconds": 61.4}

    assert describe(row, 9) == "epoch 3/9  loss 0.1235  Dice 0.99731  61 s"
    del row["score"]
    assert describe(row, 9) == "epoch 3/9  loss 0.1235  61 s"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of the compiler
def test_a_compiled_network_trains_too(tmp_path: Path):
    try:
        compiled = small_run(tmp_path, epochs=1, compile=True)
    except RuntimeError as error:
        pytest.skip(f"torch.compile does not work here: {error}")

    assert compiled.keys() == tiny_network().state_dict().keys()
    assert not torch.equal(compiled["0.weight"], tiny_network()[0].weight)
    assert [row["epoch"] for row in rows_of(tmp_path)] == [1]


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


def test_rmsprop_is_that_of_keras():
    config = TrainConfig(optimizer="rmsprop", lr=1e-3, weight_decay=0.0)
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    optimizer = new_optimizer(network, config)

    for _ in range(2):
        network.weight.grad = torch.full_like(network.weight, 2.0)
        optimizer.step()

    first, second = (2 / (math.sqrt(x * 4) + 1e-7) for x in (0.1, 0.19))
    assert network.weight.item() == pytest.approx(-1e-3 * (first + second), rel=1e-5)
