"""Every command of the pages is run, page by page and in order, as a reader would run it.

Photos are tiny, and trainings take four steps: what is tested is that each command does what its
page says with what the commands before it have left, not how good the masks are.
"""

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.documentation.beginnings import (
    BEGINNINGS,
    begin,
    data,
    finished_run,
    photos,
    write_photo,
)
from tests.documentation.not_run import PROGRAMS, STEPS
from tests.documentation.page_reader import SERVER, Reader
from tests.documentation.page_steps import PAGES, Step, all_steps, steps_of

if TYPE_CHECKING:
    from tests.s3_server import S3Server

FAILING = {
    "foveamask check SPOILED --sheet sheet.png": 1,
}
"""Commands whose pages say that they end with another exit status than 0."""

LEFT = {
    "README.md": ["masks/car.png", "shop/4711_1.jpg", "sheet.png", "RUN/report/index.html"],
    "docs/index.md": ["masks/car.png", "RUN/model/model.json"],
    "docs/tutorials/first-masks.md": ["look.csv", "pictures/ada8ec9654fc_02_tiles.png"],
    "docs/tutorials/challenge.md": [
        "RUN/patches.zarr/zarr.json",
        "submission.csv.gz",
        "scores.csv",
    ],
    "docs/tutorials/shop.md": ["trial-report/index.html", "trial/cutout", "shop/run.json"],
    "docs/tutorials/train-on-your-photos.md": ["RUN/report/index.html", "look.csv"],
    "docs/how-to/predict.md": ["masks/4711_1.png", "car.png", "results/svg/4711_1.svg"],
    "docs/how-to/cut-out-for-a-shop.md": ["shop/4711_1.webp", "docs/images/outputs.jpg"],
    "docs/how-to/audit.md": ["RUN/audit/report/index.html", "RUN/audit/exclude.toml"],
    "docs/how-to/reports.md": ["DIR/index.html", "RUN/report/index.html"],
    "docs/how-to/review.md": ["masks/corrected/masks/4711_1.png", "cutouts/4711_1.png"],
    "docs/how-to/serve.md": ["mask.png", "car-white.jpg"],
    "docs/how-to/sharpen-masks.md": ["sharp/4711_1.png", "results/labelme/4711_1.json"],
    "docs/how-to/label-and-come-back.md": ["CARS/data.yaml", "CARS/labels/4711_1.txt"],
    "docs/how-to/run-on-many-machines.md": ["share/masks/4711_1.png", "car.webp"],
}
"""Some of what pages say is there afterwards."""


def is_run(step: Step) -> bool:
    return step.program not in PROGRAMS and step.text not in STEPS


def test_what_is_listed_stands_on_a_page():
    programs = {step.program for step in all_steps()}
    texts = {step.text for step in all_steps() if step.program not in PROGRAMS}

    assert set(PROGRAMS) <= programs
    assert set(STEPS) <= texts
    assert set(FAILING) <= texts - set(STEPS)
    assert set(BEGINNINGS) | set(LEFT) <= set(PAGES)


def test_most_commands_of_ours_are_run():
    ours = [step for step in all_steps() if step.program == "foveamask"]

    assert len([step for step in ours if is_run(step)]) > 100
    left_out = {step.text for step in ours if not is_run(step)}
    assert all(re.search("cluster|--page", text) for text in left_out)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, of which a page that begins with one has a copy."""
    folder = tmp_path_factory.mktemp("run")
    finished_run(folder / "RUN")
    return folder / "RUN"


def ends_well(page: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Run the steps of a page in the working directory."""
    steps = [step for step in steps_of(page) if is_run(step)]
    visits = [step for step in steps if SERVER in step.text]
    reader = Reader(visits, {"/share/": "share/"})
    for step in steps:
        if step not in visits:
            status = reader.run(step)
            forget_log()
            said = capfd.readouterr().err
            assert status == FAILING.get(step.text, 0), f"{page}: {step.text}\n{said}"
    missing = [name for name in LEFT.get(page, ()) if not Path(name).exists()]
    assert not missing, page


def forget_log() -> None:
    """Undo what a command does to the log."""
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if type(h) is not logging.StreamHandler]


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if "object-stores" not in p and any(is_run(step) for step in steps_of(p))],
)
def test_the_commands_of_a_page_run_in_their_order(
    page: str,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    begin(tmp_path, BEGINNINGS.get(page, ()), run)
    monkeypatch.chdir(tmp_path)
    for name, value in {"ARRAY_TASK_ID": "2", "ARRAY_TASK_COUNT": "16"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)

    ends_well(page, capfd)


@pytest.mark.slow
def test_the_commands_of_the_page_on_object_stores_run_on_one(
    s3: "S3Server",
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    begin(tmp_path, ["photos"], run)
    photos(tmp_path / "bucket" / "photos")
    write_photo(tmp_path / "bucket" / "photos" / "car.jpg")
    data(tmp_path / "bucket" / "data")
    s3.files().mkdir("bucket")
    for path in (tmp_path / "bucket").rglob("*.*"):
        s3.files().pipe_file(str(path.relative_to(tmp_path)), path.read_bytes())
    monkeypatch.chdir(tmp_path)

    ends_well("docs/how-to/object-stores.md", capfd)

    there = s3.content("bucket")
    assert {"masks/car.png", "masks.csv", "report/index.html", "scores.csv"} <= set(there)
    assert "patches.zarr/zarr.json" in there
