import copy

import numpy as np
import pytest
import torch
from torch import nn

from coarse.coarse_network import CoarseNetwork
from coarse.enet import ENet
from coarse.linknet import LinkNet
from coarse.mlp import MLP
from data.geometry import Fovea
from pipeline.inference.segmenter import Segmenter
from pipeline.inference.torch_networks import MaximumPReLU, fold_batch_norms, fold_for_inference
from refine.refiner_network import Refiner
from tests.builders import CPU, shaded_photo, unsure_model, unsure_segmenter

NETWORKS = (
    pytest.param(lambda: ENet(), id="enet"),
    pytest.param(lambda: ENet(unpool="nearest"), id="enet, nearest"),
    pytest.param(lambda: LinkNet(), id="linknet"),
    pytest.param(lambda: MLP(grid=(4, 6), hidden=(8,)), id="mlp"),
)


def trained(network: nn.Module) -> nn.Module:
    """Give norms and slopes values as training does, so that to forget one shows."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, -0.4, 0.9)
    return network


def photos() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("build", NETWORKS)
def test_a_coarse_network_computes_the_same(build: type[CoarseNetwork]):
    network = trained(build()).eval()

    fast = fold_for_inference(network, CPU, "fp32")

    wanted = network(photos())
    assert (fast(photos()) - wanted).abs().max() < 1e-4 * wanted.std()


@pytest.mark.parametrize("build", NETWORKS)
def test_half_precision_changes_little(build: type[CoarseNetwork]):
    network = trained(build()).eval()

    fast = fold_for_inference(network, CPU, "bf16")

    wanted, found = network(photos()), fast(photos())
    assert found.dtype == torch.float32
    assert (found - wanted).std() < 0.1 * wanted.std()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("depths", [(1, 2, 2), (0, 2, 2)])
def test_a_refiner_computes_the_same(depths: tuple[int, ...], precision: str):
    fovea = Fovea(8, 3)
    refiner = trained(Refiner(fovea, channels=(8, 8, 8), depths=depths)).eval()
    nn.init.normal_(refiner.head.weight)
    generator = torch.Generator().manual_seed(0)
    sides = [fovea.window_side(level) for level in range(3)]
    windows = [
        torch.randint(0, 256, (5, side, side, 4), dtype=torch.uint8, generator=generator)
        for side in sides
    ]

    fast = fold_for_inference(refiner, CPU, precision)

    wanted, found = refiner(windows), fast(windows)
    assert found.dtype == torch.float32
    assert (found - wanted).std() < (1e-5 if precision == "fp32" else 0.03) * wanted.std()


def test_the_network_itself_stays_as_it_was():
    network = trained(ENet()).train()
    before = copy.deepcopy(network.state_dict())

    fold_for_inference(network, CPU, "bf16")

    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
        assert value.dtype == before[name].dtype


def test_no_batch_norm_is_left_behind_a_convolution():
    fast = fold_for_inference(ENet(), CPU, "fp32")

    norms = [name for name, m in fast.named_modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms == ["initial.norm_act.0"]  # which norms the pooled photo as well


@pytest.mark.parametrize("transposed", [False, True])
def test_a_norm_is_folded_into_convolutions_of_both_kinds(transposed: bool):
    conv = (nn.ConvTranspose2d if transposed else nn.Conv2d)(4, 6, 3, stride=2, bias=False)
    layers = trained(nn.Sequential(conv, nn.BatchNorm2d(6), nn.ReLU())).eval()
    x = torch.randn(2, 4, 9, 9)
    wanted = layers(x)

    fold_batch_norms(layers)

    assert [type(layer).__name__ for layer in layers][1:] == ["Identity", "ReLU"]
    torch.testing.assert_close(layers(x), wanted, rtol=1e-4, atol=1e-5)


def test_a_norm_behind_anything_else_stays():
    layers = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4))

    fold_batch_norms(layers)

    assert isinstance(layers[1], nn.BatchNorm2d)


def test_the_larger_of_x_and_its_slope_times_x_is_prelu():
    prelu = nn.PReLU(5)
    prelu.weight.data = torch.tensor([-0.5, 0.0, 0.25, 0.99, 1.0])
    x = torch.randn(3, 5, 4, 4)

    assert torch.equal(MaximumPReLU(prelu.weight.detach())(x), prelu(x))


@pytest.mark.parametrize(("slope", "replaced"), [(0.3, True), (1.0, True), (1.2, False)])
@pytest.mark.parametrize(("channels", "few"), [(16, True), (32, False)])
def test_only_slow_prelus_whose_slopes_allow_it_are_replaced(
    slope: float, replaced: bool, channels: int, few: bool
):
    prelu = nn.PReLU(channels)
    prelu.weight.data[3] = slope
    network = nn.Sequential(prelu)

    fast = fold_for_inference(network, CPU, "bf16")
    exact = fold_for_inference(network, CPU, "fp32")

    assert isinstance(fast[0], MaximumPReLU) == (replaced and few)
    assert isinstance(exact[0], nn.PReLU)


def test_every_slow_prelu_is_replaced_whatever_is_before_it():
    sure = nn.PReLU(16)
    nn.init.constant_(sure.weight, 1.5)
    network = nn.Sequential(nn.ReLU(), nn.PReLU(32), sure, nn.Sequential(nn.PReLU(8)), nn.PReLU(16))

    fast = fold_for_inference(network, CPU, "bf16")

    kinds = [type(layer).__name__ for layer in fast.modules() if not list(layer.children())]
    assert kinds == ["ReLU", "PReLU", "PReLU", "MaximumPReLU", "MaximumPReLU"]


def test_a_network_for_prediction_keeps_nothing_for_gradients():
    fast = fold_for_inference(trained(LinkNet()), CPU, "fp32")

    assert not fast(photos()).requires_grad


def test_a_norm_that_stays_keeps_its_precision():
    network = trained(ENet())
    wanted = network.initial.norm_act[0].state_dict()

    fast = fold_for_inference(network, CPU, "bf16")

    for name, value in fast.initial.norm_act[0].state_dict().items():
        assert value.dtype == wanted[name].dtype
        assert torch.equal(value, wanted[name]), name


def test_however_many_tiles_there_are_the_refiner_sees_few_shapes():
    """Each new shape would cost time, and memory for good."""
    segmenter = unsure_segmenter(low=0.0, high=1.0, fovea=Fovea(8, 2))
    refiner = segmenter.networks.refiner_network
    proposal = segmenter.propose([shaded_photo((96, 128))])
    seen = set()
    refiner.register_forward_pre_hook(lambda _, inputs: seen.add(len(inputs[0][0])))
    every = segmenter.networks.refiner(proposal.windows)

    for num in range(1, len(proposal.tiles), 7):
        some = segmenter.networks.refiner([window[:num] for window in proposal.windows])

        assert some.shape == (num, 8, 8)
        torch.testing.assert_close(some, every[:num], rtol=1e-4, atol=1e-4)
    assert len(proposal.tiles) > 128
    assert seen <= {32, 64, 96, 128}


def test_a_model_in_training_predicts_as_it_will_and_stays_in_training():
    model = unsure_model()
    shown = shaded_photo((96, 128))
    wanted = Segmenter.from_model(model, CPU, "fp32").predict(shown)
    model.coarse.train()

    prediction = Segmenter.from_model(model, CPU, "fp32").predict(shown)

    np.testing.assert_array_equal(prediction.logits, wanted.logits)
    assert model.coarse.training
