"""What every coarse network must do, and what is special to some."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coarse import catalogue
from coarse.coarse_network import CoarseNetwork
from coarse.enet import ENet, UpsamplingBottleneck
from coarse.linknet import LinkNet
from coarse.mlp import MLP
from data.geometry import ALIGNMENT, COARSE_STRIDES

NETWORKS = {
    "enet": {"dropout": 0.0, "early_dropout": 0.0},
    "enet, nearest": {"unpool": "nearest", "dropout": 0.0, "early_dropout": 0.0},
    "linknet": {},
    "mlp": {"grid": (32, 64), "hidden": (32, 16), "dropout": 0.0},
}
each_network = pytest.mark.parametrize("name", NETWORKS)


def network_of(name: str) -> CoarseNetwork:
    torch.manual_seed(0)
    return catalogue.build(name.partition(",")[0], NETWORKS[name])


def photos_of(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


@each_network
@torch.no_grad()
def test_a_photo_gives_a_logit_for_each_of_its_pixels(name: str):
    network = network_of(name).eval()

    for size in ((32, 64), (64, 32)):
        logits = network(photos_of(2, 3, *size))

        assert logits.shape == (2, *size)
        assert logits.dtype == torch.float32


@each_network
@torch.no_grad()
def test_photos_do_not_know_of_each_other(name: str):
    network = network_of(name).eval()
    photos = photos_of(3, 3, 32, 64)

    together = network(photos)

    alone = torch.cat([network(photo[None]) for photo in photos])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "size"), [("enet", (36, 64)), ("linknet", (32, 48))])
def test_sizes_that_a_network_cannot_halve_are_refused(name: str, size: tuple[int, int]):
    with pytest.raises(ValueError, match="takes multiples of"):
        network_of(name)(photos_of(1, 3, *size))


@each_network
def test_the_first_logits_are_small_and_gradients_reach_every_weight(name: str):
    network = network_of(name).train()

    logits = network(photos_of(4, 3, 32, 64))
    logits.square().sum().backward()

    assert logits.abs().max() < 10
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.any(), parameter_name


@each_network
def test_a_network_learns_a_few_discs(name: str):
    """Bright discs on dark noise, known by heart after some steps."""
    network = network_of(name).train()
    rows, columns = np.mgrid[:32, :64]
    discs = np.stack([(rows - 16) ** 2 + (columns - x) ** 2 < 12**2 for x in (16, 24, 32, 40, 48)])
    target = torch.from_numpy(discs).float()
    photos = (target[:, None] * 120 + photos_of(5, 3, 32, 64) / 3).to(torch.uint8)
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)

    for _ in range(70):
        loss = F.binary_cross_entropy_with_logits(network(photos), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    assert loss.item() < 0.2
    found = network(photos) > 0
    assert 2 * (found & (target > 0)).sum() / (found.sum() + target.sum()) > 0.93


@each_network
@torch.no_grad()
def test_the_options_of_a_network_build_it_again(name: str):
    network = network_of(name).eval()

    again = catalogue.build(catalogue.name_of(network), network.options())

    again.load_state_dict(network.state_dict())
    photos = photos_of(1, 3, 32, 64)
    assert torch.equal(again.eval()(photos), network(photos))


@pytest.mark.parametrize(("cls", "stride"), list(product((ENet, LinkNet, MLP), COARSE_STRIDES)))
def test_photos_are_padded_to_what_a_network_can_halve(cls: type[CoarseNetwork], stride: int):
    network = cls(grid=(2, 3), stride=stride) if cls is MLP else cls(stride=stride)

    assert 2**network.level == network.stride == stride
    assert network.alignment % (stride * cls.multiple) == 0
    assert network.alignment % ALIGNMENT == 0


def test_a_stride_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"one of \(4, 8, 16\), not 6"):
        ENet(stride=6)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("unet", {}, "no coarse network 'unet'; there are enet, linknet, mlp"),
        ("enet", {"depth": 3}, "do not fit enet"),
    ],
)
def test_what_cannot_be_built_is_named(name: str, options: dict[str, int], message: str):
    with pytest.raises(ValueError, match=message):
        catalogue.build(name, options)


def test_linknet_has_as_many_weights_as_its_paper_says():
    assert sum(p.numel() for p in LinkNet().parameters()) == pytest.approx(11.5e6, rel=0.01)


@torch.no_grad()
def test_linknet_sees_what_is_half_a_photo_away():
    """At 480 x 320 the deepest features have a pixel for 32 x 32."""
    network = LinkNet().eval()
    photos = photos_of(1, 3, 160, 160)
    changed = photos.clone()
    changed[..., :16, :16] = 255 - changed[..., :16, :16]

    difference = (network(photos) - network(changed)).abs()[0]

    assert difference[80, 80] > 0
    assert difference[8, 8] > difference[80, 80]


@torch.no_grad()
def test_nearest_unpooling_repeats_what_pooling_by_index_puts_back():
    torch.manual_seed(0)
    block = UpsamplingBottleneck(8, 4, dropout=0.0).eval()
    x = torch.randn(1, 8, 3, 5)

    upsampled = block(x, None)

    main = block.main(x).repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(upsampled, block.act(main + block.branch(x)))


def test_without_indices_no_pooling_tells_where_its_maxima_were(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("indices")

    monkeypatch.setattr(F, "max_unpool2d", refuse)
    monkeypatch.setattr(torch.nn.functional, "max_pool2d_with_indices", refuse)

    ENet(unpool="nearest")(photos_of(1, 3, 32, 32))

    with pytest.raises(AssertionError, match="indices"):
        ENet()(photos_of(1, 3, 32, 32))


@torch.no_grad()
def test_a_fully_connected_network_takes_other_sizes_on_its_own_grid():
    torch.manual_seed(0)
    network = MLP(grid=(6, 9), hidden=(8,), dropout=0.0).eval()
    nn.init.normal_(network.head.weight)
    photos = photos_of(1, 3, 6, 9)
    larger = photos.repeat_interleave(4, 2).repeat_interleave(4, 3)

    own, other = network(photos), network(larger)

    assert other.shape == (1, 24, 36)
    wanted = F.interpolate(own[:, None], size=(24, 36), mode="bilinear")[:, 0]
    torch.testing.assert_close(other, wanted)
