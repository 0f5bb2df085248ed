import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from data.errors import InputError
from pipeline.inference.made_with import made_with
from pipeline.inference.manifest import FORMAT, MANIFEST, file_hash, resumed
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.outputs import OUTPUTS, Output
from pipeline.inference.records import RECORDS
from pipeline.inference.segmenter import Segmenter
from refine.postprocess import parse
from tests.pipeline.inference.predicting import segmenter_of
from tests.pipeline.inference.recording import MADE_WITH, read_records, record_of, write_records

TODO = "use --overwrite to make all results anew, or name another folder"
HOLDS = (
    "import sys; from pathlib import Path; from pipeline.inference.manifest import *\n"
    "made_with = MadeWith('b', 'refined', None, [], ['mask'])\n"
    "with resumed(Path(sys.argv[1]), made_with): print('locked', flush=True); sys.stdin.read()"
)


def test_records_come_back_as_they_were_added(tmp_path: Path):
    records = {"a": record_of("a"), "\udc80, \u2028": record_of("b", 0.1 + 0.2)}
    with resumed(tmp_path, MADE_WITH) as written:
        assert written.found == {}
        for stem, record in records.items():
            written.add(stem, record)

    assert read_records(tmp_path) == records


def test_the_last_record_of_a_photo_counts(tmp_path: Path):
    write_records(tmp_path, a=record_of("a"))
    write_records(tmp_path, a=record_of("b"))

    assert read_records(tmp_path) == {"a": record_of("b")}


def test_a_record_is_on_disk_once_it_is_added(tmp_path: Path):
    with resumed(tmp_path, MADE_WITH) as records:
        for num in range(1, 4):
            records.add(str(num), record_of("a"))
            assert (tmp_path / RECORDS).read_bytes().count(b"\n") == num


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_whole_records_survive_one_that_was_cut_off(tmp_path: Path, cut: int):
    write_records(tmp_path, a=record_of("a"), b=record_of("b"))
    path = tmp_path / RECORDS
    path.write_bytes(path.read_bytes()[:-cut])

    assert read_records(tmp_path) == {"a": record_of("a")}
    write_records(tmp_path, c=record_of("c"))
    assert read_records(tmp_path) == {"a": record_of("a"), "c": record_of("c")}
    assert path.read_bytes().count(b"\n") == 2


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\0" * 200,
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"stem": "b"}',
        b'{"stem": "b", "photo": "c", "outputs": []}',
        b'{"stem": "b", "photo": 1, "outputs": {}}',
        b'{"stem": "b", "photo": "c", "outputs": {}, "expected_dice": "high"}',
        b'{"stem": "b", "photo": "c", "outputs": {}, "more": 1}',
        b'{"photo": "c", "outputs": {}}',
        b'{"stem": "b", "photo": "c", "outputs": {"mask": 1}}',
        b'{"stem": "b", "photo": "c", "outputs": {}, "expected_dice": NaN}',
        b'{"stem": "b", "photo": "c", "outputs": {}, "expected_dice": 1e999}',
        b"{" * 100_000,
        b'{"stem": "' + b"b" * 1_000_000 + b'", "photo": "c", "outputs": {}}',
    ],
)
def test_a_line_that_is_no_record_is_passed_over(tmp_path: Path, line: bytes):
    write_records(tmp_path, a=record_of("a"))
    with (tmp_path / RECORDS).open("ab") as file:
        file.write(line + b"\n")
    write_records(tmp_path, c=record_of("c"))

    assert read_records(tmp_path) == {"a": record_of("a"), "c": record_of("c")}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"model": "b" * 64}, "model;"),
        ({"stage": "coarse"}, r"stage \(refined, now coarse\);"),
        ({"budget": 7}, r"budget \(none, now 7\);"),
        (
            {"postprocess": ["smooth=3", "close-open=5"]},
            r"postprocess \(none, now smooth=3,close-open=5\);",
        ),
        ({"outputs": ["mask", "cutout"]}, r"outputs \(mask, now mask,cutout\);"),
        ({"model": "b", "budget": 0}, r"model, budget \(none, now 0\);"),
    ],
)
def test_results_made_with_something_else_are_refused(
    tmp_path: Path, other: dict[str, object], message: str
):
    write_records(tmp_path, a=record_of("a"))

    with pytest.raises(
        InputError, match=f"the results in .* were not made with the same {message} {TODO}"
    ):
        read_records(tmp_path, replace(MADE_WITH, **other))  # type: ignore[arg-type]

    assert read_records(tmp_path) == {"a": record_of("a")}


