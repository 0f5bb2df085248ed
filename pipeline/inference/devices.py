"""The device and the precision that the networks run in."""

from collections.abc import Sequence
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from data.arrays import Photo
from data.errors import InputError

Network = TypeVar("Network", bound=nn.Module)

Precision = Literal["auto", "fp32", "bf16", "fp16"]


def choose_device(name: str) -> torch.device:
    """Return the device called `auto`, `cpu` or `cuda`.

    Raises:
        InputError: `cuda` is asked for and there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("no CUDA device was found; use --device cpu or auto")
    return torch.device(name)


def photos_on(device: torch.device, photos: Sequence[Photo]) -> Tensor:
    """Return (B, H, W, 3) uint8 on `device`; on the CPU a single photo is not copied."""
    writable = [np.require(photo, requirements=["C", "W"]) for photo in photos]
    tensors = [torch.from_numpy(photo) for photo in writable]
    batch = tensors[0][None] if len(tensors) == 1 else torch.stack(tensors)
    if device.type == "cpu":
        return batch
    return batch.pin_memory().to(device, non_blocking=True)


def to_device(network: Network, device: torch.device) -> Network:
    """Move `network` to `device`, in the memory format with the fastest convolutions."""
    network.to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Return the context in which a network is trained at `precision` on `device`."""
    dtype = dtype_of(device, precision)
    enabled = dtype != torch.float32
    return torch.autocast(device.type, dtype if enabled else torch.bfloat16, enabled=enabled)


def dtype_of(device: torch.device, precision: Precision) -> torch.dtype:
    """Return the type that a network computes in.

    `auto` is bfloat16 where the hardware multiplies it, else float32.
    """
    if precision == "auto":
        precision = "bf16" if _has_fast_bf16(device) else "fp32"
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def _has_fast_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    if not hasattr(torch.cpu, "get_capabilities"):  # not in all versions of torch
        return False
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
