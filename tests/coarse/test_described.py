import pytest
import torch

from coarse.coarse_network import CoarseNetwork, pooled
from coarse.enet import ENet
from coarse.linknet import LinkNet
from coarse.mlp import MLP

NETWORKS = [(ENet(), 256), (LinkNet(), 1024), (MLP(grid=(16, 24), hidden=(8, 6)), 6)]


@pytest.mark.parametrize(("network", "num_features"), NETWORKS)
@torch.inference_mode()
def test_a_network_describes_each_photo_beside_its_logits(
    network: CoarseNetwork, num_features: int
) -> None:
    photos = torch.randint(0, 256, (3, 3, 64, 96), dtype=torch.uint8)

    logits, description = network.eval().described(photos)

    assert torch.equal(logits, network(photos))
    assert description.shape == (3, num_features)
    assert description.dtype == torch.float32


@pytest.mark.parametrize(("network", "_"), NETWORKS)
@torch.inference_mode()
def test_the_description_of_a_photo_is_its_own(network: CoarseNetwork, _: int) -> None:
    photos = torch.randint(0, 256, (3, 3, 64, 96), dtype=torch.uint8)

    _, together = network.eval().described(photos)
    _, alone = network.described(photos[1:2])

    torch.testing.assert_close(together[1:2], alone)
    assert not torch.allclose(together[0], together[1])


def test_channels_are_pooled_to_mean_and_deviation() -> None:
    features = torch.tensor([[[[0.0, 4.0]], [[7.0, 7.0]]]])

    assert pooled(features).tolist() == [[2.0, 7.0, 2.0, 0.0]]
