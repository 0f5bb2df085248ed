"""Which photos are found in folders and below, and what their results are called."""

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from data.images import write_png
from data.photo_files import PhotoFile, by_name, find_photo_files, search


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def names_in(*paths: Path, out: Path | None = None) -> list[str]:
    return [photo.name for photo in find_photo_files(paths, out)]


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_results_are_called_by_the_path_in_the_folder_that_was_given(tmp_path: Path):
    touched(tmp_path, "b.jpg", "a.b.JPG", "red/b.png", "red/deep/c.avif", "blue/b.heic")

    found = find_photo_files([tmp_path])

    assert [photo.name for photo in found] == ["a.b", "b", "blue/b", "red/b", "red/deep/c"]
    assert [photo.file for photo in found][:3] == ["a.b.JPG", "b.jpg", "blue/b.heic"]
    assert all(photo.path == tmp_path / photo.file for photo in found)


def test_a_photo_given_by_its_path_is_called_by_its_stem(tmp_path: Path):
    touched(tmp_path, "red/a.jpg", "red/b.jpg", "blue/c.jpg")

    assert names_in(tmp_path / "blue" / "c.jpg", tmp_path / "red") == ["c", "a", "b"]


def test_what_is_given_twice_is_found_once(tmp_path: Path):
    touched(tmp_path, "red/a.jpg")

    assert names_in(tmp_path, tmp_path) == ["red/a"]
    assert names_in(tmp_path / "red", tmp_path / "red" / "a.jpg") == ["a"]


def test_what_systems_leave_in_folders_is_passed_over_and_counted_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    touched(tmp_path, "a.jpg", "._a.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "notes.txt")
    touched(tmp_path, "red/b.jpg", "red/._b.jpg", "red/@eaDir/b.jpg/SYNOPHOTO_THUMB_M.jpg")
    touched(tmp_path, "__MACOSX/._c.jpg", "__MACOSX/c.jpg", ".git/d.jpg", "$RECYCLE.BIN/e.jpg")

    assert names_in(tmp_path) == ["a", "red/b"]

    assert said(caplog) == [
        (
            "INFO",
            f"passed over in {tmp_path}: 5 hidden or system files, 4 hidden or system folders, "
            "1 other file",
        )
    ]


def test_pictures_that_are_not_read_are_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    touched(tmp_path, "a.jpg", "red/b.PSD", "red/c.psd", "d.CR2", ".e")

    assert names_in(tmp_path) == ["a"]

    assert said(caplog) == [
        (
            "WARNING",
            f"passed over in {tmp_path}: 1 .cr2 file, 2 .psd files (save as JPEG or PNG), "
            "1 hidden or system file",
        )
    ]


def test_of_a_folder_of_photos_alone_nothing_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)

    names_in(touched(tmp_path, "a.jpg", "red/b.jpg"))

    assert not caplog.records


def test_a_folder_without_photos_says_what_there_is(tmp_path: Path):
    touched(tmp_path, "red/a.CR3", "b.CR3", "notes.txt")

    with pytest.raises(
        InputError, match=r"no photos in .*; there are 2 \.cr3 files \(save .*, 1 other"
    ):
        find_photo_files([tmp_path])
    with pytest.raises(InputError, match=r"no such photo or folder: .*missing is no photo"):
        find_photo_files([tmp_path / "missing"])


