from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from data.errors import InputError
from data.geometry import Fovea
from data.patch_cache import patch_store
from data.patch_cache.patch_store import Origin, Patches
from data.patch_cache.patch_writer import PatchWriter
from data.samples import Sample
from pipeline.config import Config, DataConfig, TilesConfig
from pipeline.inference.segmenter import Segmenter
from pipeline.training import patch_extraction
from pipeline.training.patch_extraction import photo_patches, write_patches
from tests.builders import CPU, ellipse_sample, unsure_segmenter
from tests.patch_builders import counts_of

ORIGIN = Origin(photos="aa", coarse="bb", settings={})


CONFIG = Config(
    data=DataConfig(long_side=128),
    tiles=TilesConfig(side=8, levels=2, max_patches_per_photo=20),
)


@pytest.fixture
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_store, "CHUNK", 4)
    monkeypatch.setattr(patch_store, "SHARD", 8)


def writer_of(path: Path, samples: list[Sample]) -> PatchWriter:
    names = [sample.name for sample in samples]
    return PatchWriter(path, Fovea(8, 2), ORIGIN, names, num_training=min(2, len(names)))


def written(path: Path) -> Patches:
    group = patch_store.open_store(path, Fovea(8, 2), ORIGIN.coarse, ORIGIN.settings)
    return {name: array[:] for name, array in patch_store.stored_arrays(group, path).items()}


@pytest.mark.usefixtures("_small_shards")
def test_photos_are_written_in_order_with_what_is_outside(tmp_path: Path):
    samples = [ellipse_sample(tmp_path, (60, 100 + i), i) for i in range(3)]
    segmenter = unsure_segmenter(fovea=Fovea(8, 2))

    write_patches(
        writer_of(tmp_path / "p.zarr", samples), samples, [segmenter] * len(samples), CONFIG
    )

    found = written(tmp_path / "p.zarr")
    budgets = (20, 20, None)  # the last photo is for validation
    results = [
        photo_patches(i, sample, segmenter, budget)
        for i, (sample, budget) in enumerate(zip(samples, budgets, strict=True))
    ]
    for name in patch_store.array_shapes(Fovea(8, 2)):
        np.testing.assert_array_equal(
            found[name], np.concatenate([patches[name] for patches, _ in results])
        )
    np.testing.assert_array_equal(found["outside"], [counts_of(o) for _, o in results])
    *training, validation = np.bincount(found["tile"][:, 0])
    assert training == [20, 20]
    assert validation > 100


@pytest.mark.usefixtures("_small_shards")
def test_photos_without_a_patch_are_written(tmp_path: Path):
    samples = [ellipse_sample(tmp_path, (60, 100))]
    sure = unsure_segmenter(fovea=Fovea(8, 2), low=0.5, high=0.5 + 1e-7)

    write_patches(writer_of(tmp_path / "p.zarr", samples), samples, [sure] * len(samples), CONFIG)

    found = written(tmp_path / "p.zarr")
    assert found["full"].shape == (0, 8, 8, 4)
    assert found["outside"].sum() > 0


