import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coarse.enet import (
    Bottleneck,
    DownsamplingBottleneck,
    ENet,
    InitialBlock,
    UpsamplingBottleneck,
)
from tests.coarse.enets import network, outputs, photos

BLOCKS = (InitialBlock, Bottleneck, DownsamplingBottleneck, UpsamplingBottleneck)

# Table 1 of the paper: kind of block and output channels, from the initial block on.
CONTEXT = ["regular", "dilated 2", "asymmetric", "dilated 4"]
CONTEXT += ["regular", "dilated 8", "asymmetric", "dilated 16"]
TABLE_1 = [
    ("downsampling", 64),
    *[("regular", 64)] * 4,
    ("downsampling", 128),
    *[(kind, 128) for kind in 2 * CONTEXT],
    ("upsampling", 64),
    *[("regular", 64)] * 2,
    ("upsampling", 16),
    ("regular", 16),
]


def norm(channels: int) -> int:
    """Scale and shift of a batch norm."""
    return 2 * channels


def norm_prelu(channels: int) -> int:
    return norm(channels) + channels


def block_parameters(kind: str, own: int, out: int) -> int:
    """Count what section 3 and figure 2b of the paper say of a block, one channel a slope.

    1x1 to a quarter of the input's channels (2x2 where it pools), a convolution, 1x1 to all of
    them, each with batch norm; PReLU between them and after the sum; no biases.
    """
    few = own // 4
    reduce = own * few * (4 if kind == "downsampling" else 1) + norm_prelu(few)
    middle = few * few * (10 if kind == "asymmetric" else 9) + norm_prelu(few)
    expand = few * out + norm(out)
    main = own * out + norm(out) if kind == "upsampling" else 0
    return reduce + middle + expand + main + out


def test_the_parameters_are_those_of_table_1():
    initial = 3 * 13 * 9 + norm_prelu(16)
    head = 16 * 4 + 1  # 2 x 2, one class
    widths = [16] + [out for _, out in TABLE_1]
    blocks = [
        block_parameters(kind, own, out) for own, (kind, out) in zip(widths, TABLE_1, strict=False)
    ]

    num = sum(parameter.numel() for parameter in ENet().parameters())

    assert num == initial + sum(blocks) + head
    # Table 3 has 0.37 M, with 20 classes and a few biases.
    assert num + 19 * head == pytest.approx(0.37e6, rel=0.03)


@torch.no_grad()
def test_the_stages_put_out_the_sizes_of_table_1():
    model = network().eval()

    with outputs(model) as found:
        logits = model(photos(1, 512, 512))

    assert [tuple(found[name].shape[1:]) for name in found] == [
        (16, 256, 256),
        *[(64, 128, 128)] * 5,
        *[(128, 64, 64)] * 17,
        *[(64, 128, 128)] * 3,
        *[(16, 256, 256)] * 2,
    ]
    assert logits.shape == (1, 512, 512)
    assert logits.dtype == torch.float32


def kind_of(block: nn.Module) -> str:
    kernels = [m.kernel_size for m in block.modules() if isinstance(m, nn.Conv2d)]
    dilations = [m.dilation[0] for m in block.modules() if isinstance(m, nn.Conv2d)]
    if isinstance(block, DownsamplingBottleneck):
        return "downsampling"
    if isinstance(block, UpsamplingBottleneck):
        return "upsampling"
    if max(dilations) > 1:
        return f"dilated {max(dilations)}"
    return "asymmetric" if kernels[1:3] == [(5, 1), (1, 5)] else "regular"


def test_dilated_and_asymmetric_convolutions_are_laid_out_as_in_table_1():
    blocks = [m for m in ENet().modules() if isinstance(m, BLOCKS)][1:]

    assert [kind_of(block) for block in blocks] == [kind for kind, _ in TABLE_1]


def test_convolutions_keep_the_place_of_what_they_see():
    for dilation, asymmetric in [(1, False), (2, False), (16, False), (1, True)]:
        block = Bottleneck(16, dilation=dilation, asymmetric=asymmetric).eval()
        x = torch.randn(1, 16, 72, 72, requires_grad=True)

        block(x)[0, :, 36, 36].sum().backward()

        seen = (x.grad[0] != 0).any(0).nonzero() - 36
        reach = 2 if asymmetric else dilation
        assert seen.min(0).values.tolist() == [-reach, -reach]
        assert seen.max(0).values.tolist() == [reach, reach]


def test_spatial_dropout_is_a_hundredth_before_the_second_downsampling_and_a_tenth_after():
    rates = [m.p for m in ENet().modules() if isinstance(m, nn.Dropout2d)]

    assert rates == [0.01] * 5 + [0.1] * (len(TABLE_1) - 5)


def test_dropout_can_be_chosen():
    rates = {
        m.p for m in ENet(early_dropout=0, dropout=0.3).modules() if isinstance(m, nn.Dropout2d)
    }

    assert rates == {0, 0.3}


@pytest.mark.parametrize("size", [(60, 96), (64, 95), (4, 8)])
def test_sizes_that_cannot_be_halved_three_times_are_refused(size: tuple[int, int]):
    with pytest.raises(ValueError, match="multiples of 8"):
        ENet()(photos(1, *size))


@torch.no_grad()
def test_unpooling_puts_values_back_where_the_maxima_were():
    down = DownsamplingBottleneck(8, 16, remember=True, dropout=0)
    up = UpsamplingBottleneck(16, 8, dropout=0)
    for block in (down, up):
        nn.init.zeros_(block.branch[-2].weight)  # only the main path is left
    up.main = nn.Sequential(nn.Conv2d(16, 8, 1, bias=False))
    nn.init.dirac_(up.main[0].weight)
    x = torch.rand(2, 8, 6, 10) + 0.1

    pooled, indices = down.eval()(x)
    back = up.eval()(pooled, indices)

    maxima = F.max_pool2d(x, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(back, torch.where(x == maxima, x, 0.0))


@torch.no_grad()
def test_each_unpooling_is_told_what_the_pooling_of_its_size_has_found():
    model = network().eval()
    found: list[Tensor] = []
    used: list[Tensor] = []
    for down, up in ((model.down1, model.up5), (model.down2, model.up4)):
        down.register_forward_hook(lambda _, __, output: found.append(output[1]))
        up.register_forward_pre_hook(lambda _, inputs: used.append(inputs[1]))

    model(photos())

    assert len(found) == len(used) == 2
    for indices, wanted in zip(used, reversed(found), strict=True):
        assert torch.equal(indices, wanted)


@torch.no_grad()
def test_a_bottleneck_adds_its_branch_to_its_input_once():
    block = Bottleneck(64).eval()
    x = torch.randn(2, 64, 8, 8)

    torch.testing.assert_close(block(x), block.act(x + block.branch(x)))
    nn.init.zeros_(block.branch[-2].weight)  # the last batch norm: the branch gives zero
    torch.testing.assert_close(block(x), block.act(x))


# The network of the source document grew its logits tenfold a block, to losses of 1e10, and
# started to train only when it divided by ten: it had no norms, and a bug in every bottleneck.
