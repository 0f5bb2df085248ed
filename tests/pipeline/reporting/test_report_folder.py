"""The folder of a report: what it may replace, and that names are never markup."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from data.errors import InputError
from data.photo_files import find_photo_files
from pipeline.reporting.report_folder import TEMPLATES, report_folder
from tests.builders import foveamask, grey, write_data
from tests.pipeline.reporting.test_report_in_browser import HOSTILE, write_report


class Outline(HTMLParser):
    """The addresses in a page, and whether its elements are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag not in ("meta", "img", "link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    assert not parser.open
    return parser


def test_names_are_text_and_no_markup(tmp_path: Path):
    page = write_report(tmp_path / "report").read_text()

    found = outline(page)

    assert found.tags.count("script") == 2
    assert not {"b", "img"} & set(found.tags)
    assert "onerror=" in page
    assert "<title>&lt;script&gt;" in page
    assert "\u202e" not in page


def test_the_page_refers_to_nothing_elsewhere(tmp_path: Path):
    found = outline(write_report(tmp_path / "report").read_text())

    assert set(found.addresses) == {"photos.js", "report.js", "report.css", "#gallery", "data:,"}
    for path in TEMPLATES.iterdir():
        assert "://" not in path.read_text(), path.name


def test_the_list_of_photos_is_ascii_and_keeps_names(tmp_path: Path):
    text = write_report(tmp_path / "report").with_name("photos.js").read_bytes().decode("ascii")

    listed = json.loads(text.removeprefix("globalThis.REPORT = ").rstrip(";\n"))

    assert listed["photos"][-1][0] == HOSTILE.replace("\u202e", "\\u202e")
    assert listed["photos"][-1][1] == [None, 5.0]


def test_a_folder_with_other_files_is_refused_and_left_as_it_is(tmp_path: Path):
    (tmp_path / "mine.txt").touch()

    with (
        pytest.raises(InputError, match=r"has other files, such as mine\.txt"),
        report_folder(tmp_path),
    ):
        pass

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_page_of_somebody_else_is_not_replaced(tmp_path: Path):
    (tmp_path / "index.html").write_text("mine")

    with pytest.raises(InputError, match="other files"), report_folder(tmp_path):
        pass

    assert (tmp_path / "index.html").read_text() == "mine"


def test_a_file_is_no_folder_for_a_report(tmp_path: Path):
    (tmp_path / "report").touch()

    with pytest.raises(InputError, match="is a file"), report_folder(tmp_path / "report"):
        pass


def test_two_commands_do_not_write_one_report(tmp_path: Path):
    with (
        report_folder(tmp_path / "report"),
        pytest.raises(InputError, match="another command is writing a report"),
        report_folder(tmp_path / "report"),
    ):
        pass


def test_pictures_that_are_not_shown_any_more_are_removed(tmp_path: Path):
    page = write_report(tmp_path / "report", 5)
    mine = page.parent / "pictures" / "mine.webp"
    mine.touch()

    write_report(tmp_path / "report", 2)

    assert len(list(mine.parent.iterdir())) == 3
    assert mine.exists()


def test_pictures_of_a_report_are_never_taken_for_photos(tmp_path: Path):
    data = write_data(tmp_path / "photos", {"a": grey(9)})
    write_report(data / "images" / "report")

    found = find_photo_files([data / "images"])

    assert [photo.name for photo in found] == ["a"]


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_foreign_folder_is_refused_before_any_work(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.txt").touch()
    data = write_data(tmp_path / "d", {"a": grey(9)})
    given = [data / "images", tmp_path / "out"] if command == "predict" else [data]

    assert foveamask(command, *given, "--report", tmp_path / "other") == 1

    assert "has other files, such as a.txt" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
