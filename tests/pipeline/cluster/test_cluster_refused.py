"""--cluster where there is no cluster, or where it cannot do what is asked for."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from data.errors import SettingsError
from data.photo_files import PhotoFile
from pipeline.inference.cluster.cluster_crew import MOST_SHARES, share_size
from pipeline.inference.cluster.scheduler import check_address
from tests.builders import foveamask
from tests.pipeline.inference.predicting import write_photos

ROOT = Path(__file__).parents[3]


@contextmanager
def silent_server() -> Iterator[str]:
    """The address of a server that takes connections and never says anything."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def nobody() -> Iterator[str]:
    """An address at which nothing listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def web_server() -> Iterator[str]:
    """The address of a server of web pages, such as the dashboard of a scheduler."""

    def refuse(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                connection.close()

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        thread = threading.Thread(target=refuse, args=(server,))
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("place", [silent_server, nobody, web_server])
def test_an_address_without_a_scheduler_is_one_line_soon(
    tmp_path: Path,
    place: Callable[[], AbstractContextManager[str]],
    capfd: pytest.CaptureFixture[str],
):
    write_photos(tmp_path / "photos", 1)
    began = time.monotonic()

    with place() as address:
        status = foveamask("predict", tmp_path / "photos", tmp_path / "out", "--cluster", address)

    (line,) = capfd.readouterr().err.splitlines()
    assert status == 1
    assert line.startswith(f"error: no Dask scheduler answers at {address} within 5 seconds")
    assert time.monotonic() - began < 30
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "address", ["scheduler", "tcp://host", "http://host:8786", "tcp://:8786", "host:0", "h:99999"]
)
def test_what_is_no_address_is_a_wrong_command_line(address: str):
    with pytest.raises(SettingsError, match=r"--cluster takes the address of a scheduler"):
        check_address(address)


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:8786", "tls://host:1", "host:8786"])
def test_these_are_addresses(address: str):
    check_address(address)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--part", "1/2"), "so it takes no --part"),
        (("--watch",), "so it takes no --watch"),
    ],
)
def test_options_that_share_photos_out_otherwise_are_refused(
    tmp_path: Path, options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
):
    write_photos(tmp_path / "photos", 1)
    command = ("predict", tmp_path / "photos", tmp_path / "out", "--cluster", "tcp://1.2.3.4:5")

    assert foveamask(*command, *options) == 2

    assert message in capsys.readouterr().err


def test_one_box_for_a_group_is_refused_before_anything_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    write_photos(tmp_path / "photos", 1)
    command = ("predict", tmp_path / "photos", tmp_path / "out", "--cluster", "tcp://127.0.0.1:5")

    assert foveamask(*command, "--output", "cutout", "--crop", "group") == 2

    assert "which --cluster cannot do: use --part K/N" in capsys.readouterr().err


def test_a_missing_extra_is_one_line(tmp_path: Path):
    write_photos(tmp_path / "photos", 1)
    block = "import sys; sys.modules['distributed'] = None; from pipeline.cli import main; "
    arguments = ["predict", str(tmp_path / "photos"), str(tmp_path / "out"), "--cluster", "h:1"]

    done = subprocess.run(
        [sys.executable, "-c", f"{block}sys.exit(main({arguments!r}))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == (
        'error: `--cluster` needs more packages: pip install "foveamask[cluster]"\n'
    )


@pytest.mark.parametrize(
    ("num_photos", "num_threads", "wanted"),
    [(1, 1, 8), (64, 2, 8), (1000, 4, 63), (10_000, 4, 256), (1000, 0, 250)],
)
def test_shares_are_small_if_there_are_few_photos(num_photos: int, num_threads: int, wanted: int):
    assert share_size(num_photos, num_threads) == wanted


def test_ten_million_photos_and_more_have_no_more_shares_than_there_are_names():
    for num_photos in (10_000_000, 50_000_000):
        assert num_photos / share_size(num_photos, 4000) <= MOST_SHARES


def test_photos_travel_by_absolute_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from pipeline.inference.cluster.cluster_crew import absolute

    monkeypatch.chdir(tmp_path)

    assert absolute(PhotoFile(Path("a/b.jpg"), "b")) == PhotoFile(tmp_path / "a/b.jpg", "b")
