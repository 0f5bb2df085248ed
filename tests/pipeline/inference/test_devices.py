import pytest
import torch
from torch import nn

from coarse.enet import ENet
from data.errors import InputError
from pipeline.inference import devices
from pipeline.inference.devices import autocast, choose_device, to_device

CPU = torch.device("cpu")


def test_without_cuda_auto_is_the_cpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert choose_device("auto") == choose_device("cpu") == CPU


def test_with_cuda_auto_is_cuda(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    assert choose_device("cpu") == CPU


def test_cuda_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(InputError, match="no CUDA device was found; use --device cpu or auto"):
        choose_device("cuda")


@pytest.mark.parametrize(
    ("precision", "fast_bf16", "dtype"),
    [
        ("fp32", True, torch.float32),
        ("bf16", False, torch.bfloat16),
        ("fp16", False, torch.float16),
        ("auto", True, torch.bfloat16),
        ("auto", False, torch.float32),
    ],
)
def test_networks_run_at_the_precision_asked_for(
    monkeypatch: pytest.MonkeyPatch,
    precision: devices.Precision,
    fast_bf16: bool,
    dtype: torch.dtype,
):
    monkeypatch.setattr(devices, "_has_fast_bf16", lambda _: fast_bf16)

    with autocast(CPU, precision):
        result = nn.Linear(4, 4)(torch.ones(1, 4))

    assert result.dtype == dtype


@pytest.mark.parametrize("device", ["mps", "xpu", "cpu"])
def test_a_device_of_which_torch_says_nothing_computes_in_float32(
    monkeypatch: pytest.MonkeyPatch, device: str
):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)

    assert devices.dtype_of(torch.device(device), "auto") == torch.float32


@pytest.mark.parametrize("has_it", [True, False])
def test_a_cpu_that_multiplies_bfloat16_computes_in_it(
    monkeypatch: pytest.MonkeyPatch, has_it: bool
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has_it})

    wanted = torch.bfloat16 if has_it else torch.float32
    assert devices.dtype_of(CPU, "auto") == wanted
    assert devices.dtype_of(torch.device("mps"), "auto") == torch.float32


def test_what_is_placed_is_the_same_network():
    torch.manual_seed(0)
    network = ENet().eval()
    photos = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    before = network(photos)

    placed = to_device(network, CPU)

    assert placed is network
    torch.testing.assert_close(placed(photos), before, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_logits_are_float32_at_every_precision():
    torch.manual_seed(0)
    photos = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    network = ENet().eval()

    with autocast(CPU, "bf16"):
        logits = network(photos)

    assert logits.dtype == torch.float32
    exact = network(photos)
    assert (logits - exact).abs().mean() < 0.1 * exact.std()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@torch.no_grad()
def test_a_gpu_gives_the_logits_of_the_cpu():
    torch.manual_seed(0)
    photos = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    network = ENet().eval()
    wanted = network(photos)

    to_device(network, torch.device("cuda"))
    logits = network(photos.cuda()).cpu()

    torch.testing.assert_close(logits, wanted, rtol=1e-2, atol=1e-2)
