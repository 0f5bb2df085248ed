"""The files that are written for each photo, and checks of what they may overwrite."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data.errors import InputError
from data.files import is_special, reading
from data.folders import by_stem
from data.images import opened
from data.masks import encode_mask, read_mask
from data.pairing import true_masks
from data.picture_provenance import PictureProvenance
from pipeline.inference.prediction import Prediction

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""First bytes of every PNG file."""


@dataclass(frozen=True)
class Finished:
    """A photo with its prediction, to be encoded."""

    photo: Path
    prediction: Prediction
    data: bytes = b""
    """Its file, if an output needs it."""
    provenance: PictureProvenance | None = None
    """What the file is to say of how it was made, if anything."""


@dataclass(frozen=True)
class Output:
    """A kind of file that is written for each photo."""

    name: str
    """Its name on the command line, in manifests, and of its folder beside other outputs."""
    suffix: str
    """Ending of the file's name, after the stem of the photo."""
    encode: Callable[[Finished], bytes]
    """Returns the content of the file."""
    text: str = ""
    """All that its files depend on besides masks, for manifests."""
    folder: str = ""
    """Its folder in that of all results; by default that folder itself."""
    needs_file: bool = False
    """Whether it needs the file of the photo."""
    is_grey: bool = True
    """Whether its files can be told from photos: they have no colours."""
    of_photo: Callable[[Path], str] | None = None
    """What the file of one photo depends on besides, such as other photos of its group."""
    has_metadata: bool = True
    """Whether its files say how they were made."""

    @property
    def made_with(self) -> str:
        """Its name, and what its files depend on."""
        metadata = "" if self.has_metadata else "metadata=False"
        return " ".join(filter(None, (self.name, self.text, metadata)))

    def path(self, out: Path, photo: Path) -> Path:
        """Return the file of `photo` in the folder `out`."""
        return out / self.folder / f"{photo.stem}{self.suffix}"

    def key(self, photo: Path) -> str:
        """Return its name in the record of `photo`; another one if the file is to be another."""
        return self.name if self.of_photo is None else f"{self.name} {self.of_photo(photo)}"


def _encode_mask(finished: Finished) -> bytes:
    return encode_mask(finished.prediction.mask, finished.provenance)


MASK = Output("mask", ".png", _encode_mask)
"""0 and 255, at the photo's own size."""

OUTPUTS = (MASK,)
"""What `predict` writes by default."""


def in_folders(outputs: Sequence[Output]) -> tuple[Output, ...]:
    """Return `outputs`; of several, each in a folder of its own."""
    if len(outputs) == 1:
        return tuple(outputs)
    return tuple(replace(output, folder=output.name) for output in outputs)


def check_results(
    out: Path, photos: Sequence[Path], outputs: Sequence[Output], *, is_ours: bool
) -> None:
    """Raise if `outputs` of `photos` cannot be written to the folder `out`.

    Args:
        out: folder of the results.
        photos: the photos.
        outputs: what is written.
        is_ours: whether `out` has a manifest of results, so that its pictures are ours as well.

    Raises:
        InputError: for the reasons given at `check_out` and `check_replaced`.
    """
    truth = true_masks(photos)
    for folder in {out, *(out / output.folder for output in outputs)}:
        check_out(folder, photos, truth)
    for output in outputs:
        paths = [output.path(out, photo) for photo in photos]
        for path in filter(is_special, paths):
            raise InputError(f"{path} is a pipe, a socket or a device, and no result; remove it")
        if output.is_grey:
            check_replaced(paths)
        elif not is_ours:
            check_unused(paths)


def check_unused(paths: Iterable[Path]) -> None:
    """Raise if a result that looks like a photo would overwrite a file.

    Raises:
        InputError: there is a file at one of `paths`.
    """
    for path in filter(Path.exists, paths):
        raise InputError(
            f"{path} is there already, and is no result of ours; the last argument names the "
            "folder for the results"
        )


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
