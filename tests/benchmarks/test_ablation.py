"""The measurements that the documents quote, each run once, small."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import ablation
from benchmarks.variants import FROM_NOTHING, POSTPROCESS, VARIANTS
from data.errors import InputError
from pipeline.config import Config
from pipeline.model_folder import find_model, load_model
from pipeline.toml_settings import changed, load_settings, overlaid
from refine.postprocess import parse

SETTINGS = """
[data]
long_side = 96
val_share = 0.3
[coarse]
batch_size = 2
num_workers = 0
[tiles]
low = 0.000001
high = 0.999999
max_patches_per_photo = 20
[refiner]
channels = [8, 8, 8, 8]
depths = [1, 1, 1, 1]
"""


def write_data(folder: Path, cars: int = 8, angles: int = 4) -> Path:
    """Discs on noise, in the Carvana layout."""
    (folder / "train").mkdir(parents=True)
    (folder / "train_masks").mkdir()
    random = np.random.default_rng(0)
    for car in range(cars):
        for angle in range(1, angles + 1):
            centre = 30 + 4 * angle, 30
            disc = cv2.circle(np.zeros((64, 96), np.uint8), centre, 12 + car, 255, -1)
            noise = random.integers(0, 90, (64, 96, 3))
            name = f"{car:012x}_{angle:02}"
            photo = (noise + disc[..., None] // 2).astype(np.uint8)
            cv2.imwrite(str(folder / "train" / f"{name}.jpg"), photo)
            cv2.imwrite(str(folder / "train_masks" / f"{name}_mask.png"), disc)
    return folder


@pytest.mark.slow
def test_the_ablation_trains_scores_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data, base = write_data(tmp_path / "data"), tmp_path / "base.toml"
    base.write_text(SETTINGS)
    chosen = ("fully connected, stride 16", "2 levels")
    again = {"coarse_epochs": 1, "refiner_epochs": 1, "base": base, "only": chosen}

    ablation.ablation(data, tmp_path / "out", **again)
    table = (tmp_path / "out" / "ablation.md").read_text()
    scores = sorted(tmp_path.glob("out/*/*/scores.json"))
    written = [path.stat().st_mtime_ns for path in scores]
    ablation.ablation(data, tmp_path / "out", **again)

    with pytest.raises(InputError, match=r"scores\.json is of other photos, settings or weights"):
        ablation.ablation(data, tmp_path / "out", **again | {"refiner_epochs": 2})
    with pytest.raises(InputError, match="of another --every"):
        ablation.ablation(data, tmp_path / "out", **again, every=2)

    assert table in capsys.readouterr().out
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows] == [
        "| Coarse network", "| fully connected, stride 16", "| Second stage", "| 2 levels"
    ]  # fmt: skip
    assert len(scores) == 2
    assert [path.stat().st_mtime_ns for path in scores] == written
    for path in scores:
        trained = load_model(path.parent / "model")
        seen = set(trained.provenance["groups"])
        assert json.loads(path.read_text())["photos"] > 0
        assert trained.refiner is not None
        assert not seen & set(trained.provenance["validation_groups"])


def test_every_angle_occurs_in_a_thinned_data_set_and_every_car(tmp_path: Path):
    data = write_data(tmp_path / "data")

    thinned = ablation.thinned(data, tmp_path / "thinned", 2, r"([0-9a-f]{12})_\d{2}")

    names = sorted(path.stem for path in (thinned / "train").iterdir())
    assert len(names) == 16
    assert {name[-2:] for name in names} == {"01", "02", "03", "04"}
    assert all(sum(name.startswith(f"{car:012x}") for name in names) == 2 for car in range(8))
    masks = sorted(path.stem for path in (thinned / "train_masks").iterdir())
    assert masks == [f"{name}_mask" for name in names]


def test_every_variant_is_a_valid_setting_and_unlike_the_others():
    settings = [overlaid(Config(), variant.settings) for variant in VARIANTS]
    for i, one in enumerate(settings):
        assert all(changed(one, other) for other in settings[:i])
    assert len({(variant.stage, variant.folder) for variant in VARIANTS}) == len(VARIANTS)
    for chain in POSTPROCESS:
        assert [str(parse(step)) for step in chain.split(",")] == chain.split(",")


def test_every_variant_fits_the_settings_of_the_package():
    shipped = load_settings(find_model("carvana") / "settings.toml")
    shared = overlaid(shipped, FROM_NOTHING)

    for variant in VARIANTS:
        settings = overlaid(shared, variant.settings)
        assert not settings.coarse.init + settings.refiner.init
        assert settings.tiles.side == variant.settings.get("tiles", {}).get("side", 16)
