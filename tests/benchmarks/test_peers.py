"""The comparison with other networks, run once on a few synthetic cars, and its parts."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks import peer_networks, peer_rows, peer_scores, peer_training, peers, timing
from benchmarks.peer_bench import Options, prepared, provenance
from benchmarks.peer_networks import NAMES, OURS, PLAIN, TRAINED, Peer, PlainUNet
from benchmarks.peer_training import LazyPairs, Steps, View
from coarse.enet import ENet
from data.datasets.coarse_dataset import load_pairs
from data.errors import InputError, SettingsError
from data.geometry import Size
from data.samples import find_samples
from data.studio import write_dataset
from pipeline.config import Config, TrainConfig
from pipeline.evaluation.cost import num_parameters
from pipeline.network_config import EnetConfig

SETTINGS = """
[data]
long_side = 96
val_share = 0.5
split_seed = 0
exclude = []
[coarse]
batch_size = 2
num_workers = 0
"""
TINY_BUDGET = 1 / 60 / 20
"""Minutes; a few steps of ENet on photos this small."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("cars")
    write_dataset(folder, cars=4, angles=2, size=Size(64, 96))
    return folder


@pytest.fixture
def options(tmp_path: Path) -> Options:
    base = tmp_path / "settings.toml"
    base.write_text(SETTINGS)
    return Options(minutes=TINY_BUDGET, base=base, device="cpu")


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ROUNDS", 1)
    monkeypatch.setattr(peer_scores, "TIMED_PHOTOS", 1)


