"""The same command twice at the same time, into one place: JOB/SECONDS between their starts.

At least one of the two must do its work; the other does so too, or is refused with one line.
"""

import random
from collections.abc import Iterator

from tests.torture import child
from tests.torture.campaign import Campaign, Checked, of_one_case
from tests.torture.results import difference, results_of
from tests.torture.workshop import JOBS, Workshop, job_named


def cases(workshop: Workshop, chance: random.Random) -> Iterator[str]:
    """Give each command with a delay of chance, again and again; at first with none."""
    yield from (f"{job.name}/0" for job in JOBS)
    while True:
        for job in JOBS:
            yield f"{job.name}/{chance.uniform(0, workshop.seconds[job.name]):.3f}"


def check(workshop: Workshop, case: str) -> Checked:
    """Start a command twice, and compare what both have left."""
    name, delay = case.split("/")
    job = job_named(name)
    folder = workshop.new_case(job)
    first = child.start(workshop.work(job, folder), workshop.log())
    first.wait_ready()
    first.ends_within(float(delay))
    second = child.start(workshop.work(job, folder), workshop.log())
    ends = [second.wait(60), first.wait(60)]
    what = next(filter(None, map(child.fault, ends)), "")
    if not what and all(ended.status for ended in ends):
        what = f"neither did its work: {ends[0].last_line[:200]}; {ends[1].last_line[:200]}"
    if not what:
        what = difference(results_of(folder), workshop.right[name])
    return of_one_case(case, folder, what)


CAMPAIGN = Campaign("two-at-once", 0.1, cases, check)
