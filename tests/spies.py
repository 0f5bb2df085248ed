"""Stand-ins that remember what they were shown, and networks whose answer is known beforehand."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from coarse.coarse_network import CoarseNetwork
from pipeline.config import TrainConfig
from pipeline.training.batch_clock import Batches
from pipeline.training.loop import BatchLoss, Score, StageRun
from refine.fovea import Windows


class FitSpy:
    """Stands in the place of `fit` and keeps what it is called with."""

    network: nn.Module
    batch_loss: BatchLoss
    batches: Batches
    score: Score
    origin: str

    def __call__(
        self,
        model: nn.Module,
        batch_loss: BatchLoss,
        batches: Batches,
        score: Score,
        config: TrainConfig,
        run: StageRun,
    ) -> float:
        self.network, self.batch_loss, self.batches, self.score = model, batch_loss, batches, score
        self.origin = run.origin
        return 0.0


class CoarseSpy(CoarseNetwork):
    """Remembers the shade of the corner of each photo that it is shown; sure of nothing."""

    multiple = 8

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))
        self.seen: list[int] = []

    def forward(self, photos: Tensor) -> Tensor:
        self.seen += photos[:, 0, 0, 0].tolist()
        return photos[:, 0].float() * 0 + self.bias


class RefinerSpy(nn.Module):
    """Remembers the shade of each tile whose windows it is shown; adds the logits it is told."""

    def __init__(self, logits: Callable[[Windows], Tensor] | None = None) -> None:
        super().__init__()
        self.logits = logits or (lambda windows: torch.zeros(windows[0].shape[:3]))
        self.seen: list[int] = []

    def forward(self, windows: Windows) -> Tensor:
        self.seen += windows[0][:, 0, 0, 0].tolist()
        return self.logits(windows)


class ByBrightness(CoarseNetwork):
    """Says that what is bright is the object, as surely as it is bright."""

    multiple = 8

    def forward(self, photos: Tensor) -> Tensor:
        return (photos[:, 0].float() - 127.5) / 16
