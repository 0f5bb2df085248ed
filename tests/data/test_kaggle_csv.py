import csv
import gzip
import io
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import rle
from data.errors import InputError
from data.geometry import Size
from data.kaggle_csv import CHALLENGE, Summary, _fields, check, check_names, write
from data.masks import write_mask
from tests.data.csv_files import HEADER, SIZE, mask_of, write_masks, written


@pytest.mark.parametrize("name", ["masks.csv", "masks.csv.gz"])
def test_each_mask_has_a_row_in_the_order_of_their_names(tmp_path: Path, name: str):
    masks = {"c": mask_of(5, 6), "a": mask_of(1, 2, 8), "a-1": mask_of(), "b": mask_of(24)}
    paths = write_masks(tmp_path / "masks", masks)
    told: list[tuple[int, int]] = []

    write(tmp_path / name, paths, on_row=lambda *counts: told.append(counts))

    data = (tmp_path / name).read_bytes()
    text = gzip.decompress(data) if name.endswith("gz") else data
    assert text.decode() == HEADER + "a-1.jpg,\na.jpg,1 2 8 1\nb.jpg,24 1\nc.jpg,5 2\n"
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert check(tmp_path / name, masks=tmp_path / "masks").rows == 4


def test_rows_mind_the_names_of_masks_and_not_where_they_are(tmp_path: Path):
    paths = write_masks(tmp_path / "one", {"b": mask_of(1)})
    paths |= write_masks(tmp_path / "other", {"a": mask_of(2)})

    write(tmp_path / "masks.csv", paths)

    assert (tmp_path / "masks.csv").read_text() == HEADER + "a.jpg,2 1\nb.jpg,1 1\n"


def test_without_masks_there_is_a_header_alone(tmp_path: Path):
    write(tmp_path / "masks.csv", {})

    assert (tmp_path / "masks.csv").read_text() == HEADER


def test_a_mask_that_cannot_be_read_leaves_the_file_as_it_was(tmp_path: Path):
    paths = write_masks(tmp_path / "masks", {"a": mask_of(1), "b": mask_of(2)})
    write(tmp_path / "masks.csv", {"a": paths["a"]})
    paths["b"].write_bytes(b"")

    with pytest.raises(InputError, match=r"b\.png is not an image"):
        write(tmp_path / "masks.csv", paths)

    assert (tmp_path / "masks.csv").read_text() == HEADER + "a.jpg,1 1\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["masks", "masks.csv"]


@pytest.mark.parametrize("stem", ["a,b", 'say "car"', "\u00e4 \udc80", " ", "a[1]"])
def test_any_name_of_a_photo_goes_through(tmp_path: Path, stem: str):
    path = tmp_path / "[odd] masks.csv"

    write(path, write_masks(tmp_path / "masks", {stem: mask_of(1, 2)}))

    assert check(path, masks=tmp_path / "masks") == Summary(1, 0, 2 / 24)


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "a\u2028b"])
def test_a_name_with_a_line_break_is_refused(name: str):
    with pytest.raises(InputError, match="line break"):
        check_names(["c", f"folder/{name}"])


@pytest.mark.parametrize("name", ["masks.csv", "masks.csv.gz"])
def test_a_file_that_is_right_is_summed_up(tmp_path: Path, name: str):
    masks = {"a": mask_of(1, 2, 7), "b": mask_of(), "c": mask_of(*range(1, 25))}
    path = tmp_path / name
    write(path, write_masks(tmp_path / "masks", masks))

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

    path = written(tmp_path / "masks.csv", ("a.jpg", text))

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


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x" * 10**6, "line 1: img,rle_mask is expected, not 'x{24}'"),
        (f"img,rle_mask\n{'n' * 10**6},1 1", r"line 2 \(n{80}[.]{3}\): the name of a photo"),
        (
            f"img,rle_mask\n{'n' * 10**6}.jpg,1 1\na.jpg,1 1",
            r"line 3 \(a.jpg\): rows are in .* n{80}[.]{3} comes before this",
        ),
        (f"img,rle_mask\na.jpg,{'x' * 10**6}", r"numbers, but here is 'x{80}[.]{3}'"),
        (f"img,rle_mask\na.jpg,1 {'9' * 10**6}", r"numbers, but here is '9{80}[.]{3}'"),
        (f"img,rle_mask\na.jpg,1 {'9' * 4000}", r"1 \(a number of more than 40 digits\)' ends at"),
        ("img,rle_mask\na.jpg," + "1 " * 10**6, "a photo of 3 x 2 cannot have so many runs"),
        ("img,rle_mask\n\x1b\n.jpg,1", r"a row has 2 fields, but here are 1"),
    ],
)
def test_what_is_quoted_from_a_file_is_cut(tmp_path: Path, content: str, said: str):
    (tmp_path / "a.csv").write_text(content)

    with pytest.raises(InputError, match=said) as caught:
        check(tmp_path / "a.csv", size=Size(2, 3))

    assert len(str(caught.value)) < len(str(tmp_path)) + 300


def test_a_long_number_among_many_takes_no_memory_for_all_of_them(tmp_path: Path):
    (tmp_path / "a.csv").write_text(f"img,rle_mask\na.jpg,{'9' * 110_000} {'1 ' * 55_000}\n")

    assert peak_of_check(tmp_path / "a.csv", "whole numbers") < 2**28


@pytest.mark.parametrize("start", [b"", b"img,rle_mask\na.jpg,"])
def test_a_row_that_never_ends_does_not_fill_the_memory(tmp_path: Path, start: bytes):
    with gzip.open(tmp_path / "a.csv.gz", "wb", 1) as file:
        file.write(start)
        for _ in range(300):
            file.write(b"1" * 2**20)

    said = f"line 2 has more than {2**26} characters" if start else "is expected, not '111"
    assert peak_of_check(tmp_path / "a.csv.gz", said) < 2**28


def peak_of_check(path: Path, said: str) -> int:
    """Return the most bytes that Python held while a csv was refused with `said`."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=said):
            check(path, size=CHALLENGE)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_photos_larger_than_any_that_is_read_are_refused(tmp_path: Path):
    (tmp_path / "a.csv").write_text("img,rle_mask\na.jpg,1 1\n")

    with pytest.raises(InputError, match="has more than 268435456 pixels"):
        check(tmp_path / "a.csv", size=Size(10**10, 10**10))


def test_a_pipe_is_no_csv_unless_the_shell_made_it(tmp_path: Path):
    os.mkfifo(tmp_path / "a.csv")

    with pytest.raises(InputError, match=r"a\.csv cannot be read: it is a pipe"):
        check(tmp_path / "a.csv")
    out, into = os.pipe()
    os.write(into, b"img,rle_mask\na.jpg,1 1\n")
    os.close(into)
    try:
        assert check(Path(f"/dev/fd/{out}")).rows == 1
    finally:
        os.close(out)
