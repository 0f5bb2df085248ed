"""Several training processes, as `torchrun` starts them; one process works the same way."""

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
"""Keeps tensors that were sent in Python's hands: were gloo's thread the last to hold one, it
would need the interpreter to free it, and abort the process if that is ending by then."""


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the other processes that `torchrun` started, if it did."""
    if "WORLD_SIZE" not in os.environ:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    if rank():
        logging.getLogger().setLevel(logging.ERROR)  # the first process speaks for all
    try:
        yield
        distributed.barrier()  # nobody leaves while another still waits for an answer
    finally:
        distributed.destroy_process_group()


def check_alone(command: str) -> None:
    """Raise if `torchrun` has started several processes for what one does.

    Raises:
        InputError: it has.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError(f"{command} works in one process, on all cores; start it without torchrun")


def local_device(device: torch.device) -> torch.device:
    """Return this process's own device: one GPU a process."""
    if device.type != "cuda":
        return device
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def world_size() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def local_world_size() -> int:
    """Return how many of them train on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def rank() -> int:
    """Return which of them this one is; rank 0 scores and writes."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def distributed_model(model: nn.Module) -> nn.Module:
    """Return `model` so that its gradients are averaged over all processes."""
    return DistributedDataParallel(model) if world_size() > 1 else model


def broadcast_from_rank0(value: float) -> float:
    """Return the value that rank 0 gives; the others' is ignored."""
    if world_size() == 1:
        return value
    sent = torch.tensor(value, dtype=torch.float64, device=_group_device())
    distributed.broadcast(sent, src=0)
    _SENT.append(sent)
    return float(sent)


def _group_device() -> torch.device:
    nccl = distributed.get_backend() == "nccl"
    return torch.device("cuda", torch.cuda.current_device()) if nccl else torch.device("cpu")
