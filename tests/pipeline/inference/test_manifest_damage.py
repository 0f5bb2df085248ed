"""A manifest, records or a lock that something else has taken the place of."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from data.errors import InputError
from pipeline.inference.manifest import LOCK, MANIFEST
from pipeline.inference.records import RECORDS
from tests.pipeline.inference.recording import read_records, record_of, write_records


@pytest.mark.parametrize("name", [MANIFEST, RECORDS, LOCK])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_no_pipe_or_folder_in_the_place_of_ours_blocks_or_ends_in_a_traceback(
    tmp_path: Path, name: str, make: Callable[[Path], None]
):
    write_records(tmp_path, a=record_of("a"))
    (tmp_path / name).unlink()
    make(tmp_path / name)

    is_lock = name == LOCK and make is os.mkfifo  # as good a lock as a file
    with nullcontext() if is_lock else pytest.raises((InputError, OSError), match=name):
        read_records(tmp_path)


def test_a_line_of_gigabytes_does_not_fill_the_memory(tmp_path: Path):
    write_records(tmp_path, a=record_of("a"))
    os.truncate(tmp_path / RECORDS, 2**31)  # a hole, which takes no space
    limited = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_DATA, ({2**30}, {2**30}))\n"
        "from pathlib import Path; from pipeline.inference.records import *\n"
        "records = Records(Path(sys.argv[1])); print(*records.found)"
    )

    command = [sys.executable, "-c", limited, str(tmp_path / RECORDS)]
    said = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3]
    )

    assert said.stdout == "a\n", said.stderr
    assert (tmp_path / RECORDS).stat().st_size < 1000
