"""Photos on disk and in a bucket, and their results."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from data.images import write_png
from tests.builders import shaded_photo
from tests.pipeline.inference.predicting import write_photos
from tests.pipeline.predict_command.in_buckets import NUM, predict, visible

if TYPE_CHECKING:
    from tests.s3_server import S3Server


@pytest.fixture(scope="module")
def six_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six photos, of which two lie in folders below."""
    folder = tmp_path_factory.mktemp("photos")
    write_photos(folder, NUM - 2)
    for i, name in enumerate(("red", "red/deep")):
        (folder / name).mkdir()
        write_png(folder / name / "0000.png", shaded_photo((64, 96), i))
    return folder


@pytest.fixture(scope="module")
def local(
    six_photos: Path, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """What `predict` makes of the photos on disk: masks and csv."""
    out = tmp_path_factory.mktemp("local")
    assert predict(model, six_photos, out / "masks", "--csv", out / "masks.csv") == 0
    return visible({str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()})


@pytest.fixture
def bucket(s3: "S3Server", six_photos: Path) -> str:
    """A bucket with the photos."""
    return s3.bucket_of(six_photos, "photos")
