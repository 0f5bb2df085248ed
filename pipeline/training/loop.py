"""The training loop of both stages.

A stage provides its network, loss and score; this module has the loop around them:
optimise, schedule, average, validate, save, resume.
"""

import copy
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel

from pipeline.config import TrainConfig
from pipeline.training import checkpoint, distributed
from pipeline.training.batch_clock import Batches, Epoch, TimedBatches
from pipeline.training.checkpoint import TrainState
from pipeline.training.epoch_lines import Clock, describe, outlook, watched
from pipeline.training.plan import Pace, Plan, SecondsLeft, plan_of, steps_within

log = logging.getLogger(__name__)

BatchLoss = Callable[[nn.Module, Any], Tensor]
"""Forward a batch through the network and return its mean loss, a scalar."""

Score = Callable[[nn.Module], float]
"""Rate the network on the validation set; higher is better."""


@dataclass(frozen=True)
class StageRun:
    """Where a training keeps its files, what it is made from, and how long it may take."""

    folder: Path
    origin: str
    """Hash of the photos and settings. A training of another origin is not resumed."""
    seconds_left: SecondsLeft | None = None
    """The limit of time that ends the training, in place of the steps of its settings."""


def fit(
    model: nn.Module,
    batch_loss: BatchLoss,
    batches: Batches,
    score: Score | None,
    config: TrainConfig,
    run: StageRun,
) -> float | None:
    """Train `model`, load what is kept of the best epoch into it, and return its score.

    Kept is the moving average of the weights, or the weights themselves where they score higher.
    Without a `score`, the average after the last step is kept, and None is returned.

    In the folder of the run, `last.pt` holds the state after the latest epoch, `best.pt` that after
    the best one, `metrics.jsonl` a line per epoch. If `last.pt` exists, training resumes from it,
    and ends with the same weights as a run that was never interrupted. With a limit of time, the
    number of steps follows from how fast they are, and so do the weights.

    With several processes, only the first one writes the files and loads the best weights.

    Raises:
        FloatingPointError: the loss or its gradient stopped being finite.
        InputError: `last.pt` is damaged or was trained from another `origin`.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    state = new_state(model, config, plan_of(config, len(batches)), run.origin)
    pace = state.pace
    if run.seconds_left is not None:
        pace.replan(0, pace.plan.num_steps)
    if (run.folder / "last.pt").exists():
        state.restore(run.folder / "last.pt", is_timed=run.seconds_left is not None)
        log.info("resuming after step %d of %d", state.step, pace.plan.num_steps)
    trained = distributed.distributed_model(model)
    if config.compile:
        trained.compile()
    timed, clock = TimedBatches(batches), Clock(time.monotonic(), state.step)
    while state.step < pace.plan.num_steps:
        plan = pace.plan
        started = time.monotonic()
        # The randomness of an epoch follows from its number, so no generator state is saved.
        torch.manual_seed(
            (config.seed + state.epoch) * distributed.world_size() + distributed.rank()
        )
        timed.set_epoch(state.passes, plan.steps_after(state.step))
        with watched(timed, state, plan):
            loss = train_epoch(trained, state, batch_loss, timed, config.max_grad_norm)
        state.epoch += 1
        state.step += len(timed)
        state.passes += math.ceil(len(timed) / plan.steps_a_pass)
        lr, _ = state.schedule.get_last_lr()  # both groups of parameters have the same
        row: dict[str, float] = {"epoch": state.epoch, "loss": loss, "lr": float(lr)}
        row |= {"steps": len(timed), "items": timed.items}
        train_seconds = time.monotonic() - started
        row |= {"train_seconds": train_seconds, "waiting_seconds": timed.waiting}
        if score and plan.is_validated(state.epoch, state.step):
            row |= validate(state, score)
        row["seconds"] = round(time.monotonic() - started, 1)
        state.history.append(row)
        keep_limit(state, run.seconds_left)
        validate_last(state, score)
        best, state.best_score = (
            state.best_score,
            max(state.best_score, row.get("score", -math.inf)),
        )
        is_kept = state.best_score > best if score else state.step >= pace.plan.num_steps
        save_epoch(state, run.folder, is_kept=is_kept)
        log.info(describe(state, clock.seconds_left(state.step, pace.plan.num_steps)))
    log.info(outlook(state.history))
    kept = state.best_score if distributed.rank() else checkpoint.load_best(model, run.folder)
    return kept if score else None


def validate_last(state: TrainState, score: Score | None) -> None:
    """Validate the latest epoch if a limit of time has made it the last one, unless it was."""
    row = state.history[-1]
    if score and "score" not in row and state.step >= state.pace.plan.num_steps:
        started = time.monotonic()
        row |= validate(state, score)
        row["seconds"] = round(row["seconds"] + time.monotonic() - started, 1)


def keep_limit(state: TrainState, seconds_left: SecondsLeft | None) -> None:
    """Change how many steps are to come to as many as fit into a limit of time, if there is one."""
    plan = state.pace.plan
    if seconds_left is not None and state.step < plan.num_steps:
        more = steps_within(seconds_left(), state.history)
        state.pace.replan(state.step, state.step + int(distributed.broadcast_from_rank0(more)))


def save_epoch(state: TrainState, run_dir: Path, *, is_kept: bool) -> None:
    """Write the files of a finished epoch; with several processes, only the first one does."""
    if distributed.rank():
        return
    # last.pt is written last: after an interruption before it, the epoch is trained again.
    if is_kept:
        state.save(run_dir / "best.pt")
    state.write_history(run_dir / "metrics.jsonl")
    state.save(run_dir / "last.pt")


def train_epoch(
    trained: nn.Module,
    state: TrainState,
    batch_loss: BatchLoss,
    batches: Epoch,
    max_grad_norm: float,
) -> float:
    """Train on all `batches` once, updating `state`; return the mean loss."""
    trained.train()
    total = 0.0
    for batch in batches:
        loss = batch_loss(trained, batch)
        check_finite("loss", loss, state.epoch)
        state.optimizer.zero_grad()
        state.scaler.scale(loss).backward()
        state.scaler.unscale_(state.optimizer)
        norm = nn.utils.clip_grad_norm_(state.model.parameters(), max_grad_norm)
        if not state.scaler.is_enabled():  # the scaler skips steps with such gradients
            check_finite("norm of the gradient", norm, state.epoch)
        state.scaler.step(state.optimizer)
        state.scaler.update()
        if not isinstance(state.schedule, ReduceLROnPlateau):  # that one is stepped with each score
            state.schedule.step()
        state.average.update_parameters(state.model)
        total += loss.item()
    return total / len(batches)


def check_finite(what: str, value: Tensor, epoch: int) -> None:
    """Raise before a value that is not finite reaches the weights.

    Such weights would be saved, and training could not recover.

    Raises:
        FloatingPointError: the scalar `value` is not finite.
    """
    if not value.isfinite():
        raise FloatingPointError(
            f"the {what} is {value.item()} in epoch {epoch + 1}; "
            "a lower lr or max_grad_norm, or precision = 'fp32', would help"
        )


def new_state(model: nn.Module, config: TrainConfig, plan: Plan, origin: str) -> TrainState:
    """Return the state before the first step."""
    optimizer = new_optimizer(model, config)
    pace = Pace(plan)
    schedule = new_schedule(optimizer, config, pace)
    update = moving_average(config.ema_decay, config.ema_share)
    average = AveragedModel(model, multi_avg_fn=update, use_buffers=True)
    device = next(model.parameters()).device
    scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
    return TrainState(model, average, optimizer, schedule, scaler, origin, pace)


def new_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return the optimiser that `config` names, for all parameters of `model`."""
    groups = parameter_groups(model, config.weight_decay)
    if config.optimizer == "rmsprop":
        return torch.optim.RMSprop(groups, lr=config.lr, alpha=0.9, eps=1e-7)  # as in Keras
    return torch.optim.AdamW(groups, lr=config.lr)


