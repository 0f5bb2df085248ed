import csv
import gzip
import io
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from data import rle
from data.errors import InputError
from data.geometry import Size
from data.kaggle_csv import RowJournal, Summary, _fields, check
from data.masks import write_mask

SIZE = Size(4, 6)
HEADER = "img,rle_mask\n"


def mask_of(*pixels: int) -> NDArray[np.bool_]:
    """A mask of `SIZE` with `pixels`, numbered from 1."""
    mask = np.zeros(SIZE.area, bool)
    mask[[pixel - 1 for pixel in pixels]] = True
    return mask.reshape(SIZE)


def written(path: Path, *rows: tuple[str, str], fingerprint: str = "a") -> Path:
    journal = RowJournal(path, fingerprint)
    for row in rows:
        journal.append(*row)
    journal.finish(name for name, _ in rows)
    return path


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith((".rows", ".partial"))]


@pytest.mark.parametrize("name", ["masks.csv", "masks.csv.gz"])
def test_rows_come_back_in_the_order_asked_for(tmp_path: Path, name: str):
    journal = RowJournal(tmp_path / name, "a")
    for stem, text in (("c", "5 6"), ("a", "1 2"), ("b", "")):
        journal.append(f"{stem}.jpg", text)

    journal.finish(["a.jpg", "b.jpg", "missing.jpg", "c.jpg"])

    data = (tmp_path / name).read_bytes()
    text = gzip.decompress(data) if name.endswith("gz") else data
    assert text.decode() == HEADER + "a.jpg,1 2\nb.jpg,\nc.jpg,5 6\n"
    assert not left_over(tmp_path)


def test_the_same_rows_make_the_same_gzip_file(tmp_path: Path):
    one = written(tmp_path / "one.csv.gz", ("a.jpg", "1 2")).read_bytes()

    assert written(tmp_path / "other.csv.gz", ("a.jpg", "1 2")).read_bytes() == one


@pytest.mark.parametrize("cut", [0, 1, 5])
def test_whole_rows_survive_a_row_that_was_cut_off(tmp_path: Path, cut: int):
    """As a process leaves them that was killed: never closed, the last row written in part."""
    path = tmp_path / "masks.csv"
    killed = RowJournal(path, "a")
    killed.append("b.jpg", "1 2")
    killed.append("a.jpg", "3 4 8 1")
    whole = killed.journal.read_bytes()
    killed.close()
    killed.journal.write_bytes(whole[: len(whole) - cut])

    again = RowJournal(path, "a")

    assert ("b.jpg" in again, "a.jpg" in again) == (True, cut == 0)
    assert not path.exists()
    again.append("a.jpg", "3 5")
    again.append("c.jpg", "")
    again.finish(["a.jpg", "b.jpg", "c.jpg"])
    assert path.read_text() == HEADER + "a.jpg,3 5\nb.jpg,1 2\nc.jpg,\n"


def test_rows_made_with_something_else_are_thrown_away(tmp_path: Path):
    path = tmp_path / "masks.csv"
    first = RowJournal(path, "a" * 64)
    first.append("a.jpg", "1 2")
    first.close()
    neighbours = [RowJournal(tmp_path / n, "a" * 64) for n in ("other.csv", "masks.csv.gz")]
    for neighbour in neighbours:
        neighbour.close()

    with closing(RowJournal(path, "b" * 64)) as again:
        assert "a.jpg" not in again
    assert not first.journal.exists()
    assert all(neighbour.journal.exists() for neighbour in neighbours)


@pytest.mark.parametrize("name", ["a,b.jpg", 'say "car".jpg', "ä \udc80.jpg", " .jpg", "a[1].jpg"])
def test_any_name_of_a_photo_goes_through(tmp_path: Path, name: str):
    path = tmp_path / "[odd] masks.csv"
    journal = RowJournal(path, "a")
    journal.append(name, "1 2")
    journal.close()

    again = RowJournal(path, "a")
    assert name in again
    again.finish([name])

    assert check(path, size=SIZE) == Summary(1, 0, 2 / 24)


@pytest.mark.parametrize("name", ["a\nb.jpg", "a\rb.jpg", "a\u2028b.jpg"])
def test_a_name_with_a_line_break_is_refused(tmp_path: Path, name: str):
    with (
        closing(RowJournal(tmp_path / "masks.csv", "a")) as journal,
        pytest.raises(InputError, match="line break"),
    ):
        journal.append(name, "")


