"""A report in Chromium, opened from the disk: what a person sees and can do."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.reporting.photo_pictures import CAPTIONS_OF_UNSURE, whole_picture
from pipeline.reporting.report_folder import picture_key, report_folder
from pipeline.reporting.report_parts import Column, Gallery, PhotoRow, Report
from tests.builders import middle_disc, shaded_photo
from tests.node_packages import PACKAGES, run_node

HOSTILE = "<script>alert(1)</script>\"'<b>\n\u202egnp.<img src=x onerror=alert(1)>"

NUM = 30


def write_report(folder: Path, num: int = NUM) -> Path:
    """A report of `num` photos and one with a hostile name; return its page."""
    with report_folder(folder) as report:
        whole = whole_picture(shaded_photo((64, 96)), middle_disc((64, 96)))
        rows = []
        for i in range(num):
            names = report.add_pictures(picture_key(str(i)), whole) if i < 100 else None
            marks = ["unlike training"] if i % 10 == 3 else []
            rows.append(PhotoRow(f"Photo {i:02}", [1 - i / num, float(i)], marks, names))
        rows.append(PhotoRow(HOSTILE, [None, 5.0], ["unlike training"]))
        columns = (Column("Dice", 4, "low"), Column("tiles", 0, "high"))
        gallery = Gallery("Photos", HOSTILE, columns, rows, CAPTIONS_OF_UNSURE)
        report.write(Report(HOSTILE, HOSTILE, [], gallery))
        return report.index


@pytest.mark.slow
def test_the_page_works_from_the_disk_and_asks_for_nothing_elsewhere(tmp_path: Path):
    page = write_report(tmp_path / "report")
    place = tmp_path / "node"
    place.mkdir()

    found = json.loads(
        run_node((PACKAGES.parent / "report.mjs").read_text(), place, f"file://{page}", place)
    )

    assert found["errors"] == []
    assert all(url.startswith((f"file://{page.parent}/", "data:")) for url in found["requests"])
    assert found["count"] == f"{NUM + 1} photos"
    assert found["page"] == "page 1 of 2"
    assert found["secondPage"] == "page 2 of 2"
    assert found["names"][0].startswith("<script>alert(1)</script>\"'<b>")
    assert "\\u202e" in found["names"][0]
    assert found["markup"] == 0
    assert found["names"][1:3] == [f"Photo {NUM - 1}", f"Photo {NUM - 2}"]
    assert found["byName"][:3] == [found["names"][0], "Photo 00", "Photo 01"]
    assert found["reversed"][0] == f"Photo {NUM - 1}"
    assert found["marks"] == ["unlike training"]
    assert found["marked"] == [found["names"][0], "Photo 03", "Photo 13", "Photo 23"]
    assert found["searched"] == ["Photo 07"]
    assert found["large"] == [f"Photo {NUM - 1}", f"Photo {NUM - 2}"]
    assert found["closed"]
    assert found["rows"] == NUM + 1
    assert found["sorted"] == "descending"
    assert found["tooWide"] == []


def test_a_page_of_very_many_photos_is_a_list_and_not_their_pictures(tmp_path: Path):
    started = time.monotonic()

    page = write_report(tmp_path / "report", 20_000)

    assert page.stat().st_size < 20_000
    assert (page.parent / "photos.js").stat().st_size < 2_000_000
    assert time.monotonic() - started < 20
    assert np.all([path.suffix == ".webp" for path in (page.parent / "pictures").iterdir()])
