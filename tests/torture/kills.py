"""Commands that are killed or interrupted, at each operation on files and at random times.

    JOB/FAULT/N        kill, torn (in the middle of a write) or interrupt at the N-th operation
    JOB/kill/N+M       killed at the N-th operation, and again at the M-th of the same command
    JOB/kill-after/S   killed after so many seconds; likewise interrupt-after

What has its final name then must be whole, and the same command must lead to the same results as
one that was never disturbed.
"""

import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from tests.torture import child
from tests.torture.campaign import Campaign, Checked, of_one_case
from tests.torture.child import Ended
from tests.torture.file_faults import FAULTS, Fault
from tests.torture.results import half_written
from tests.torture.workshop import JOBS, Job, Workshop, job_named

INTERRUPTED = 130


def cases(workshop: Workshop, chance: random.Random) -> Iterator[str]:
    """Give a fault at each operation of each command, in an order of chance; then random ones."""
    operations = {job.name: workshop.operations(job) for job in JOBS}
    names = [
        f"{job}/{fault}/{number}"
        for job, done in operations.items()
        for fault in FAULTS
        for number, operation in enumerate(done)
        if fault != "torn" or operation.startswith("write ")
    ]
    chance.shuffle(names)
    yield from names
    while True:
        job = chance.choice(JOBS).name
        most = len(operations[job])
        yield f"{job}/kill/{chance.randrange(most)}+{chance.randrange(most)}"
        for how in ("kill-after", "interrupt-after"):
            yield f"{job}/{how}/{chance.uniform(0, workshop.seconds[job]):.3f}"


def check(workshop: Workshop, case: str) -> Checked:
    """Disturb a command, and run it again."""
    name, how, at = case.split("/")
    job, folder = job_named(name), workshop.new_case(job_named(name))
    for part in at.split("+"):
        ended = _disturbed(workshop, job, folder, how, part)
        what = _fault(ended, how) or half_written(folder, workshop.right[name])
        if what:
            return of_one_case(case, folder, what)
    return of_one_case(case, folder, workshop.resume_fault(job, folder))


def _disturbed(workshop: Workshop, job: Job, folder: Path, how: str, at: str) -> Ended:
    fault, _, is_after = how.partition("-")
    if not is_after:
        work = workshop.work(job, folder, cast("Fault", fault), int(at))
        return child.run(work, workshop.log())
    sent = signal.SIGKILL if fault == "kill" else signal.SIGINT
    begun = child.start(workshop.work(job, folder), workshop.log())
    return begun.wait(60, after=float(at), how=sent)


def _fault(ended: Ended, how: str) -> str:
    """Return what is wrong with the end of a disturbed command."""
    if how.startswith("interrupt"):
        problem = child.fault(ended, allowed=(0, INTERRUPTED))
        is_told = ended.status == 0 or ended.last_line.startswith("error: interrupted")
        return problem or (
            "" if is_told else f"interrupted without a word: {ended.last_line[:200]}"
        )
    return "" if ended.status == -signal.SIGKILL else child.fault(ended, allowed=(0,))


CAMPAIGN = Campaign("kills", 0.35, cases, check)
