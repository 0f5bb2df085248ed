"""What a server takes, and how much of it at once."""

from dataclasses import dataclass, field

from joblib import cpu_count


@dataclass(frozen=True, kw_only=True)
class ServiceLimits:
    """What a server takes, and how much of it at once.

    Raises:
        ValueError: a limit is below 1, or `num_waiting` below 0.
    """

    max_bytes: int = 32 * 2**20
    """Most bytes of an uploaded file."""
    max_pixels: int = 50_000_000
    """Most pixels of a photo, checked before it is decoded."""
    num_workers: int = field(default_factory=cpu_count)
    """Photos that are worked on at once."""
    num_waiting: int = 16
    """Photos that may wait for a worker; what comes beyond is refused."""
    seconds: float = 60
    """Longest time from the beginning of a request to its answer."""
    max_bytes_at_once: int = 512 * 2**20
    """Most bytes of all requests that are being read or worked on."""

    def __post_init__(self) -> None:
        least = (self.max_bytes, self.max_pixels, self.num_workers, self.seconds)
        if min(*least, self.num_waiting + 1, self.max_bytes_at_once) < 1:
            raise ValueError(f"limits are at least 1: {self}")

    @property
    def max_body(self) -> int:
        """Most bytes of a request: two files, in base 64, and other fields."""
        return 2 * self.max_bytes * 4 // 3 + 2**16
