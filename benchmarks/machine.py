"""Name and speed of the machine, with which the stages of a photo are compared."""

import platform
from dataclasses import dataclass
from pathlib import Path

import torch
from joblib import cpu_count

from benchmarks.timing import median_seconds
from pipeline.inference.devices import dtype_of

SIDE = {"cpu": 2048, "cuda": 8192}
"""Side of the matrices that are multiplied."""
COPIED = 2**29
"""Bytes that are copied, more than a cache holds."""


@dataclass(frozen=True)
class Machine:
    """A device and its speed; of a CPU, that of one core."""

    device: torch.device
    name: str
    cores: int
    dtype: torch.dtype
    """Type that networks compute in."""
    gmac_a_second: float
    """Multiply-adds in 10^9, in a product of large matrices of that type."""
    gb_a_second: float
    """Bytes in 10^9 that a large copy reads and writes."""

    def floor_ms(self, *, gmac: float = 0.0, megabytes: float = 0.0) -> float:
        """Return the least time that these multiply-adds and bytes, read and written, take."""
        return max(1000 * gmac / self.gmac_a_second, megabytes / self.gb_a_second)

    def __str__(self) -> str:
        kind = computing_type(self.device)
        scope = "" if self.device.type == "cuda" else "One core: "
        return (
            f"{self.name}, {self.cores} cores, torch {torch.__version__}. {scope}"
            f"{self.gmac_a_second:.0f} GMac a second in {kind}, {self.gb_a_second:.1f} GB a second."
        )


def measured(device: torch.device) -> Machine:
    """Return the speed of `device`; to be called with one thread."""
    dtype = dtype_of(device, "auto")
    side = SIDE[device.type]
    matrix = torch.randn(side, side, device=device).to(dtype)
    block = torch.zeros(COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(block)
    multiplying = median_seconds(lambda: matrix @ matrix, device)
    copying = median_seconds(lambda: target.copy_(block), device)
    return Machine(
        device=device,
        name=device_name(device),
        cores=cpu_count(),
        dtype=dtype,
        gmac_a_second=side**3 / 1e9 / multiplying,
        gb_a_second=2 * COPIED / 1e9 / copying,
    )


def description(device: torch.device) -> str:
    """Return the name of a GPU, or the number of threads on a CPU."""
    if device.type == "cuda":
        return device_name(device)
    num = torch.get_num_threads()
    return f"CPU, {num} thread{'s' if num > 1 else ''}"


def computing_type(device: torch.device) -> str:
    """Return the name of the type that networks compute in on `device`, such as bfloat16."""
    return str(dtype_of(device, "auto")).removeprefix("torch.")


def device_name(device: torch.device) -> str:
    """Return the model name of the device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "a CPU"
