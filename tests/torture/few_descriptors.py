"""Commands that may open few files at once: JOB/DESCRIPTORS.

They work, or say so in one line; afterwards, without the limit, they lead to the right results.
"""

import random
from collections.abc import Iterator

from tests.torture import child
from tests.torture.campaign import Campaign, Checked, of_one_case
from tests.torture.child import Limits
from tests.torture.results import half_written
from tests.torture.workshop import JOBS, Workshop, job_named

NUMBERS = (12, 24, 16, 32, 14, 20, 28, 48, 64, *range(4, 12), *range(13, 64))


def cases(workshop: Workshop, chance: random.Random) -> Iterator[str]:
    """Give each command with each number of descriptors."""
    yield from (f"{job.name}/{number}" for number in NUMBERS for job in JOBS)


def check(workshop: Workshop, case: str) -> Checked:
    """Run a command with few descriptors, then with many."""
    name, number = case.split("/")
    job = job_named(name)
    folder = workshop.new_case(job)
    ended = workshop.run(job, folder, Limits(descriptors=int(number)))
    what = child.fault(ended) or half_written(folder, workshop.right[name])
    return of_one_case(case, folder, what or workshop.resume_fault(job, folder))


CAMPAIGN = Campaign("few-descriptors", 0.1, cases, check)
