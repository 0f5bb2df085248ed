"""The command as a process: its address, and its end with requests under way."""

import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from pipeline.model_folder import save_model
from tests.bright_objects import bright_model
from tests.builders import foveamask
from tests.pipeline.serving.serving import PHOTO
from tests.started_servers import started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "bright"
    save_model(bright_model(), folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_once_requests_under_way_are_answered(
    folder: Path, number: signal.Signals
):
    with started("serve", "--model", folder) as server:
        process, address = server.process, server.address
        assert address.startswith("http://127.0.0.1:")
        with ThreadPoolExecutor(8) as pool, httpx2.Client(base_url=address, timeout=60) as client:
            assert client.get("/readyz").status_code == 200
            photos = [
                pool.submit(client.post, "/v1/masks", files={"photo": PHOTO}) for _ in range(8)
            ]
            photos[0].result()

            process.send_signal(number)

            answers = [photo.result() for photo in photos]
        _, said = process.communicate(timeout=60)
        status = process.returncode

    assert [answer.status_code for answer in answers] == [200] * 8
    assert status == 0
    assert said.splitlines()[-1] == "stopped"
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        status = foveamask("serve", "--port", port, "--model", folder)

    said = capsys.readouterr().err
    assert status == 1
    assert f"127.0.0.1 port {port} cannot be listened on: Address already in use" in said
    assert "--port" in said


def test_without_its_packages_it_says_how_to_install_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name in [name for name in sys.modules if name.startswith("pipeline.serving")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)

    assert foveamask("serve") == 1
    assert 'pip install "foveamask[serve]"' in capsys.readouterr().err