def new_schedule(optimizer: torch.optim.Optimizer, config: TrainConfig, pace: Pace) -> LRScheduler:
    """Return the schedule that `config` names: a cosine by steps, or plateaus by scores."""
    if config.schedule == "plateau":
        return ReduceLROnPlateau(
            optimizer,
            mode="max",
            factor=config.plateau.factor,
            patience=config.plateau.patience,
            threshold_mode="abs",
        )
    return LambdaLR(optimizer, lambda step: lr_factor(pace.share(step), config.cosine.warmup))


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return the parameters in two groups; vectors (norms, biases, PReLU slopes) never decay."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def lr_factor(fraction: float, warmup: float) -> float:
    """Return the share of the peak learning rate after `fraction` of all steps."""
    if fraction < warmup:
        return max(fraction / warmup, 0.01)
    # A warm-up of all steps ends at the peak.
    return 0.5 + 0.5 * math.cos(math.pi * min(1.0, (fraction - warmup) / max(1 - warmup, 1e-9)))


def moving_average(
    decay: float, share: float
) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """Return the update of a moving average of the weights over the last `share` of all steps.

    The window grows with the training, as in the power functions of Karras et al., "Analyzing and
    Improving the Training Dynamics of Diffusion Models", CVPR 2024, until it is the 1 / (1 -
    `decay`) steps of an exponential average. A fixed decay would keep the first weights in the
    average of a short run; a share of one is the plain mean until then.
    """

    @torch.no_grad()
    def update(average: Sequence[Tensor], current: Sequence[Tensor], num: Tensor | int) -> None:
        weight = max(1 - decay, 1 / (share * int(num) + 1))
        for mean, new in zip(average, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(new, weight)
            else:  # the number of batches in the statistics of a batch norm
                mean.copy_(new)

    return update


def validate(state: TrainState, score: Score) -> dict[str, float]:
    """Score the averaged weights and the weights themselves; note the better ones in `state`.

    The score is passed to all processes and to the schedule.
    """
    average, weights = math.nan, math.nan
    if distributed.rank() == 0:
        averaged: nn.Module = state.average.module.eval()
        # The weights are scored in a copy: the network itself may be compiled, for one batch size.
        own = copy.deepcopy(averaged)
        own.load_state_dict(state.model.state_dict())
        with torch.inference_mode():
            average, weights = score(averaged), score(own.eval())
    average, weights = (distributed.broadcast_from_rank0(value) for value in (average, weights))
    # Not `max`: what is not a number is never better.
    state.kept = "weights" if weights > average or math.isnan(average) else "average"
    best = weights if state.kept == "weights" else average
    if isinstance(state.schedule, ReduceLROnPlateau):
        state.schedule.step(best)
    return {"score": best, "score_average": average, "score_weights": weights}
