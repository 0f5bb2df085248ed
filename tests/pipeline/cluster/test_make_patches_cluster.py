"""`make-patches --cluster`: the cache of one machine, whoever dies meanwhile."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.inference.manifest import CALL_MARK
from pipeline.model_folder import save_model
from pipeline.toml_settings import save_settings
from pipeline.training import patch_cluster
from pipeline.training.patch_share import SHARES
from tests.builders import foveamask, tiny_config, tiny_model, write_grey_data
from tests.pipeline.cluster.clusters import (
    ROOT,
    RunningCluster,
    kill,
    wait_until,
)

NUM_PHOTOS, PHOTOS_A_SHARE = 24, 4

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder, and a run whose patches one machine has made."""
    root = tmp_path_factory.mktemp("whole")
    write_grey_data(root / "data", NUM_PHOTOS)
    save_settings(tiny_config(), root / "settings.toml")
    save_model(tiny_model(refined=False), root / "run" / "model")
    shutil.copytree(root / "run", root / "unmade")
    assert foveamask(*command(root, root / "run")) == 0
    return root


def command(whole: Path, run: Path, *options: object) -> list[object]:
    settings = whole / "settings.toml"
    return ["make-patches", whole / "data", run, "--config", settings, "--device", "cpu", *options]


def small_shares(arguments: list[object]) -> "subprocess.Popen[str]":
    """The command in a process of its own, with shares of few photos."""
    code = (
        "import sys; from pipeline.cli import main; from pipeline.training import patch_cluster; "
        f"patch_cluster.PHOTOS_A_SHARE = {PHOTOS_A_SHARE}; sys.exit(main(sys.argv[1:]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def files(store: Path) -> dict[str, bytes]:
    paths = [path for path in store.rglob("*") if path.is_file()]
    return {str(path.relative_to(store)): path.read_bytes() for path in paths}


def test_a_killed_worker_and_a_killed_call_end_in_the_same_bytes(
    tmp_path: Path, whole: Path, cluster: RunningCluster, monkeypatch: pytest.MonkeyPatch
):
    run = shutil.copytree(whole / "unmade", tmp_path / "run")
    arguments = command(whole, run, "--cluster", cluster.address)

    call = small_shares(arguments)
    wait_until(lambda: len(list((run / SHARES).glob("*.npz"))) >= 1)
    kill(cluster.workers[0])
    wait_until(lambda: len(list((run / SHARES).glob("*.npz"))) >= 2)
    kill(call)
    made = {path: path.stat().st_mtime_ns for path in (run / SHARES).glob("*.npz")}
    monkeypatch.setattr(patch_cluster, "PHOTOS_A_SHARE", PHOTOS_A_SHARE)
    status = foveamask(*arguments)

    assert status == 0
    assert len(made) < NUM_PHOTOS // PHOTOS_A_SHARE
    assert files(run / "patches.zarr") == files(whole / "run" / "patches.zarr")
    assert not (run / SHARES).exists()
    assert not (run / CALL_MARK).exists()


def test_a_damaged_photo_is_named_as_on_one_machine(
    tmp_path: Path, whole: Path, cluster: RunningCluster, capsys: pytest.CaptureFixture[str]
):
    data = shutil.copytree(whole / "data", tmp_path / "data")
    run = shutil.copytree(whole / "unmade", tmp_path / "run")
    photo = next(path for path in sorted((data / "images").iterdir()))
    content = photo.read_bytes()
    photo.write_bytes(content[: len(content) // 2])
    arguments = ["make-patches", data, run, "--config", whole / "settings.toml"]

    assert foveamask(*arguments, "--cluster", cluster.address) == 1
    far = capsys.readouterr().err.splitlines()[-1]

    assert foveamask(*arguments, "--device", "cpu") == 1
    assert far == capsys.readouterr().err.splitlines()[-1]
