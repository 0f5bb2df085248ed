"""The files that are written for each photo, and checks of what they may overwrite."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data.errors import InputError
from data.files import is_special, reading, remove_partials
from data.folders import by_stem
from data.images import opened
from data.masks import encode_mask, read_mask
from data.pairing import true_masks
from pipeline.inference.prediction import Prediction
from pipeline.progress import OnStep, progress

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""First bytes of every PNG file."""


@dataclass(frozen=True)
class Finished:
    """A photo with its prediction, to be encoded."""

    photo: Path
    prediction: Prediction
    data: bytes = b""
    """Its file, if an output needs it."""


@dataclass(frozen=True)
class Joined:
    """A file beside those of an output that is of all photos of a call."""

    name: str
    write: Callable[[Path, Sequence[Path], OnStep], None]
    """Writes it to a path, completely or not at all, from the files of the photos in their order;
    calls the last argument after each of them."""
    is_of_parts: bool = False
    """Whether the photos' files are but its parts, which are kept in a hidden folder."""


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
    joined: Joined | None = None
    """A file that is of all photos of a call."""

    @property
    def made_with(self) -> str:
        """Its name, and what its files depend on."""
        return f"{self.name} {self.text}".rstrip()

    def files(self, out: Path) -> Path:
        """Return the folder of the photos' files in the folder `out`."""
        is_hidden = self.joined is not None and self.joined.is_of_parts
        return out / self.folder / f".{self.name}" if is_hidden else out / self.folder

    def path(self, out: Path, photo: Path) -> Path:
        """Return the file of `photo` in the folder `out`."""
        return self.files(out) / f"{photo.stem}{self.suffix}"

    def joined_path(self, out: Path) -> Path | None:
        """Return the file of all photos in the folder `out`, if there is to be one."""
        return None if self.joined is None else out / self.folder / self.joined.name

    def key(self, photo: Path) -> str:
        """Return its name in the record of `photo`; another one if the file is to be another."""
        return self.name if self.of_photo is None else f"{self.name} {self.of_photo(photo)}"


def _encode_mask(finished: Finished) -> bytes:
    return encode_mask(finished.prediction.mask)


MASK = Output("mask", ".png", _encode_mask)
"""0 and 255, at the photo's own size."""

OUTPUTS = (MASK,)
"""What `predict` writes by default."""


def in_folders(outputs: Sequence[Output]) -> tuple[Output, ...]:
    """Return `outputs`; of several, each in a folder of its own."""
    if len(outputs) == 1:
        return tuple(outputs)
    return tuple(replace(output, folder=output.name) for output in outputs)


def prepare_folder(out: Path, output: Output, *, is_new: bool) -> None:
    """Make the folders of an output, and remove what killed processes left in them.

    Args:
        out: folder of all results.
        output: what is to be written.
        is_new: whether no photo has results there; then a file of all photos is of others.
    """
    joined = output.joined_path(out)
    output.files(out).mkdir(parents=True, exist_ok=True)
    for folder in {output.files(out), out / output.folder}:
        remove_partials(folder)
    if joined is not None and is_new:
        joined.unlink(missing_ok=True)


def join(out: Path, output: Output, photos: Sequence[Path]) -> None:
    """Write the file that is of all `photos`, if an output has one."""
    path = output.joined_path(out)
    if output.joined is not None and path is not None:
        with progress(f"writing {path.name}") as on_part:
            output.joined.write(path, [output.path(out, photo) for photo in photos], on_part)


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
        if (joined := output.joined_path(out)) is not None:
            paths.append(joined)
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
