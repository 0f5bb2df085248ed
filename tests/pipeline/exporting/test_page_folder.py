"""The page of `export --page`, in Chromium, from a plain server of files, with the network off."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.errors import InputError
from pipeline.exporting import page_folder
from pipeline.exporting.page_folder import (
    ASSETS,
    RUNTIME,
    RUNTIME_VERSION,
    read_runtime,
    write_page,
)
from pipeline.inference.segmenter import Segmenter
from pipeline.model_folder import save_model
from tests.builders import CPU, foveamask, shaded_photo
from tests.node_packages import PACKAGES, node_modules, run_node
from tests.pipeline.exporting.test_export_command import MODEL

SIZES = [(120, 170), (85, 128)]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where a plain server of files serves the folder `page`."""
    handler = partial(Quiet, directory=tmp_path / "page")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_the_page_makes_the_masks_of_the_package_and_uploads_nothing(tmp_path: Path, address: str):
    save_model(MODEL, tmp_path / "mine")
    photos = [tmp_path / f"{i}.png" for i in range(len(SIZES))]
    for path, size in zip(photos, SIZES, strict=True):
        Image.fromarray(shaded_photo(size)).save(path)
    dist = node_modules() / "onnxruntime-web" / "dist"
    exported = ["export", "--page", tmp_path / "page", "--model", tmp_path / "mine"]
    assert foveamask(*exported, "--runtime", dist, "--licence", "CC0") == 0
    place = tmp_path / "node"
    place.mkdir()
    script = (PACKAGES.parent / "browser.mjs").read_text()

    found = json.loads(run_node(script, place, address, place, *photos))

    assert found["errors"] == []
    assert found["ready"] == "Ready."
    assert re.fullmatch(r"Model mine by foveamask \S+, [0-9a-f]{16}\. CC0", found["about"])
    assert {method for method, _ in found["requests"]} == {"GET"}
    assert all(url.startswith((address, "blob:", "data:")) for _, url in found["requests"])
    segmenter = Segmenter.from_model(MODEL, CPU, "fp32")
    for i, size in enumerate(SIZES):
        photo = shaded_photo(size)
        mask = np.asarray(Image.open(place / f"{i}.png").convert("L")) > 0
        cutout = np.asarray(Image.open(place / f"{i}-cutout.png"))
        assert found["photos"][i]["status"].startswith(f"{size[1]} x {size[0]} pixels")
        assert np.count_nonzero(mask != segmenter(photo)) <= 3
        assert np.array_equal(cutout[..., 3] > 0, mask)
        assert np.array_equal(cutout[mask][:, :3], photo[mask])


def test_the_page_is_complete_once_it_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    written: list[str] = []
    monkeypatch.setattr(page_folder, "write_bytes", lambda path, _: written.append(path.name))

    write_page(tmp_path / "page", b"model", "about", dict.fromkeys(RUNTIME, b""))

    assert written[-1] == "index.html"
    assert set(written) == {
        "model.onnx", "about.txt", *RUNTIME, *(path.name for path in ASSETS.iterdir()),
    }  # fmt: skip


def test_the_page_refers_to_nothing_elsewhere():
    for path in ASSETS.iterdir():
        assert not re.search(r"https?://|//\w+\.", path.read_text()), path.name


def test_the_version_that_npm_fetches_is_the_tested_one():
    packages = json.loads(PACKAGES.read_text())["dependencies"]

    assert packages["onnxruntime-web"] == RUNTIME_VERSION


def test_without_npm_the_message_says_what_else_would_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(InputError, match="install npm, or name the folder dist"):
        read_runtime()


def test_npm_without_a_network_is_one_line(monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "npm")

    monkeypatch.setattr(shutil, "which", lambda _: "npm")
    monkeypatch.setattr(subprocess, "run", fail)

    with pytest.raises(InputError, match="npm cannot fetch onnxruntime-web"):
        read_runtime()
