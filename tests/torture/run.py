"""Run the campaigns, each for its share of the time, and write what they found.

torture/results.json has the figures, torture/table.md the table of them, and torture/kept/ the
files and folders that broke something.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from tests.torture import (
    few_descriptors,
    full_disk,
    fuzz,
    kills,
    low_memory,
    report,
    two_at_once,
    warm,
)
from tests.torture.campaign import Campaign, Checked, Problem
from tests.torture.report import Tally
from tests.torture.workshop import Workshop

CAMPAIGNS: tuple[Campaign, ...] = (
    kills.CAMPAIGN,
    fuzz.CAMPAIGN,
    full_disk.CAMPAIGN,
    few_descriptors.CAMPAIGN,
    low_memory.CAMPAIGN,
    two_at_once.CAMPAIGN,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return 1 if anything broke."""
    parser = argparse.ArgumentParser(prog="torture", description=(__doc__ or "").partition("\n")[0])
    names = [campaign.name for campaign in CAMPAIGNS]
    parser.add_argument("--minutes", type=float, default=5, help="for all campaigns")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="CAMPAIGN")
    parser.add_argument("--seed", type=int, default=0, help="another one gives other cases")
    parser.add_argument("--case", nargs="+", default=[], help="repeat these, CAMPAIGN/...")
    parser.add_argument("--most", type=int, help="most cases of a campaign")
    parser.add_argument("--containing", default="", help="only cases with this in their names")
    parser.add_argument("--out", type=Path, default=Path("torture"))
    options = parser.parse_args(arguments)
    warm.import_all()
    shutil.rmtree(options.out / "kept", ignore_errors=True)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="torture-") as root:
        workshop = Workshop(Path(root).resolve() / "w")
        if options.case:
            tallies = [repeat(workshop, case, options.out / "kept") for case in options.case]
        else:
            chosen = [campaign for campaign in CAMPAIGNS if campaign.name in options.only]
            tallies = [disturb(workshop, one, chosen, options) for one in chosen]
    print(report.write(tallies, options.out, options.seed))
    for tally in tallies:
        for finding in tally.findings.values():
            print(tally.described(finding))
    return 1 if any(tally.findings for tally in tallies) else 0


def disturb(
    workshop: Workshop, campaign: Campaign, chosen: Sequence[Campaign], options: argparse.Namespace
) -> Tally:
    """Check cases of a campaign until its share of the time is over."""
    share = campaign.weight / sum(other.weight for other in chosen)
    begun, tally = time.monotonic(), Tally(campaign.name)
    print(f"{campaign.name}: {60 * options.minutes * share:.0f} s, seed {options.seed}", flush=True)
    cases = campaign.cases(workshop, random.Random(f"{campaign.name} {options.seed}"))
    wanted = (case for case in cases if options.containing in case)
    for case in islice(wanted, options.most):
        tally.add(checked(workshop, campaign, case), options.out / "kept")
        tally.seconds = time.monotonic() - begun
        if tally.seconds > 60 * options.minutes * share:
            break
    return tally


def repeat(workshop: Workshop, case: str, keep: Path) -> Tally:
    """Check the one case of a name."""
    name, _, case = case.partition("/")
    campaign = next((campaign for campaign in CAMPAIGNS if campaign.name == name), None)
    if campaign is None:
        sys.exit(f"no campaign {name}; there are {', '.join(one.name for one in CAMPAIGNS)}")
    tally, begun = Tally(name), time.monotonic()
    tally.add(checked(workshop, campaign, case), keep)
    tally.seconds = time.monotonic() - begun
    return tally


def checked(workshop: Workshop, campaign: Campaign, case: str) -> Checked:
    """Check a case; a harness that fails is a problem too, and not the end of the others."""
    try:
        return campaign.check(workshop, case)
    except Exception as error:  # noqa: BLE001  whatever it is, the other cases are worth checking
        what = f"the harness: {type(error).__name__}: {error}"
        return Checked([Problem(case, what)])
