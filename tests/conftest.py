import logging
import os
import signal
from collections.abc import Iterator

# Before torch is imported, here and in the processes that tests start: tests run side by side,
# and threads of several processes that wait for each other's cores take many times longer.
os.environ["OMP_NUM_THREADS"] = "1"

# A shell that starts the tests in the background has them, and what they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import HealthCheck, Phase, settings  # noqa: E402

pytest_plugins = ["tests.store_fixtures"]

torch.set_num_threads(1)

# The machine may be busy training: how long an example takes says nothing about the code.
settings.register_profile("foveamask", deadline=None)
# For `make mutants`: the same examples each time, and none made simpler once one fails.
settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("foveamask")


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    """Undo what commands do to the log, which would write to the stderr of a test that is over."""
    yield
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler:
            root.removeHandler(handler)
