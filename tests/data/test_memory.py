import os
from pathlib import Path

import pytest

from data.memory import memory_limit

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
