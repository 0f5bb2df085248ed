from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms

from data.errors import InputError
from data.geometry import Size
from data.images import decode_photo
from data.photo_metadata import NO_METADATA, decode_deep, decode_metadata

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SIZE = Size(40, 60)


def encoded(kind: str = "JPEG", **options: Any) -> bytes:
    file = BytesIO()
    Image.new("RGB", (100, 50), "red").save(file, kind, **options)
    return file.getvalue()


def camera_exif(orientation: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Model] = "A camera"
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {ExifTags.Base.ExposureTime: 0.01, ExifTags.Base.ExifImageWidth: 100}
    )
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({ExifTags.GPS.GPSLatitudeRef: "N"})
    return exif


def loaded(data: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(data)
    return exif


def deep(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 65536, (7, 5, 3), np.uint16)


def tiff(pixels: np.ndarray, orientation: int = 1) -> bytes:
    file = BytesIO()
    extra = ["unassalpha"] if pixels.shape[-1] == 4 else None
    kind = "rgb" if pixels.ndim == 3 else "minisblack"
    tags = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(file, pixels, photometric=kind, extrasamples=extra, extratags=tags)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_camera_time_and_place_are_kept_and_the_orientation_is_not(kind: str):
    metadata = decode_metadata(encoded(kind, exif=camera_exif()), "car", SIZE)

    exif = loaded(metadata.exif)
    assert exif[ExifTags.Base.Model] == "A camera"
    assert ExifTags.Base.Orientation not in exif
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] == pytest.approx(0.01)
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"


def test_the_size_in_the_exif_data_is_that_of_the_new_picture():
    metadata = decode_metadata(encoded(exif=camera_exif()), "car", SIZE)

    tags = loaded(metadata.exif).get_ifd(ExifTags.IFD.Exif)
    assert tags[ExifTags.Base.ExifImageWidth] == SIZE.width
    assert ExifTags.Base.ExifImageHeight not in tags


def test_how_a_tiff_file_stores_its_pixels_is_not_kept():
    metadata = decode_metadata(encoded("TIFF", exif=camera_exif(1)), "car", SIZE)

    assert ExifTags.Base.StripOffsets not in loaded(metadata.exif)
    assert ExifTags.Base.ImageWidth not in loaded(metadata.exif)
    assert loaded(metadata.exif)[ExifTags.Base.Model] == "A camera"


def test_a_photo_without_any_has_no_metadata():
    assert decode_metadata(encoded("PNG"), "car", SIZE) == NO_METADATA


def test_damaged_exif_data_is_none():
    metadata = decode_metadata(encoded(exif=b"Exif\0\0junk"), "car", SIZE)

    assert not metadata.exif


def test_a_profile_of_rgb_is_kept_and_one_of_other_colours_is_not():
    of_cmyk = SRGB[:16] + b"CMYK" + SRGB[20:]

    assert decode_metadata(encoded(icc_profile=SRGB), "car", SIZE).icc == SRGB
    assert not decode_metadata(encoded(icc_profile=of_cmyk), "car", SIZE).icc


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_sixteen_bits_are_read_as_upright_as_eight(kind: str, orientation: int):
    pixels = deep()
    data = tiff(pixels, orientation) if kind == "TIFF" else png(pixels, orientation)

    found = decode_deep(data, "car")

    assert found is not None
    assert found.dtype == np.uint16
    # Pillow rounds or cuts off the lower bits.
    difference = (found >> 8).astype(int) - decode_photo(data, "car")
    assert np.abs(difference).max() <= 1


def png(pixels: np.ndarray, orientation: int) -> bytes:
    """A PNG of 16 bits with an orientation, whose eXIf chunk is put in by hand."""
    from data.encoding import PNG, encode_picture
    from data.photo_metadata import Metadata

    exif = camera_exif(orientation).tobytes().removeprefix(b"Exif\0\0")
    return encode_picture(pixels, PNG, metadata=Metadata(exif=exif))


def test_transparency_is_laid_on_white():
    pixels = np.dstack([deep(), np.full((7, 5), 0, np.uint16)])
    pixels[3, 2, 3] = 65535

    found = decode_deep(tiff(pixels), "car")

    assert found is not None
    np.testing.assert_array_equal(found[3, 2], pixels[3, 2, :3])
    assert (np.delete(found.reshape(-1, 3), 3 * 5 + 2, axis=0) == 65535).all()


def test_grey_becomes_rgb():
    found = decode_deep(tiff(deep()[..., 0]), "car")

    assert found is not None
    np.testing.assert_array_equal(found[..., 2], deep()[..., 0])


def test_photos_of_eight_bits_are_none():
    eight = deep().astype(np.uint8)

    assert decode_deep(encoded(), "car") is None
    assert decode_deep(tiff(eight), "car") is None
    assert decode_deep(cv2.imencode(".png", eight)[1].tobytes(), "car") is None


def test_what_is_no_image_is_refused():
    for decode in (decode_deep, lambda data, name: decode_metadata(data, name, SIZE)):
        with pytest.raises(InputError, match="notes is not an image"):
            decode(b"notes of the day", "notes")
