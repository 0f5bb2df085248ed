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
