"""Refiner patches on disk: a zarr group that is complete or absent, and checked when opened.

Format 2, for N patches of tile side T from M photos; P_k are the pixels of ring k:

    full           (N, T, T, 4) uint8   RGB and coarse probability of the tile
    half_ring      (N, P_1, 4)  uint8   of the ring around it at half the resolution
    quarter_ring   (N, P_2, 4)  uint8   and so on, as many rings as the fovea has
    target         (N, T, T)    uint8   0 background, 1 object, 255 beyond the photo
    tile           (N, 3)       int32   photo, row and column in the grid of tiles; by photo
    outside        (M, 3)       int64   pixels outside the tiles of each photo: in both
                                        masks, in the coarse one, in the true one
    attributes: format, fingerprint, origin (coarse weights and settings that the patches were
    made with), photos (their names, in order), num_training (how many of them are training
    photos; these come first), checksum (of the other attributes)

Each chunk ends with its CRC-32C, so damage is found when it is read. Every shard has a file, even
if it holds zeros only: one that is missing is damage.
`data.patch_cache.patch_writer` writes patches; this module describes and reads them.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from data import mirrors
from data.errors import InputError
from data.geometry import Fovea
from data.ranges import shown

FORMAT = 2
CHUNK = 128
SHARD = 64 * CHUNK

RINGS = ("half_ring", "quarter_ring", "eighth_ring")
METADATA = "zarr.json"
"""File of the attributes; without it a store is half-written."""

BEYOND = 255
"""Target of a pixel that lies beyond the photo."""

DTYPES = {"tile": "int32", "outside": "int64"}
"""Types of the arrays that are not uint8."""

UNREADABLE = (
    *(ValueError, TypeError, LookupError, RuntimeError, OSError, AttributeError, ArithmeticError),
)
"""Errors of zarr for damage, depending on where it is."""

Patches = dict[str, NDArray[Any]]
"""Some patches: an array for each name of `array_shapes`, all of the same length."""


@dataclass(frozen=True)
class Origin:
    """Everything that patches are made from. If any of it changes, they are stale."""

    photos: str
    """Hash of the photos and masks."""
    coarse: str
    """Hash of the weights of the coarse networks that they were extracted with."""
    settings: Mapping[str, Any]
    """Settings that the patches depend on."""

    @property
    def fingerprint(self) -> str:
        """A hash that changes whenever the origin or the format does."""
        parts = {"format": FORMAT, "photos": self.photos, "coarse": self.coarse}
        text = json.dumps(parts | {"settings": dict(self.settings)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Metadata:
    """The attributes of a store."""

    fingerprint: str
    """Fingerprint of the origin of the patches."""
    photos: tuple[str, ...]
    """Names of the photos: the training set, then the validation set."""
    num_training: int
    """Number of training photos."""

    def __post_init__(self) -> None:
        if not 0 <= self.num_training <= len(self.photos):
            raise ValueError(f"{self.num_training} of {len(self.photos)} photos are to train on")


def checksum(attributes: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all `attributes` but the checksum itself."""
    others = {name: value for name, value in attributes.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def array_shapes(fovea: Fovea) -> dict[str, tuple[int, ...]]:
    """Return the shape of one patch in each array."""
    side = fovea.tile
    rings = {RINGS[k - 1]: (fovea.ring_pixels(k), 4) for k in range(1, fovea.levels)}
    return {"full": (side, side, 4), **rings, "target": (side, side), "tile": (3,)}


def array_dtype(name: str) -> np.dtype[Any]:
    """Return the type of the numbers in an array."""
    return np.dtype(DTYPES.get(name, "uint8"))


class StoredArray:
    """An array of a store; damage found while reading it is an `InputError`."""

    def __init__(self, path: Path, array: "zarr.Array[Any]", hint: str = "") -> None:
        self.path = path
        self.array = array
        self.hint = hint or rebuild_hint(path)
        self.shape = array.shape
        self.dtype = np.dtype(array.dtype)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        """Read `rows` into memory.

        Raises:
            InputError: a shard that holds some of them is damaged.
        """
        for file in shard_files(self.array, self.path, rows):
            mirrors.pin(file)
        try:
            return np.asarray(self.array[rows])
        except UNREADABLE as error:  # of the index, of a chunk, of a disk
            reason = f"{self.array.basename} cannot be read ({one_line(error)})"
            raise _damaged(self.path, reason, self.hint) from error


def open_store(path: Path, fovea: Fovea, coarse: str, settings: Mapping[str, Any]) -> zarr.Group:
    """Open the patches of `fovea` made with the weights of hash `coarse` and `settings`.

    Raises:
        InputError: there are none at `path`, they are of another format or damaged, or they
            were made from something else.
    """
    hint = rebuild_hint(path)
    if not path.exists():
        half = path.with_name(path.name + ".partial").exists()
        raise InputError(f"{path} is {'half-written' if half else 'not there'}; {hint}")
    group, about = _open(path, hint)
    wanted = {"coarse": coarse, "settings": json.loads(json.dumps(settings))}
    if group.attrs.get("origin") != wanted:
        raise InputError(f"{path} was made from other weights or settings; delete it and {hint}")
    _check_whole(group, path, fovea, len(about.photos), hint)
    return group


def verify(path: Path, fovea: Fovea, origin: Origin, data: str) -> None:
    """Raise unless the patches at `path` are complete and were made from `origin`.

    `data` names the data folders in messages.

    Raises:
        InputError: they are of another format or damaged, or made from something else.
    """
    hint = rebuild_hint(path, data)
    group, about = _open(path, hint)
    if about.fingerprint != origin.fingerprint:
        raise InputError(
            f"{path} was made from other photos, weights or settings; delete it and {hint}"
        )
    _check_whole(group, path, fovea, len(about.photos), hint)


def metadata(path: Path) -> Metadata:
    """Return the attributes of the patches at `path`.

    Raises:
        InputError: they are not there, damaged, or of another format.
    """
    return _open(path, rebuild_hint(path))[1]


def stored_arrays(group: zarr.Group, path: Path) -> dict[str, StoredArray]:
    """Return the arrays of the store at `path` that `open_store` opened, by name."""
    return {name: StoredArray(path, array) for name, array in group.arrays()}


def rebuild_hint(path: Path, data: str = "DATA") -> str:
    """Return the command that makes the patches at `path`, as part of a message."""
    if mirrors.mirror_of(path) is not None:
        return f"run `foveamask make-patches {data} RUN --patches {path}`"
    return f"run `foveamask make-patches {data} {path.parent}`"


def one_line(error: Exception) -> str:
    """Return the message of `error`, on one line and not too long."""
    return shown(" ".join(str(error).split()) or type(error).__name__)[1:-1]


def _damaged(path: Path, reason: str, hint: str) -> InputError:
    return InputError(f"{path} is damaged: {reason}; delete it and {hint}")


def _open(path: Path, hint: str) -> tuple[zarr.Group, Metadata]:
    if mirrors.mirror_of(path) is not None and not (path / METADATA).exists():
        raise InputError(f"{path} is half-written; {hint}")
    try:
        for file in (path / METADATA, *path.glob(f"*/{METADATA}")):
            mirrors.pin(file)
        group = zarr.open_group(path, mode="r")
    except UNREADABLE as error:
        raise _damaged(path, f"it cannot be opened ({one_line(error)})", hint) from error
    if group.attrs.get("format") != FORMAT:
        raise InputError(
            f"{path} has format {group.attrs.get('format')}, this version reads {FORMAT}; "
            f"delete it and {hint}"
        )
    try:
        return group, _metadata_of(dict(group.attrs))
    except ValueError as error:
        raise _damaged(path, str(error), hint) from error


def _metadata_of(attributes: Mapping[str, Any]) -> Metadata:
    """Return the attributes of a group; a ValueError says which is missing or makes no sense."""
    fingerprint, photos, num = (
        attributes.get(name) for name in ("fingerprint", "photos", "num_training")
    )
    if not isinstance(fingerprint, str):
        raise ValueError(f"its fingerprint is {fingerprint!r}")
    if not isinstance(photos, list) or not all(isinstance(name, str) for name in photos):
        raise ValueError("its photos are no list of names")
    if type(num) is not int:
        raise ValueError(f"its num_training is {num!r}")
    about = Metadata(fingerprint, tuple(photos), num)
    if attributes.get("checksum") != checksum(attributes):
        raise ValueError("its attributes have another checksum")
    return about


def _check_whole(group: zarr.Group, path: Path, fovea: Fovea, num_photos: int, hint: str) -> None:
    """Raise unless all arrays of `array_shapes` exist, with all their shards.

    A shard without a file would be read as zeros. The order of the tiles is checked too, because
    the patches of the validation set are found by it.
    """
    try:
        arrays: dict[str, Any] = {name: group[name] for name in [*array_shapes(fovea), "outside"]}
    except UNREADABLE as error:
        raise _damaged(path, f"an array cannot be opened ({one_line(error)})", hint) from error
    num_patches = arrays["tile"].shape[0]
    shapes = {name: (num_patches, *shape) for name, shape in array_shapes(fovea).items()}
    for name, shape in {**shapes, "outside": (num_photos, 3)}.items():
        if arrays[name].shape != shape:
            raise _damaged(path, f"{name} has the shape {arrays[name].shape}", hint)
        if arrays[name].dtype != array_dtype(name):
            raise _damaged(path, f"{name} is of {arrays[name].dtype}", hint)
    missing = [str(file) for array in arrays.values() for file in _missing_shards(array, path)]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise _damaged(path, f"{missing[0]}{more} is missing or empty", hint)
    photo = StoredArray(path, arrays["tile"])[:][:, 0]
    if num_patches and (photo[0] < 0 or photo[-1] >= num_photos or (np.diff(photo) < 0).any()):
        raise _damaged(path, "its tiles are not in the order of its photos", hint)


def _missing_shards(array: "zarr.Array[Any]", path: Path) -> Iterator[Path]:
    """Yield the shards, or chunks if it has no shards, whose file is missing or empty."""
    for file in shard_files(array, path):
        if not file.is_file() or not file.stat().st_size:
            yield file.relative_to(path)


def shard_files(array: "zarr.Array[Any]", path: Path, rows: slice = slice(None)) -> Iterator[Path]:
    """Yield the shards, or chunks if there are no shards, that hold `rows` of an array.

    Args:
        array: an array of the store at `path`.
        path: the store.
        rows: without a step.
    """
    sides = array.shards or array.chunks
    first, stop, _ = rows.indices(array.shape[0])
    whole = (range(-(-num // side)) for num, side in zip(array.shape, sides, strict=True))
    own = range(first // sides[0], -(-stop // sides[0]))
    for place in product(own, *list(whole)[1:]):
        yield path / array.path / array.metadata.encode_chunk_key(place)
