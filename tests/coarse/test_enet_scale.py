"""How large what ENet computes grows, from its first weights on."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from coarse import enet
from coarse.enet import (
    Bottleneck,
    ENet,
)
from pipeline.training.losses import bce, bce_dice
from tests.coarse.enets import network, outputs, photos


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False])
def test_first_logits_are_small_at_full_depth(training: bool):
    model = network().train(training)

    logits = model(photos())

    assert logits.std() < 5
    loss = bce(logits, (photos(seed=1)[:, 0] > 127).float())
    assert abs(loss - math.log(2)) < 0.5


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False])
def test_no_block_makes_its_input_much_larger(training: bool):
    model = network().train(training)

    with outputs(model) as found:
        model(photos())

    scales = [output.std().item() for output in found.values()]
    growth = [after / before for before, after in pairwise(scales)]
    assert max(growth) < 1.8
    assert max(scales) < 10


def test_logits_stay_small_once_the_norms_have_seen_a_batch():
    model = network().train()

    with torch.no_grad():
        model(photos())
        logits = model.eval()(photos())

    assert logits.std() < 5


class WithoutNorms(ENet):
    """The mistake of the source document: no normalisation."""

    def __init__(self) -> None:
        super().__init__()
        for module in self.modules():
            for name, child in list(module.named_children()):
                if isinstance(child, nn.BatchNorm2d):
                    setattr(module, name, nn.Identity())


class AddingTwice(Bottleneck):
    """The other one: a bug in every bottleneck."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(x + x + self.branch(x))
        return y


@torch.no_grad()
def test_without_norms_or_with_a_bug_in_every_bottleneck_the_scale_explodes(
    monkeypatch: pytest.MonkeyPatch,
):
    torch.manual_seed(0)
    bare = WithoutNorms()
    monkeypatch.setattr(enet, "Bottleneck", AddingTwice)
    wrong = ENet()

    for model in (bare, wrong):
        with outputs(model) as found:
            model(photos())
        assert max(output.std().item() for output in found.values()) > 50


def test_a_few_steps_on_one_small_picture_lower_the_loss():
    model = network().train()
    picture = photos(1, 32, 48)
    target = torch.zeros(1, 32, 48)
    target[:, 8:24, 12:36] = 1
    picture[:, 0] = (target * 120).to(torch.uint8) + picture[:, 0] // 4
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    losses = []

    for _ in range(40):
        loss = bce_dice(model(picture), target, 1.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    assert losses[0] == pytest.approx(math.log(2) + 0.5, abs=0.3)
    assert losses[-1] < 0.6 * losses[0]


def test_every_parameter_has_a_gradient():
    model = network().train()

    bce(model(photos()), torch.ones(2, 64, 96)).backward()

    dead = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not dead
