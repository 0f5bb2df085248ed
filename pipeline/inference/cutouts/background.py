"""What a cutout is laid on: a colour or a picture."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import ImageColor

from data.arrays import Photo
from data.errors import InputError, SettingsError
from data.geometry import Size
from data.images import read_photo

HEX = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


@dataclass(frozen=True, eq=False)
class Background:
    """A picture, which for a colour has one pixel."""

    picture: Photo
    """(h, w, 3) uint8 RGB."""
    text: str
    """What tells it from others: a colour, or a hash of the picture."""

    @classmethod
    def parse(cls, text: str) -> "Background":
        """Return the background that `text` names: a colour of CSS, #rrggbb, or a picture's file.

        Raises:
            SettingsError: it is neither a colour nor a file.
            InputError: the file cannot be read.
        """
        if (colour := cls.of_colour(text)) is not None:
            return colour
        path = Path(text)
        if not path.exists():
            raise SettingsError(
                "--background takes a colour, such as white or '#rrggbb', or the file of a "
                f"picture; {text!r} is neither"
            )
        if path.is_dir():
            raise InputError(f"{path} is a folder; --background takes one picture")
        return cls.of_picture(read_photo(path))

    @classmethod
    def of_colour(cls, text: str) -> "Background | None":
        """Return the background of a colour of CSS or #rrggbb; None if `text` is no colour."""
        if not HEX.fullmatch(text) and text.lower() not in ImageColor.colormap:
            return None
        rgb = ImageColor.getrgb(text)[:3]
        return cls(np.array([[rgb]], np.uint8), "#" + bytes(rgb).hex())

    @classmethod
    def of_picture(cls, picture: Photo) -> "Background":
        """Return the background of (h, w, 3) uint8 RGB."""
        return cls(picture, hashlib.sha256(picture.tobytes()).hexdigest()[:16])

    def covering(self, size: Size) -> Photo:
        """Return (H, W, 3) of `size`: the picture, scaled until it covers that, its middle part."""
        height, width = self.picture.shape[:2]
        if height * width == 1:
            row = np.tile(self.picture[0, 0], size.width)
            return np.tile(row, (size.height, 1)).reshape(*size, 3)
        scale = max(size.height / height, size.width / width)
        tall, wide = max(size.height, round(height * scale)), max(size.width, round(width * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        scaled = np.asarray(cv2.resize(self.picture, (wide, tall), interpolation=how), np.uint8)
        top, left = (tall - size.height) // 2, (wide - size.width) // 2
        return scaled[top : top + size.height, left : left + size.width]
