"""One ONNX file beside the package: start, milliseconds a photo, memory.

Processor time is measured as well as the clock, which other work on the machine slows down.

Each program is a process of its own: the example of docs/how-to/any-language.md, without torch,
and the package. It makes the mask of one photo, then of all of them several times. In Node.js the
file is run by onnxruntime-web and, where it is installed, onnxruntime-node. Memory is that of Linux
since the program was started; the figure of getrusage begins with what its parent used.

    python -m benchmarks.exported PHOTOS [--model carvana] [--node FOLDER]
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
from cyclopts import App, Parameter

from benchmarks.markdown import of_model, table
from data.images import read_photo
from data.samples import find_photos
from pipeline.exporting.onnx_file import onnx_model
from pipeline.model_folder import load_model

ROUNDS = 3

ONNX = """
import json, sys, time
import numpy as np
import onnxruntime
file, threads, *photos = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(threads)
session = onnxruntime.InferenceSession(file, options)
def mask(path):
    return session.run(["mask"], {"photo": np.load(path), "budget": np.array([-1])})
"""

PACKAGE = """
import json, sys, time
import cv2, numpy as np, torch
from foveamask import Segmenter
name, precision, threads, *photos = sys.argv[1:]
torch.set_num_threads(int(threads))
cv2.setNumThreads(int(threads))
segmenter = Segmenter.load(name, "cpu", precision)
def mask(path):
    return segmenter(np.load(path))
"""

MEASURE = f"""
mask(photos[0])
print(json.dumps([time.time(), time.process_time()]), flush=True)
taken = []
for _ in range({ROUNDS}):
    started, begun = time.perf_counter(), time.process_time()
    for photo in photos:
        mask(photo)
    spans = time.perf_counter() - started, time.process_time() - begun
    taken.append([span / len(photos) for span in spans])
status = open("/proc/self/status").read()
print(json.dumps([taken, int(status.split("VmHWM:")[1].split()[0]) * 1024]))
"""

NODE = f"""
import {{ readFile }} from "node:fs/promises";
const [runtime, threads, file, ...photos] = process.argv.slice(2);
const ort = await import(runtime);
if (ort.env.wasm) ort.env.wasm.numThreads = Number(threads);
const session = await ort.InferenceSession.create(
  runtime === "onnxruntime-node" ? file : await readFile(file),
  {{ intraOpNumThreads: Number(threads) }});
async function mask(path) {{
  const bytes = await readFile(path);
  const [height, width] = path.match(/(\\d+)x(\\d+)/).slice(1).map(Number);
  const pixels = bytes.subarray(bytes.length - 3 * height * width);
  const photo = new ort.Tensor("uint8", new Uint8Array(pixels), [height, width, 3]);
  await session.run({{ photo, budget: new ort.Tensor("int64", [-1n], [1]) }}, ["mask"]);
}}
function processor() {{
  const {{ user, system }} = process.cpuUsage();
  return (user + system) / 1e6;
}}
await mask(photos[0]);
console.log(JSON.stringify([Date.now() / 1000, processor()]));
const taken = [];
for (let round = 0; round < {ROUNDS}; round += 1) {{
  const started = performance.now(), begun = processor();
  for (const photo of photos) await mask(photo);
  const spans = [(performance.now() - started) / 1000, processor() - begun];
  taken.push(spans.map((span) => span / photos.length));
}}
const status = await readFile("/proc/self/status", "utf8");
console.log(JSON.stringify([taken, Number(status.match(/VmHWM:\\s*(\\d+)/)[1]) * 1024]));
"""

HEADINGS = (
    "",
    "first mask after, s",
    "of processor",
    "ms a photo",
    "of processor",
    "memory at most, MB",
)

app = App(help=__doc__, help_format="plaintext")


@dataclass(frozen=True)
class Measured:
    """What one process took."""

    start: float
    """Seconds from its start to its first mask."""
    start_work: float
    """Seconds of processor time until then."""
    photo: float
    """Seconds a photo, decoded already: the median of rounds."""
    photo_work: float
    """Seconds of processor time a photo, likewise."""
    memory: int
    """Bytes that were resident at most."""


@app.default
def main(
    photos: Annotated[list[Path], Parameter(consume_multiple=True)],
    /,
    *,
    model: str = "carvana",
    node: Path | None = None,
) -> None:
    """Print the table.

    Args:
        photos: photos, or folders of them.
        model: folder of a model, or the name of one that comes with the package.
        node: folder with the node_modules of onnxruntime-web, onnxruntime-node or both.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arrays = [str(decoded(path, folder)) for path in find_photos(*photos)]
        whole, half = (exported(model, folder, is_half) for is_half in (False, True))
        programs = programs_of(model, whole, half)
        if node is not None:
            programs |= programs_in_node(node, whole)
        rows = [row(title, measured([*program, *arrays])) for title, program in programs.items()]
        print(of_model(load_model(model), len(arrays)))
        print(table(HEADINGS, rows))
        sizes = [path.stat().st_size for path in (whole, half)]
        print(f"files of {sizes[0]:,} and {sizes[1]:,} bytes")


