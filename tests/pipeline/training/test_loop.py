import json
import math
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from data.errors import InputError
from pipeline.config import TrainConfig
from pipeline.training import checkpoint, distributed, loop
from pipeline.training.loop import (
    StageRun,
    fit,
    lr_factor,
)
from tests.tiny_runs import (
    Batch,
    TinyBatches,
    batch_loss,
    die_at,
    rows_of,
    score,
    small_run,
    tiny_network,
)


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
    fit(tiny_network(), drawing, batches, score, config, StageRun(tmp_path, "tiny"))

    assert batches.epochs == [0, 1, 2]
    assert len(set(drawn)) == 12


def test_every_process_has_its_own_randomness_in_every_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(distributed, "world_size", lambda: 3)
    monkeypatch.setattr(distributed, "rank", lambda: 1)
    monkeypatch.setattr(distributed, "distributed_model", lambda model: model)
    monkeypatch.setattr(distributed, "broadcast_from_rank0", lambda _: 0.5)
    seeds: set[int] = set()

    def seeded(model: nn.Module, batch: Batch) -> Tensor:
        seeds.add(torch.initial_seed())
        return batch_loss(model, batch)

    config = TrainConfig(epochs=3, seed=5)
    best = fit(tiny_network(), seeded, TinyBatches(), score, config, StageRun(tmp_path, "tiny"))

    assert seeds == {5 * 3 + 1, 6 * 3 + 1, 7 * 3 + 1}
    assert best == 0.5


def test_an_epoch_is_written_down_with_its_loss_its_rate_and_its_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clock = iter([99.0, 100.0, 102.25, 103.456, 200.0, 204.5, 205.0])
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    scores, losses = iter([0.25, 0.125, 0.75, 0.125]), list[float]()

    def remembered(model: nn.Module, batch: Batch) -> Tensor:
        loss = batch_loss(model, batch)
        losses.append(loss.item())
        return loss

    config = TrainConfig(epochs=2, lr=0.05)
    run = tmp_path / "runs" / "tiny"
    stage = StageRun(run, "tiny")
    fit(tiny_network(), remembered, TinyBatches(), lambda _: next(scores), config, stage)

    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert all(0 <= row.pop("waiting_seconds") < 1 for row in rows)
    halves = [sum(losses[:4]) / 4, sum(losses[4:]) / 4]
    rates = [0.05 * lr_factor(share, config.cosine.warmup) for share in (0.5, 1)]
    times = [{"train_seconds": 2.25, "seconds": 3.5}, {"train_seconds": 4.5, "seconds": 5.0}]
    assert rows == [
        {"epoch": i + 1, "loss": loss, "lr": pytest.approx(lr), "steps": 4, "items": 32}
        | {"score": 0.25 + i / 2, "score_average": 0.25 + i / 2, "score_weights": 0.125}
        | seconds
        for i, (loss, lr, seconds) in enumerate(zip(halves, rates, times, strict=True))
    ]


def test_training_lowers_the_loss(tmp_path: Path):
    small_run(tmp_path, epochs=30, lr=0.05)

    losses = [row["loss"] for row in rows_of(tmp_path)]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_training_stops_when_the_loss_is_not_finite(tmp_path: Path, value: float):
    def broken(model: nn.Module, batch: Batch) -> Tensor:
        return batch_loss(model, batch) * value

    with pytest.raises(FloatingPointError, match=rf"loss is {value} in epoch 1; a lower lr"):
        fit(tiny_network(), broken, TinyBatches(), score, TrainConfig(), StageRun(tmp_path, "tiny"))

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
        fit(model, steep, TinyBatches(), score, TrainConfig(), StageRun(tmp_path, "tiny"))

    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert not (tmp_path / "last.pt").exists()


def test_a_run_of_another_origin_is_refused(tmp_path: Path):
    small_run(tmp_path)

    stage = StageRun(tmp_path, "other")
    with pytest.raises(InputError, match="trained from other photos or settings"):
        fit(tiny_network(), batch_loss, TinyBatches(), score, TrainConfig(), stage)


def test_a_network_ends_with_the_average_of_its_best_epoch_and_its_score(tmp_path: Path):
    scores = iter([0.5, 0.9, 0.7, math.nan])
    seen: list[nn.Module] = []

    def scripted(model: nn.Module) -> float:
        seen.append(model)
        return next(scores) if len(seen) % 2 else 0.0  # the average is scored first

    model = tiny_network()
    stage = StageRun(tmp_path, "tiny")
    best = fit(model, batch_loss, TinyBatches(), scripted, TrainConfig(epochs=4), stage)

    assert best == 0.9
    assert checkpoint.read(tmp_path / "best.pt")["epoch"] == 2
    assert checkpoint.read(tmp_path / "last.pt")["best_score"] == 0.9
    assert model not in seen
    average = checkpoint.read(tmp_path / "last.pt")["average"]
    assert torch.equal(average["module.0.weight"], seen[-2][0].weight)
    best_average = checkpoint.read(tmp_path / "best.pt")["average"]
    assert not torch.equal(average["module.0.weight"], best_average["module.0.weight"])
    for name, value in model.state_dict().items():
        assert torch.equal(value, best_average[f"module.{name}"]), name


def test_no_epoch_is_the_best_without_a_higher_score(tmp_path: Path):
    scores = iter([0.5, 0.4, 0.5, 0.5, 0.4, 0.3])
    config = TrainConfig(epochs=6, validate_every=2)

    stage = StageRun(tmp_path, "tiny")
    fit(tiny_network(), batch_loss, TinyBatches(), lambda _: next(scores), config, stage)

    assert checkpoint.read(tmp_path / "best.pt")["epoch"] == 2


@pytest.mark.parametrize(("every", "scored"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (9, [5])])
def test_every_so_many_epochs_are_scored_and_the_last(
    tmp_path: Path, every: int, scored: list[int]
):
    small_run(tmp_path, epochs=5, validate_every=every)

    assert [row["epoch"] for row in rows_of(tmp_path) if "score" in row] == scored


def test_fp16_trains_with_scaled_gradients(tmp_path: Path):
    whole = small_run(tmp_path / "fp16", precision="fp16", lr=0.05)
    plain = small_run(tmp_path / "fp32", precision="fp32", lr=0.05)

    assert checkpoint.read(tmp_path / "fp16" / "last.pt")["scaler"]["scale"] > 1
    torch.testing.assert_close(whole["0.weight"], plain["0.weight"], rtol=1e-3, atol=1e-4)


def test_other_processes_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(distributed, "rank", lambda: 1)

    stage = StageRun(tmp_path, "tiny")
    fit(tiny_network(), batch_loss, TinyBatches(), score, TrainConfig(epochs=2), stage)

    assert not list(tmp_path.iterdir())


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
