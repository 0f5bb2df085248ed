from pathlib import Path

import cv2
import numpy as np
import pytest

from data.arrays import Mask
from data.masks import write_mask
from tests.data.polygons.converting import SIZE


@pytest.fixture
def masks(tmp_path: Path) -> dict[str, Mask]:
    """Three masks in the folder `masks`, and their photos in the folder `photos`."""
    rng = np.random.default_rng(3)
    found = {name: rng.random(SIZE) < 0.6 for name in ("a", "a-b", "ü c")}
    for folder in ("masks", "photos"):
        (tmp_path / folder).mkdir()
    for name, mask in found.items():
        write_mask(tmp_path / f"masks/{name}.png", mask)
        cv2.imwrite(str(tmp_path / f"photos/{name}.jpg"), np.zeros((*SIZE, 3), np.uint8))
    return found
