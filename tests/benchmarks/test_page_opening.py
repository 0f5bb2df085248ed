"""How long a page takes to open."""

from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from benchmarks import page_opening
from pipeline.cli.program import run
from tests.browser import chromium


def test_an_opening_has_its_times_in_their_order_and_its_pictures(tmp_path: Path):
    page = tmp_path / "index.html"
    page.write_text("<p>text</p><img src='none.png' alt=''>")
    path, arguments = chromium()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        row = page_opening.opened(browser, page, 7)
        browser.close()

    assert (row[0], row[4]) == ("7", "1")
    assert float(row[1]) > 0
    assert 0 < float(row[2]) <= float(row[3])


def test_a_page_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(page_opening.app, [str(tmp_path / "index.html")]) == 1

    assert f"there is no page {tmp_path}" in capsys.readouterr().err
