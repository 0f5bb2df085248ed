"""What a worker makes for a request: bytes or JSON, and headers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

MEDIA_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "avif": "image/avif",
    "svg": "image/svg+xml",
    "json": "application/json",
    "geojson": "application/geo+json",
    "txt": "text/plain; charset=utf-8",
    "zip": "application/zip",
}
"""Media types of results by the endings of their names."""


@dataclass(frozen=True)
class Reply:
    """The body of an answer, and what is said of it."""

    body: bytes
    name: str
    """Name under which a browser saves it."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def media_type(self) -> str:
        """Its media type, by the ending of its name."""
        return MEDIA_TYPES[self.name.rpartition(".")[2]]


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of files by their names; pictures are compressed already."""
    archive = BytesIO()
    with ZipFile(archive, "w", ZIP_STORED) as writer:
        for name, data in files.items():
            writer.writestr(ZipInfo(name), data)  # with the date 1980, so that it is reproducible
    return archive.getvalue()
