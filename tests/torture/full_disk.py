"""Commands on a disk that is full sooner or later.

    JOB/tmpfs/KIB     a disk in memory with so much room; it takes the right to mount one
    JOB/write/N       any growth fails from the N-th operation on files
    JOB/largest/N     no file may grow beyond N bytes, where no disk may be mounted

A command ends with one line that names a file. Nothing half-written has a final name, no temporary
files are left, and with more room the same command leads to the right results.
"""

import ctypes
import os
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.torture import child
from tests.torture.campaign import Campaign, Checked, of_one_case
from tests.torture.child import Ended, Limits
from tests.torture.results import difference, half_written, results_of
from tests.torture.workshop import JOBS, Job, Workshop, job_named

NEW_NAMESPACE, PRIVATE, REMOUNT = 0x00020000, 0x4000 | 0x40000, 0x20
PAGE = 4
"""KiB that a file in memory grows by."""
LARGE = 2**18
"""KiB of the disk when it has room."""


def cases(workshop: Workshop, chance: random.Random) -> Iterator[str]:
    """Give each command with each room up to what it needs, in an order of chance."""
    names = []
    for job in JOBS:
        room = kib(workshop.whole / job.name) + 64
        if job.begins_with:
            room -= kib(workshop.whole / job.begins_with)
        if may_mount(workshop):
            names += [f"{job.name}/tmpfs/{size}" for size in range(0, room, PAGE)]
        else:
            names += [f"{job.name}/largest/{size}" for size in range(0, 1024 * room, 509)]
        names += [f"{job.name}/write/{n}" for n in range(len(workshop.operations(job)))]
    chance.shuffle(names)
    yield from names


def check(workshop: Workshop, case: str) -> Checked:
    """Run a command without enough room, then with it."""
    name, how, at = case.split("/")
    job, folder = job_named(name), workshop.new_case(job_named(name))
    if how == "tmpfs":
        return of_one_case(case, folder, _on_small_disk(workshop, job, folder, int(at)), how)
    if how == "write":
        ended = child.run(workshop.work(job, folder, "full", int(at)), workshop.log())
    else:
        ended = workshop.run(job, folder, Limits(file_size=int(at)))
    what = _fault(workshop, job, folder, ended) or workshop.resume_fault(job, folder)
    return of_one_case(case, folder, what, how)


def kib(folder: Path) -> int:
    """Return the room that a folder takes on such a disk."""
    paths = list(folder.rglob("*"))
    return PAGE * sum(1 + -(-path.stat().st_size // (1024 * PAGE)) for path in paths)


@cache
def may_mount(workshop: Workshop) -> bool:
    """Whether a child may mount a disk in memory that only it sees."""

    def work() -> int:
        _mount(workshop.inputs)
        return 0

    return child.run(work, workshop.log()).status == 0


def _on_small_disk(workshop: Workshop, job: Job, folder: Path, room: int) -> str:
    """Return what broke on a disk with so much room; it is mounted by a child, and ends with it."""
    answer = workshop.log()

    def work() -> int:
        _mount(folder)
        workshop.place(job, folder)
        state = os.statvfs(folder)
        used = (state.f_blocks - state.f_bfree) * state.f_frsize // 1024
        _mount(folder, used + room, REMOUNT)
        ended = workshop.run(job, folder)
        what = _fault(workshop, job, folder, ended)
        _mount(folder, LARGE, REMOUNT)
        answer.write_text(what or workshop.resume_fault(job, folder))
        return 0

    ended = child.run(work, workshop.log(), timeout=150)
    return answer.read_text() or child.fault(ended, allowed=(0,))


def _fault(workshop: Workshop, job: Job, folder: Path, ended: Ended) -> str:
    """Return what is wrong with a command that may have had too little room."""
    right = workshop.right[job.name]
    if problem := child.fault(ended):
        return problem
    if not ended.status:
        wrong = difference(results_of(folder), right)
        return f"exit status 0, but {wrong}" if wrong else ""
    if not any(str(place) in ended.last_line for place in (folder, workshop.inputs)):
        return f"an error that names no file: {ended.last_line[:200]}"
    left = sorted(path.name for path in folder.rglob(".*.partial"))
    return f"temporary files are left: {left[:3]}" if left else half_written(folder, right)


def _mount(folder: Path, room: int = LARGE, flags: int = 0) -> None:
    """Mount a disk at `folder` for this process and its children, or change its room.

    Raises:
        OSError: that is not allowed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"size={room}k".encode()
    apart = not flags and (
        libc.unshare(NEW_NAMESPACE) or libc.mount(b"none", b"/", None, PRIVATE, None)
    )
    if apart or libc.mount(b"none", bytes(folder), b"tmpfs", flags, options):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))


CAMPAIGN = Campaign("full-disk", 0.2, cases, check)
