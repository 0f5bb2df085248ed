"""Training in several processes, as `torchrun` starts them; also works with one process."""

import logging
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from data.errors import InputError

_SENT: deque[Tensor] = deque(maxlen=16)
"""References to tensors that were sent. If gloo's thread held the last one, it would need the
interpreter to free the tensor, and would abort the process if the interpreter is shutting down."""


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the other processes that `torchrun` started, if it did."""
    if "WORLD_SIZE" not in os.environ:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    logger = logging.getLogger()
    level = logger.level
    if rank():
        logger.setLevel(logging.ERROR)  # only the first process logs progress
    try:
        yield
        distributed.barrier()  # no process ends while another still waits for it
    finally:
        logger.setLevel(level)
        distributed.destroy_process_group()


def check_alone(command: str) -> None:
    """Raise if `torchrun` has started several processes for a command that uses one.

    Raises:
        InputError: it has started several.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(f"{command} works in one process, on all cores; start it without torchrun")


def local_device(device: torch.device) -> torch.device:
    """Return the device of this process: each process has one GPU."""
    if device.type != "cuda":
        return device
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def world_size() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def local_world_size() -> int:
    """Return how many of these processes run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def rank() -> int:
    """Return the number of this process; the one with rank 0 scores and writes files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def distributed_model(model: nn.Module) -> nn.Module:
    """Return `model` so that its gradients are averaged over all processes."""
    return DistributedDataParallel(model) if world_size() > 1 else model


def broadcast_from_rank0(value: float) -> float:
    """Return the `value` of rank 0 in all processes; their own values are ignored."""
    if world_size() == 1:
        return value
    sent = torch.tensor(value, dtype=torch.float64, device=_group_device())
    distributed.broadcast(sent, src=0)
    _SENT.append(sent)
    return float(sent)


def _group_device() -> torch.device:
    nccl = distributed.get_backend() == "nccl"
    return torch.device("cuda", torch.cuda.current_device()) if nccl else torch.device("cpu")
