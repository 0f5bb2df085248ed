"""One ONNX file beside the package: start, milliseconds a photo, memory.

Each program is a process of its own: the example of docs/any-language.md, without torch, and the
package. It makes the mask of one photo, then of all of them several times. In Node.js the file is
run by onnxruntime-web and, where it is installed, onnxruntime-node.

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

from benchmarks.markdown import number, table
from data.images import read_photo
from data.samples import find_photos
from pipeline.exporting.onnx_file import onnx_model
from pipeline.model_folder import load_model

ROUNDS = 5

ONNX = """
import json, resource, sys, time
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
import json, resource, sys, time
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
print(time.time(), flush=True)
taken = []
for _ in range({ROUNDS}):
    started = time.perf_counter()
    for photo in photos:
        mask(photo)
    taken.append((time.perf_counter() - started) / len(photos))
print(json.dumps([taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
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
await mask(photos[0]);
console.log(Date.now() / 1000);
const taken = [];
for (let round = 0; round < {ROUNDS}; round += 1) {{
  const started = performance.now();
  for (const photo of photos) await mask(photo);
  taken.push((performance.now() - started) / 1000 / photos.length);
}}
console.log(JSON.stringify([taken, process.resourceUsage().maxRSS * 1024]));
"""

app = App(help=__doc__, help_format="plaintext")


@dataclass(frozen=True)
class Measured:
    """What one process took."""

    start: float
    """Seconds from its start to its first mask."""
    photo: float
    """Seconds a photo, decoded already: the median of rounds."""
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
        node: folder with the node_modules of onnxruntime-web and onnxruntime-node.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arrays = [str(_decoded(path, folder)) for path in find_photos(*photos)]
        files = {}
        for is_half in (False, True):
            path = folder / f"{'half' if is_half else 'whole'}.onnx"
            files[is_half] = path
            content = onnx_model(load_model(model), name=model, half_weights=is_half)
            path.write_bytes(content.SerializeToString())
        programs: dict[str, list[str]] = {}
        for threads in ("1", "2"):
            many = f"{threads} thread{'s' if threads != '1' else ''}"
            for precision in ("auto", "fp32"):
                own = [sys.executable, "-c", PACKAGE + MEASURE, model, precision, threads]
                programs[f"the package, {precision}, {many}"] = own
            python = [sys.executable, "-c", ONNX + MEASURE, str(files[False]), threads]
            programs[f"onnxruntime, {many}"] = python
        half = [sys.executable, "-c", ONNX + MEASURE, str(files[True]), "1"]
        programs["onnxruntime, weights of 16 bits, 1 thread"] = half
        if node is not None:
            script = node / "exported.mjs"
            script.write_text(NODE)
            for runtime in ("onnxruntime-node", "onnxruntime-web"):
                if (node / "node_modules" / runtime).is_dir():
                    command = ["node", str(script), runtime, "1", str(files[False])]
                    programs[f"{runtime}, 1 thread"] = command
        rows = []
        for title, command in programs.items():
            each = measured([*command, *arrays])
            rows.append([title, number(each.start, ".2f"), number(1000 * each.photo, ".0f"),
                         number(each.memory / 1e6, ".0f")])  # fmt: skip
        sizes = [files[is_half].stat().st_size for is_half in (False, True)]
        print(table(["", "first mask after, s", "ms a photo", "memory at most, MB"], rows))
        print(f"{len(arrays)} photos; files of {sizes[0]:,} and {sizes[1]:,} bytes")


def measured(command: list[str]) -> Measured:
    """Run a process that prints the time of its first mask, and then seconds and memory."""
    one_thread = {"OMP_NUM_THREADS": "1"} if "1" in command else {}
    begun = time.time()
    ended = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | one_thread
    )
    first, rest = ended.stdout.splitlines()
    taken, memory = json.loads(rest)
    return Measured(float(first) - begun, median(taken), int(memory))


def _decoded(path: Path, folder: Path) -> Path:
    """Write the pixels of a photo to `folder`, and return the path; its name has the size."""
    photo = read_photo(path)
    target = folder / f"{path.stem}-{photo.shape[0]}x{photo.shape[1]}.npy"
    np.save(target, photo)
    return target


if __name__ == "__main__":
    app()
