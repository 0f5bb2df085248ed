import json
from pathlib import Path

import pytest

from benchmarks import coarse_masks
from benchmarks.coarse_masks import Row, all_kinds, summary
from data.errors import SettingsError
from data.geometry import Size
from pipeline.model_folder import save_model
from tests.bright_objects import bright_model, object_in, photo_of
from tests.builders import write_sample


@pytest.fixture
def data(tmp_path: Path) -> Path:
    save_model(bright_model(), tmp_path / "model")
    for seed in range(4):
        truth = object_in(seed=seed)
        write_sample(tmp_path / "data", f"{seed}", photo_of(truth), truth)
    return tmp_path / "data"


def measure(data: Path, **options: object) -> list[dict[str, object]]:
    out = data.parent / "rows.json"
    arguments = {"model": str(data.parent / "model"), "every": 2} | options
    coarse_masks.coarse_masks(data, out, **arguments)  # type: ignore[arg-type]
    rows: list[dict[str, object]] = json.loads(out.read_text())
    return rows


def test_each_kind_is_measured_on_each_photo(data: Path, capsys: pytest.CaptureFixture[str]):
    rows = measure(data, only=("exact", "shifted 4 px", "a hole, 60 px"))

    assert [(row["photo"], row["kind"]) for row in rows] == [
        (photo, kind) for photo in "02" for kind in ("exact", "shifted 4 px", "a hole, 60 px")
    ]
    for row in rows:
        assert row["guarded"] > 0.999
        assert (row["given"] == 1.0) == (row["kind"] == "exact")
    assert "| exact | 1.0000 | 1.0000 | 1.0000 | 0.00 | 0.00 | 0.00 |" in capsys.readouterr().out


def test_what_is_measured_is_not_measured_again(data: Path, monkeypatch: pytest.MonkeyPatch):
    before = measure(data, only=("exact",))
    monkeypatch.setattr(coarse_masks, "refinement", None)

    assert measure(data, only=("exact",)) == before


def test_a_kind_that_there_is_not_is_named(data: Path):
    with pytest.raises(SettingsError, match=r"--only takes some of exact, .*, not 'smaller'"):
        measure(data, only=("smaller",))


@pytest.mark.parametrize("kind", all_kinds())
def test_each_kind_makes_a_mask_of_the_object(kind: str):
    import numpy as np

    truth = object_in(Size(384, 512))

    mask = all_kinds()[kind](truth, np.random.default_rng(0))

    share = (mask / mask.max()).mean() / truth.mean()
    assert mask.ndim == 2
    assert 0.5 < share < 1.6


def test_the_table_counts_what_was_kept_and_what_got_worse():
    same = {"given_error": 1.0, "refined_error": 1.0, "guarded_error": 1.0, "tiles": 3, "passes": 1}
    rows = [
        Row(photo="a", kind="exact", given=1.0, refined=0.9, guarded=1.0, kept=1.0, **same),
        Row(photo="b", kind="exact", given=1.0, refined=0.9, guarded=0.9, kept=0.0, **same),
    ]

    assert "| exact | 1.0000 | 0.9000 | 0.9500 | 1.00 | 1.00 | 1.00 | 50 % | 50 % |" in summary(
        rows
    )
