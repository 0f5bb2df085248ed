"""`predict` into an object store, stopped in the middle, and what the same command makes of it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from data.stores.spool import PREFIX
from tests.pipeline.inference.predicting import write_photos
from tests.pipeline.predict_command.in_buckets import into, predict, results, visible

if TYPE_CHECKING:
    from tests.s3_server import S3Server

ROOT = Path(__file__).parents[3]
NUM = 24

STOPPED_AFTER = 12
"""Uploads that have begun when a process is stopped: more than run at once, so some are done."""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    write_photos(folder, NUM)
    return folder


@pytest.fixture(scope="module")
def expected(many: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("local")
    assert predict(model, many, out / "masks", "--csv", out / "masks.csv") == 0
    return visible({str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()})


def stopped(s3: "S3Server", bucket: str, model: Path, spool: Path, number: signal.Signals) -> int:
    """Run `predict` in a process, send it a signal half-way, and return its exit status."""
    command = [sys.executable, "-m", "pipeline", "predict", *into(bucket), "--model", str(model)]
    environment = os.environ | {"TMPDIR": str(spool), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        ends = time.monotonic() + 120
        while s3.count("PUT .*masks/.*png") < STOPPED_AFTER:
            assert process.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.01)
        process.send_signal(number)
        return process.wait(60)
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_is_stopped_is_resumed_to_the_same_bytes(  # noqa: PLR0913  fixtures
    s3: "S3Server",
    many: Path,
    model: Path,
    expected: dict[str, bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
):
    bucket = s3.bucket_of(many, "photos")
    s3.latency = 0.1

    status = stopped(s3, bucket, model, tmp_path, number)

    s3.latency = 0.0
    before = results(s3, bucket)
    assert 0 < len(before) < NUM
    assert before.items() <= expected.items()  # each of them is whole
    assert status == (130 if number == signal.SIGINT else -number)
    assert bool(list(tmp_path.glob(f"{PREFIX}*"))) == (number == signal.SIGKILL)
    capsys.readouterr()

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert predict(model, *into(bucket)) == 0

    assert results(s3, bucket) == expected
    assert not list(tmp_path.glob(f"{PREFIX}*"))
    if number == signal.SIGINT:  # which leaves time to upload the records
        assert re.search(rf"[1-9]\d* of {NUM} photos are done already", capsys.readouterr().err)