@pytest.mark.parametrize(
    ("low", "high", "budget", "warned"),
    [
        pytest.param(0.0, 1.0, 10**6, True, id="unsure of all tiles"),
        pytest.param(0.0, 1.0, 3, True, id="however few become patches"),
        pytest.param(0.5, 0.5 + 1e-7, 10**6, False, id="of none"),
    ],
)
def test_who_trains_a_refiner_on_an_unsure_network_is_told(
    tmp_path: Path,
    low: float,
    high: float,
    budget: int,
    warned: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(patch_extraction, "UNSURE", 1)  # the contour of small photos is long
    samples = [ellipse_sample(tmp_path, (60, 100 + i), i) for i in range(3)]
    config = replace(CONFIG, tiles=replace(CONFIG.tiles, max_patches_per_photo=budget))
    unsure = unsure_segmenter(fovea=Fovea(8, 2), low=0.0, high=1.0)
    asked = unsure_segmenter(fovea=Fovea(8, 2), low=low, high=high)

    writer = writer_of(tmp_path / "p.zarr", samples)
    write_patches(writer, samples, [unsure, unsure, asked], config)

    assert ("in 1 of 1 validation photos" in caplog.text) == warned


@pytest.mark.parametrize(
    ("unsure", "warning"),
    [
        pytest.param((True, False), None, id="of half of the photos"),
        pytest.param((True, False, True), "in 2 of 3 validation photos", id="of more"),
    ],
)
def test_a_network_that_is_unsure_of_half_of_the_photos_will_do(
    tmp_path: Path,
    unsure: tuple[bool, ...],
    warning: str | None,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(patch_extraction, "UNSURE", 1)  # the contour of small photos is long
    of_all = unsure_segmenter(fovea=Fovea(8, 2), low=0.0, high=1.0)
    of_none = unsure_segmenter(fovea=Fovea(8, 2), low=0.5, high=0.5 + 1e-7)
    segmenters = [of_all, of_all, *(of_all if it_is else of_none for it_is in unsure)]
    samples = [ellipse_sample(tmp_path, (60, 100 + i), i) for i in range(len(segmenters))]

    write_patches(writer_of(tmp_path / "p.zarr", samples), samples, segmenters, CONFIG)

    assert warning in caplog.text if warning else not caplog.text


def test_progress_is_counted_in_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    samples = [ellipse_sample(tmp_path, (60, 100 + i), i) for i in range(2)]
    calls: list[tuple[int, int]] = []
    on_photo = nullcontext(lambda done, total: calls.append((done, total)))
    monkeypatch.setattr(patch_extraction, "progress", lambda _: on_photo)
    segmenters = [unsure_segmenter(fovea=Fovea(8, 2))] * 2

    write_patches(writer_of(tmp_path / "p.zarr", samples), samples, segmenters, CONFIG)

    assert calls == [(1, 2), (2, 2)]


@pytest.mark.usefixtures("_small_shards")
def test_writing_goes_on_in_the_middle_of_a_photo_as_if_never_stopped(tmp_path: Path):
    samples = [ellipse_sample(tmp_path, (60, 100 + i), i) for i in range(3)]
    segmenter = unsure_segmenter(fovea=Fovea(8, 2))
    write_patches(
        writer_of(tmp_path / "whole.zarr", samples), samples, [segmenter] * len(samples), CONFIG
    )
    begin(writer_of(tmp_path / "p.zarr", samples), samples, segmenter)

    write_patches(
        writer_of(tmp_path / "p.zarr", samples), samples, [segmenter] * len(samples), CONFIG
    )

    whole = written(tmp_path / "whole.zarr")
    for name, rows in written(tmp_path / "p.zarr").items():
        np.testing.assert_array_equal(rows, whole[name])


@pytest.mark.usefixtures("_small_shards")
def test_writing_does_not_go_on_with_a_network_that_finds_other_tiles(tmp_path: Path):
    samples = [ellipse_sample(tmp_path, (60, 100 + i), i) for i in range(3)]
    segmenter = unsure_segmenter(fovea=Fovea(8, 2))
    begin(writer_of(tmp_path / "p.zarr", samples), samples, segmenter)
    # As of a device that rounds otherwise, but for the amount.
    with torch.no_grad():
        segmenter.model.coarse.get_parameter("head.weight").mul_(-0.3)
    other = Segmenter.from_model(segmenter.model, CPU, "fp32")

    with pytest.raises(
        InputError, match="started with other tiles, perhaps on another device; delete"
    ):
        write_patches(
            writer_of(tmp_path / "p.zarr", samples), samples, [other] * len(samples), CONFIG
        )
    assert not (tmp_path / "p.zarr").exists()


def begin(writer: PatchWriter, samples: list[Sample], segmenter: Segmenter) -> None:
    """Write the first two photos as far as whole shards go, and stop."""
    for i in range(2):
        patches, outside = photo_patches(
            i, samples[i], segmenter, CONFIG.tiles.max_patches_per_photo
        )
        writer.outside[i] = counts_of(outside)
        writer.append(patches)
    assert writer.last_photo() == (1, 20)
