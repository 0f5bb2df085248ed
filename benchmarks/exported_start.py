"""What the start of an ONNX file is made of, from the process to its first mask.

    python -m benchmarks.exported_start PHOTO

Milliseconds of processor time, in one thread; a process of its own for each row and round, in turn.
Rows differ in how much onnxruntime optimises the graph when it opens the file.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from cyclopts import App

from benchmarks.exported import decoded, exported
from benchmarks.markdown import table
from pipeline.cli.arguments import Count
from pipeline.cli.program import run

app = App(name="python -m benchmarks.exported_start", help=__doc__, help_format="plaintext")

LEVELS = {
    "all (as it comes)": "ORT_ENABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "none": "ORT_DISABLE_ALL",
}

START = """
import hashlib, json, sys, time
marks = [time.process_time()]
def mark():
    marks.append(time.process_time())
import numpy as np; mark()
import onnxruntime; mark()
file, level, photo = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
session = onnxruntime.InferenceSession(file, options); mark()
pixels = np.load(photo)
for _ in range(2):
    (mask,) = session.run(["mask"], {"photo": pixels, "budget": np.array([-1])}); mark()
spans = [after - before for before, after in zip([0.0, *marks], marks)]
print(json.dumps([spans, hashlib.sha256(mask.tobytes()).hexdigest()]))
"""

HEADER = (
    "optimisation",
    "Python",
    "numpy",
    "onnxruntime",
    "the file is opened",
    "first photo",
    "until the first mask",
    "second photo",
)


def spans_of(file: Path, level: str, photo: Path) -> tuple[list[float], str]:
    """Return the seconds of each part of a start, and the hash of the mask."""
    command = [sys.executable, "-c", START, str(file), level, str(photo)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    spans, mask = json.loads(ended.stdout)
    return spans, mask


def row(level: str, rounds: list[list[float]]) -> list[str]:
    """Return the row of the table for what was measured with one level."""
    parts = [median(part) for part in zip(*rounds, strict=True)]
    first = median(sum(spans[:-1]) for spans in rounds)
    return [level, *(f"{1000 * part:.0f}" for part in (*parts[:-1], first, parts[-1]))]


@app.default
def measure(photo: Path, /, *, model: str = "carvana", rounds: Count = 5) -> None:
    """Print the table.

    Args:
        photo: a photo.
        model: folder of a model, or the name of one that comes with the package.
        rounds: how often each way is measured; the median counts.
    """
    with tempfile.TemporaryDirectory() as name:
        file, pixels = exported(model, Path(name), False), decoded(photo, Path(name))
        taken: dict[str, list[list[float]]] = {level: [] for level in LEVELS}
        masks = set()
        for _ in range(rounds):
            for level, option in LEVELS.items():
                spans, mask = spans_of(file, option, pixels)
                taken[level].append(spans)
                masks.add(mask)
    print(table(HEADER, [row(level, spans) for level, spans in taken.items()]))
    print("the same mask" if len(masks) == 1 else f"{len(masks)} different masks")


if __name__ == "__main__":
    sys.exit(run(app))
