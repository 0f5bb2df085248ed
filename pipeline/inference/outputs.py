"""The files that are written for each photo, and checks of what they may overwrite."""

import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data.errors import InputError
from data.files import is_special, reading
from data.geometry import Size
from data.images import opened
from data.masks import encode_mask, read_mask
from data.mirrors import sha256
from data.pairing import true_masks
from data.photo_files import PhotoFile, by_name
from data.picture_provenance import PictureProvenance
from pipeline.inference.picture_difference import num_different
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
    name: str = ""
    """What its results are called, see `PhotoFile.name`."""


@dataclass(frozen=True)
class Joined:
    """A file beside those of an output that is of all photos."""

    name: str
    pieces: Callable[[Iterable[bytes]], Iterator[bytes]]
    """Yields its content, piece by piece, from the photos' files, which it may go through again."""
    is_of_parts: bool = False
    """Whether the photos' files are but its parts, which are kept in a hidden folder."""


def _num_different(data: bytes, ours: bytes, _: Size, name: str) -> int:
    return num_different(data, ours, name)


@dataclass(frozen=True)
class Output:
    """A kind of file that is written for each photo."""

    name: str
    """Its name on the command line, in manifests, and of its folder beside other outputs."""
    suffix: str
    """Ending of the file's name, after that of the photo's results."""
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
    joined: Joined | None = None
    """A file that is of all photos."""
    num_different: Callable[[bytes, bytes, Size, str], int] = _num_different
    """Returns how many pixels of a photo of a size are others in a file, whose name comes last,
    than in one of ours; raises `InputError` where that cannot be told."""

    @property
    def made_with(self) -> str:
        """Its name, and what its files depend on."""
        metadata = "" if self.has_metadata else "metadata=False"
        return " ".join(filter(None, (self.name, self.text, metadata)))

    def files(self, out: Path) -> Path:
        """Return the folder of the photos' files in the folder `out`."""
        is_hidden = self.joined is not None and self.joined.is_of_parts
        return out / self.folder / f".{self.name}" if is_hidden else out / self.folder

    def path(self, out: Path, name: str) -> Path:
        """Return the file of the photo whose results are called `name` in the folder `out`."""
        return self.files(out) / f"{name}{self.suffix}"

    def joined_path(self, out: Path) -> Path | None:
        """Return the file of all photos in the folder `out`, if there is to be one."""
        return None if self.joined is None else out / self.folder / self.joined.name

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
    out: Path, photos: Sequence[PhotoFile], outputs: Sequence[Output], *, is_ours: bool
) -> None:
    """Raise if `outputs` of `photos` cannot be written to the folder `out`.

    Args:
        out: folder of the results.
        photos: the photos.
        outputs: what is written.
        is_ours: whether `out` has a manifest of results, so that its pictures are ours as well.

    Raises:
        InputError: for the reasons given at `check_out`, `check_names` and `check_replaced`.
    """
    truth = [] if is_ours else true_masks(photo.path for photo in photos)
    for folder in {out, *(out / output.folder for output in outputs)}:
        check_out(folder, photos, truth)
    check_names(out, photos, outputs)
    for output in outputs:
        check_files(out, photos, output, is_ours=is_ours)


def check_files(out: Path, photos: Iterable[PhotoFile], output: Output, *, is_ours: bool) -> None:
    """Raise if an output of `photos` would replace files that are no results.

    Raises:
        InputError: it would.
    """
    paths = [output.path(out, photo.name) for photo in photos]
    joined = output.joined_path(out)
    if joined in paths:
        raise InputError(f"{joined} would be a result of one photo, and of all; rename that photo")
    paths += [] if joined is None else [joined]
    for path in filter(is_special, paths):
        raise InputError(f"{path} is a pipe, a socket or a device, and no result; remove it")
    if output.is_grey:
        # Those in a store are not read for this where it says that they are as they were written.
        check_replaced([path for path in paths if not (is_ours and sha256(path))])
    elif not is_ours:
        check_unused(paths)


def check_names(out: Path, photos: Sequence[PhotoFile], outputs: Sequence[Output]) -> None:
    """Raise if the file of one result would be that of another, or a folder of others.

    Raises:
        InputError: it would, on this disk.
    """
    names = by_name(photos)
    folders = {above for name in names for above in _folders_above(name)}
    for output in outputs:
        for name in folders and names:
            if f"{name}{output.suffix}" in folders:
                raise InputError(
                    f"{output.path(out, name)} would be a result of {names[name]}, and a folder of "
                    "other results; rename one of them, or write them to two folders"
                )
    _check_alike(out, photos)


def _check_alike(out: Path, photos: Iterable[PhotoFile]) -> None:
    """Raise if the disk of `out` takes the names of two photos for the same.

    Raises:
        InputError: it does.
    """
    alike: dict[str, PhotoFile] = {}
    is_same: dict[bool, bool] = {}  # for names that differ in case, and in the form of accents
    for photo in photos:
        composed = unicodedata.normalize("NFC", photo.name)
        first = alike.setdefault(composed.casefold(), photo)
        if first is photo:
            continue
        in_case = composed != unicodedata.normalize("NFC", first.name)
        if in_case not in is_same:
            is_same[in_case] = takes_for_same(out, first.name, photo.name)
        if is_same[in_case]:
            raise InputError(
                f"results of {first} and {photo} would be one file, since the disk of {out} takes "
                "their names for the same; rename one of them, or write them to two folders"
            )


def _folders_above(name: str) -> list[str]:
    """Return the paths of the folders that a result `name` lies in."""
    parts = name.split("/")[:-1]
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]


def takes_for_same(out: Path, name: str, other: str) -> bool:
    """Whether files of two names would be one in the folder `out`, as where case says nothing."""
    place = next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())
    with tempfile.TemporaryDirectory(prefix=".", dir=place) as folder:
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return Path(folder, other).exists()


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


def check_out(out: Path, photos: Sequence[PhotoFile], masks: Iterable[Path] = ()) -> None:
    """Raise if results of `photos` cannot be written to the folder `out`.

    Raises:
        InputError: `out` is a file; or results would lie among the photos or their true masks,
            which they could overwrite or be mistaken for; or those of two photos would have one
            name.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; the last argument names the folder to write to")
    names = by_name(photos)
    ours = {folder: (out / folder).resolve() for folder in {folder_of(name) for name in names}}
    for what, paths in (("photos", (photo.path for photo in photos)), ("masks", masks)):
        theirs = {folder.resolve() for folder in {path.parent for path in paths}}
        for folder, resolved in ours.items():
            if resolved in theirs:
                raise InputError(
                    f"{out / folder} holds the {what}; name another folder to write to"
                )


def folder_of(name: str) -> str:
    """Return the path of the folder that a result `name` lies in; "" is that of all results."""
    return name.rpartition("/")[0]


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
