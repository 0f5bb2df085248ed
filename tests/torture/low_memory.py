"""Commands with little memory: JOB/MIB beyond what a process has that has imported everything.

They work, or say so in one line. One photo that is too large does not cost the masks of others.
"""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.torture import child
from tests.torture.campaign import Campaign, Checked, of_one_case
from tests.torture.child import Limits
from tests.torture.results import half_written
from tests.torture.workshop import JOBS, LARGE_JOBS, Workshop, job_named

HUGE, LARGE = (job.name for job in LARGE_JOBS)

MEMORY = (256, 64, 1024, 128, 512, 32, 2048, 16, 96, 192, 384, 768, 1536, 3072, 8, 4, 24, 48)


def cases(workshop: Workshop, chance: random.Random) -> Iterator[str]:
    """Give predictions of large photos with each limit, then all commands with random ones."""
    for memory in MEMORY:
        yield from (f"{name}/{memory}" for name in (LARGE, chance.choice(JOBS).name, HUGE))
    while True:
        yield f"{chance.choice((*JOBS, *LARGE_JOBS)).name}/{int(2 ** chance.uniform(2, 11))}"


def check(workshop: Workshop, case: str) -> Checked:
    """Run a command with little memory; without the limit too, where that does not take long."""
    name, memory = case.split("/")
    job = job_named(name)
    # To predict the huge photo undisturbed takes most of a minute; those beside it are compared.
    compared = LARGE if name == HUGE else name
    workshop.need(job_named(compared))
    folder = workshop.new_case(job)
    limits = Limits(memory=int(memory) * 2**20)
    ended = workshop.run(job, folder, limits, timeout=180)
    made = folder / "masks" / "m.png"
    right = workshop.right[compared]
    if made.exists():
        right = right | {"masks/m.png": made.read_bytes()}
    what = child.fault(ended) or half_written(folder, right)
    if not what and name == HUGE and ended.status:
        what = _lost_others(workshop, folder.with_name(f"{folder.name}-others"), limits, folder)
    if not what and name != HUGE:
        what = workshop.resume_fault(job, folder)
    return of_one_case(case, folder, what)


def _lost_others(workshop: Workshop, others: Path, limits: Limits, folder: Path) -> str:
    """Return which photos have no mask although, without the huge one, they would have it."""
    job = job_named(LARGE)
    others.mkdir()
    alone = workshop.run(job, others, limits, timeout=180)
    made = {path.name for path in (others / "masks").glob("*.png")}
    shutil.rmtree(others)
    if alone.status:
        return ""
    lost = made - {path.name for path in (folder / "masks").glob("*.png")}
    return f"a huge photo has cost the masks of others: {sorted(lost)}" if lost else ""


CAMPAIGN = Campaign("low-memory", 0.1, cases, check)
