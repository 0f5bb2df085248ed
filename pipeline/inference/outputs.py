"""The files that are written for each photo, and checks of what they may overwrite."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from data.files import reading
from data.folders import by_stem
from data.images import opened
from data.masks import encode_mask, read_mask
from pipeline.inference.prediction import Prediction

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""First bytes of every PNG file."""


@dataclass(frozen=True)
class Output:
    """A kind of file that is written for each photo."""

    name: str
    """Its name in manifests."""
    suffix: str
    """Ending of the file's name, after the stem of the photo."""
    encode: Callable[[Prediction], bytes]
    """Returns the content of the file."""

    def path(self, out: Path, photo: Path) -> Path:
        """Return the file of `photo` in the folder `out`."""
        return out / f"{photo.stem}{self.suffix}"


def _encode_mask(prediction: Prediction) -> bytes:
    return encode_mask(prediction.mask)


MASK = Output("mask", ".png", _encode_mask)
"""0 and 255, at the photo's own size."""

OUTPUTS = (MASK,)
"""All outputs of `predict`."""


def check_out(out: Path, photos: Sequence[Path], masks: Iterable[Path] = ()) -> None:
    """Raise if results named by the stems of `photos` cannot be written to the folder `out`.

    Raises:
        InputError: `out` is a file; or it holds the photos or their true masks, which results
            could overwrite or be mistaken for; or two photos have the same stem.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; the last argument names the folder to write to")
    for what, paths in (("photos", photos), ("masks", masks)):
        if any(path.parent.resolve() == out.resolve() for path in paths):
            raise InputError(f"{out} holds the {what}; name another folder to write to")
    by_stem(photos)


def check_replaced(paths: Iterable[Path]) -> None:
    """Raise if a mask would overwrite a picture that is not a mask, such as a photo.

    Raises:
        InputError: one of `paths` is such a picture.
    """
    for path in filter(Path.is_file, paths):
        if not may_be_mask(path):
            raise InputError(
                f"{path} is no mask, and would be replaced by one; the last argument names the "
                "folder for the masks"
            )


def may_be_mask(path: Path) -> bool:
    """Whether the file at `path` may be a mask: a picture without colours, or a damaged PNG."""
    try:
        with opened(path) as image:
            mode = image.mode
    except InputError:
        with reading(path) as file:
            return PNG_SIGNATURE.startswith(file.read(len(PNG_SIGNATURE)))
    return mode in ("1", "L") or (mode == "P" and is_mask(path))


def is_mask(path: Path) -> bool:
    """Whether the picture at `path` can be read as a mask."""
    try:
        read_mask(path)
    except InputError:
        return False
    return True
