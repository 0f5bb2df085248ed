from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.images import read_photo
from pipeline.cli import main


@pytest.mark.parametrize("suffix", [".tif", ".webp"])
def test_commands_read_photos_beyond_the_limit_that_pillow_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
):
    """Decoding these two, Pillow heeds a limit of the process, which is the command's to set."""
    Image.fromarray(np.zeros((24, 31, 3), np.uint8)).save(tmp_path / f"a{suffix}")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 24 * 31 // 3)

    main(["--version"])

    assert read_photo(tmp_path / f"a{suffix}").shape == (24, 31, 3)


def test_a_program_called_a_photo_is_one_line_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    photo = tmp_path / "car.jpg"
    photo.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 30 20\n%%EndComments\n")

    status = main(["predict", str(photo), str(tmp_path / "out")])

    said = capsys.readouterr().err.splitlines()
    assert status == 1
    assert [line for line in said if "car.jpg" in line] == [
        f"error: {photo} is not an image: it is a PostScript file (EPS); "
        "export it as JPEG, PNG or TIFF"
    ]
    assert [path.name for path in (tmp_path / "out").glob("[!.]*")] == ["run.json"]
