"""`foveamask export`: the file, what it says of itself, its check, and what is refused."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from coarse.mlp import MLP
from data.geometry import Fovea
from pipeline.exporting import onnx_check
from pipeline.inference.segmenter import Segmenter
from pipeline.model import identity
from pipeline.model_folder import save_model
from refine.postprocess import parse
from tests.builders import CPU, foveamask, shaded_photo
from tests.pipeline.exporting.exported import run, session_of
from tests.pipeline.exporting.test_whole_graph import model_of

MODEL = replace(model_of(MLP(grid=(5, 8), hidden=(8, 8), stride=4), Fovea(16, 3)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a model."""
    save_model(MODEL, tmp_path / "mine")
    return tmp_path / "mine"


def write_photos(folder: Path, *sizes: tuple[int, int]) -> Path:
    folder.mkdir()
    for i, size in enumerate(sizes):
        Image.fromarray(shaded_photo(size, i)).save(folder / f"{i}.png")
    return folder


def properties(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_the_file_makes_the_masks_of_the_model(folder: Path, tmp_path: Path):
    out = tmp_path / "new" / "mine.onnx"
    photo = shaded_photo((100, 140))

    assert foveamask("export", out, "--model", folder) == 0

    mask = run(session_of(onnx.load(out)), photo=photo, budget=np.array([-1]))["mask"]
    expected = Segmenter.from_model(MODEL, CPU, "fp32")(photo)
    assert np.count_nonzero((mask > 0) != expected) <= 3
    assert [path.name for path in out.parent.iterdir()] == ["mine.onnx"]


def test_the_file_says_what_it_is(folder: Path, tmp_path: Path):
    (folder / "README.md").write_text(
        "# Mine\n\n## Data and terms\n\nFor my\n[shop](https://shop.example).\n\n## Limits\n"
    )
    out = tmp_path / "mine.onnx"

    assert foveamask("export", out, "--model", folder, "--postprocess", "smooth=3") == 0

    file, found = onnx.load(out), properties(out)
    assert found["licence"] == "For my shop (https://shop.example)."
    assert found["model"] == "mine"
    assert found["model_sha256"] == identity(replace(MODEL, postprocess=(parse("smooth=3"),)))
    assert (found["stage"], found["weights"], found["postprocess"]) == (
        "refined", "float32", "smooth=3",
    )  # fmt: skip
    assert file.producer_name == "foveamask"
    assert all(value.doc_string for value in (*file.graph.input, *file.graph.output))
    assert {value.name for value in file.graph.input} == {"photo", "budget"}
    assert {value.name for value in file.graph.output} == {"mask", "logits"}


def test_the_coarse_stage_alone_in_16_bits_under_other_terms(folder: Path, tmp_path: Path):
    out = tmp_path / "mine.onnx"

    status = foveamask(
        "export", out, "--model", folder, "--stage", "coarse", "--float16", "--licence", "CC0"
    )

    found = properties(out)
    assert status == 0
    assert (found["stage"], found["weights"], found["licence"]) == ("coarse", "float16", "CC0")
    assert [value.name for value in onnx.load(out).graph.input] == ["photo"]


def test_the_check_compares_budgets_and_sizes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    photos = write_photos(tmp_path / "photos", (85, 128), (60, 70))

    status = foveamask("export", tmp_path / "a.onnx", "--model", folder, "--check", photos)

    heading, *rows = capsys.readouterr().out.splitlines()
    tiles = [int(row.split()[4]) for row in rows if row.startswith("0.png") and " 85 x 128" in row]
    sizes = {" ".join(row.split()[1:4]) for row in rows}
    assert status == 0
    assert heading.split() == ["photo", "size", "tiles", "object", "differ", "Dice"]
    assert tiles[:2] == [0, 1]
    assert len(tiles) == 4
    assert sizes >= {"85 x 128", "82 x 123", "51 x 77", "145 x 218", "60 x 70"}
    assert all(row.split()[-1] >= "0.9999" for row in rows)


@pytest.mark.parametrize("before", [None, b"the file of before"])
def test_a_file_that_makes_other_masks_is_not_written(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    before: bytes | None,
):
    photos, out = write_photos(tmp_path / "photos", (85, 128)), tmp_path / "a.onnx"
    if before is not None:
        out.write_bytes(before)
    masks = onnx_check.OnnxSegmenter.__call__
    monkeypatch.setattr(onnx_check.OnnxSegmenter, "__call__", lambda *given: 255 - masks(*given))

    status = foveamask("export", out, "--model", folder, "--check", photos)

    printed = capsys.readouterr()
    assert status == 1
    assert "wrong" in printed.out
    assert "nothing is written" in printed.err
    assert (out.read_bytes() if out.exists() else None) == before


def test_a_few_pixels_may_differ_but_no_more():
    few, many = (
        onnx_check.Comparison(
            "x", onnx_check.Size(9, 9), 0, onnx_check.Overlap(40_000 - num, 40_000 - num, 40_000)
        )
        for num in (4, 5)
    )

    assert few.is_equal
    assert not many.is_equal


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["a.png"], 2, "ends in .onnx"),
        ([], 2, "name the file to write"),
        (["--page", "page", "--runtime", "."], 1, "not the folder dist of onnxruntime-web"),
        (["a.onnx", "--model", "nowhere"], 1, "no model at nowhere"),
        (["a.onnx", "--postprocess", "regions"], 1, "regions=32 cannot be part of an ONNX graph"),
        (["a.onnx", "--postprocess", "polish"], 2, "no step 'polish'"),
        (["a.onnx", "--check", "nowhere"], 1, "nowhere"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: list[str],
    status: int,
    message: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)

    assert foveamask("export", *arguments) == status

    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert message in printed
    assert not Path("a.onnx").exists()
    assert not list(tmp_path.rglob("index.html"))


def test_a_model_without_a_refiner_has_no_refined_stage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    save_model(replace(MODEL, refiner=None), tmp_path / "coarse")

    status = foveamask(
        "export", tmp_path / "a.onnx", "--model", tmp_path / "coarse", "--stage", "refined"
    )

    assert status == 1
    assert "no refiner yet" in capsys.readouterr().err


def test_without_its_packages_the_command_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name in [name for name in sys.modules if name.startswith("pipeline.exporting")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)

    status = foveamask("export", tmp_path / "a.onnx")

    assert status == 1
    assert 'pip install "foveamask[export]"' in capsys.readouterr().err
