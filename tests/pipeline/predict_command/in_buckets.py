"""`predict` with a bucket, and what it puts there."""

from pathlib import Path
from typing import TYPE_CHECKING

from tests.builders import foveamask

if TYPE_CHECKING:
    from tests.s3_server import S3Server

NUM = 6
"""Number of photos."""


def predict(model: Path, *arguments: object) -> int:
    return foveamask("predict", *arguments, "--model", model, "--device", "cpu")


def into(bucket: str) -> list[str]:
    """The arguments that put masks and csv into a bucket."""
    names = "photos", "masks", "--csv", "masks.csv"
    return [name if name.startswith("--") else f"s3://{bucket}/{name}" for name in names]


def visible(files: dict[str, bytes]) -> dict[str, bytes]:
    """Masks and tables among files."""
    return {name: data for name, data in files.items() if name.endswith((".png", ".csv"))}


def results(s3: "S3Server", bucket: str) -> dict[str, bytes]:
    found = visible(s3.content(bucket))
    return {name: data for name, data in found.items() if not name.startswith("photos/")}
