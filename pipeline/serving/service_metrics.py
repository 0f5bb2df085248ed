"""Counts and times of a server, in the text format of Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Upper bounds of the classes of the histogram."""


class ServiceMetrics:
    """Counts and times of one server; nothing of the process is global."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "foveamask_requests",
            "Requests by path and status.",
            ("path", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "foveamask_request_seconds",
            "Time from the beginning of a request to its answer.",
            ("path",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.photos = Gauge(
            "foveamask_photos_in_work",
            "Photos that are worked on or wait for a worker.",
            registry=self.registry,
        )

    def saw(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.requests.labels(path, str(status)).inc()
        self.seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """Return all of them."""
        return generate_latest(self.registry)
