"""Calling `foveamask verify`, and what it is given."""

from pathlib import Path

import pytest

from data.masks import read_mask, write_mask
from tests.builders import foveamask

WAYS = ([], ["--quick"], ["--sample", "2"])


class VerifyCall:
    """Calls the command, and gives its exit status, its lines and its messages."""

    def __init__(self, folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.model, self.capsys = folder, model, capsys

    def __call__(self, *options: object) -> tuple[int, list[str], str]:
        self.capsys.readouterr()
        places = (self.folder / "out", self.folder / "photos")
        status = foveamask("verify", *places, "--model", self.model, *options)
        out, err = self.capsys.readouterr()
        return status, out.replace(f"{self.folder}/out/", "").splitlines(), err


def mask_at(folder: Path, name: str) -> Path:
    return folder / "out" / f"{name}.png"


def flip(path: Path, num: int) -> None:
    """Change so many pixels of a mask."""
    mask = read_mask(path)
    mask.ravel()[:num] ^= True
    write_mask(path, mask)
