"""Which formats of pictures are read, told by their first bytes, and what other files are."""

import re
from typing import BinaryIO, cast

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from data.errors import InputError

READ = "JPEG, PNG, TIFF, WebP, BMP, GIF, AVIF and HEIC"
"""All formats, in words."""

READERS: tuple[tuple[bytes, type[ImageFile]], ...] = (
    (rb"\xff\xd8\xff", JpegImageFile),  # of an MPO file too, whose first picture is a whole JPEG
    (rb"\x89PNG\r\n\x1a\n", PngImageFile),
    (rb"(II|MM)(\*\0|\0\*|\+\0|\0\+)(?!.{4}CR)", TiffImageFile),
    (rb"RIFF....WEBP", WebPImageFile),
    (rb"BM", BmpImageFile),
    (rb"GIF8[79]a", GifImageFile),
    (rb"....ftyp(avi[fs]|(mif1|msf1|miaf)....(....)*?avi[fs])", AvifImageFile),
)
"""First bytes of files, as regular expressions, and the classes that read them. No other format is
tried, whatever the name of the file: Pillow would pass an EPS file to Ghostscript, which runs the
program in it. HEIC is read if its extra is installed, see `reader_of`."""

HEIC = rb"....ftyp(hei[cfmsx]|hev[cmsx]|mif1|msf1)"

NO_HEIC = (
    "is a HEIC photo, as phones take them; save it as JPEG or "
    "PNG, or install the reader: "
    'pip install "foveamask[heic]"'
)

SAVE = "save it as JPEG or PNG"
EXPORT = "export it as JPEG, PNG or TIFF"
AGAIN = "get it again"

OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (rb"8BPS", "a Photoshop file (PSD)", EXPORT),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript file (EPS)", EXPORT),
    (rb"%PDF", "a PDF file", EXPORT),
    (rb"\xff\n|\0\0\0\x0cJXL ", "a JPEG XL picture", SAVE),
    (rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  ", "a JPEG 2000 picture", SAVE),
    (rb"\xff\xd8", "the beginning of a JPEG, without the rest", AGAIN),
    (rb"II\xbc\x01", "a JPEG XR picture", SAVE),
    (
        rb"II\*\0.{4}CR|....ftypcrx|IIR[OS]|MMOR|IIU\0|FUJIFILMCCD-RAW|FOVb|II\x1a\0",
        "a raw photo of a camera",
        EXPORT,
    ),
    (rb"....ftyp|....moov|\x1a\x45\xdf\xa3", "a video", "save a picture of it as JPEG or PNG"),
    (rb"version https://git-lfs", "a pointer of Git LFS, not the photo", "run `git lfs pull`"),
    (rb".{0,500}<svg", "an SVG drawing", EXPORT),
    (rb"(?i)\s*<(!doctype html|html|head|body)", "an HTML page, as a server sends one", AGAIN),
    (rb"\xef?\xbb?\xbf?\s*<\?xml", "an XML file, as a server sends one", AGAIN),
    (rb"\0\x05\x16[\x00\x07]", "what macOS keeps beside a file, not the photo", "leave it out"),
    (rb"PK\x03\x04|\x1f\x8b|Rar!|7z\xbc", "an archive", "unpack it"),
    (rb"\0{64}", "a file of zeros, as an interrupted copy leaves it", "copy it again"),
)
"""First bytes of other files that are taken for photos, what they are, and what would do."""

PROBED = 512
"""Bytes at the beginning of a file by which it is told what it is."""


def reader_of(file: BinaryIO, name: str) -> type[ImageFile]:
    """Return the class of Pillow that reads `file`, which is left at its beginning.

    `Image.open` is not used because it applies a process-wide limit of pixels.

    Raises:
        InputError: it is in no format that is read.
    """
    beginning = file.read(PROBED)
    file.seek(0)
    for pattern, reader in READERS:
        if re.match(pattern, beginning, re.DOTALL):
            return reader
    if re.match(HEIC, beginning, re.DOTALL):
        return _heic_reader(name)
    raise _refusal(beginning, name)


def _refusal(beginning: bytes, name: str) -> InputError:
    """Return the error that says what the file is that begins with these bytes."""
    if not beginning:
        return InputError(f"{name} is not an image: the file is empty; {AGAIN}")
    for pattern, what, cure in OTHERS:
        if re.match(pattern, beginning, re.DOTALL):
            return InputError(f"{name} is not an image: it is {what}; {cure}")
    return InputError(f"{name} is not an image: none of {READ}")


def check_no_raw(image: ImageFile, name: str) -> None:
    """Raise if a TIFF is the raw photo of a camera, whose first picture is small or unfinished.

    Raises:
        InputError: it is.
    """
    if not isinstance(image, TiffImageFile):
        return
    tags = image.tag_v2
    is_preview = int(tags.get(254, 0)) & 1 and 330 in tags  # reduced, and there are others
    if 50706 in tags or is_preview:
        raise InputError(f"{name} is not an image: it is a raw photo of a camera; {EXPORT}")


def _heic_reader(name: str) -> type[ImageFile]:
    """Return the class that reads HEIC, imported only now.

    Raises:
        InputError: it is not installed.
    """
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise InputError(f"{name} {NO_HEIC}") from error
    return cast("type[ImageFile]", HeifImageFile)
