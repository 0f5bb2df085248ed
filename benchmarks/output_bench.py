"""What each output of `predict` costs: time, size and memory; and whether masks are still as fast.

    python -m benchmarks.output_bench PHOTOS
    python -m benchmarks.output_bench PHOTOS --before CHECKOUT --count 64

Times are of one core, with the prediction at hand. With --before, `predict` with masks alone is run
from this checkout and from another one instead, by turns, for one photo and for all, and the
processor time of both is compared.
"""

import os
import resource
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory

from cyclopts import App

from benchmarks.markdown import of_model, table
from benchmarks.timing import ROUNDS, on_one_core, seconds_in_turn
from data.encoding import FORMATS
from data.errors import InputError
from data.images import read_photo
from data.polygons import POLYGONS
from data.polygons.options import PolygonOptions
from data.samples import find_photos
from pipeline import DEFAULT_MODEL
from pipeline.cli.arguments import Count
from pipeline.cli.program import run
from pipeline.inference.cutouts.background import Background
from pipeline.inference.cutouts.cutout_files import alpha_output, cutout_output
from pipeline.inference.cutouts.cutout_options import CutoutOptions
from pipeline.inference.outputs import MASK, Finished, Output
from pipeline.inference.polygon_files import polygon_output
from pipeline.inference.segmenter import Segmenter

TOLERANCES = (0.0, 0.5)

PREDICT = (sys.executable, "-m", "pipeline", "predict")

app = App(name="output_bench", help=__doc__, help_format="plaintext")


@app.default
def output_bench(
    photos: Path,
    /,
    *,
    model: str = DEFAULT_MODEL,
    count: Count = 8,
    before: Path | None = None,
) -> None:
    """Print the table of outputs or, with --before, that of the two checkouts.

    Args:
        photos: folder of photos.
        model: the model.
        count: number of photos, evenly spread among those in the folder.
        before: another checkout, whose `predict` with masks is compared with that of this one.
    """
    found = find_photos(photos)
    chosen = found[:: max(1, len(found) // count)][:count]
    if before is not None:
        print(ratio(chosen, model, before), end="")
        return
    segmenter = Segmenter.load(model, "cpu")
    print(of_model(segmenter.model, len(chosen)))
    with on_one_core():
        print(costs(chosen, segmenter), end="")


def outputs() -> dict[str, Output]:
    """Return the outputs by what the table calls them."""
    white = Background.parse("white")
    found = {"mask": MASK, "alpha": alpha_output(CutoutOptions())}
    found["alpha, --grow 0.5"] = alpha_output(CutoutOptions(grow=0.5))
    found["alpha, --alpha probability"] = alpha_output(CutoutOptions(alpha="probability"))
    for name, form in FORMATS.items():
        background = None if form.has_alpha else white
        found[f"cutout, {name}{' on white' if background else ''}"] = cutout_output(
            CutoutOptions(format=name, background=background)  # type: ignore[arg-type]
        )
    for name in POLYGONS:
        for tolerance in TOLERANCES:
            ending = f", --tolerance {tolerance:g}" if tolerance else ""
            options = PolygonOptions(tolerance=tolerance)
            found[name + ending] = polygon_output(name, options, Path())
    return found


def costs(photos: Sequence[Path], segmenter: Segmenter) -> str:
    """Return the table of outputs: milliseconds, kilobytes and memory of a photo."""
    items = [finished(photo, segmenter) for photo in photos]
    made = outputs()
    encoders = [output.encode for output in made.values()]
    seconds = seconds_in_turn(encoders, items, time.process_time)
    rows = [
        [
            name,
            f"{1000 * taken:.0f}",
            f"{fmean(len(output.encode(item)) for item in items) / 1e3:.0f}",
            f"{peak_megabytes(partial(output.encode, items[0])):.0f}",
        ]
        for (name, output), taken in zip(made.items(), seconds, strict=True)
    ]
    return table(["output", "ms", "kB", "peak MB of arrays"], rows)


def finished(photo: Path, segmenter: Segmenter) -> Finished:
    """Return a photo with its prediction."""
    return Finished(photo, segmenter.predict(read_photo(photo)), photo.read_bytes())


def peak_megabytes(step: Callable[[], object]) -> float:
    """Return the most memory of numpy's arrays while `step` runs, without its input."""
    tracemalloc.start()
    step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def ratio(photos: Sequence[Path], model: str, before: Path) -> str:
    """Return the table of the processor time of `predict` in two checkouts, run by turns."""
    checkouts = (Path(__file__).parent.parent, before)
    rows = []
    for chosen in (photos[:1], photos):
        times: list[list[float]] = [[], []]
        with TemporaryDirectory() as folder:
            for _ in range(ROUNDS):
                for i, checkout in enumerate(checkouts):
                    out = Path(folder, f"{i}-{len(times[i])}")
                    times[i].append(cpu_seconds(chosen, out, model, checkout))
        now, then = map(median, times)
        rows.append([str(len(chosen)), f"{now:.2f}", f"{then:.2f}", f"{now / then:.3f}"])
    return table(["photos", "this checkout, s of processor", before.name, "ratio"], rows)


def cpu_seconds(photos: Sequence[Path], out: Path, model: str, checkout: Path) -> float:
    """Return the processor time of a `predict` with masks alone, in a process of its own.

    Raises:
        InputError: it fails.
    """
    command = [*PREDICT, *map(str, map(Path.absolute, photos)), str(out), "--model", model]
    environment = os.environ | {"PYTHONPATH": str(checkout.absolute())}
    started = used_by_processes()
    done = subprocess.run(command, cwd=checkout, env=environment, stderr=subprocess.DEVNULL)
    if done.returncode:
        raise InputError(f"predict fails in {checkout}")
    return used_by_processes() - started


def used_by_processes() -> float:
    """Return the processor time of all processes that this one has run, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(run(app))
