"""`predict --part K/N` from the outside, and which photos are in a part."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError, SettingsError
from pipeline.inference.manifest import MANIFEST, resumed
from pipeline.inference.part import Part
from pipeline.inference.records import RECORDS, records_of_parts
from pipeline.model_folder import save_model
from tests.builders import foveamask
from tests.pipeline.inference.predicting import segmenter_of, write_photos
from tests.pipeline.inference.recording import MADE_WITH, record_of, write_records

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    save_model(segmenter_of().model, path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of twelve photos, half of them in a sub-folder."""
    for photo in write_photos(tmp_path / "photos" / "red", 12)[6:]:
        photo.rename(tmp_path / "photos" / photo.name)
    return tmp_path / "photos"


def files(folder: Path) -> dict[str, bytes]:
    """All results in a folder, by their paths in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}


@given(st.text(), st.integers(1, 40))
def test_every_photo_is_in_one_part(name: str, count: int):
    parts = [Part(number, count) for number in range(1, count + 1)]

    assert sum(part.has(name) for part in parts) == 1


def test_parts_are_about_as_large():
    sizes = [sum(Part(k, 8).has(f"car/{i:05}") for i in range(8000)) for k in range(1, 9)]

    assert min(sizes) > 900
    assert max(sizes) < 1100


def test_which_part_a_photo_is_in_never_changes():
    """Or jobs of two versions would leave photos out."""
    assert [name for name in "abcdefgh" if Part(1, 3).has(name)] == ["b", "h"]


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "1/2/3", "-1/2", "1/9999999"])
def test_a_part_that_is_none_is_a_wrong_command_line(text: str):
    with pytest.raises(SettingsError, match=r"--part takes K/N, such as 3/16"):
        Part.parse(text)
    assert Part.parse(" 3/16 ") == Part(3, 16)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("t/masks.csv", "t/masks.part-2-of-3.csv"),
        ("masks.csv.gz", "masks.part-2-of-3.csv.gz"),
        ("a.b.csv", "a.b.part-2-of-3.csv"),
        ("masks", "masks.part-2-of-3"),
    ],
)
def test_a_part_has_tables_of_its_own(name: str, wanted: str):
    assert Part(2, 3).table(Path(name)) == Path(wanted)


def test_parts_together_are_the_whole_and_the_last_call_joins_their_tables(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    def call(out: str, *options: object) -> int:
        table, expected = tmp_path / f"{out}.csv.gz", tmp_path / f"{out}-expected.csv"
        command = ("predict", photos, tmp_path / out, "--csv", table, "--expected", expected)
        return foveamask(*command, "--model", model, "--device", "cpu", *options)

    assert call("whole") == 0
    numbers = []
    for number in (3, 1, 2):
        before = len(files(tmp_path / "parts"))
        assert call("parts", "--part", f"{number}/3") == 0
        numbers.append(len(files(tmp_path / "parts")) - before)
        assert (tmp_path / f"parts.part-{number}-of-3.csv.gz").exists()
    assert all(numbers)
    assert sum(numbers) == 12
    assert not (tmp_path / "parts.csv.gz").exists()
    capsys.readouterr()

    assert call("parts") == 0

    said = capsys.readouterr().err
    assert "12 of 12 photos are done already" in said
    assert "predicting" not in said
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    for table in (".csv.gz", "-expected.csv"):
        parts, whole = (tmp_path / f"{out}{table}" for out in ("parts", "whole"))
        assert parts.read_bytes() == whole.read_bytes()
    hidden = [path.name for path in (tmp_path / "parts").glob(".*")]
    assert sorted(hidden) == [".foveamask.json", ".foveamask.jsonl", ".foveamask.lock"]


def test_photos_of_a_group_are_in_one_part_if_they_share_a_box(tmp_path: Path, model: Path):
    for i, photo in enumerate(write_photos(tmp_path / "photos", 8)):
        photo.rename(photo.with_name(f"{i % 4:012x}_{i:02}.png"))
    command = ("predict", tmp_path / "photos", "--output", "cutout", "--crop", "group")

    def call(out: str, *options: str) -> None:
        assert foveamask(*command, tmp_path / out, "--model", model, *options) == 0

    call("whole")
    for number in (1, 2, 3):
        call("parts", "--part", f"{number}/3")

    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_a_part_without_photos_is_done(tmp_path: Path, photos: Path, model: Path):
    one = photos / "0006.png"
    statuses = [
        foveamask("predict", one, tmp_path / "out", "--model", model, "--part", f"{k}/4")
        for k in (1, 2, 3, 4)
    ]

    assert statuses == [0, 0, 0, 0]
    assert list(files(tmp_path / "out")) == ["0006.png"]


def test_another_number_of_parts_takes_over_what_is_done(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    command = ("predict", photos, tmp_path / "out", "--model", model)
    assert foveamask(*command, "--part", "1/2") == 0
    num_done = len(files(tmp_path / "out"))
    capsys.readouterr()

    for number in (1, 2, 3):
        assert foveamask(*command, "--part", f"{number}/3") == 0

    said = capsys.readouterr().err.splitlines()
    taken = [int(line.split()[0]) for line in said if "are done already" in line]
    assert sum(taken) == num_done
    assert len(files(tmp_path / "out")) == 12


def test_parts_of_other_options_are_refused(
    tmp_path: Path, photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    command = ("predict", photos, tmp_path / "out", "--model", model)
    assert foveamask(*command, "--part", "1/2") == 0
    before = files(tmp_path / "out")
    capsys.readouterr()

    assert foveamask(*command, "--part", "2/2", "--budget", "1") == 1
    assert "were not made with the same budget" in (said := capsys.readouterr().err)
    assert "name another folder, or remove this one" in said
    assert foveamask(*command, "--part", "2/2", "--overwrite") == 2
    assert "--overwrite starts OUT anew, which --part cannot do" in capsys.readouterr().err
    assert files(tmp_path / "out") == before


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


@pytest.mark.slow
def test_parts_at_the_same_time_in_one_folder(tmp_path: Path, photos: Path, model: Path):
    command = [sys.executable, "-m", "pipeline", "predict", str(photos), str(tmp_path / "parts")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    jobs = [
        subprocess.Popen(
            [*command, "--model", str(model), "--part", f"{k}/4", "--csv", str(tmp_path / "t.csv")],
            cwd=ROOT,
            env=environment,
        )
        for k in (1, 2, 3, 4)
    ]

    assert [job.wait(timeout=300) for job in jobs] == [0, 0, 0, 0]

    assert foveamask("predict", photos, tmp_path / "whole", "--model", model) == 0
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    rows = sum(
        len(table.read_text().splitlines()) - 1 for table in tmp_path.glob("t.part-*-of-4.csv")
    )
    assert rows == 12
