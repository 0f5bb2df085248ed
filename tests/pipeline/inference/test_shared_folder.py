"""Parts in one folder of results: who keeps whom out, and what becomes of their records."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from data.errors import InputError
from pipeline.inference.manifest import MANIFEST, resumed
from pipeline.inference.part import Part
from pipeline.inference.records import RECORDS, records_of_parts
from tests.pipeline.inference.recording import MADE_WITH, record_of, write_records

ROOT = Path(__file__).parents[3]


def holding(out: Path, part: str) -> subprocess.Popen[str]:
    """Another process that works on a part, or on all."""
    code = (
        "import sys; from pathlib import Path; from pipeline.inference.manifest import *\n"
        f"with resumed(Path(sys.argv[1]), MadeWith({'a' * 64!r}, 'refined', None, [], ['mask']), "
        f"{part}): print('locked', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(out)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


def test_parts_do_not_disturb_each_other_and_keep_out_who_wants_all(tmp_path: Path):
    with holding(tmp_path, "Part(1, 2)") as process:
        with resumed(tmp_path, MADE_WITH, Part(2, 2)) as records:
            records.add("red/a", record_of("a"))
        for part, message in ((Part(1, 2), "at work on part 1/2 in"), (None, "is writing to")):
            with (
                pytest.raises(InputError, match=rf"another .*{message} .*; wait for it"),
                resumed(tmp_path, MADE_WITH, part),
            ):
                pass
        process.communicate()

    with holding(tmp_path, "None") as process:
        with (
            pytest.raises(InputError, match=r"another .* without --part is writing to"),
            resumed(tmp_path, MADE_WITH, Part(2, 2)),
        ):
            pass
        process.communicate()

    with resumed(tmp_path, MADE_WITH) as records:
        assert records.found == {"red/a": record_of("a")}


def test_what_a_killed_join_left_is_joined_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with resumed(tmp_path, MADE_WITH, Part(1, 2)) as records:
        records.add("a", record_of("a"))
    (part,) = records_of_parts(tmp_path)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt), resumed(tmp_path, MADE_WITH):
        pass
    monkeypatch.undo()
    assert part.exists()

    for _ in range(2):
        with resumed(tmp_path, MADE_WITH) as records:
            assert records.found == {"a": record_of("a")}
        assert not part.exists()


def test_a_record_that_another_part_is_writing_is_left_as_it_is(tmp_path: Path):
    with resumed(tmp_path, MADE_WITH, Part(1, 2)) as records:
        records.add("a", record_of("a"))
        records.add("b", record_of("b"))
        written = records.path.read_bytes()
        records.path.write_bytes(written[:-5])  # as it may be seen while it is written

    with resumed(tmp_path, MADE_WITH, Part(2, 2)) as records:
        assert records.found == {"a": record_of("a")}
    assert (tmp_path / ".foveamask.part-1-of-2.jsonl").read_bytes() == written[:-5]


def test_records_that_have_lost_their_manifest_are_no_parts(tmp_path: Path):
    write_records(tmp_path, a=record_of("a"))
    (tmp_path / MANIFEST).unlink()

    with (
        pytest.raises(InputError, match="has lost its manifest"),
        resumed(tmp_path, MADE_WITH, Part(1, 2)),
    ):
        pass
    assert (tmp_path / RECORDS).exists()


def test_beginning_anew_removes_the_records_of_parts(tmp_path: Path):
    for part in (None, Part(1, 2)):
        with resumed(tmp_path, MADE_WITH, part) as records:
            records.add(str(part), record_of("a"))

    with resumed(tmp_path, MADE_WITH, overwrite=True) as records:
        assert records.found == {}
        assert records.forgotten == {"None", "part 1/2"}