@pytest.mark.usefixtures("once")
def test_peers_are_trained_scored_and_not_again(
    data: Path, tmp_path: Path, options: Options, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    enets = [peer.name for peer in TRAINED if peer.kind == "enet"]
    options = replace(options, peers=",".join([*enets, OURS, PLAIN]))

    peers.peers(data, out, options)
    first = capsys.readouterr().out
    written = (out / "peers.jsonl").read_text()
    peers.peers(data, out, options)
    again = capsys.readouterr().out

    rows = {row["peer"]: row for row in map(json.loads, written.splitlines())}
    table = (out / "peers.md").read_text()
    assert list(rows) == [*enets, OURS, PLAIN]
    assert first.startswith(written)
    assert (out / "peers.jsonl").read_text() == written
    assert not again.count("{")
    assert again.strip() == table.strip()
    assert sum(line.startswith("| ") for line in table.splitlines()) == 1 + len(rows)
    assert "nan" not in table
    check_rows(rows, enets)
    weights = load_file(out / "enet-480x320.safetensors")
    assert weights.keys() == ENet().state_dict().keys()
    assert not torch.equal(weights["head.weight"], torch.zeros_like(weights["head.weight"]))


def check_rows(rows: dict[str, Any], trained: list[str]) -> None:
    for name in trained:
        row = rows[name]
        assert row["steps"] >= 1
        assert 0 < row["minutes"] < 1
        assert row["parameters"] == num_parameters(ENet()) == 359_136
        assert row["input"] == ("24 x 16" if "480" in name else "96 x 64")
    assert 15 < rows["enet-1920x1280"]["gmac"] / rows["enet-480x320"]["gmac"] < 17
    assert rows[OURS]["parameters"] == 359_136 + 77_793
    assert rows[OURS]["gmac"] > 1.1
    assert rows[OURS]["minutes"] is None
    assert rows[PLAIN]["dice"] is None
    scores = [row for name, row in rows.items() if name != PLAIN]
    assert len({row["photos"] for row in scores}) == 1
    assert all(0 <= row["dice"] <= 1 for row in scores)


def test_a_folder_of_another_budget_is_refused(data: Path, tmp_path: Path, options: Options):
    options, out = replace(options, peers=PLAIN), tmp_path / "out"
    out.mkdir()
    bench = prepared(data, out, options, torch.device("cpu"))
    peer_rows.write_rows(out, [peer_scores.row_of_plain(provenance(bench))])

    with pytest.raises(InputError, match=r"a plain-unet of other --minutes; name another folder"):
        peers.peers(data, out, replace(options, minutes=1.0))


def test_the_command_line_ends_with_the_table(
    data: Path, tmp_path: Path, options: Options, capsys: pytest.CaptureFixture[str]
):
    arguments = [
        "--minutes",
        "1",
        "--config",
        str(options.base),
        "--peers",
        PLAIN,
        "--device",
        "cpu",
    ]

    status = peers.main([str(data), str(tmp_path / "out"), *arguments])

    row, table = capsys.readouterr().out.split("\n", 1)
    assert status == 0
    assert json.loads(row)["made_with"]["--minutes"] == 1
    assert table.strip() == (tmp_path / "out" / "peers.md").read_text().strip()
    assert "| 1920 x 1280 | 31.04 M | 1806.3 | - | - | - | - | - | - |" in table


def test_a_plain_unet_has_31_million_parameters_and_1800_gmac():
    row = peer_scores.row_of_plain({})

    assert row.parameters == 31_037_633
    assert row.input == "1920 x 1280"
    assert row.gmac == pytest.approx(1806, abs=1)


def test_a_plain_unet_gives_a_logit_a_pixel():
    network = PlainUNet((2, 4, 8, 16, 32)).eval()

    logits = network(torch.zeros(2, 3, 32, 48, dtype=torch.uint8))

    assert logits.shape == (2, 32, 48)
    assert logits.dtype == torch.float32


def test_a_missing_library_is_named_with_what_to_run(
    data: Path, tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", None)
    options = replace(options, peers="enet-480x320,unet-480x320")

    with pytest.raises(InputError, match=r"pip install -r benchmarks/requirements-peers\.txt"):
        peers.peers(data, tmp_path / "out", options)

    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("once")
@pytest.mark.parametrize("name", ["unet-480x320", "linknet-480x320"])
def test_networks_of_others_are_trained_and_scored(
    data: Path, tmp_path: Path, options: Options, name: str
):
    pytest.importorskip("segmentation_models_pytorch")
    out = tmp_path / "out"

    peers.peers(data, out, replace(options, peers=name))

    (row,) = map(json.loads, (out / "peers.jsonl").read_text().splitlines())
    assert row["network"].endswith("Net, resnet18")
    assert row["parameters"] > 10_000_000
    assert row["input"] == "32 x 32"
    assert 0 <= row["dice"] <= 1


def test_an_unknown_peer_is_answered_with_those_known():
    with pytest.raises(SettingsError, match=r"no peer 'vnet'; there are .*foveamask, plain-unet"):
        peer_networks.choose("vnet", has_gpu=False)


def test_the_largest_squares_need_a_gpu_or_to_be_named():
    squares = {"unet-1024x1024", "linknet-1024x1024"}

    assert set(NAMES) - set(peer_networks.choose(None, has_gpu=False)) == squares
    assert set(NAMES) == set(peer_networks.choose(None, has_gpu=True))
    assert peer_networks.choose("unet-1024x1024", has_gpu=False) == ["unet-1024x1024"]


@pytest.mark.parametrize(
    "text", ["--minutes=0", "--photos-of-each-car=0", "--peers=vnet", "--epochs=9"]
)
def test_an_option_out_of_its_range_ends_with_2(data: Path, tmp_path: Path, text: str):
    assert peers.main([str(data), str(tmp_path / "out"), text]) == 2


@pytest.mark.parametrize("peer", TRAINED, ids=lambda peer: peer.name)
def test_logits_come_back_to_where_the_photo_has_them(peer: Peer):
    rows, columns = np.mgrid[:1280, :1918]
    centre, view = (420, 1530), peer_training.view_of(peer, 1918)
    disc = (np.hypot(rows - centre[0], columns - centre[1]) < 200).astype(np.uint8) * 255

    seen = view(disc)
    back = view.back(torch.from_numpy(seen)[None].float() - 127.5, Size(1280, 1918))[0] > 0

    wide, high = (int(side) for side in peer.name.split("-")[1].split("x"))
    assert seen.shape == (high, wide)
    assert back.shape == (1280, 1918)
    found = back.nonzero().double().mean(0).numpy()
    assert np.abs(found - centre).max() < 0.1


def test_photos_of_another_size_get_masks_of_their_own():
    view = View(96, level=2)

    back = view.back(torch.zeros(1, 16, 24), Size(128, 192))

    assert back.shape == (1, 128, 192)


def test_photo_and_mask_are_cropped_alike():
    photos = torch.arange(4 * 3 * 32 * 48).reshape(4, 3, 32, 48)
    masks = photos[:, 0]
    torch.manual_seed(0)

    parts, mask_parts = peer_training.cropped(photos, masks, Size(8, 100))

    assert parts.shape == (4, 3, 8, 48)
    assert torch.equal(parts[:, 0], mask_parts)
    assert len({int(part[0, 0]) // 48 % 32 for part in mask_parts}) > 1


def test_pairs_decoded_later_are_the_same(data: Path):
    samples, view = find_samples(data), View(96, level=1)

    pairs, later = load_pairs(samples, view, lambda _done, _total: None), LazyPairs(samples, view)

    assert len(later) == len(pairs)
    for one, other in zip(pairs, later, strict=True):
        assert np.array_equal(one.photo, other.photo)
        assert np.array_equal(one.mask, other.mask)
    assert len(later[2:]) == len(pairs) - 2


def test_the_average_of_a_short_training_leaves_the_start_behind():
    network = nn.Conv2d(1, 1, 1)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return (model(batch[0]) - batch[1]).square().mean()

    batch = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    config = TrainConfig(lr=0.1)
    steps = Steps(iter([batch] * 64), 64, "training")

    trained = peer_training.run(network, config, loss, steps)

    decays = [peer_training.recipe(config, num).ema_decay for num in (1, 8, 64, 10_000)]
    assert decays == [0.0, 0.0, pytest.approx(1 - 1 / 8), 0.998]
    assert trained.steps == 64
    assert loss(trained.network, batch).item() < 0.01


def test_a_step_is_timed_until_the_time_says_something():
    taken = []

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        taken.append(0)
        result: Tensor = model(batch[0]).mean()
        return result

    batch = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    stream = iter([batch] * 100_000)

    seconds = peer_training.seconds_a_step(nn.Conv2d(1, 1, 1), TrainConfig(), loss, stream, 2.0)

    assert 0 < seconds < 0.1
    assert len(taken) > 4


def test_enets_are_built_as_the_settings_say():
    config = replace(
        Config().coarse, enet=EnetConfig(unpool="nearest", early_dropout=0.05, dropout=0.25)
    )

    network = peer_networks.build(TRAINED[0], config, "resnet18", None)

    assert isinstance(network, ENet)
    assert network.unpool == "nearest"
    assert {m.p for m in network.modules() if isinstance(m, nn.Dropout2d)} == {0.05, 0.25}
