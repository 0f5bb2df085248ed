import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import distributed as torch_distributed

from data.errors import InputError
from pipeline.training import commands, distributed

ROOT = Path(__file__).parents[3]

SCRIPT = """
    import sys
    from pathlib import Path

    import torch
    from torch import nn

    from pipeline.config import TrainConfig
    from pipeline.training import checkpoint, distributed
    from pipeline.training.loop import StageRun, fit

    BATCH, STEPS = 8, 3


    class Batches:
        '''Each process gets its share of every step, as the batches of the stages do.'''

        def __init__(self, rank, world):
            self.rank, self.world = rank, world
            generator = torch.Generator().manual_seed(7)
            self.x = torch.randn(BATCH * STEPS, 4, generator=generator)
            self.y = torch.randn(BATCH * STEPS, 1, generator=generator)

        def set_epoch(self, epoch):
            self.epoch = epoch

        def __len__(self):
            return STEPS

        def __iter__(self):
            order = torch.randperm(len(self.x), generator=torch.Generator().manual_seed(self.epoch))
            for rows in order.split(BATCH):
                mine = rows[self.rank :: self.world]
                yield self.x[mine], self.y[mine]


    def batch_loss(model, batch):
        return nn.functional.mse_loss(model(batch[0]), batch[1])


    def score(model):
        print("scored by", distributed.rank())
        return -float(next(model.parameters()).abs().sum())


    out = Path(sys.argv[1])
    with distributed.process_group(torch.device("cpu")):
        rank, world = distributed.rank(), distributed.world_size()
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
        config = TrainConfig(epochs=int(sys.argv[2]), lr=0.05)
        run = StageRun(out / f"run{rank}", "x")
        best = fit(model, batch_loss, Batches(rank, world), score, config, run)
        # The first process has been given the best weights; its last ones are in the file.
        last = out / "run0" / "last.pt"
        weights = model.state_dict() if rank else checkpoint.read(last)["model"]
        torch.save({"weights": weights, "best": best}, out / f"end{rank}.pt")
    assert distributed.world_size() == 1
"""


def train(folder: Path, num_processes: int, epochs: int = 2) -> str:
    """Run the script and return what it printed."""
    folder.mkdir(exist_ok=True)
    script = folder / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    launcher = ["-m", "torch.distributed.run", "--standalone"]
    launcher += [f"--nproc-per-node={num_processes}"]
    done = subprocess.run(
        [
            sys.executable,
            *(launcher if num_processes > 1 else []),
            str(script),
            str(folder),
            str(epochs),
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_two_processes_train_as_one_with_twice_the_batch(tmp_path: Path):
    train(tmp_path / "one", 1)

    printed = train(tmp_path / "two", 2)

    one = torch.load(tmp_path / "one" / "end0.pt")
    first, second = (torch.load(tmp_path / "two" / f"end{rank}.pt") for rank in (0, 1))
    for name, value in first["weights"].items():
        assert torch.equal(second["weights"][name], value), name
        torch.testing.assert_close(value, one["weights"][name], rtol=1e-4, atol=1e-5)
    assert first["best"] == second["best"] == pytest.approx(one["best"], rel=1e-4)
    assert "scored by 0" in printed
    assert "scored by 1" not in printed
    written = {path.name for path in (tmp_path / "two" / "run0").iterdir()}
    assert written == {"last.pt", "best.pt", "metrics.jsonl"}
    assert not list((tmp_path / "two" / "run1").iterdir())


def test_one_process_is_a_world_of_its_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    model = torch.nn.Linear(1, 1)

    with distributed.process_group(torch.device("cpu")):
        assert (distributed.world_size(), distributed.rank()) == (1, 0)
        assert distributed.distributed_model(model) is model
        assert distributed.broadcast_from_rank0(0.5) == 0.5
        assert not torch_distributed.is_initialized()


def test_one_process_at_a_time_makes_patches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("WORLD_SIZE", "2")

    with pytest.raises(InputError, match="make-patches works in one process"):
        commands.make_patches([tmp_path], tmp_path / "run", None, "cpu")


def test_each_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOCAL_RANK", "3")

    assert distributed.local_device(torch.device("cuda")) == torch.device("cuda", 3)
    assert distributed.local_device(torch.device("cpu")) == torch.device("cpu")


def test_processes_on_gpus_meet_over_nccl_each_on_its_own(monkeypatch: pytest.MonkeyPatch):
    calls: list[object] = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "set_device", calls.append)
    monkeypatch.setattr(torch_distributed, "init_process_group", calls.append)
    monkeypatch.setattr(torch_distributed, "barrier", lambda: calls.append("all here"))
    monkeypatch.setattr(torch_distributed, "destroy_process_group", lambda: calls.append("end"))

    with distributed.process_group(torch.device("cuda", 1)):
        pass

    assert calls == [torch.device("cuda", 1), "nccl", "all here", "end"]
