import json
from pathlib import Path

import pytest

from benchmarks import ablation
from benchmarks.variants import FROM_NOTHING, POSTPROCESS, VARIANTS
from data.errors import InputError
from pipeline.config import Config
from pipeline.model_folder import find_model, load_model
from pipeline.toml_settings import changed, load_settings, overlaid
from refine.postprocess import parse
from tests.measured import SETTINGS, write_cars


@pytest.mark.slow
def test_the_ablation_trains_scores_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data, base = write_cars(tmp_path / "data"), tmp_path / "base.toml"
    base.write_text(SETTINGS)
    chosen = ("fully connected, stride 16", "2 levels")
    options = {"coarse_epochs": 1, "refiner_epochs": 1, "base": base, "only": chosen}

    ablation.ablation(data, tmp_path / "out", **options)
    table = (tmp_path / "out" / "ablation.md").read_text()
    scores = sorted(tmp_path.glob("out/*/*/scores.json"))
    written = [path.stat().st_mtime_ns for path in scores]
    ablation.ablation(data, tmp_path / "out", **options)

    with pytest.raises(InputError, match=r"scores\.json is of other photos, settings or weights"):
        ablation.ablation(data, tmp_path / "out", **options | {"refiner_epochs": 2})
    with pytest.raises(InputError, match="of another --every"):
        ablation.ablation(data, tmp_path / "out", **options, every=2)

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
