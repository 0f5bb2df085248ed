"""Readers that are given damaged files: READER/SEED/N, or READER/SEED/FIRST-END for many.

What is allowed is what the undamaged file gives, another content where the format cannot tell, or
an `InputError` of one line, in bounded time and memory.
"""

import faulthandler
import hashlib
import json
import mmap
import random
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from tests.torture import child
from tests.torture.campaign import Campaign, Checked, Problem
from tests.torture.child import Ended, Limits, line_fault
from tests.torture.mutator import mutate
from tests.torture.readers import READERS, Reader
from tests.torture.workshop import Workshop

BATCH = 60
SECONDS = 20
"""Most that reading one file may take."""
MEMORY = 4 * 2**30
"""Most bytes of address space that reading one file may take."""


@dataclass(frozen=True)
class Batch:
    """Some damaged files for a reader; `seed` and number decide what is damaged."""

    reader: Reader
    seed: str
    first: int
    end: int

    def case(self, number: int) -> str:
        """Return the name of one case."""
        return f"{self.reader.name}/{self.seed}/{number}"


def cases(workshop: Workshop, chance: random.Random) -> Iterator[str]:
    """Give batches for all readers in turn, without an end."""
    seed, first = chance.randrange(10**6), 0
    while True:
        yield from (f"{reader.name}/{seed}/{first}-{first + BATCH}" for reader in READERS)
        first += BATCH


def check(workshop: Workshop, case: str) -> Checked:
    """Read the files of a batch in children; one that dies is replaced after the file it read."""
    name, seed, numbers = case.split("/")
    first, _, end = numbers.partition("-")
    reader = next(reader for reader in READERS if reader.name == name)
    batch = Batch(reader, seed, int(first), int(end or int(first) + 1))
    problems, number = list[Problem](), batch.first
    while number < batch.end:
        answers, started = workshop.log(), mmap.mmap(-1, 8)
        ended = _run(workshop, Batch(reader, seed, number, batch.end), answers, started)
        problems += [Problem(*json.loads(line)) for line in answers.read_text().splitlines()]
        if not (ended.status or ended.timed_out):
            break
        at = int.from_bytes(started[:8], "little") - 1
        if at < number:
            raise RuntimeError(f"undamaged files of {name} are not read:\n{ended.stderr}")
        problems.append(_of_dead(workshop, batch, at, ended))
        number = at + 1
    return Checked([_kept(workshop, p, batch) for p in problems], batch.end - batch.first)


def damaged(workshop: Workshop, batch: Batch, number: int, folder: Path) -> tuple[str, Path]:
    """Write the files of a case to `folder`; return the kinds of damage and the damaged file."""
    template = _template(workshop, batch.reader)
    shutil.copytree(template, folder)
    chance = random.Random(f"{batch.reader.name}/{batch.seed}/{number}")
    targets = sorted(path for path in folder.glob(batch.reader.targets) if path.is_file())
    target = chance.choice(targets)
    data = target.read_bytes()
    donors = [path.read_bytes() for path in (*targets[:3], workshop.inputs / "run.toml")]
    donors += [path.read_bytes() for path in sorted((workshop.inputs / "photos").glob("*.*"))[:2]]
    kinds, changed = mutate(data, donors, chance)
    target.write_bytes(changed)
    return kinds if changed != data else "", target


def _run(workshop: Workshop, batch: Batch, answers: Path, started: mmap.mmap) -> Ended:
    """Read all files of a batch in one child, which writes problems to `answers`."""
    _template(workshop, batch.reader)

    def work() -> int:
        right = _undamaged(batch.reader, _template(workshop, batch.reader), workshop)
        with answers.open("a") as file:
            for number in range(batch.first, batch.end):
                started[:8] = (number + 1).to_bytes(8, "little")
                if what := _problem(workshop, batch, number, right):
                    file.write(json.dumps((batch.case(number), what)) + "\n")
                    file.flush()
        faulthandler.cancel_dump_traceback_later()
        return 0

    return child.run(work, workshop.log(), Limits(memory=MEMORY), timeout=SECONDS * 4)


def _problem(workshop: Workshop, batch: Batch, number: int, right: str) -> str:
    """Read the damaged file of one case; return what is wrong with what came of it."""
    reader, folder = batch.reader, Path(tempfile.mkdtemp(dir=workshop.root)) / "case"
    kinds, target = damaged(workshop, batch, number, folder)
    faulthandler.dump_traceback_later(SECONDS, exit=True, file=sys.stderr)
    try:
        now = _digest(reader.read(folder))
    except InputError as error:
        problem = line_fault(str(error).replace(str(folder), ""))
        return f"{kinds} of {target.name}: {problem}" if problem else ""
    except BaseException as error:  # noqa: BLE001  anything else is what is looked for
        return f"{kinds} of {target.name}: {_shown(error)}"
    finally:
        faulthandler.cancel_dump_traceback_later()
        shutil.rmtree(folder.parent, ignore_errors=True)
    if now == right:
        return ""
    if reader.has_checksum or (reader.whole_or_refused and kinds == "cut"):
        return f"{kinds} of {target.name}: read as if it were whole, with another content"
    return ""


def _undamaged(reader: Reader, template: Path, workshop: Workshop) -> str:
    """Return the digest of what the undamaged files give."""
    folder = Path(tempfile.mkdtemp(dir=workshop.root)) / "case"
    shutil.copytree(template, folder)
    right = _digest(reader.read(folder))
    shutil.rmtree(folder.parent)
    return right


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def _template(workshop: Workshop, reader: Reader) -> Path:
    """Return the folder of the undamaged files of a reader, which a child makes once."""
    folder = workshop.root / "readers" / reader.name
    if not folder.exists():
        folder.mkdir(parents=True)

        def work() -> int:
            reader.make(workshop, folder)
            return 0

        workshop.expect(child.run(work, workshop.log()))
    return folder


def _of_dead(workshop: Workshop, batch: Batch, number: int, ended: Ended) -> Problem:
    """Return the problem of a child that has died while it read the file of a case."""
    folder = Path(tempfile.mkdtemp(dir=workshop.root)) / "case"
    kinds, target = damaged(workshop, batch, number, folder)
    shutil.rmtree(folder.parent)
    if ended.timed_out or "Timeout (" in ended.stderr:
        what = f"takes longer than {SECONDS} s"
    else:
        what = child.fault(ended, allowed=(0,))
    return Problem(batch.case(number), f"{kinds} of {target.name}: {what}")


def _kept(workshop: Workshop, problem: Problem, batch: Batch) -> Problem:
    """Return a problem together with its damaged files."""
    folder = Path(tempfile.mkdtemp(dir=workshop.root)) / "case"
    damaged(workshop, batch, int(problem.case.rpartition("/")[2]), folder)
    return Problem(problem.case, problem.what, folder)


def _shown(error: BaseException) -> str:
    """Return an error, and the deepest place of our code that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/tests/" not in f.filename and "site-packages" not in f.filename]
    where = [f for f in ours if f.filename.startswith(str(Path(__file__).parents[2]))]
    place = f"{Path(where[-1].filename).name}:{where[-1].lineno}" if where else "no line of ours"
    return f"{type(error).__name__}: {str(error)[:150]!r} at {place}"


CAMPAIGN = Campaign("fuzz", 0.25, cases, check)
