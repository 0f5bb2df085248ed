"""Writing refiner patches: complete shards, in order, by one writer that may be interrupted.

While it is being written, a store has its final name with the ending `.partial`. `written.json` in
it says how many patches are complete; a new writer resumes after these. The format is
that of `data.patch_cache.patch_store`.
"""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec

from data.errors import InputError
from data.files import errors_name, replacing, sync_folder
from data.geometry import Fovea
from data.patch_cache import patch_store
from data.patch_cache.patch_store import (
    Origin,
    Patches,
    StoredArray,
    array_dtype,
    array_shapes,
    one_line,
    rebuild_hint,
)

LEFTOVER = re.compile(r"\.[0-9a-f]{32}\.partial$")
"""End of the names of the temporary files that zarr makes."""


def remove_progress(path: Path) -> None:
    """Remove what only an interrupted writer needs from the complete store at `path`.

    A process that is killed after the store has its final name leaves it behind.
    """
    (path / "written.json").unlink(missing_ok=True)


class PatchWriter:
    """Appends patches to a store, and resumes one whose writing was interrupted."""

    def __init__(
        self, path: Path, fovea: Fovea, origin: Origin, photos: Sequence[str], num_training: int
    ) -> None:
        """Create the store `path` with the ending `.partial`, or resume it.

        Args:
            path: the store when it is finished.
            fovea: of the patches.
            origin: what they are made from; an unfinished store of another origin is removed.
            photos: names of the photos, those of the training set first.
            num_training: number of photos in the training set.

        Raises:
            InputError: there is a store at `path` already, or the unfinished one is damaged.
        """
        if path.exists():
            raise InputError(f"{path} is there already")
        self.path = path
        self.partial = path.with_name(path.name + ".partial")
        self.origin = origin
        self.photos = list(photos)
        self.num_training = num_training
        self.pending: list[Patches] = []
        self.shapes = array_shapes(fovea)
        self.num_written = self._resume()
        try:
            with errors_name(self.partial):
                self.group = zarr.open_group(self.partial, mode="a")
                if not self.num_written:
                    self._create()
                self._cut()
            self.outside = self._stored("outside")[:]
        except InputError:
            raise
        except (LookupError, TypeError, ValueError) as error:
            raise InputError(
                f"{self.partial} is damaged ({one_line(error)}); "
                f"delete it and {rebuild_hint(self.path)}"
            ) from error

    def last_photo(self) -> tuple[int, int]:
        """Return the number of the photo to resume with, and the number of its complete patches."""
        if not self.num_written:
            return 0, 0
        photos = self._tiles(0)[:, 0]
        return int(photos[-1]), int((photos == photos[-1]).sum())

    def unwritten(self, patches: Patches) -> Patches:
        """Return the part of `patches`, all of the photo to resume with, that is not written yet.

        Raises:
            InputError: the patches written already are of other tiles. Another device rounds
                differently, and may find other tiles uncertain.
        """
        _, num_safe = self.last_photo()
        safe = self._tiles(self.num_written - num_safe)
        if not np.array_equal(patches["tile"][:num_safe], safe):
            raise InputError(
                f"{self.partial} was started with other tiles, perhaps on another device; "
                f"delete it and {rebuild_hint(self.path)}"
            )
        return {name: rows[num_safe:] for name, rows in patches.items()}

    def append(self, patches: Patches) -> None:
        """Add patches; complete shards are written at once."""
        self.pending.append(patches)
        if sum(len(part["tile"]) for part in self.pending) >= patch_store.SHARD:
            joined = self._take_pending()
            num_whole = len(joined["tile"]) // patch_store.SHARD * patch_store.SHARD
            self._write({name: rows[:num_whole] for name, rows in joined.items()})
            self.pending = [{name: rows[num_whole:] for name, rows in joined.items()}]

    def finish(self) -> None:
        """Write the patches that are still pending, and give the store its final name."""
        if self.pending:
            self._write(self._take_pending())
        with errors_name(self.partial):
            self._array("outside")[:] = self.outside  # of photos after the last patch too
        attributes = json.loads(
            json.dumps(
                {
                    "format": patch_store.FORMAT,
                    "fingerprint": self.origin.fingerprint,
                    "origin": {
                        "coarse": self.origin.coarse,
                        "settings": dict(self.origin.settings),
                    },
                    "photos": self.photos,
                    "num_training": self.num_training,
                }
            )
        )
        with errors_name(self.partial):
            self.group.attrs.update(attributes | {"checksum": patch_store.checksum(attributes)})
            sync_folder(self.partial)
        self.partial.rename(self.path)
        remove_progress(self.path)

    def _resume(self) -> int:
        """Return how many patches are complete; a store of another origin is removed."""
        try:
            state = json.loads((self.partial / "written.json").read_text())
            if state["fingerprint"] == self.origin.fingerprint:
                self._remove_leftovers()
                return int(state["patches"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass
        shutil.rmtree(self.partial, ignore_errors=True)
        return 0

    def _remove_leftovers(self) -> None:
        """Remove the temporary files of zarr that a killed process left behind."""
        for path in self.partial.rglob("*.partial"):
            if LEFTOVER.search(path.name):
                path.unlink()

    def _cut(self) -> None:
        """Cut all arrays to the complete patches; later rows were lost in the interruption.

        Raises:
            ValueError: an array does not have as many.
        """
        for name, shape in self.shapes.items():
            array = self._array(name)
            if not 0 <= self.num_written <= array.shape[0]:
                raise ValueError(f"{name} has {array.shape[0]} patches, not {self.num_written}")
            array.resize((self.num_written, *shape))

    def _create(self) -> None:
        codecs = [
            BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle", typesize=4),
            Crc32cCodec(),
        ]
        for name, shape in self.shapes.items():
            self.group.create_array(
                name,
                shape=(0, *shape),
                chunks=(patch_store.CHUNK, *shape),
                shards=(patch_store.SHARD, *shape),
                dtype=array_dtype(name),
                compressors=codecs,
                overwrite=True,
            )
        self.group.create_array(
            "outside",
            shape=(len(self.photos), 3),
            dtype=array_dtype("outside"),
            compressors=codecs[1],
            overwrite=True,
        )

    def _write(self, patches: Patches) -> None:
        start, stop = self.num_written, self.num_written + len(patches["tile"])
        with errors_name(self.partial):
            for name in self.shapes:
                array = self._array(name)
                array.resize((stop, *self.shapes[name]))
                array[start:stop] = patches[name]
            self._array("outside")[:] = self.outside
            self.num_written = stop
            sync_folder(self.partial)  # or a power cut could leave the file below without them
        with replacing(self.partial / "written.json") as file:
            file.write_text(json.dumps({"fingerprint": self.origin.fingerprint, "patches": stop}))

    def _take_pending(self) -> Patches:
        parts = self.pending
        self.pending = []
        return {name: np.concatenate([part[name] for part in parts]) for name in self.shapes}

    def _tiles(self, first: int) -> NDArray[Any]:
        """Return the tiles of the patches that are complete, from number `first` on.

        Raises:
            InputError: they are damaged.
        """
        return self._stored("tile")[first : self.num_written]

    def _stored(self, name: str) -> StoredArray:
        return StoredArray(self.partial, self._array(name), rebuild_hint(self.path))

    def _array(self, name: str) -> Any:
        # Not stored with the array: zarr takes the setting when an array is opened.
        with zarr.config.set({"array.write_empty_chunks": True}):
            return self.group[name]
