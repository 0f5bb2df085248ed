"""When a photo counts as arrived."""

import os
import shutil
from pathlib import Path

import pytest

from pipeline.inference import arrivals as module
from pipeline.inference.arrivals import SETTLED_SECONDS, Arrivals, stamp_of
from pipeline.inference.part import Part


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float = SETTLED_SECONDS) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


def arriving(folder: Path, clock: Clock, part: Part | None = None) -> Arrivals:
    return Arrivals([folder], folder / "out", part, clock)


def names(arrivals: Arrivals) -> list[str]:
    return [photo.name for photo in arrivals.look()]


def test_a_photo_that_grows_is_given_once_it_has_stood_still(folder: Path, clock: Clock):
    arrivals = arriving(folder, clock)
    with (folder / "a.jpg").open("wb") as file:
        for _ in range(5):
            file.write(b"some bytes")
            file.flush()
            assert names(arrivals) == []
            clock.wait(0.75 * SETTLED_SECONDS)
    clock.wait(0.3 * SETTLED_SECONDS)

    assert names(arrivals) == ["a"]
    clock.wait()
    assert names(arrivals) == []


def test_what_is_there_at_the_start_stands_still_from_then_on(folder: Path, clock: Clock):
    (folder / "red").mkdir()
    (folder / "red" / "a.jpg").write_bytes(b"photo")
    arrivals = arriving(folder, clock)

    assert [photo.name for photo in arrivals.photos] == ["red/a"]
    assert names(arrivals) == []
    clock.wait()
    assert names(arrivals) == ["red/a"]


def test_a_complete_photo_that_is_renamed_into_its_place_is_given_at_once(
    folder: Path, clock: Clock, tmp_path: Path
):
    arrivals = arriving(folder, clock)
    for name in ("a.jpg.part", "b.jpg"):
        (tmp_path / name).write_bytes(b"photo")
        status = (tmp_path / name).stat()
        os.utime(tmp_path / name, (status.st_atime - 60, status.st_mtime - 60))
    (tmp_path / "a.jpg.part").rename(folder / "a.jpg")
    shutil.copy2(tmp_path / "b.jpg", folder / "b.jpg")  # which sets the times of the file last
    (folder / "c.jpg").write_bytes(b"half of a photo")

    assert names(arrivals) == ["a", "b"]


def test_an_empty_file_is_never_taken_for_complete(folder: Path, clock: Clock):
    arrivals = arriving(folder, clock)
    (folder / "a.jpg").touch()
    os.utime(folder / "a.jpg", (0, 0))

    assert names(arrivals) == []
    clock.wait()
    assert names(arrivals) == ["a"]


@pytest.mark.parametrize("how", ["longer", "replaced", "touched", "gone and back"])
def test_a_photo_that_changes_is_given_again(folder: Path, clock: Clock, how: str, tmp_path: Path):
    photo = folder / "a.jpg"
    photo.write_bytes(b"photo")
    arrivals = arriving(folder, clock)
    clock.wait()
    assert names(arrivals) == ["a"]
    times = photo.stat()

    if how == "longer":
        photo.write_bytes(b"longer")
    elif how == "touched":
        os.utime(photo)
    else:
        (tmp_path / "new.jpg").write_bytes(b"other")
        os.utime(tmp_path / "new.jpg", ns=(times.st_atime_ns, times.st_mtime_ns))
        if how == "gone and back":
            photo.unlink()
            assert names(arrivals) == []
        (tmp_path / "new.jpg").rename(photo)

    given = names(arrivals)
    clock.wait()
    assert [*given, *names(arrivals)] == ["a"]


def test_photos_that_go_are_forgotten(folder: Path, clock: Clock):
    (folder / "a.jpg").write_bytes(b"photo")
    arrivals = arriving(folder, clock)
    assert arrivals.num_waiting == 1

    (folder / "a.jpg").unlink()
    clock.wait()

    assert names(arrivals) == []
    assert arrivals.photos == []
    assert arrivals.num_waiting == 0


def test_results_are_no_arrivals(folder: Path, clock: Clock):
    arrivals = arriving(folder, clock)
    for place in ("out/red", "older"):
        (folder / place).mkdir(parents=True)
        (folder / place / "a.png").write_bytes(b"mask")
    (folder / "older" / ".foveamask.json").touch()
    clock.wait()

    assert names(arrivals) == []


def test_a_folder_that_is_gone_for_a_while_is_waited_for(
    folder: Path, clock: Clock, caplog: pytest.LogCaptureFixture
):
    for name in ("a", "b"):
        (folder / f"{name}.jpg").write_bytes(b"photo")
    arrivals = arriving(folder, clock)
    clock.wait()
    assert names(arrivals) == ["a", "b"]
    folder.rename(folder.with_name("away"))

    assert names(arrivals) == names(arrivals) == []
    (folder.with_name("away") / "c.jpg").write_bytes(b"photo")
    folder.with_name("away").rename(folder)
    names(arrivals)
    clock.wait()

    assert names(arrivals) == ["c"]
    assert [record.getMessage() for record in caplog.records] == [
        f"{folder} cannot be read: No such file or directory; waiting for it"
    ]


def test_of_a_part_only_its_own_photos_arrive(folder: Path, clock: Clock):
    for i in range(20):
        (folder / f"{i}.jpg").write_bytes(b"photo")
    parts = [arriving(folder, clock, Part(number, 3)) for number in (1, 2, 3)]
    clock.wait()

    found = [names(arrivals) for arrivals in parts]

    assert all(found)
    assert sorted(name for part in found for name in part) == sorted(str(i) for i in range(20))


def test_a_file_that_may_grow_is_opened_so_that_a_network_drive_asks_for_its_size(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    (folder / "a.jpg").write_bytes(b"photo")
    stale = os.stat_result((0o100644, 7, 7, 1, 0, 0, 2, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda _: stale)

    assert stamp_of(folder / "a.jpg", is_new=False).size == 2  # type: ignore[union-attr]
    assert stamp_of(folder / "a.jpg", is_new=True).size == 5  # type: ignore[union-attr]


def test_what_cannot_be_opened_is_given_nevertheless_so_that_it_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
):
    (folder / "a.jpg").write_bytes(b"photo")
    os.mkfifo(folder / "b.jpg")

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module.Path, "open", refused)
    arrivals = arriving(folder, clock)
    clock.wait()

    assert names(arrivals) == ["a", "b"]