def test_overwriting_begins_anew(tmp_path: Path):
    write_records(tmp_path, a=record_of("a"))
    other = replace(MADE_WITH, budget=7)

    with resumed(tmp_path, other, overwrite=True) as records:
        assert records.found == {}

    manifest = json.loads((tmp_path / MANIFEST).read_bytes())
    assert manifest["format"] == FORMAT
    assert manifest.items() >= asdict(other).items()


def test_a_folder_without_results_may_be_begun_with_anything(tmp_path: Path):
    write_records(tmp_path)

    assert read_records(tmp_path, replace(MADE_WITH, budget=7)) == {}


def test_records_without_a_manifest_are_not_taken_over(tmp_path: Path):
    write_records(tmp_path, a=record_of("a"))
    (tmp_path / MANIFEST).unlink()

    assert read_records(tmp_path) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged"),
        (b'{"format": 1', "is damaged"),
        (b"\0\0\0\0", "is damaged"),
        (b"[]", "has format None, this version reads 1"),
        (b'{"format": 2}', "has format 2, this version reads 1"),
        (b'{"format": "' + b"x" * 9000 + b'"}', f"has format {'x' * 80}[.]{{3}}, this version"),
        (b" " * 2**21, "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b"9" * 100_000, "is damaged"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes, message: str):
    write_records(tmp_path, a=record_of("a"))
    (tmp_path / MANIFEST).write_bytes(content)

    with pytest.raises(InputError, match=rf"\.foveamask\.json {message}.*; {TODO}"):
        read_records(tmp_path)
    with resumed(tmp_path, MADE_WITH, overwrite=True) as records:
        assert records.found == {}


def test_a_folder_killed_while_it_is_begun_anew_has_no_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_records(tmp_path, a=record_of("a"))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.inference.manifest.replacing", killed)
    with pytest.raises(KeyboardInterrupt), resumed(tmp_path, MADE_WITH, overwrite=True):
        pass
    monkeypatch.undo()

    assert read_records(tmp_path) == {}


def test_a_second_process_is_refused_before_it_changes_anything(tmp_path: Path):
    write_records(tmp_path, a=record_of("a"))
    partial = tmp_path / ".0123456789abcdef.partial"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS.replace("'b'", "'" + "a" * 64 + "'"), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        partial.touch()  # which the other process is writing to

        with (
            pytest.raises(InputError, match=f"another .* is writing to {tmp_path}; wait for it"),
            resumed(tmp_path, MADE_WITH, overwrite=True),
        ):
            pass
        process.communicate()

    assert partial.exists()
    assert read_records(tmp_path) == {"a": record_of("a")}
    assert not partial.exists()


def test_results_depend_on_the_model_and_all_options():
    segmenter = segmenter_of()
    other = Segmenter.from_model(replace(segmenter.model, low=0.1), torch.device("cpu"), "fp32")
    cutout = Output("cutout", ".webp", lambda path, prediction: None)
    found = [
        made_with(segmenter, MaskOptions(), OUTPUTS),
        made_with(other, MaskOptions(), OUTPUTS),
        made_with(segmenter, MaskOptions(stage="coarse"), OUTPUTS),
        made_with(segmenter, MaskOptions(budget=7), OUTPUTS),
        made_with(segmenter, MaskOptions(postprocess=(parse("smooth=3"),)), OUTPUTS),
        made_with(segmenter, MaskOptions(), (*OUTPUTS, cutout)),
    ]

    assert not [a for i, a in enumerate(found) for b in found[:i] if a == b]
    as_it_says = MaskOptions(stage="refined", postprocess=segmenter.model.postprocess)
    assert made_with(segmenter_of(), as_it_says, OUTPUTS) == found[0]


def test_a_manifest_survives_json(tmp_path: Path):
    making = made_with(segmenter_of(), MaskOptions(postprocess=(parse("smooth=3"),)), OUTPUTS)
    for _ in range(2):
        with resumed(tmp_path, making) as records:
            records.add("a", record_of("a"))

    assert read_records(tmp_path, making) == {"a": record_of("a")}


def test_the_hash_of_a_file_is_its_sha256(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"abc")

    assert file_hash(tmp_path / "a").startswith("ba7816bf8f01cfea414140de5dae2223")
    with pytest.raises(InputError, match="b cannot be read: No such file"):
        file_hash(tmp_path / "b")
