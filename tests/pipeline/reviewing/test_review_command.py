"""The command as a process: its end, and that it goes on after a kill."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from data.samples import find_samples
from pipeline.model_folder import save_model
from tests.bright_objects import bright_model, bright_segmenter
from tests.builders import foveamask
from tests.pipeline.reviewing.reviews import Batch
from tests.started_servers import started


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    save_model(bright_model(), tmp_path / "bright")
    return Batch(tmp_path, bright_segmenter()).predict()


@contextmanager
def reviewing(batch: Batch) -> Iterator[tuple["subprocess.Popen[str]", httpx2.Client]]:
    """A review on a free port, and a client of it."""
    model = batch.photos.parent / "bright"
    with started("review", batch.photos, batch.masks, "--model", model) as server:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.address)
        assert "3 masks, of which 0 are expected below 0.99" in server.said
        with httpx2.Client(base_url=server.address, timeout=60) as client:
            yield server.process, client


@pytest.mark.slow
def test_it_goes_on_after_a_kill_and_ends_with_a_signal(batch: Batch):
    stroke = {"name": "car_0", "label": "object", "points": "10,10 40,20", "radius": 4}
    with reviewing(batch) as (process, client):
        assert client.post("/v1/review/stroke", json=stroke).status_code == 200
        assert client.post("/v1/review/accept", json={"name": "car_1"}).status_code == 200
        before = client.get("/v1/review").json()["photos"]
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    (batch.masks / "review" / f".{'0' * 16}.partial").write_text("of a write that was killed")

    with reviewing(batch) as (process, client):
        after = client.get("/v1/review").json()["photos"]
        busy = foveamask("review", batch.photos, batch.masks, "--port", 0)
        process.send_signal(signal.SIGTERM)
        _, text = process.communicate(timeout=60)

    assert after == before
    assert {photo["name"]: photo["strokes"] for photo in after}["car_0"] == 1
    assert [sample.name for sample in find_samples(batch.masks / "corrected")] == ["car_1"]
    assert busy == 1
    assert process.returncode == 0
    assert text.splitlines()[-1] == "stopped"
    assert "Traceback" not in text
    assert not list((batch.masks / "review").glob("*.partial"))


def test_a_folder_without_masks_is_one_line(batch: Batch, capsys: pytest.CaptureFixture[str]):
    assert foveamask("review", batch.photos, batch.photos / "nothing") == 1
    assert "no such folder of masks" in capsys.readouterr().err
    assert foveamask("review", batch.photos, batch.masks, "--below", "7") == 2


def test_without_its_packages_it_says_how_to_install_them(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name in [name for name in sys.modules if name.startswith("pipeline.reviewing.review_")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith("pipeline.serving")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)

    assert foveamask("review", batch.photos, batch.masks) == 1
    assert '`review` needs more packages: pip install "foveamask[serve]"' in capsys.readouterr().err
