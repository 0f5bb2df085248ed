"""What a photo's file says besides 8 bits a channel: EXIF data, colour profile, 16 bits.

Functions take the bytes of a file, and a name for their messages.
"""

from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile

from data.decoding.colour_profile import transform_of
from data.decoding.rgb_strips import turned
from data.geometry import Size
from data.images import MAX_PIXELS, opened_image, orientation
from data.picture_provenance import PictureProvenance

KEPT = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
)
"""Tags of a picture as a whole. Others describe how its pixels were stored, or are its thumbnail,
which shows the background."""

IFDS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
"""Groups of tags that are kept: those of the camera and of the place."""

RGB_PROFILE = b"RGB "
"""Colour space of a profile, at its bytes 16 to 20. Another one is that of the file's own pixels,
which are RGB once they are decoded."""


@dataclass(frozen=True)
class Metadata:
    """What a picture that is made from a photo says besides its pixels."""

    exif: bytes = b""
    """TIFF block without `Exif\\0\\0` before it; the picture is upright."""
    icc: bytes = b""
    """Colour profile of RGB."""
    provenance: PictureProvenance | None = None
    """How the picture was made."""


NO_METADATA = Metadata()


def decode_metadata(data: bytes, name: str, size: Size, *, in_srgb: bool = True) -> Metadata:
    """Return the metadata of an encoded photo for an upright picture of `size` made from it.

    The orientation is left out, and so are thumbnails and damaged EXIF data.

    Args:
        data: the file of the photo.
        name: its name in messages.
        size: size of the picture.
        in_srgb: whether the picture has the colours of `decode_photo`, to which the photo's profile
            has been applied; it is then left out. Those of `decode_deep` are the file's own.

    Raises:
        InputError: `data` is no image.
    """
    with opened_image(BytesIO(data), name) as image:
        icc = image.info.get("icc_profile") or b""
        is_needless = icc[16:20] != RGB_PROFILE or (
            in_srgb and transform_of(icc, "RGB") is not None
        )
        return Metadata(_exif(image, size), b"" if is_needless else icc)


def decode_deep(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint16] | None:
    """Return a photo of 16 bits a channel as (H, W, 3) uint16 RGB, upright; None for others.

    Grey becomes RGB, and transparency is laid on white, as `data.images.decode_photo` does.

    Raises:
        InputError: `data` is no image.
    """
    with opened_image(BytesIO(data), name, max_pixels) as image:
        if not _is_deep(image, data):
            return None
        # OpenCV turns TIFF, whatever the flag, and PNG never.
        turn = 1 if image.format == "TIFF" else orientation(image)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        return None
    return turned(_to_rgb(np.asarray(pixels, np.uint16)), turn)


def _exif(image: ImageFile, size: Size) -> bytes:
    kept = Image.Exif()
    try:
        found = image.getexif()
        kept.update({tag: found[tag] for tag in KEPT if tag in found})
        for ifd in IFDS:
            tags = dict(found.get_ifd(ifd))
            if ifd is ExifTags.IFD.Exif:
                _set_size(tags, size)
            if tags:
                kept.get_ifd(ifd).update(tags)
        return kept.tobytes().removeprefix(b"Exif\0\0") if len(kept) or _has_ifds(kept) else b""
    except Exception:  # noqa: BLE001  any kind of damage, which is no reason to have no cutout
        return b""


def _has_ifds(exif: Image.Exif) -> bool:
    return any(exif.get_ifd(ifd) for ifd in IFDS)


def _set_size(tags: dict[int, object], size: Size) -> None:
    """Let the tags that repeat the size of the picture say that of the new one."""
    tags.pop(ExifTags.Base.ExifInteroperabilityOffset, None)
    for tag, value in (
        (ExifTags.Base.ExifImageWidth, size.width),
        (ExifTags.Base.ExifImageHeight, size.height),
    ):
        if tag in tags:
            tags[tag] = value


def _is_deep(image: ImageFile, data: bytes) -> bool:
    if image.format == "PNG":
        return data[24] == 16  # of the header, which is always first
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(ExifTags.Base.BitsPerSample, (8,))
        return set(np.atleast_1d(bits)) == {16} and image.mode in ("RGB", "RGBA", "I;16", "I;16B")
    return False


def _to_rgb(pixels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    rgb = pixels[..., 2::-1]
    if pixels.shape[2] == 3:
        return np.ascontiguousarray(rgb)
    share = pixels[..., 3:].astype(np.float32) / 65535
    return np.rint(rgb * share + 65535 * (1 - share)).astype(np.uint16)
