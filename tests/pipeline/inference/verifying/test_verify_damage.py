"""`foveamask verify` where files are missing, damaged or too many."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.images import read_photo, write_png
from data.masks import encode_mask, read_mask, write_mask
from pipeline.inference.manifest import MANIFEST, RECORDS
from tests.builders import foveamask
from tests.pipeline.inference.verifying.verify_call import WAYS, VerifyCall, flip, mask_at


@pytest.mark.parametrize("options", WAYS)
def test_a_missing_result_is_named(check: VerifyCall, options: list[str]):
    mask_at(check.folder, "0002").unlink()

    status, lines, _ = check(*options)

    photo = check.folder / "photos" / "0002.png"
    assert (status, lines) == (1, [f"0002.png: missing, the mask of {photo}"])


def test_a_result_without_a_photo_is_named_where_a_folder_is_verified(check: VerifyCall):
    shutil.copy(mask_at(check.folder, "0000"), mask_at(check.folder, "older"))

    assert check()[:2] == (1, ["older.png: no photo is called older"])
    assert check("--quick")[:2] == (1, ["older.png: no photo is called older"])
    one = check.folder / "photos" / "0000.png"
    assert foveamask("verify", check.folder / "out", one, "--model", check.model) == 0


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:90]), "is damaged"),
        (lambda path: path.write_bytes(b""), "is not an image"),
        (lambda path: write_mask(path, np.zeros((5, 9), bool)), "has 9 x 5 pixels instead of 96"),
    ],
)
def test_a_damaged_result_is_named(check: VerifyCall, damage: Callable[[Path], None], reason: str):
    damage(mask_at(check.folder, "0005"))

    status, lines, _ = check()

    assert status == 1
    (line,) = lines
    assert line.startswith(f"0005.png: {reason}")
    assert line.endswith("it has changed since it was written")


def test_a_photo_that_cannot_be_read_is_named_and_the_others_are_verified(check: VerifyCall):
    (check.folder / "photos" / "0001.png").write_bytes(b"no photo")
    flip(mask_at(check.folder, "0002"), 1)

    status, lines, _ = check()

    assert status == 1
    assert [line.split(":")[0] for line in lines] == ["0001.png", "0002.png"]
    assert "its photo fails" in lines[0]


def test_without_records_what_the_files_say_counts(check: VerifyCall):
    for name in (MANIFEST, RECORDS):
        (check.folder / "out" / name).unlink()
    plain = mask_at(check.folder, "0002")
    plain.write_bytes(encode_mask(read_mask(plain)))

    status, lines, err = check("--quick")

    assert (status, lines) == (1, ["0002.png: nothing says how it was made"])
    assert "has no records of `foveamask predict`" in err
    assert check()[:2] == (0, [])
    assert check("--quick", "--stage", "coarse")[1][0].endswith(
        "it was made with another stage (refined, now coarse)"
    )


def test_verifying_changes_nothing(check: VerifyCall):
    def content() -> dict[str, tuple[bytes, int]]:
        files = (check.folder / "out").iterdir()
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    before = content()

    for options in WAYS:
        check(*options)

    assert content() == before


def test_what_is_asked_for_in_vain_is_one_line(
    check: VerifyCall, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    status, _, err = check("--quick", "--sample", 2)
    assert status == 2
    assert "give one of them" in err
    photos = check.folder / "photos"
    assert foveamask("verify", tmp_path / "nowhere", photos, "--model", check.model) == 1
    assert f"no such folder: {tmp_path / 'nowhere'}" in capsys.readouterr().err
    (check.folder / "out" / MANIFEST).write_text("{")
    assert check()[0] == 1
    assert f"{MANIFEST} is damaged; make the results again" in check()[2]


def test_a_picture_that_is_no_mask_is_no_result_either(check: VerifyCall):
    write_png(mask_at(check.folder, "0000"), read_photo(check.folder / "photos" / "0000.png"))

    status, lines, _ = check()

    assert status == 1
    assert "pixels differ" in lines[0]
