"""What the machine at hand can do, measured: the ceiling that stages are held against."""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from joblib import cpu_count

from pipeline.inference.devices import dtype_of

ROUNDS = 7
SIDE = {"cpu": 2048, "cuda": 8192}
"""Of the matrices that are multiplied."""
COPIED = 2**29
"""Bytes that are copied, more than a cache holds."""


@dataclass(frozen=True)
class Machine:
    """A device and its limits; of a CPU, those of one core."""

    device: torch.device
    name: str
    cores: int
    dtype: torch.dtype
    """What networks compute in."""
    gmac_a_second: float
    """Of a product of large matrices in that type."""
    gb_a_second: float
    """Read and written, of a large copy."""

    def floor_ms(self, *, gmac: float = 0.0, megabytes: float = 0.0) -> float:
        """Return the least time that so much work takes."""
        return max(1000 * gmac / self.gmac_a_second, megabytes / self.gb_a_second)

    def __str__(self) -> str:
        kind = str(self.dtype).removeprefix("torch.")
        what = "" if self.device.type == "cuda" else "One core: "
        return (
            f"{self.name}, {self.cores} cores, torch {torch.__version__}. {what}"
            f"{self.gmac_a_second:.0f} GMac a second in {kind}, {self.gb_a_second:.1f} GB a second."
        )


def measured(device: torch.device) -> Machine:
    """Return what `device` can do; to be called with one thread."""
    dtype = dtype_of(device, "auto")
    side = SIDE[device.type]
    matrix = torch.randn(side, side, device=device).to(dtype)
    block = torch.zeros(COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(block)
    seconds = seconds_of(lambda: matrix @ matrix, device)
    copying = seconds_of(lambda: target.copy_(block), device)
    return Machine(
        device=device,
        name=name_of(device),
        cores=cpu_count(),
        dtype=dtype,
        gmac_a_second=side**3 / 1e9 / seconds,
        gb_a_second=2 * COPIED / 1e9 / copying,
    )


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Return the median time that `work` takes, after a first call that is not counted."""
    work()
    return median(seconds_once(work, device) for _ in range(ROUNDS))


def seconds_once(work: Callable[[], object], device: torch.device) -> float:
    """Return how long `work` takes, once."""
    wait_for(device)
    started = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - started


def wait_for(device: torch.device) -> None:
    """Return when the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def name_of(device: torch.device) -> str:
    """Return what the maker calls the device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "a CPU"
