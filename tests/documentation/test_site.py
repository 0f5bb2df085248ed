"""The site of the documentation: complete, without a dead link, readable without a network."""

import re
import tomllib
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import ViewportSize

from tests.browser import Seen, opened_page
from tests.documentation.built_pages import ROOT, build, links

PHONE: ViewportSize = {"width": 390, "height": 844}


def pages(site: Path) -> list[Path]:
    return sorted(path for path in site.rglob("*.html") if path.name != "404.html")


def in_navigation(entry: object) -> set[str]:
    if isinstance(entry, str):
        return {entry}
    values = entry.values() if isinstance(entry, dict) else entry
    return set().union(*(in_navigation(value) for value in values))


def test_every_page_is_in_the_navigation():
    settings = tomllib.loads((ROOT / "zensical.toml").read_text())
    written = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}

    assert in_navigation(settings["project"]["nav"]) == written


@pytest.mark.parametrize(
    ("link", "complaint"),
    [
        ("index.md#home", None),
        ("nowhere.md", "page does not exist"),
        ("#nothing", "anchor does not exist"),
    ],
)
def test_a_broken_link_is_an_error(tmp_path: Path, link: str, complaint: str | None):
    settings = (ROOT / "zensical.toml").read_text()
    without_pages = re.sub(r"^nav = \[.*?^\]$", "", settings, flags=re.DOTALL | re.MULTILINE)
    (tmp_path / "zensical.toml").write_text(without_pages)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Home\n\n[a link]({link})\n")

    done = build(tmp_path)

    assert (done.returncode != 0) == (complaint is not None), done.stderr
    assert complaint is None or complaint in done.stderr


def test_no_link_of_a_page_is_dead(site: Path):
    dead = []
    for page in pages(site):
        for address in [*links(page).links, *links(page).loads]:
            target = urlsplit(address)
            if target.scheme or target.netloc:
                continue
            file = (page.parent / unquote(target.path)).resolve() if target.path else page
            if file.is_dir():
                file /= "index.html"
            anchor = unquote(target.fragment)
            if not file.is_file() or (
                anchor and anchor != "__skip" and anchor not in links(file).anchors
            ):
                dead.append(f"{page.relative_to(site)}: {address}")

    assert pages(site)
    assert not dead


def test_no_page_loads_anything_from_another_place(site: Path):
    loaded = {
        (page.name, address)
        for page in pages(site)
        for address in links(page).loads
        if urlsplit(address).netloc or urlsplit(address).scheme not in {"", "data"}
    }
    styles = [
        (style.name, address)
        for style in site.rglob("*.css")
        for address in re.findall(r"(?:url\(|@import )[\"']?(https?:[^\"')]+)", style.read_text())
    ]

    assert not loaded
    assert not styles


@pytest.mark.slow
def test_pages_opened_from_the_disk_ask_for_nothing_and_fit_a_phone(site: Path):
    seen = Seen()
    wide = []

    with opened_page((site / "index.html").as_uri(), seen, viewport=PHONE) as page:
        for path in pages(site):
            page.goto(path.as_uri(), wait_until="domcontentloaded")
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wide.append(path.relative_to(site))

    assert not seen.errors
    assert not [address for address in seen.requests if not address.startswith(("file:", "data:"))]
    assert not wide


@pytest.mark.slow
def test_the_search_works_from_the_disk(site: Path):
    seen = Seen()

    with opened_page((site / "index.html").as_uri(), seen) as page:
        page.keyboard.press("/")
        page.wait_for_function("document.activeElement.shadowRoot")
        page.keyboard.type("seams")
        page.get_by_text("grid of 16").first.wait_for()

    assert not seen.errors