def test_folders_of_results_hold_no_photos(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    touched(tmp_path, "a.jpg", "masks/.foveamask.json", "masks/a.png", "masks/red/b.png")
    touched(tmp_path, "red/pictures/.foveamask.pictures", "red/pictures/a_overlay.png")
    touched(tmp_path, "new/notes.txt", "new/c.png")

    assert names_in(tmp_path) == ["a", "new/c"]
    assert names_in(tmp_path / "masks") == ["a", "red/b"]  # as it was asked for

    assert "2 result folders" in caplog.messages[0]


def test_no_photo_is_looked_for_in_the_folder_for_results(tmp_path: Path):
    touched(tmp_path, "a.jpg", "out/mask/a.png")

    assert names_in(tmp_path, out=tmp_path / "out") == ["a"]


def test_a_folder_for_results_that_holds_photos_is_refused(tmp_path: Path):
    touched(tmp_path, "a.jpg")
    (tmp_path / "out" / "red").mkdir(parents=True)
    write_png(tmp_path / "out" / "mask.png", np.zeros((4, 4), np.uint8))

    assert names_in(tmp_path, out=tmp_path / "out") == ["a"]
    write_png(tmp_path / "out" / "red" / "photo.png", np.zeros((4, 4, 3), np.uint8))

    with pytest.raises(InputError, match=r"out lies in .* and holds photos, such as .*photo\.png"):
        find_photo_files([tmp_path], tmp_path / "out")


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("train/a.jpg", "train_masks/a_mask.gif"),
        ("images/a.jpg", "masks/a.png"),
        ("images/red/a.jpg", "masks/red/a.png"),
        ("train/img/a.jpg", "train/label/a.png"),
    ],
)
def test_the_masks_of_a_data_folder_are_no_photos(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, photo: str, mask: str
):
    touched(tmp_path, photo, mask)

    assert names_in(tmp_path) == [photo.removesuffix(".jpg")]
    assert said(caplog) == [("WARNING", f"passed over in {tmp_path}: 1 true mask")]
    assert len(names_in((tmp_path / mask).parent)) == 1  # as it was asked for


def test_a_link_back_to_a_folder_above_is_not_followed_for_ever(tmp_path: Path):
    touched(tmp_path, "photos/a.jpg", "other/b.jpg")
    (tmp_path / "photos" / "back").symlink_to(tmp_path / "photos")
    (tmp_path / "photos" / "more").symlink_to(tmp_path / "other")
    (tmp_path / "other" / "and_back").symlink_to(tmp_path / "photos")
    (tmp_path / "photos" / "nowhere").symlink_to(tmp_path / "missing")

    assert names_in(tmp_path / "photos") == ["a", "more/b"]


def test_a_folder_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    touched(tmp_path, "a.jpg", "locked/b.jpg")
    scandir = os.scandir

    def refusing(path: Path) -> Any:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)

    assert names_in(tmp_path) == ["a"]
    assert said(caplog) == [
        (
            "WARNING",
            f"passed over in {tmp_path}: 1 folder that cannot be read, such as {tmp_path}/locked",
        )
    ]
    with pytest.raises(InputError, match="locked cannot be read: Permission denied"):
        find_photo_files([tmp_path / "locked"])


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (
            ["one/a.jpg", "one/a.png"],
            r"results of {0} and {1} would both be called a; rename one of them, or write them to "
            "two folders",
        ),
        (
            ["one/a.jpg", "two/a.jpg"],
            "results of {0} and {1} would both be called a; name {root} instead, whose "
            "sub-folders are kept, or write them to two folders",
        ),
    ],
)
def test_photos_whose_results_would_have_one_name_are_told_with_what_to_do(
    tmp_path: Path, paths: list[str], message: str
):
    photos = [PhotoFile(tmp_path / path, "a") for path in paths]
    others = [PhotoFile(tmp_path / f"{i}/b.jpg", "b") for i in range(3)]

    assert list(by_name([photos[0], others[0]])) == ["a", "b"]
    with pytest.raises(InputError) as caught:
        by_name(photos)
    assert str(caught.value) == message.format(*photos, root=tmp_path)
    with pytest.raises(InputError, match="called a, and so would 2 other pairs; "):
        by_name([*photos, *others])


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "r", "r/s", "é"]), st.text("ab.é ", min_size=1, max_size=4)),
        max_size=8,
    )
)
def test_every_photo_is_found_once_under_its_own_path(
    tmp_path_factory: pytest.TempPathFactory, places: list[tuple[str, str]]
):
    root = tmp_path_factory.mktemp("photos")
    files = {f"{folder}/{name}x.jpg".lstrip("/") for folder, name in places}
    touched(root, *files)

    found = search(root).photos

    assert sorted(photo.file for photo in found) == sorted(
        file for file in files if not file.rpartition("/")[2].startswith(".")
    )
    assert len({photo.name for photo in found}) == len(found)
