"""The command `check`: its exit status, its text, its JSON and its contact sheet."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.errors import InputError, SettingsError
from pipeline.checking.contact_sheet import FRAMES
from pipeline.checking.known_results import KnownResult, nearest_results
from pipeline.toml_settings import as_table
from pipeline.training import coarse_training
from pipeline.training.split import split_samples
from tests.builders import foveamask, tiny_config, with_data, write_settings
from tests.pipeline.checking.photo_sets import check, pair, write_set
from tests.pipeline.checking.test_mask_findings import classes

SMALL = with_data(tiny_config(), long_side=96, val_share=0.6)

Spoil = Callable[[Path], object]
"""What is done to a data folder."""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Settings with which the timed steps take no time."""
    return write_settings(tmp_path / "settings.toml", SMALL)


def test_a_good_set_is_told_what_a_training_would_do(
    tmp_path: Path, settings: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_set(tmp_path / "data", 10)

    status = foveamask("check", data, "--config", settings)

    out = capsys.readouterr().out
    assert status == 0
    assert out.startswith(f"{data}: 10 photos with masks\n\nGood to know\n")
    assert "would be worked on reduced to 33 %, at 96 x 67" in out
    train, val = split_samples([data], SMALL.data)
    assert f"{len(train)} photos would be trained on and {len(val)} held out" in out
    assert f"The coarse network would take {len(train)} steps" in out  # one epoch, photo by photo
    assert "on this machine, as busy as it is now: " in out
    assert "What Dice to expect: " in out


def test_a_set_that_cannot_be_trained_on_is_exit_1_and_everything_is_said(
    tmp_path: Path, settings: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_set(tmp_path / "data", 6, encode=classes)
    (data / "masks" / "a01.png").unlink()
    (data / "images" / "a02.jpg").write_bytes((data / "images" / "a03.jpg").read_bytes())

    status = foveamask("check", data, "--config", settings)

    out = capsys.readouterr().out
    assert status == 1
    titles = ("Training would fail", "Probably wrong", "Good to know")
    assert sorted(titles, key=out.index) == [*titles]
    assert "1 of 6 photos in" in out
    assert '\n        object = "not 0"\n' in out
    assert "a02.jpg and a03.jpg" in out
    assert out.endswith("What a training would do is said once it would not fail.\n")
    assert max(map(len, out.replace(str(data), "DATA").splitlines())) <= 110


def test_as_json_everything_is_one_object(
    tmp_path: Path, settings: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_set(tmp_path / "data", 10)

    assert foveamask("check", data, "--json", "--config", settings) == 0

    table = json.loads(capsys.readouterr().out)
    assert table["data"] == [str(data)]
    assert (table["photos"], table["groups"], table["fails"]) == (10, 10, False)
    assert {finding["severity"] for finding in table["findings"]} == {"note"}
    expected = table["forecast"]
    assert expected["size"] == {"height": 200, "width": 288}
    assert expected["working"] == {"height": 67, "width": 96}
    parts = ("decoding", "coarse", "patches", "refiner", "evaluation")
    assert expected["seconds"]["total"] == pytest.approx(
        sum(expected["seconds"][part] for part in parts)
    )
    assert expected["seconds"]["coarse"] > 0
    outlines = [outline(i) / (2 * pair(i).mask.sum()) for i in range(10)]
    assert expected["pixel_cost"] == pytest.approx(np.median(outlines), rel=0.2)


def outline(index: int) -> int:
    """Pixels of the object with a neighbour outside."""
    mask = np.pad(pair(index).mask, 1)
    inside = mask[1:-1, :-2] & mask[1:-1, 2:] & mask[:-2, 1:-1] & mask[2:, 1:-1]
    return int((mask[1:-1, 1:-1] & ~inside).sum())


def test_as_json_a_set_that_fails_has_no_forecast(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = write_set(tmp_path / "data", 1)

    assert foveamask("check", data, "--json") == 1

    table = json.loads(capsys.readouterr().out)
    assert table["fails"]
    assert table["forecast"] is None
    assert table["findings"][0]["code"] == "split"


@pytest.mark.parametrize(
    ("data", "text", "status", "message"),
    [
        ("nowhere", "", 1, "no such folder"),
        ("data", "[data]\nobject = '#12'", 2, "object must be"),
        ("data", "[data]\nobjects = [1]", 2, "did you mean data.object?"),
        ("data", "[data]\nobject = [1.5]", 2, "object must be"),
    ],
)
def test_errors_of_the_command_line_and_of_settings_are_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    data: str,
    text: str,
    status: int,
    message: str,
):
    write_set(tmp_path / "data", 2)
    (tmp_path / "settings.toml").write_text(text)

    given = foveamask("check", tmp_path / data, "--config", tmp_path / "settings.toml")

    err = capsys.readouterr().err
    assert given == status
    assert message in err.strip().splitlines()[-1]


def test_the_contact_sheet_is_a_png(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = write_set(tmp_path / "data", 2)

    assert foveamask("check", data, "--sheet", tmp_path / "sheet.jpg") == 2

    assert "--sheet takes the name of a PNG file, not sheet.jpg" in capsys.readouterr().err


def test_the_contact_sheet_has_all_photos_the_marked_ones_first(tmp_path: Path):
    data = write_set(tmp_path / "data", 10)
    for stem in ("a07", "a09"):
        Image.fromarray(np.zeros_like(pair(0).mask)).save(data / "masks" / f"{stem}.png")
    (data / "images" / "a05.jpg").write_bytes(b"no photo")

    left = tmp_path / "new" / ".0123456789abcdef.partial"  # by a call that was killed
    left.parent.mkdir()
    left.write_text("half")

    assert foveamask("check", data, "--sheet", tmp_path / "new" / "sheet.png") == 1

    assert not left.exists()
    sheet = np.asarray(Image.open(BytesIO((tmp_path / "new" / "sheet.png").read_bytes())))
    across = sheet.shape[1] // 8
    frames = [frame_of(sheet[60:160, i * across : (i + 1) * across]) for i in range(8)]
    assert frames == ["fatal", "suspect", "suspect", *[None] * 5]


def frame_of(cell: np.ndarray) -> str | None:
    """The severity whose colour most pixels of a part of the sheet have."""
    counts = {kind: int((cell == colour).all(axis=-1).sum()) for kind, colour in FRAMES.items()}
    return max(counts, key=lambda kind: counts[kind])


def write_mask(data: Path, picture: np.ndarray) -> None:
    Image.fromarray(picture).save(data / "masks" / "a01.png")


SPOILED: dict[str, tuple[Spoil, dict[str, object]]] = {
    "nothing": (lambda data: None, {}),
    "no mask": (lambda data: (data / "masks" / "a01.png").unlink(), {}),
    "two masks": (lambda data: (data / "masks" / "a01_mask.gif").write_bytes(b"GIF"), {}),
    "classes": (lambda data: write_mask(data, classes(pair(1).mask)), {}),
    "a photo as mask": (lambda data: write_mask(data, pair(1).photo), {}),
    "another size": (lambda data: write_mask(data, pair(1).mask[:-1]), {}),
    "no picture": (lambda data: (data / "images" / "a01.jpg").write_bytes(b"no photo"), {}),
    "no mask picture": (lambda data: (data / "masks" / "a01.png").write_bytes(b"no mask"), {}),
    "no such object": (lambda data: None, {"object": (7,)}),
    "empty, but not all": (lambda data: write_mask(data, 0 * classes(pair(1).mask)), {}),
    "all excluded": (lambda data: None, {"exclude": tuple(f"a{i:02}" for i in range(6))}),
    "one group": (lambda data: None, {"group": "(a).*"}),
    "no group": (lambda data: None, {"group": "(b).*"}),
    "no pattern": (lambda data: None, {"group": "a.*"}),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_called_fatal_is_what_a_training_refuses(tmp_path: Path, name: str):
    spoil, given = SPOILED[name]
    data = write_set(tmp_path / "data", 6)
    spoil(data)

    found = check(data, val_share=0.6, **given)

    config = with_data(SMALL, **given)
    try:
        train, val = split_samples([data], config.data)
        coarse_training.load_photos([*train, *val], config)
        is_refused = False
    except (InputError, SettingsError):
        is_refused = True
    assert bool(found.fatal) == is_refused == (name not in ("nothing", "empty, but not all"))


def test_given_settings_are_kept_and_others_are_fitted(tmp_path: Path):
    data = write_set(tmp_path / "data", 10)

    fitted, kept = check(data), check(data, long_side=300, val_share=0.6)

    assert fitted.planned is not None
    assert kept.planned is not None
    assert fitted.planned.config.data.long_side == 691
    assert kept.planned.config.data.long_side == 300
    assert as_table(kept.planned.config)["data"]["val_share"] == 0.6


@pytest.mark.parametrize(
    ("num", "expected"), [(20, [20]), (49, [20]), (51, []), (9, [20]), (7, [])]
)
def test_a_figure_is_given_for_about_as_many_photos_only(num: int, expected: list[int]):
    known = [KnownResult("leaves", 20, 5, 0.99, 1.0, "docs")]

    assert [result.num_photos for result in nearest_results(num, known)] == expected


def test_of_each_kind_the_nearest_figure_is_given():
    known = [
        KnownResult(kind, num, 5, 0.99, 1.0, "docs")
        for kind, num in (("leaves", 20), ("leaves", 50), ("people", 100))
    ]

    found = nearest_results(60, known)

    assert [(result.kind, result.num_photos) for result in found] == [
        ("leaves", 50),
        ("people", 100),
    ]
