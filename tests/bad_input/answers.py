"""What commands answer, and what a mask is."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

Errors = Callable[..., list[str]]
"""Status and arguments to the lines said."""


def write_mask(data: Path, name: str, mask: np.ndarray) -> None:
    cv2.imwrite(str(data / "masks" / f"{name}.png"), mask)
