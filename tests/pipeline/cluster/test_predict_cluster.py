"""`predict --cluster`: the bytes of one machine, whoever dies meanwhile."""

from pathlib import Path

import pytest

from pipeline.inference.manifest import CALL_MARK
from pipeline.model_folder import save_model
from tests.builders import foveamask
from tests.pipeline.cluster.clusters import (
    RunningCluster,
    foveamask_process,
    kill,
    running_cluster,
    wait_until,
)
from tests.pipeline.inference.predicting import segmenter_of, visible, write_photos

NUM_PHOTOS = 40

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, a model, and what one machine makes of them."""
    root = tmp_path_factory.mktemp("whole")
    write_photos(root / "photos", NUM_PHOTOS)
    save_model(segmenter_of().model, root / "model")
    assert foveamask(*command(root, root)) == 0
    return root


def command(whole: Path, results: Path, *options: object) -> list[object]:
    """The command that predicts the photos of `whole` into the folder `results`, with tables."""
    return [
        *("predict", whole / "photos", results / "out", "--model", whole / "model"),
        *("--csv", results / "masks.csv", "--expected", results / "expected.csv"),
        *("--output", "mask,coco", "--report", results / "report", *options),
    ]


def records_in(out: Path) -> int:
    """The number of photos that workers or the call have recorded so far."""
    return sum(path.read_bytes().count(b"\n") for path in out.glob(".foveamask*.jsonl"))


def assert_same(results: Path, whole: Path) -> None:
    """All files are those of one machine but for the list of calls, and nothing is left behind."""
    for name in ("out/mask", "out/coco", "report/pictures"):
        assert visible(results / name) == visible(whole / name)
    for name in ("masks.csv", "expected.csv", "report/photos.js"):
        assert (results / name).read_bytes() == (whole / name).read_bytes()
    hidden = {path.name for path in (results / "out").glob(".*")}
    assert hidden == {".foveamask.json", ".foveamask.jsonl", ".foveamask.lock"}


def test_a_worker_that_is_killed_has_its_share_done_elsewhere_to_the_same_bytes(
    tmp_path: Path, whole: Path, cluster: RunningCluster, capfd: pytest.CaptureFixture[str]
):
    call = foveamask_process(*command(whole, tmp_path, "--cluster", cluster.address))
    wait_until(lambda: records_in(tmp_path / "out") >= 10)
    kill(cluster.workers[0])
    num_before = records_in(tmp_path / "out")

    _, said = call.communicate()

    assert call.returncode == 0, said
    assert 10 <= num_before < NUM_PHOTOS
    assert f"{NUM_PHOTOS} of {NUM_PHOTOS} photos in" in said
    assert_same(tmp_path, whole)
    cluster.add_worker()


def test_after_the_call_was_killed_the_same_command_goes_on(
    tmp_path: Path, whole: Path, cluster: RunningCluster, capsys: pytest.CaptureFixture[str]
):
    arguments = command(whole, tmp_path, "--cluster", cluster.address)
    call = foveamask_process(*arguments)
    wait_until(lambda: records_in(tmp_path / "out") >= 10)
    kill(call)
    num_before = records_in(tmp_path / "out")

    status = foveamask(*arguments)

    said = capsys.readouterr().err.splitlines()
    (done,) = (line for line in said if line.endswith("photos are done already"))
    assert status == 0
    assert 10 <= num_before < NUM_PHOTOS
    assert num_before <= int(done.split()[0]) < NUM_PHOTOS
    assert_same(tmp_path, whole)


def test_a_model_is_loaded_once_a_worker_and_call(
    tmp_path: Path, whole: Path, cluster: RunningCluster
):
    before = sum(len(path.read_text()) for path in cluster.folder.glob("loads-*"))

    status = foveamask(*command(whole, tmp_path, "--cluster", cluster.address))

    after = sum(len(path.read_text()) for path in cluster.folder.glob("loads-*"))
    assert status == 0
    assert 1 <= (after - before) // len("loaded\n") <= 2
    assert_same(tmp_path, whole)


def test_a_call_after_the_last_one_predicts_nothing_and_photos_that_changed_are_done_again(
    tmp_path: Path, whole: Path, cluster: RunningCluster, capsys: pytest.CaptureFixture[str]
):
    write_photos(tmp_path / "photos", 12)
    arguments = ("predict", tmp_path / "photos", tmp_path / "out", "--model", whole / "model")
    far = ("--cluster", cluster.address)
    foveamask(*arguments, *far)
    mask = tmp_path / "out" / "0003.png"
    before = mask.read_bytes()
    mask.write_bytes(before[:60])
    (tmp_path / "photos" / "0005.png").write_bytes(b"no photo")
    capsys.readouterr()

    status = foveamask(*arguments, *far)

    said = capsys.readouterr().err
    assert status == 1
    assert "10 of 12 photos are done already" in said
    assert f"error: {tmp_path}/photos/0005.png" in said
    assert mask.read_bytes() == before


def test_workers_of_a_call_that_is_over_write_nothing(tmp_path: Path):
    from pipeline.inference.cluster.call_mark import marked

    with marked(tmp_path) as first:
        first.check()
        with marked(tmp_path) as second:
            assert not first.is_there()
            with pytest.raises(OSError, match="does not have the folder of this call"):
                first.check()
            second.check()

    assert not (tmp_path / CALL_MARK).exists()


def test_a_photo_that_kills_its_workers_fails_alone(
    tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]
):
    photos = write_photos(tmp_path / "photos", 12)
    photos[4].rename(tmp_path / "photos" / "0004-deadly.png")
    arguments = ("predict", tmp_path / "photos", tmp_path / "out", "--model", whole / "model")
    once = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}

    with running_cluster(tmp_path / "cluster", 3, **once) as cluster:
        status = foveamask(*arguments, "--cluster", cluster.address)

    assert status == 1
    assert "0004-deadly.png cannot be predicted: each worker" in capsys.readouterr().err
    assert len(visible(tmp_path / "out")) == 11
