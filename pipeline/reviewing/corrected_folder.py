"""Finished masks, as a data folder that `train` reads.

OUT/images/<stem>.jpg   the photo, a copy
OUT/masks/<stem>.png    its mask, 0 and 255

Photos of a sub-folder are in OUT/<sub-folder>/images and masks: each is a data folder of its own.
"""

from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError
from data.files import read_bytes, write_bytes
from data.photo_files import PhotoFile
from pipeline.inference.manifest import bytes_hash

IMAGES, MASKS = "images", "masks"


@dataclass(frozen=True)
class CorrectedFolder:
    """The folder of finished masks."""

    path: Path

    def files(self, photo: PhotoFile) -> tuple[Path, Path]:
        """Return where the copy of a photo and its mask are."""
        folder = (self.path / photo.name).parent
        stem = photo.path.stem
        return folder / IMAGES / photo.path.name, folder / MASKS / f"{stem}.png"

    def has(self, photo: PhotoFile) -> bool:
        """Whether a photo and its mask are there."""
        return all(path.is_file() for path in self.files(photo))

    def put(self, photo: PhotoFile, data: bytes, mask: bytes, written: str | None) -> str:
        """Write a photo and its mask, each completely or not at all.

        Args:
            photo: the photo.
            data: its file.
            mask: the file of its mask.
            written: SHA-256 of the mask that may be replaced.

        Returns:
            SHA-256 of the mask.

        Raises:
            InputError: there is another mask or photo, which is not from this review.
            OSError: nothing can be written there.
        """
        own, own_mask = self.files(photo)
        _check_ours(own_mask, {bytes_hash(mask), written})
        _check_ours(own, {bytes_hash(data)})
        for path, content in ((own_mask, mask), (own, data)):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path == own_mask:
                write_bytes(path, content)
        return bytes_hash(mask)

    def remove(self, photo: PhotoFile, written: str) -> None:
        """Remove a photo and its mask, if the mask is still the one that was written."""
        own, own_mask = self.files(photo)
        if own_mask.is_file() and bytes_hash(read_bytes(own_mask)) == written:
            own.unlink(missing_ok=True)
            own_mask.unlink()


def _check_ours(path: Path, hashes: set[str | None]) -> None:
    if path.exists() and bytes_hash(read_bytes(path)) not in hashes:
        raise InputError(f"{path} is there already, and not from this review; name another --out")
