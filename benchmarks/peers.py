"""foveamask beside other networks: the same photos, the same recipe, the same minutes of training.

    python -m benchmarks.peers CARVANA OUT [--minutes 60] [--peers enet-480x320,unet-480x320]

Each peer is trained from random weights on the cars of CARVANA that the model `carvana` was trained
on, with its augmentation, loss and optimiser, for the same number of minutes, however many steps
that is. Then its masks of the validation photos are scored at the photos' own size. The package's
model is not trained here: its row is that of the model as packaged, which was trained for longer
and on more cars.

The row of each peer is written to OUT/peers.jsonl, and to stdout as JSON, as soon as it is known.
After an interruption the same command resumes with the missing peers. In the end OUT/peers.md has
the table.

U-Net and LinkNet come from segmentation-models-pytorch. Their encoders start from random weights,
like all other networks here; `--encoder-weights imagenet` downloads pretrained ones. Nothing is
compiled.
"""

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cyclopts import App

from benchmarks import peer_networks
from benchmarks.peer_bench import Options, prepared, provenance
from benchmarks.peer_rows import read_rows, table_of_peers, write_rows
from benchmarks.peer_scores import row_of, speeds
from benchmarks.timing import ROUNDS
from pipeline.cli.program import run
from pipeline.inference.devices import choose_device
from pipeline.training import run_folder

log = logging.getLogger(__name__)

NOTE = (
    "Photos a second: from a decoded photo to its mask at the photo's own size, decoding left out, "
    f"one after the other; medians of {ROUNDS} rounds in which all took turns.\n"
)

app = App(help=__doc__, help_format="plaintext")


@app.default
def peers(data: Path, out: Path, /, options: Options | None = None) -> None:
    """Train and score the peers, and write the table to OUT/peers.md.

    Args:
        data: photos with masks.
        out: folder to work in.
        options: the options.

    Raises:
        InputError: there is an error in the photos, the settings or the contents of `out`, or a
            library is missing.
    """
    options = options or Options()
    device = choose_device(options.device)
    names = peer_networks.choose(options.peers, has_gpu=device.type == "cuda")
    peer_networks.check_installed(names)
    bench = prepared(data, out, options, device)
    with run_folder.locked(out):
        made_with = provenance(bench)
        done = read_rows(out, names, made_with)
        for name in names:
            if name in done:
                log.info("%s is there already", name)
                continue
            done[name] = row_of(name, bench, made_with)
            write_rows(out, list(done.values()))
            print(json.dumps(asdict(done[name])), flush=True)
        rows = [done[name] for name in names]
        text = f"{table_of_peers(rows, speeds(rows, bench))}\n{NOTE}"
        (out / "peers.md").write_text(text)
    print(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status: 1 for bad input, 2 for wrong options."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    return run(app, arguments)


if __name__ == "__main__":
    sys.exit(main())
