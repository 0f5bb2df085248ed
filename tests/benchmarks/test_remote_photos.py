import re
from pathlib import Path

import pytest

from benchmarks.remote_photos import remote_photos
from data.stores import fetching
from pipeline.model_folder import save_model
from tests.measured import segmenter_of
from tests.pipeline.inference.predicting import write_photos


def test_fetching_ahead_hides_the_latency(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fetching, "AHEAD", fetching.AHEAD)  # which is set back
    write_photos(tmp_path / "photos", 12)
    save_model(segmenter_of().model, tmp_path / "model")

    remote_photos(
        tmp_path / "photos", model=str(tmp_path / "model"), count=12, rounds=1, latency=50
    )

    waited = [float(text) for text in re.findall(r"([0-9.]+) \|$", capsys.readouterr().out, re.M)]
    assert len(waited) == 3
    assert waited[0] == 0
    assert waited[1] < waited[2] / 2
    assert waited[2] >= 50
