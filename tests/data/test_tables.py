import csv
import gzip
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from data.errors import InputError
from data.files import is_special, remove_partials, replacing
from data.locks import locked
from data.tables import open_table, prepare_table, replacing_table

HEADER = ("photo", "dice")
HOLDS = (
    "import sys; from pathlib import Path; from data.locks import locked\n"
    "with locked(Path(sys.argv[1]), ''): print('locked', flush=True); sys.stdin.read()"
)


def write_table(path: Path, *rows: tuple[str, ...], header: tuple[str, ...] = HEADER) -> None:
    with replacing_table(path, header) as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def read_table(path: Path) -> list[list[str]]:
    with open_table(path) as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_table_comes_back_as_it_was_written(tmp_path: Path, name: str):
    rows = [["a, b", "1"], ['say "car" \udc80', "2"]]

    write_table(tmp_path / name, *map(tuple, rows))

    assert read_table(tmp_path / name) == [list(HEADER), *rows]
    assert (tmp_path / name).read_bytes().startswith(b"\x1f\x8b") == name.endswith("gz")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_same_rows_make_the_same_gzip_file(tmp_path: Path):
    for name in ("one.csv.gz", "other.csv.gz"):
        write_table(tmp_path / name, ("a", "1"))

    assert (tmp_path / "one.csv.gz").read_bytes() == (tmp_path / "other.csv.gz").read_bytes()


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("columns", [HEADER, (*HEADER, "more")])
def test_a_table_takes_the_place_of_an_earlier_one(
    tmp_path: Path, name: str, columns: tuple[str, ...]
):
    write_table(tmp_path / name, ("old", "1"), header=columns)

    write_table(tmp_path / name, ("new", "2"))

    assert read_table(tmp_path / name) == [list(HEADER), ["new", "2"]]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_table_takes_the_place_of_an_empty_file(tmp_path: Path, name: str):
    (tmp_path / name).touch()

    write_table(tmp_path / name)

    assert read_table(tmp_path / name) == [list(HEADER)]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xd8\xff\xe0\x00\x10JFIF",
        b"photo\n",
        b"photo,score\n",
        b"\nphoto,dice\n",
        b"photo,dicey\n",
        b" ",
        gzip.compress(b"some other file", mtime=0),
        gzip.compress(b"photo,dice\n", mtime=0)[:12],
        b"\x1f\x8b" + bytes(20),
    ],
)
def test_a_table_is_written_over_nothing_else(tmp_path: Path, name: str, content: bytes):
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(InputError, match="is not a table with the columns photo, dice"):
        prepare_table(path, HEADER)
    with pytest.raises(InputError, match="would be overwritten by one; name another file"):
        write_table(path)

    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("there", [True, False])
def test_a_table_goes_to_where_a_symbolic_link_leads(tmp_path: Path, there: bool):
    target, link = tmp_path / "elsewhere" / "table.csv", tmp_path / "link.csv"
    target.parent.mkdir()
    if there:
        write_table(target, ("old", "1"))
    link.symlink_to(target)

    prepare_table(link, HEADER)
    write_table(link, ("new", "2"))

    assert link.is_symlink()
    assert not target.is_symlink()
    assert read_table(target) == [list(HEADER), ["new", "2"]]
    assert list(target.parent.iterdir()) == [target]


def test_what_a_symbolic_link_leads_to_is_not_written_over_either(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "link.csv").symlink_to(tmp_path / "notes.txt")

    with pytest.raises(InputError, match=r"link\.csv is not a table"):
        prepare_table(tmp_path / "link.csv", HEADER)


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path):
    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()), daemon=True)
    reader.start()

    prepare_table(pipe, HEADER)
    write_table(pipe, ("a", "1"))
    reader.join(timeout=20)

    assert found == ["photo,dice\na,1\n"]
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_devices_and_pipes_are_special(tmp_path: Path):
    """Only looked at: a test that failed must not have replaced a device of the machine."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("/dev/null")

    assert all(map(is_special, [Path("/dev/null"), tmp_path / "pipe", tmp_path / "link"]))
    assert not any(map(is_special, [tmp_path, tmp_path / "file", tmp_path / "missing"]))


def test_only_what_replacing_leaves_behind_is_removed(tmp_path: Path):
    others = [".partial", ".0123456789abcde.partial", "0123456789abcdef.partial", ".x.partial"]
    for name in (".0123456789abcdef.partial", *others):
        (tmp_path / name).touch()
    with replacing(tmp_path / "file") as partial:
        remove_partials(tmp_path)  # this one is being written
        assert partial.exists()

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "file"])


def test_a_lock_is_held_by_one_process_at_a_time(tmp_path: Path):
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        with (
            pytest.raises(InputError, match="somebody is at work"),
            locked(path, "somebody is at work"),
        ):
            pass
        process.kill()
        process.wait()

    with locked(path, "nobody is"):
        pass
