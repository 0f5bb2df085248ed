"""`predict --cluster` between hosts, one of whose links is cut."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.model_folder import save_model
from tests.builders import foveamask
from tests.pipeline.cluster.clusters import foveamask_process, running_cluster, wait_until
from tests.pipeline.cluster.hosts import Host, hosts
from tests.pipeline.inference.predicting import segmenter_of, visible, write_photos

NUM_PHOTOS = 40

SECONDS = "12s"
"""A connection is lost once nothing has come back for so long, about the least that Dask takes."""

pytestmark = pytest.mark.slow


@pytest.fixture
def four_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Host]]:
    """Hosts of a scheduler, a call and two workers; photos and a model that all of them see."""
    write_photos(tmp_path / "photos", NUM_PHOTOS)
    save_model(segmenter_of().model, tmp_path / "model")
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP", SECONDS)
    with hosts("scheduler", "call", "one", "two") as made:
        yield made


@contextmanager
def running_call(root: Path, address: str, host: Host) -> Iterator["subprocess.Popen[str]"]:
    """`predict --cluster` on a host, which has done a few photos."""
    call = foveamask_process(*command(root, "out"), "--cluster", address, place=host)
    try:
        wait_until(lambda: records_in(root / "out") >= 3)
        yield call
    finally:
        call.kill()
        call.communicate()


def records_in(out: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in out.glob(".foveamask*.jsonl"))


def command(root: Path, out: str) -> list[object]:
    return ["predict", root / "photos", root / out, "--model", root / "model"]


def test_a_worker_whose_link_is_cut_has_its_share_done_elsewhere_to_the_same_bytes(
    tmp_path: Path, four_hosts: list[Host]
):
    scheduler, call, one, two = four_hosts
    with running_cluster(tmp_path / "cluster", 0, scheduler) as cluster:
        cut_off = cluster.add_worker(one)
        with running_call(tmp_path, cluster.address, call) as running:
            one.cut()
            assert cut_off.poll() is None
            cluster.add_worker(two)
            _, said = running.communicate(timeout=300)
        (log,) = cluster.folder.glob("scheduler-*.log")
        lost = [line for line in log.read_text().splitlines() if "Remove worker" in line]

    assert running.returncode == 0, said
    assert f"tcp://{one.address}:" in lost[0]
    assert f"{NUM_PHOTOS} of {NUM_PHOTOS} photos in" in said
    assert foveamask(*command(tmp_path, "alone")) == 0
    assert visible(tmp_path / "out") == visible(tmp_path / "alone")


def test_a_call_whose_link_is_cut_ends_in_one_line_and_goes_on_without_the_cluster(
    tmp_path: Path, four_hosts: list[Host]
):
    scheduler, call, one, _ = four_hosts
    with running_cluster(tmp_path / "cluster", 0, scheduler) as cluster:
        cluster.add_worker(one)
        with running_call(tmp_path, cluster.address, call) as running:
            call.cut()
            _, said = running.communicate(timeout=300)

    assert running.returncode == 1
    assert said.splitlines()[-1] == (
        f"error: the connection to the scheduler at {cluster.address} was lost; run the same "
        "command again to resume"
    )
    assert foveamask(*command(tmp_path, "out")) == 0
    assert foveamask(*command(tmp_path, "alone")) == 0
    assert visible(tmp_path / "out") == visible(tmp_path / "alone")
