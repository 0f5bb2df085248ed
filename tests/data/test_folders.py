"""What is found in a folder, and what is said of the rest."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from data.errors import InputError
from data.folders import left_out, photos_at, raise_all


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_photos_of_all_endings_are_found(tmp_path: Path) -> None:
    names = [
        "a.JPG",
        "b.jfif",
        "c.gif",
        "d.avif",
        "e.jpeg",
        "f.TIFF",
        "g.webp",
        "h.bmp",
        "i.png",
        "j.HEIC",
    ]

    assert [path.name for path in photos_at(touched(tmp_path, *names))] == names


def test_what_is_left_out_is_counted_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    touched(
        tmp_path,
        "a.jpg",
        "b.PSD",
        "c.psd",
        "d.CR2",
        "more/e.jpg",
        "more/f.png",
        "g/h.txt",
        "more/deep/i.jpg",
    )

    photos_at(tmp_path)

    assert [record.getMessage() for record in caplog.records] == [
        f"left out of {tmp_path}: 1 .cr2 file, 2 .psd files (save as JPEG or PNG), "
        "3 photos in folders below (name those folders as well)"
    ]


def test_of_what_systems_leave_behind_not_a_word_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touched(tmp_path, "a.jpg", ".DS_Store", "._a.jpg", "Thumbs.db", "desktop.ini", "notes.txt")
    touched(tmp_path, ".hidden/b.jpg", "__MACOSX/notes.txt")

    assert [path.name for path in photos_at(tmp_path)] == ["a.jpg"]
    assert not caplog.records
    assert left_out(tmp_path) == ""


def test_a_folder_of_other_formats_alone_says_what_there_is(tmp_path: Path) -> None:
    touched(tmp_path, "a.CR3", "b.CR3")

    with pytest.raises(InputError, match=r"no photos in .*; there are 2 \.cr3 files \(save"):
        photos_at(tmp_path)


def test_of_many_problems_the_first_are_named_and_the_others_counted() -> None:
    raise_all([])
    for num in (1, 5, 6):
        with pytest.raises(InputError) as caught:
            raise_all(f"problem {i}" for i in range(num))
        assert len(str(caught.value).splitlines()) == num
    with pytest.raises(InputError) as caught:
        raise_all(f"problem {i}" for i in range(100))
    assert str(caught.value).splitlines()[4:] == ["problem 4", "and 95 more"]


def test_folders_that_cannot_be_read_and_folders_named_as_photos_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched(tmp_path, "a.jpg", "b.jpg/notes.txt", "locked/c.jpg")
    scandir = os.scandir

    def refusing(path: str | Path) -> Any:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)

    assert [path.name for path in photos_at(tmp_path)] == ["a.jpg"]
    assert left_out(tmp_path) == ""
    with pytest.raises(InputError, match="locked cannot be read: Permission denied"):
        photos_at(tmp_path / "locked")
