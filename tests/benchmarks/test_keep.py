"""Commands whose tables are kept for the documentation."""

from pathlib import Path

import pytest

from benchmarks.keep import keep, measured
from benchmarks.kept_tables import PrintedTable, all_kept, tables_in
from data.errors import InputError, SettingsError

PRINTED = """model 0123456789abcdef, 7 photos

| shift, px | pixels |
|---|---|
| 4 | 16.60 |
| 8 | |

| a |
|---|
| b |
all in all 3
"""

MODULE = """import sys
print('''{printed}''')
print("|", "|".join(sys.argv[1:]), "|")
print("|---|---|")
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the benchmarks, which prints tables and its arguments."""
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "printing.py").write_text(MODULE.format(printed=PRINTED))
    monkeypatch.chdir(tmp_path)
    return "printing"


def test_tables_are_read_cell_by_cell():
    assert list(tables_in(PRINTED)) == [
        PrintedTable(("shift, px", "pixels"), (("4", "16.60"), ("8", ""))),
        PrintedTable(("a",), (("b",),)),
    ]


def test_what_a_command_prints_is_kept_without_the_names_of_folders(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("CARVANA", "/data/of mine")

    keep(command, "CARVANA", "--every", "12", folder=tmp_path / "kept")

    (kept,) = all_kept(tmp_path / "kept")
    assert capsys.readouterr().out.startswith(PRINTED)
    assert (kept.model, kept.photos, len(kept.tables)) == ("0123456789abcdef", 7, 3)
    assert kept.tables[2].headings == ("/data/of mine", "--every", "12")
    assert (tmp_path / "kept" / "printing-CARVANA-every-12.json").exists()
    shown = kept.shown(1)
    assert shown.startswith(
        "| shift, px | pixels |\n|---|---|\n| 4 | 16.60 |\n| 8 | |\n\n*Model `01"
    )
    assert "`, 7 photos. `python -m benchmarks.printing CARVANA --every 12`, 20" in shown

    monkeypatch.setenv("CARVANA", "/elsewhere")
    keep(folder=tmp_path / "kept")  # all of them again

    (kept,) = all_kept(tmp_path / "kept")
    assert kept.tables[2].headings == ("/elsewhere", "--every", "12")


def test_a_word_in_capitals_that_stands_for_nothing_is_named(command: str):
    with pytest.raises(SettingsError, match="variable NOWHERE_AT_ALL"):
        measured([command, "NOWHERE_AT_ALL"])


def test_a_command_that_fails_keeps_nothing(tmp_path: Path):
    with pytest.raises(InputError, match=r"seams /nowhere ended with status [12], 0 tables"):
        keep("seams", "/nowhere", folder=tmp_path)

    assert not list(tmp_path.iterdir())