@pytest.mark.parametrize("name", ["masks.csv", "masks.csv.gz"])
def test_a_file_that_is_right_is_summed_up(tmp_path: Path, name: str):
    masks = {"a": mask_of(1, 2, 7), "b": mask_of(), "c": mask_of(*range(1, 25))}
    (tmp_path / "masks").mkdir()
    for stem, mask in masks.items():
        write_mask(tmp_path / "masks" / f"{stem}.png", mask)
    path = written(
        tmp_path / name, *((f"{stem}.jpg", rle.encode(mask)) for stem, mask in masks.items())
    )

    assert check(path, size=SIZE) == Summary(3, 1, pytest.approx(27 / 72))
    assert check(path, masks=tmp_path / "masks") == check(path, size=SIZE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: img,rle_mask is expected, not"),
        ("image,rle_mask\na.jpg,\n", "line 1: img,rle_mask is expected"),
        (HEADER, "has no rows"),
        (HEADER + "a.jpg\n", r"line 2 \(a.jpg\): a row has 2 fields, but here are 1"),
        (HEADER + "a.jpg,1 2,3\n", "a row has 2 fields, but here are 3"),
        (HEADER + "\n", "line 2: a row has 2 fields, but here are 0"),
        (HEADER + "a.png,1 2\n", r"line 2 \(a.png\): the name of a photo ends in .jpg"),
        (HEADER + ".jpg,1 2\n", "the name of a photo ends in .jpg"),
        (HEADER + "a.jpg,1 2\na.jpg,1 2\n", r"line 3 \(a.jpg\): the photo has a row already"),
        (HEADER + "b.jpg,1 2\na.jpg,1 2\n", r"line 3 \(a.jpg\): .*b.jpg comes before this"),
        (HEADER + "a.jpg,1 2 3\n", "here are 3 numbers"),
        (HEADER + "a.jpg,1 x\n", "here is 'x'"),
        (HEADER + "a.jpg,1 2.5\n", r"here is '2\.5'"),
        (HEADER + "a.jpg,0 2\n", "pixels are numbered from 1"),
        (HEADER + "a.jpg,1 0\n", "has length 0"),
        (HEADER + "a.jpg,4 2 1 2\n", "starts at or before pixel 5"),
        (HEADER + "a.jpg,1 4 4 2\n", "starts at or before pixel 4"),
        (HEADER + "a.jpg,24 2\n", "ends at pixel 25"),
        (HEADER + f"a.jpg,{2**63} 2\n", "ends at pixel"),
        (HEADER + f"a.jpg,1 {2**62}\n", "ends at pixel"),
    ],
)
def test_the_first_row_at_fault_is_named(tmp_path: Path, text: str, message: str):
    path = tmp_path / "masks.csv"
    path.write_text(text)

    with pytest.raises(InputError, match=message):
        check(path, size=SIZE)


def test_rows_must_agree_with_masks_to_the_pixel(tmp_path: Path):
    for stem in "abd":
        write_mask(tmp_path / f"{stem}.png", mask_of(1, 2))
    good = ("a.jpg", "1 2")

    for rows, message in (
        ([good, ("b.jpg", "1 3")], r"line 3 \(b.jpg\): 1 pixels differ from .*b.png"),
        ([good, ("c.jpg", "1 2")], r"line 3 \(c.jpg\): there is no mask .*c.png"),
        ([good], "has no row of b and 1 more"),
    ):
        with pytest.raises(InputError, match=message):
            check(written(tmp_path / "masks.csv", *rows), masks=tmp_path)


def test_a_gzip_file_with_other_bytes_in_it_is_damaged(tmp_path: Path):
    text = rle.encode(np.random.default_rng(0).random((4, 6)) < 0.5)
    path = written(tmp_path / "masks.csv.gz", *((f"{i:03}.jpg", text) for i in range(200)))
    data = bytearray(path.read_bytes())
    for i in range(20, len(data) - 8):
        data[i] ^= 0xFF
    path.write_bytes(data)

    with pytest.raises(InputError, match="is damaged"):
        check(path, size=SIZE)


@pytest.mark.parametrize("kept", [3, 20, 35])
def test_a_gzip_file_that_was_cut_off_is_damaged(tmp_path: Path, kept: int):
    path = written(tmp_path / "masks.csv.gz", ("a.jpg", "1 2"), ("b.jpg", "5 6"))
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(InputError, match="is damaged"):
        check(path, size=SIZE)


def test_a_row_may_be_longer_than_csv_expects(tmp_path: Path):
    """A checkerboard of a million pixels has half a million runs."""
    size = Size(1, 200_000)
    text = rle.encode(np.arange(200_000)[None] % 2 == 0)
    assert len(text) > 2**17

    path = tmp_path / "masks.csv"
    with closing(RowJournal(path, "a")) as journal:
        journal.append("a.jpg", text)
    RowJournal(path, "a").finish(["a.jpg"])  # goes on

    assert check(path, size=size) == Summary(1, 0, 0.5)


@given(st.lists(st.text(st.characters(exclude_characters="\r\n")), min_size=1, max_size=4))
def test_fields_are_those_that_the_csv_module_reads(fields: list[str]):
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="").writerow(fields)

    assert _fields(line.getvalue()) == next(csv.reader([line.getvalue()]))


@pytest.mark.parametrize("row", ['"a.jpg,1 2', '"a.jpg"b,1 2', 'a"b.jpg,1 2', '"a""b.jpg,1 2'])
def test_a_row_whose_quotes_do_not_pair_is_refused(tmp_path: Path, row: str):
    (tmp_path / "masks.csv").write_text(HEADER + row + "\n")

    with pytest.raises(InputError, match=r"masks.csv line 2: the quotes of a field do not pair$"):
        check(tmp_path / "masks.csv", size=SIZE)


@pytest.mark.parametrize("text", ['"a.jpg","1 2"\r\n', 'a.jpg,"1 2"', "a.jpg,1 2\r\n"])
def test_a_file_that_other_programs_wrote_is_read(tmp_path: Path, text: str):
    (tmp_path / "masks.csv").write_bytes((HEADER + text).encode())

    assert check(tmp_path / "masks.csv", size=SIZE) == Summary(1, 0, 2 / 24)


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_file_is_read_without_changing_the_limit_that_the_process_has(tmp_path: Path, quote: str):
    text = rle.encode(np.arange(200_000)[None] % 2 == 0)
    (tmp_path / "masks.csv").write_text(f"{HEADER}a.jpg,{quote}{text}{quote}\n")
    before = csv.field_size_limit(2**17)

    summary = check(tmp_path / "masks.csv", size=Size(1, 200_000))

    after = csv.field_size_limit(before)
    assert summary == Summary(1, 0, 0.5)
    assert after == 2**17
