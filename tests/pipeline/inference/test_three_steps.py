"""A prediction in three steps: propose, refine, finish; and the runtime as a seam."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from data.errors import InputError
from data.geometry import Fovea
from pipeline.inference.mask_options import MaskOptions
from pipeline.inference.prediction import Prediction
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.torch_networks import TorchNetworks
from refine.fovea import Windows
from refine.postprocess import parse
from tests import builders
from tests.builders import CPU, unsure_model, unsure_segmenter
from tests.spies import ByBrightness

SIZES = [(96, 128), (50, 61), (300, 400)]


class CountingNetworks:
    """A runtime that counts what it is asked to compute."""

    def __init__(self, networks: TorchNetworks) -> None:
        self.networks = networks
        self.device = networks.device
        self.photos_seen = self.tiles_seen = 0

    def coarse(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        self.photos_seen += len(photos)
        return self.networks.coarse(photos)

    def refiner(self, windows: Windows) -> Tensor:
        self.tiles_seen += len(windows[0])
        return self.networks.refiner(windows)


def counted() -> tuple[Segmenter, CountingNetworks]:
    model = unsure_model()
    networks = CountingNetworks(TorchNetworks(model, CPU, "fp32"))
    return Segmenter(model, networks), networks


def assert_same(left: Prediction, right: Prediction) -> None:
    np.testing.assert_array_equal(left.logits, right.logits)
    np.testing.assert_array_equal(left.mask, right.mask)
    np.testing.assert_array_equal(left.tiles, right.tiles)
    np.testing.assert_array_equal(left.coarse, right.coarse)
    for one, other in zip(left.proposal.windows, right.proposal.windows, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("size", SIZES)
def test_a_prediction_is_its_three_steps(size: tuple[int, int]):
    segmenter, photos = unsure_segmenter(), [builders.shaded_photo(size, i) for i in range(2)]

    proposal = segmenter.propose(photos)
    predictions = segmenter.finish(photos, proposal, segmenter.refine(proposal))

    for prediction, wanted in zip(predictions, segmenter.predict_batch(photos), strict=True):
        assert_same(prediction, wanted)


@pytest.mark.parametrize(
    "options",
    [
        MaskOptions(budget=0),
        MaskOptions(budget=3),
        MaskOptions(budget=10**6),
        MaskOptions(stage="coarse"),
        MaskOptions(postprocess=(parse("smooth=3"),)),
    ],
)
def test_other_options_need_no_network_to_run_again(options: MaskOptions):
    segmenter, networks = counted()
    photos = [builders.shaded_photo((96, 128), i) for i in range(2)]
    proposal = segmenter.propose(photos)
    refined = segmenter.refine(proposal)
    before = networks.photos_seen, networks.tiles_seen

    predictions = segmenter.finish(photos, proposal, refined, options)

    assert (networks.photos_seen, networks.tiles_seen) == before
    from_start = unsure_segmenter().predict_batch(photos, options)
    for prediction, wanted in zip(predictions, from_start, strict=True):
        np.testing.assert_array_equal(prediction.tiles, wanted.tiles)
        np.testing.assert_array_equal(prediction.mask, wanted.mask)
        np.testing.assert_allclose(prediction.logits, wanted.logits, atol=1e-4)


def test_corrected_coarse_logits_need_the_refiner_alone():
    segmenter, networks = counted()
    photo = builders.shaded_photo((96, 128))
    proposal = segmenter.propose([photo])
    corrected = proposal.coarse.clone()
    corrected[:, :8, :8] = 20.0  # someone is sure of that corner

    again = segmenter.propose([photo], coarse=corrected)
    (prediction,) = segmenter.finish([photo], again, segmenter.refine(again))

    assert networks.photos_seen == 1
    assert prediction.mask[:28, :28].all()
    assert torch.equal(again.coarse, corrected)
    assert not (again.tiles[:, 1:] < 1).all(1).any()  # no tile wholly inside is uncertain


def test_the_networks_own_coarse_logits_given_back_change_nothing():
    segmenter, photo = unsure_segmenter(), builders.shaded_photo((300, 400))
    wanted = segmenter.predict(photo)

    proposal = segmenter.propose([photo], coarse=wanted.proposal.coarse)

    assert_same(*segmenter.finish([photo], proposal, segmenter.refine(proposal)), wanted)


@pytest.mark.parametrize(
    ("coarse", "what"),
    [
        (torch.zeros(1, 24, 31), r"not \(1, 24, 31\) torch.float32"),
        (torch.zeros(2, 24, 32), r"not \(2, 24, 32\)"),
        (torch.zeros(24, 32), r"not \(24, 32\)"),
        (torch.zeros(1, 24, 32, dtype=torch.int64), "torch.int64"),
        (torch.full((1, 24, 32), torch.nan), "finite"),
        (np.zeros((1, 24, 32), np.float32), r"not \(1, 24, 32\) float32"),
        ([0.0], r"not \[0.0\]"),
    ],
)
def test_coarse_logits_that_are_none_of_these_photos_are_refused(coarse: Any, what: str):
    with pytest.raises(ValueError, match=f"coarse logits .*{what}"):
        unsure_segmenter().propose([builders.shaded_photo((96, 128))], coarse=coarse)


def test_coarse_logits_of_half_precision_are_as_good():
    segmenter, photo = unsure_segmenter(), builders.shaded_photo((96, 128))
    half = segmenter.propose([photo]).coarse.half()

    assert segmenter.propose([photo], coarse=half).upsampled.dtype == torch.float32


def test_a_proposal_finishes_its_own_photos_only():
    segmenter, photo = unsure_segmenter(), builders.shaded_photo((96, 128))
    proposal = segmenter.propose([photo])
    refined = segmenter.refine(proposal)

    for photos in ([photo[:64]], [photo, photo]):
        with pytest.raises(ValueError, match="does not belong to"):
            segmenter.finish(photos, proposal, refined)


def test_a_proposal_of_few_tiles_finishes_no_larger_budget():
    segmenter, photo = unsure_segmenter(), builders.shaded_photo((96, 128))
    proposal = segmenter.propose([photo], 5)
    refined = segmenter.refine(proposal)

    for wanted, options in (("all", MaskOptions()), ("6", MaskOptions(budget=6))):
        with pytest.raises(ValueError, match=f"^{wanted} uncertain tiles .* made with 5 at most"):
            segmenter.finish([photo], proposal, refined, options)
    (prediction,) = segmenter.finish([photo], proposal, refined, MaskOptions(budget=3))
    assert len(prediction.tiles) == 3


def test_any_runtime_can_take_the_place_of_torch():
    """One that knows no torch module: all object above, background below, refined to the right."""

    class Painted:
        device = CPU

        def coarse(self, photos: Tensor) -> tuple[Tensor, Tensor]:
            logits = torch.full((len(photos), *photos.shape[2:]), -9.0)
            logits[:, : photos.shape[2] // 2] = 9.0
            logits[:, photos.shape[2] // 2] = 0.5
            return logits, torch.zeros(len(photos), 0)

        def refiner(self, windows: Windows) -> Tensor:
            return torch.full((len(windows[0]), 16, 16), -30.0)

    prediction = Segmenter(unsure_model(), Painted()).predict(builders.shaded_photo((96, 128)))

    assert prediction.coarse[:44].min() > 0
    rows = np.unique(prediction.tiles[:, 0])
    assert set(rows) == {3}
    assert not prediction.mask[48:64].any()
    assert prediction.mask[:48].all()


def test_a_model_without_a_refiner_finishes_no_refined_stage():
    model = replace(unsure_model(), refiner=None)
    segmenter, photos = Segmenter.from_model(model, CPU, "fp32"), [builders.shaded_photo((96, 128))]
    proposal = segmenter.propose(photos)

    with pytest.raises(InputError, match="no refiner"):
        segmenter.refine(proposal)
    with pytest.raises(InputError, match="no refiner"):
        segmenter.finish(photos, proposal, torch.zeros(0), MaskOptions(stage="refined"))


@pytest.mark.parametrize(
    "options",
    [
        {"budget": -1},
        {"budget": 1.5},
        {"budget": True},
        {"budget": "3"},
        {"stage": "fine"},
        {"postprocess": ("smooth=3",)},
    ],
)
def test_options_are_checked_where_they_are_made(options: dict[str, Any]):
    with pytest.raises(ValueError, match=r"a stage is|a budget is|holds steps"):
        MaskOptions(**options)


@pytest.mark.parametrize(
    ("fovea", "stride"),
    [(Fovea(8, 2), 4), (Fovea(8, 2), 8), (Fovea(16, 3), 16), (Fovea(32, 4), 8)],
    ids=str,
)
def test_the_windows_of_a_tile_are_the_same_whichever_other_tiles_there_are(
    fovea: Fovea, stride: int
):
    model = replace(unsure_model(fovea=fovea), coarse=ByBrightness(stride=stride))
    segmenter = Segmenter.from_model(model, CPU, "fp32")
    levels = segmenter.pyramid([builders.shaded_photo((96, 128))])
    upsampled = segmenter.upsample(segmenter.propose([builders.shaded_photo((96, 128))]).coarse)
    grid = torch.ones(1, *(side // fovea.tile for side in upsampled.shape[1:]))
    tiles = grid.nonzero()

    windows = segmenter.windows(levels, upsampled, tiles)

    assert len(levels) == max(fovea.levels, stride.bit_length())
    for i in range(len(tiles)):
        alone = segmenter.windows(levels, upsampled, tiles[i : i + 1])
        for window, own in zip(windows, alone, strict=True):
            assert torch.equal(window[i : i + 1], own)
            assert own.dtype == torch.uint8


def test_nothing_to_refine_has_no_logits():
    segmenter = unsure_segmenter(low=0.5, high=0.5 + 1e-7)

    refined = segmenter.refine(segmenter.propose([builders.shaded_photo((96, 128))]))

    assert refined.shape == (0, 16, 16)


def test_no_stage_asked_for_is_the_last_that_there_is():
    model = unsure_model()
    coarse = Segmenter.from_model(replace(model, refiner=None), CPU, "fp32")
    refined = Segmenter.from_model(model, CPU, "fp32")

    assert [coarse.check_stage(stage) for stage in (None, "coarse")] == ["coarse", "coarse"]
    assert [refined.check_stage(stage) for stage in (None, "refined")] == ["refined", "refined"]
    assert refined.check_stage("coarse") == "coarse"