def programs_of(model: str, whole: Path, half: Path) -> dict[str, list[str]]:
    """Return the commands in Python, but for the photos, by what the table calls them."""
    python = [sys.executable, "-c"]
    programs = {}
    for threads, many in (("1", "1 thread"), ("2", "2 threads")):
        for precision in ("auto", "fp32"):
            own = [*python, PACKAGE + MEASURE, model, precision, threads]
            programs[f"the package, {precision}, {many}"] = own
        programs[f"onnxruntime, {many}"] = [*python, ONNX + MEASURE, str(whole), threads]
    half_weights = [*python, ONNX + MEASURE, str(half), "1"]
    return programs | {"onnxruntime, weights of 16 bits, 1 thread": half_weights}


def programs_in_node(node: Path, file: Path) -> dict[str, list[str]]:
    """Return the commands in Node.js, for each runtime in the node_modules of a folder."""
    script = node / "exported.mjs"
    script.write_text(NODE)
    return {
        f"{runtime}, 1 thread": ["node", str(script), runtime, "1", str(file)]
        for runtime in ("onnxruntime-node", "onnxruntime-web")
        if (node / "node_modules" / runtime).is_dir()
    }


def exported(model: str, folder: Path, half_weights: bool) -> Path:
    """Write the ONNX file of a model to `folder`, and return its path."""
    path = folder / f"{'half' if half_weights else 'whole'}.onnx"
    file = onnx_model(load_model(model), name=model, half_weights=half_weights)
    path.write_bytes(file.SerializeToString())
    return path


def row(title: str, each: Measured) -> list[str]:
    """Return the row of the table for one program."""
    seconds = [f"{each.start:.2f}", f"{each.start_work:.2f}"]
    milliseconds = [f"{1000 * each.photo:.0f}", f"{1000 * each.photo_work:.0f}"]
    return [title, *seconds, *milliseconds, f"{each.memory / 1e6:.0f}"]


def measured(command: list[str]) -> Measured:
    """Run a process that prints the time of its first mask, and then seconds and memory."""
    one_thread = {"OMP_NUM_THREADS": "1" if "1" in command else "2"}
    begun = time.time()
    ended = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | one_thread
    )
    (first, work), (taken, memory) = map(json.loads, ended.stdout.splitlines())
    clock, processor = (median(spans) for spans in zip(*taken, strict=True))
    return Measured(first - begun, work, clock, processor, int(memory))


def decoded(path: Path, folder: Path) -> Path:
    """Write the pixels of a photo to `folder`, and return the path; its name has the size."""
    photo = read_photo(path)
    target = folder / f"{path.stem}-{photo.shape[0]}x{photo.shape[1]}.npy"
    np.save(target, photo)
    return target


if __name__ == "__main__":
    app()
