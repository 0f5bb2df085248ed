"""What is in the wheel, and what comes with it."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from data.geometry import Size
from data.studio import render_photo
from pipeline.evaluation.metrics import overlap
from pipeline.exporting.page_folder import ASSETS
from pipeline.inference.segmenter import Segmenter
from pipeline.model import identity
from pipeline.model_folder import WEIGHTS, load_model
from pipeline.reporting.report_folder import TEMPLATES
from pipeline.serving.web_app import PAGE

ROOT = Path(__file__).parent.parent
PACKAGES = {"foveamask", "data", "coarse", "refine", "pipeline"}
MODEL_FILES = {
    "model.json",
    "coarse",
    "novelty",
    "README.md",
    "settings.toml",
}


@pytest.mark.slow
def test_the_wheel_holds_the_packages_the_weights_and_nothing_else(tmp_path: Path):
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )

    (wheel,) = tmp_path.glob("*.whl")
    names = [Path(name) for name in zipfile.ZipFile(wheel).namelist()]
    ours = [name for name in names if not name.parts[0].endswith(".dist-info")]

    assert {name.parts[0] for name in ours} == PACKAGES
    weights = Path("pipeline/weights")
    refiner = {"carvana": {"refiner"}, "carvana-base": set()}
    for model, more in refiner.items():
        own = [name for name in ours if name.parent == weights / model]
        files = {
            name.stem.partition("-")[0] if name.suffix == ".safetensors" else name.name
            for name in own
        }
        assert files == MODEL_FILES | more
    others = [name for name in ours if name.suffix != ".py" and weights not in name.parents]
    assets = (*ASSETS.iterdir(), *TEMPLATES.iterdir(), *PAGE.iterdir())
    pages = {path.relative_to(ROOT) for path in assets}
    assert {name for name in others if name.name != "py.typed"} == pages
    sources = {
        path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")
    }
    assert sources == {name for name in ours if name.suffix == ".py"}


def test_the_weights_that_come_with_the_package_are_small():
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file()) < 5e6


@pytest.mark.parametrize("name", ["carvana", "carvana-base"])
def test_the_model_card_says_what_the_model_says(name: str):
    card = (WEIGHTS / name / "README.md").read_text()
    description = json.loads((WEIGHTS / name / "model.json").read_text())
    provenance = description["provenance"]

    assert not set(provenance["groups"]) & set(provenance["validation_groups"])
    assert f"{provenance['photos']} photos of {len(provenance['groups'])} cars" in card
    for value in description["scores"]["validation"].values():
        assert (f"{value:.4f}" if isinstance(value, float) else str(value)) in card


@pytest.mark.parametrize("name", ["carvana", "carvana-base"])
def test_documents_with_figures_name_the_model_that_they_are_of(name: str):
    documents = [WEIGHTS / name / "README.md"]
    if name == "carvana":
        documents += [ROOT / "README.md", ROOT / "docs" / "results.md"]

    for document in documents:
        assert f"`{identity(load_model(name))[:16]}`" in document.read_text(), document


def test_the_model_that_training_began_with_has_seen_no_car_of_the_other_one_at_full_size():
    base, finished = (
        json.loads((WEIGHTS / name / "model.json").read_text())["provenance"]
        for name in ("carvana-base", "carvana")
    )
    seen = {*base["groups"], *base["validation_groups"]}

    assert len(finished["validation_groups"]) >= 14
    assert not seen & set(finished["validation_groups"])
    assert len(set(finished["groups"]) - seen) == 61


@pytest.mark.slow
def test_the_shipped_model_finds_a_car_that_it_has_never_seen():
    photo, truth = render_photo(7, 0, 3, size=Size(1280, 1918))
    segmenter = Segmenter.load("carvana", device="cpu")

    prediction = segmenter.predict(photo)

    assert overlap(prediction.mask, truth).dice > 0.9
    assert overlap(prediction.mask, truth).dice > overlap(prediction.coarse > 0, truth).dice
    assert np.array_equal(prediction.mask, segmenter(photo))
