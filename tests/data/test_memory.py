import os
import threading
import time
from pathlib import Path

import pytest

from data.memory import MemoryGate, memory_limit

PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
GROUP, TOP = "sys/fs/cgroup", "proc/self/cgroup"


def root_of(folder: Path, groups: str, limits: dict[str, str]) -> Path:
    """A file system with control groups."""
    for path, text in {TOP: groups, **limits}.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        pytest.param("0::/\n", {f"{GROUP}/memory.max": "5000\n"}, 5000, id="version 2"),
        pytest.param("0::/\n", {f"{GROUP}/memory.max": "max\n"}, PHYSICAL, id="no limit"),
        pytest.param(
            "0::/a/b\n",
            {f"{GROUP}/a/b/memory.max": "max\n", f"{GROUP}/a/memory.max": "700\n"},
            700,
            id="of the group around it",
        ),
        pytest.param(
            "0::/of/the/host\n", {f"{GROUP}/memory.max": "900\n"}, 900, id="path of the host"
        ),
        pytest.param(
            "9:cpu,cpuacct:/x\n4:memory:/x\n",
            {
                f"{GROUP}/memory/x/memory.limit_in_bytes": "300\n",
                f"{GROUP}/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            300,
            id="version 1",
        ),
        pytest.param("4:cpu:/x\n", {f"{GROUP}/memory.max": "5\n"}, PHYSICAL, id="of another"),
    ],
)
def test_the_least_limit_of_the_container_counts(
    tmp_path: Path, groups: str, limits: dict[str, str], expected: int
):
    assert memory_limit(root_of(tmp_path, groups, limits)) == expected


def test_without_control_groups_the_machine_counts(tmp_path: Path):
    assert memory_limit(tmp_path) == PHYSICAL


def test_here_there_is_some():
    assert 2**20 < memory_limit() <= PHYSICAL


def test_what_fits_runs_at_once_and_what_does_not_one_at_a_time():
    gate, held, most = MemoryGate(100), [0], {10: 0, 60: 0}
    guard = threading.Lock()

    def work(num_bytes: int) -> None:
        for _ in range(5):
            with gate.holding(num_bytes):
                with guard:
                    held[0] += num_bytes
                    most[num_bytes] = max(most[num_bytes], held[0])
                time.sleep(0.01)
                with guard:
                    held[0] -= num_bytes

    for num_bytes in (10, 60):
        threads = [threading.Thread(target=work, args=[num_bytes]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert most == {10: 40, 60: 60}


def test_what_never_fits_is_let_in_alone():
    gate = MemoryGate(100)

    with gate.holding(1000):
        waiting = threading.Thread(target=lambda: gate.holding(1).__enter__(), daemon=True)
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()

    waiting.join(5)
    assert not waiting.is_alive()


def test_work_that_fails_gives_its_memory_back():
    gate = MemoryGate(100)

    with pytest.raises(ValueError, match="work"), gate.holding(90):
        raise ValueError("work")

    with gate.holding(90):
        pass
