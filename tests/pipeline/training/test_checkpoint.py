import errno
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from data.errors import InputError
from pipeline.config import TrainConfig
from pipeline.training import checkpoint
from pipeline.training.checkpoint import TrainState, load_best, read
from pipeline.training.loop import new_state
from pipeline.training.plan import Pace, Plan


def state_of(seed: int = 0, origin: str = "these photos") -> TrainState:
    """A state after one step."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    plan = Plan(num_steps=50, steps_a_pass=10, steps_an_epoch=10, validate_every=1)
    state = new_state(model, TrainConfig(precision="fp16"), plan, origin)
    state.scaler.scale(model(torch.randn(8, 3)).square().sum()).backward()
    state.scaler.step(state.optimizer)
    state.scaler.update(2.0 ** (10 + seed))
    state.schedule.step()
    state.average.update_parameters(model)
    state.epoch, state.best_score, state.history = 3, 0.75, [{"epoch": 1, "loss": 0.5}]
    return state


def same(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        assert isinstance(other, dict)
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        assert isinstance(other, list | tuple)
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_everything_that_training_changed_comes_back(tmp_path: Path):
    state, other = state_of(), state_of(seed=1)
    state.step, state.passes, state.kept = 25, 3, "weights"
    other.epoch, other.best_score, other.history = 0, 0.0, []
    state.save(tmp_path / "last.pt")
    state.save(tmp_path / "best.pt")

    other.restore(tmp_path / "last.pt")

    for part in ("model", "average", "optimizer", "schedule", "scaler"):
        assert same(getattr(other, part).state_dict(), getattr(state, part).state_dict()), part
    assert (other.step, other.passes, other.kept) == (25, 3, "weights")
    assert (other.epoch, other.best_score, other.history) == (3, 0.75, [{"epoch": 1, "loss": 0.5}])


def test_a_checkpoint_of_another_number_of_processes_is_refused(tmp_path: Path):
    # The schedule counts steps: with other ones an epoch it would be at the wrong place.
    state = state_of()
    state.save(tmp_path / "last.pt")
    state.pace = Pace(Plan(num_steps=50, steps_a_pass=5, steps_an_epoch=50, validate_every=1))

    with pytest.raises(InputError, match="trained with 10 steps a pass through the photos, not 5"):
        state.restore(tmp_path / "last.pt")


def test_a_full_disk_is_an_error_of_the_operating_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(self: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)

    with pytest.raises(OSError, match="No space left"):
        state_of().save(tmp_path / "last.pt")
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_of_another_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    state = state_of()
    state.save(tmp_path / "last.pt")
    monkeypatch.setattr(checkpoint, "FORMAT", 99)

    with pytest.raises(InputError, match="has format 3; this version reads 99"):
        state.restore(tmp_path / "last.pt")


def test_a_checkpoint_of_another_origin_is_refused_and_changes_nothing(tmp_path: Path):
    state_of(origin="other photos").save(tmp_path / "last.pt")
    state = state_of(seed=1)
    before = state.model.state_dict()["0.weight"].clone()

    with pytest.raises(InputError, match=r"trained from other photos or settings; train in"):
        state.restore(tmp_path / "last.pt")

    assert torch.equal(state.model.state_dict()["0.weight"], before)


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, share: float):
    file = tmp_path / "last.pt"
    state_of().save(file)
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])

    with pytest.raises(InputError, match=r"last\.pt is damaged; delete .* to train"):
        read(file)


@pytest.mark.parametrize("data", [b"not a checkpoint", b"\x80\x02.", b"PK\x03\x04", b"\n", b"{}"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, data: bytes):
    file = tmp_path / "last.pt"
    file.write_bytes(data)

    with pytest.raises(InputError, match=r"last\.pt is damaged; delete .* to train"):
        read(file)


def test_something_else_that_torch_saved_is_refused(tmp_path: Path):
    torch.save(torch.zeros(3), tmp_path / "last.pt")

    with pytest.raises(InputError, match=r"last\.pt is damaged; delete .* to train"):
        read(tmp_path / "last.pt")


def test_weights_of_a_network_alone_are_no_checkpoint(tmp_path: Path):
    torch.save(nn.Linear(1, 1).state_dict(), tmp_path / "last.pt")

    with pytest.raises(InputError, match="has format None"):
        read(tmp_path / "last.pt")


def test_an_interrupted_save_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "last.pt"
    state = state_of()
    state.save(file)
    before = file.read_bytes()

    def dying(path: Path, content: bytes) -> int:
        with path.open("wb") as half:
            half.write(content[: len(content) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", dying)
    with pytest.raises(KeyboardInterrupt):
        state.save(file)

    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_the_history_is_one_line_of_json_an_epoch(tmp_path: Path):
    state = state_of()
    state.history = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25, "score": 0.9}]

    state.write_history(tmp_path / "metrics.jsonl")

    assert (tmp_path / "metrics.jsonl").read_text() == (
        '{"epoch": 1, "loss": 0.5}\n{"epoch": 2, "loss": 0.25, "score": 0.9}\n'
    )


def test_the_best_weights_are_the_averages_and_not_the_last(tmp_path: Path):
    state = state_of()
    with torch.no_grad():
        state.average.module[0].weight.add_(1)
    state.save(tmp_path / "best.pt")
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))

    score = load_best(network, tmp_path)

    assert score == 0.75
    for name, value in state.average.module.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name
    assert not torch.equal(network[0].weight, state.model[0].weight)


def test_the_best_weights_are_the_weights_themselves_where_those_are_kept(tmp_path: Path):
    state = state_of()
    with torch.no_grad():
        state.average.module[0].weight.add_(1)
    state.kept = "weights"
    state.save(tmp_path / "best.pt")
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))

    load_best(network, tmp_path)

    for name, value in state.model.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name


def test_missing_best_weights_are_named_with_what_to_do(tmp_path: Path):
    with pytest.raises(InputError, match=r"best\.pt is missing; delete .* to train that stage"):
        load_best(nn.Linear(1, 1), tmp_path)


@pytest.mark.slow
def test_whatever_bit_of_a_checkpoint_flips_it_is_refused_or_the_same(tmp_path: Path):
    """Between its parts a zip file has gaps, which nothing reads."""
    file, random = tmp_path / "last.pt", np.random.default_rng(0)
    state_of().save(file)
    data, whole = file.read_bytes(), read(file)
    num_refused = 0

    for place in random.choice(len(data), 400, replace=False):
        changed = bytearray(data)
        changed[place] ^= 1 << random.integers(8)
        file.write_bytes(changed)
        try:
            assert same(read(file), whole), place
        except InputError:
            num_refused += 1

    assert num_refused > 200


def test_a_flipped_bit_of_the_weights_is_refused(tmp_path: Path):
    file, state = tmp_path / "last.pt", state_of()
    state.save(file)
    data = bytearray(file.read_bytes())
    weights = state.model.state_dict()["0.weight"].numpy().tobytes()

    data[data.index(weights) + 1] ^= 4
    file.write_bytes(data)

    with pytest.raises(InputError, match=rf"last\.pt is damaged; delete {tmp_path} to train"):
        read(file)


@pytest.mark.parametrize("harm", ["damaged", "missing"])
def test_training_does_not_resume_if_the_best_epoch_is_lost(tmp_path: Path, harm: str):
    """It would be trained to its end, and have nothing to show."""
    state = state_of()
    state.save(tmp_path / "last.pt")
    if harm == "damaged":
        (tmp_path / "best.pt").write_bytes(b"PK")

    with pytest.raises(InputError, match=rf"best\.pt is {harm}; delete {tmp_path} to train"):
        state.restore(tmp_path / "last.pt")


def test_before_the_first_score_there_is_no_best_epoch(tmp_path: Path):
    state = state_of()
    state.best_score = float("-inf")
    state.save(tmp_path / "last.pt")

    state.restore(tmp_path / "last.pt")

    assert state.best_score == float("-inf")
