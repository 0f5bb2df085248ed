"""Training in one command on photos whose masks are polygons."""

from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.model import identity
from pipeline.model_folder import load_model
from tests.pipeline.full_training.small_training import command, write_photos
from tests.polygon_folders import with_polygons


@pytest.mark.slow
def test_polygons_train_the_model_that_their_masks_train(tmp_path: Path):
    folders = tmp_path / "masks", tmp_path / "polygons"
    write_photos(folders[0] / "data")
    with_polygons(folders[0] / "data", folders[1] / "data", "labelme")

    assert [main(command(folder)) for folder in folders] == [0, 0]

    models = [load_model(folder / "run/model") for folder in folders]
    assert identity(models[0]) == identity(models[1])
    assert (folders[1] / "run/report/index.html").is_file()
