"""What Dice to expect of how many photos: own photos of several kinds, in the same minutes.

    python -m benchmarks.learning_curves leaves LEAVES --work WORK [--sizes 8 20 50] [--draws 3]
    python -m benchmarks.learning_curves

Photos are drawn at random, `--draws` times for each size. Those that are not drawn, 40 at most, are
scored at their own size, by networks that never saw one of their group. Each method is given the
same minutes: `foveamask train` with its limit of time, both stages with the default settings, and a
plain U-Net. Two more methods are given 20 photos more than were drawn: 20 at random, or those of
which a first model expects the lowest Dice.

Time is that of the processor, so other work on the machine does not matter: ten minutes are those
of one thread. Every result is a file in benchmarks/results/learning_curves/, written when it is
known; the same command goes on with those that are missing.
"""

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from benchmarks import curve_methods
from benchmarks.curve_data import Draw, draw_photos
from benchmarks.curve_table import Result, curve_table, read_results
from benchmarks.processor_clock import on_processor_time
from data.errors import SettingsError
from data.files import write_bytes
from pipeline.cli.program import run
from pipeline.toml_settings import read_table

log = logging.getLogger(__name__)

RESULTS = Path(__file__).parent / "results" / "learning_curves"

Method = Literal["train", "defaults", "u-net", "train-random", "train-least-certain"]

app = App(name="python -m benchmarks.learning_curves", help=__doc__, help_format="plaintext")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """What is run."""

    sizes: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (8, 20, 50, 100)
    """Numbers of photos to train on."""
    draws: int = 3
    """Draws of each size."""
    methods: Annotated[tuple[Method, ...], Parameter(consume_multiple=True)] = (
        *("train", "defaults", "u-net"),
    )
    """What is trained. The last two of those that may be named train on 20 photos more than were
    drawn: at random, or the least certain."""
    minutes: float = 10.0
    """Minutes of one thread for each training."""
    config: Path | None = None
    """Settings of the data, such as data.object."""
    results: Path = RESULTS
    """Folder of the results."""


DEFAULTS = Options()


@app.default
def learning_curves(
    kind: str | None = None,
    data: Path | None = None,
    /,
    *,
    work: Path | None = None,
    options: Options = DEFAULTS,
) -> None:
    """Train and score what is missing, then print the table of all results.

    Args:
        kind: name of the kind of photos.
        data: photos with masks.
        work: folder for photos that are drawn, and for runs.
        options: what is run.

    Raises:
        SettingsError: some of the arguments are missing.
        InputError: there is an error in the photos.
    """
    if kind is not None:
        if data is None or work is None:
            raise SettingsError("name the photos, and a folder to work in (--work)")
        for size in options.sizes:
            for number in range(options.draws):
                drawn = draw_photos(kind, data, work, size, number, given_of(options))
                if drawn is not None:
                    run_methods(drawn, work, options)
    sys.stdout.write(curve_table(read_results(options.results)))


def given_of(options: Options) -> dict[str, object]:
    """Return the settings of the user."""
    return read_table(options.config) if options.config else {}


def run_methods(drawn: Draw, work: Path, options: Options) -> None:
    """Train and score each method on drawn photos, unless its result is there already."""
    options.results.mkdir(parents=True, exist_ok=True)
    for method in options.methods:
        minutes = f"{options.minutes:g}"
        name = f"{drawn.kind}-{drawn.size}-{drawn.number}-{method}-{minutes}min"
        path = options.results / f"{name}.json"
        if path.exists():
            continue
        log.info("%s", name)
        with on_processor_time():
            trained = curve_methods.METHODS[method](drawn, work / name, 60 * options.minutes)
        scores = curve_methods.scores_of(drawn.test, trained.mask)
        result = Result(
            kind=drawn.kind,
            size=drawn.size,
            draw=drawn.number,
            method=method,
            minutes=options.minutes,
            tested=len(drawn.test),
            seconds=round(trained.seconds, 1),
            **scores,
        )
        write_bytes(path, f"{json.dumps(asdict(result), indent=2)}\n".encode())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    return run(app, arguments)


if __name__ == "__main__":
    sys.exit(main())
