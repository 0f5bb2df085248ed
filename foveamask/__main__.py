"""Run the command line: `python -m foveamask`."""

import sys

from pipeline.cli import main

sys.exit(main())
