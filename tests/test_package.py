"""What is in the wheel, and what comes with it."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from data.geometry import Size
from data.studio import render_photo
from pipeline.evaluation.metrics import overlap
from pipeline.exporting.page_folder import ASSETS
from pipeline.inference.segmenter import Segmenter
from pipeline.model import identity
from pipeline.model_folder import WEIGHTS, load_model
from pipeline.reporting.report_folder import TEMPLATES
from pipeline.reviewing.review_app import OWN_PAGE
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


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from the sdist alone."""
    out = tmp_path_factory.mktemp("built")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
    )
    return out


@pytest.mark.slow
def test_the_wheel_holds_the_packages_the_weights_and_nothing_else(built: Path):
    (wheel,) = built.glob("*.whl")
    names = [Path(name) for name in zipfile.ZipFile(wheel).namelist()]
    ours = [name for name in names if not name.parts[0].endswith(".dist-info")]

    assert {name.parts[0] for name in ours} == PACKAGES
    weights = Path("pipeline/weights")
    refiner = {"carvana": {"refiner"}, "carvana-base": set(), "carvana-masks": {"refiner"}}
    for model, more in refiner.items():
        own = [name for name in ours if name.parent == weights / model]
        files = {
            name.stem.partition("-")[0] if name.suffix == ".safetensors" else name.name
            for name in own
        }
        assert files == MODEL_FILES | more
    others = [name for name in ours if name.suffix != ".py" and weights not in name.parents]
    folders = (ASSETS, TEMPLATES, PAGE, OWN_PAGE)
    assets = (path for folder in folders for path in folder.iterdir())
    pages = {path.relative_to(ROOT) for path in assets}
    assert {name for name in others if name.name != "py.typed"} == pages
    sources = {
        path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")
    }
    assert sources == {name for name in ours if name.suffix == ".py"}


@pytest.mark.slow
def test_the_sdist_holds_the_tests_the_documents_and_no_data_of_others(built: Path):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert names >= {
        *("LICENSE", "THIRD_PARTY_LICENSES.md", "CITATION.cff", "CHANGELOG.md", "README.md"),
        *("zensical.toml", "docs/index.md", "tests/test_package.py", "benchmarks/peers.py"),
    }
    assert not [name for name in names if name.startswith((".cache", "site/", "runs/", "build/"))]


@pytest.mark.slow
def test_the_wheel_works_in_a_fresh_environment_and_another_folder(built: Path, tmp_path: Path):
    (wheel,) = built.glob("*.whl")
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    (packages,) = environment.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # What foveamask depends on is that of the tests; the copy that they test is not on this path.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    photo, _ = render_photo(0, 0, 3, size=Size(160, 240))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Image.fromarray(photo).save(elsewhere / "car.png")

    outputs = [
        subprocess.run(
            [environment / "bin" / "python", "-m", "foveamask", *arguments],
            cwd=elsewhere,
            env={name: text for name, text in os.environ.items() if name != "PYTHONPATH"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for arguments in (["--version"], ["predict", "car.png", "masks"])
    ]

    assert outputs[0].strip() == project()["version"]
    assert (elsewhere / "masks" / "car.png").exists()


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_version_is_that_of_the_citation_and_of_the_newest_changes():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert citation["version"] == project()["version"]
    assert headings[0] == "Unreleased"
    assert headings[1].startswith(f"{citation['version']} ({citation['date-released']})")


def test_what_others_made_is_named_with_its_licence():
    named = (ROOT / "THIRD_PARTY_LICENSES.md").read_text()

    for path in (ROOT / "docs" / "assets").iterdir():
        assert f"`{path.relative_to(ROOT)}`" in named


def test_forms_for_issues_ask_for_something():
    for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")):
        form = yaml.safe_load(path.read_text())
        if path.stem != "config":
            assert form["name"]
            assert any(part.get("validations", {}).get("required") for part in form["body"])


def test_the_weights_that_come_with_the_package_are_small():
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file()) < 6e6


@pytest.mark.parametrize("name", ["carvana", "carvana-base", "carvana-masks"])
def test_the_model_card_says_what_the_model_says(name: str):
    card = (WEIGHTS / name / "README.md").read_text()
    description = json.loads((WEIGHTS / name / "model.json").read_text())
    provenance = description["provenance"]

    assert not set(provenance["groups"]) & set(provenance["validation_groups"])
    assert f"{provenance['photos']} photos of {len(provenance['groups'])} cars" in card
    for value in description["scores"]["validation"].values():
        assert (f"{value:.4f}" if isinstance(value, float) else str(value)) in card


@pytest.mark.parametrize("name", ["carvana", "carvana-base", "carvana-masks"])
def test_documents_with_figures_name_the_model_that_they_are_of(name: str):
    documents = [WEIGHTS / name / "README.md"]
    if name == "carvana":
        documents += [ROOT / "README.md", ROOT / "docs" / "results" / "index.md"]

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
    # 61 cars of those that have a validation set, and six others that are at full size too.
    assert len(set(finished["groups"]) - seen) == 67


@pytest.mark.slow
def test_the_shipped_model_finds_a_car_that_it_has_never_seen():
    photo, truth = render_photo(7, 0, 3, size=Size(1280, 1918))
    segmenter = Segmenter.load("carvana", device="cpu")

    prediction = segmenter.predict(photo)

    assert overlap(prediction.mask, truth).dice > 0.9
    assert overlap(prediction.mask, truth).dice > overlap(prediction.coarse > 0, truth).dice
    assert np.array_equal(prediction.mask, segmenter(photo))
