"""The command line: every command by its name; heavy modules are imported inside the commands.

Results on stdout, progress on stderr.
"""

import io
import sys
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App
from PIL import Image

from pipeline.cli.data_commands import check, convert
from pipeline.cli.demo_commands import demo, demo_data
from pipeline.cli.judging_commands import audit, calibrate, check_csv, evaluate, show, verify
from pipeline.cli.mask_commands import predict, refine
from pipeline.cli.model_commands import export
from pipeline.cli.program import INTERRUPTED, run, set_up_logging
from pipeline.cli.reviewing_commands import review
from pipeline.cli.serving_commands import serve
from pipeline.cli.standard_streams import with_streams
from pipeline.cli.training_commands import make_patches, train, train_coarse, train_refiner

COMMANDS = (
    demo,
    demo_data,
    check,
    train,
    train_coarse,
    make_patches,
    train_refiner,
    predict,
    refine,
    evaluate,
    calibrate,
    audit,
    verify,
    show,
    check_csv,
    convert,
    export,
    serve,
    review,
)

app = App(
    name="foveamask",
    help="Pixel-accurate masks of large photos from small networks. --debug shows tracebacks.",
    help_format="plaintext",
    version=lambda: version("foveamask"),
    suppress_keyboard_interrupt=False,  # cyclopts would end the process without a message
)
for command in COMMANDS:
    app.command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    # Pillow would refuse photos within the limit of `data.images`. The setting is process-wide.
    Image.MAX_IMAGE_PIXELS = None
    set_up_logging()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names on disk need not be text
    status = run(app, with_streams(sys.argv[1:] if arguments is None else arguments))
    if status == INTERRUPTED and arguments is None:
        # What the interruption cut off may fail once more while the process ends: nobody asks.
        sys.unraisablehook = lambda _: None
    return status
