"""Settings of single coarse networks, each the table of options of one."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

from data.errors import SettingsError
from data.ranges import Checked, Range, Share, shown

MAX_MLP_WEIGHTS = 10**8
"""Most weights of a fully connected network: 400 MB."""


@dataclass(frozen=True, kw_only=True)
class EnetConfig(Checked):
    """Network "enet"."""

    unpool: Literal["indices", "nearest"] = "indices"
    """How the network upsamples: "indices" puts values back where each maximum was, "nearest"
    repeats them, for runtimes without max-unpooling."""
    dropout: Share = 0.0
    """Dropout of whole channels in most of the network."""
    early_dropout: Share = 0.0
    """Dropout of whole channels in its first section."""


@dataclass(frozen=True, kw_only=True)
class MlpConfig(Checked):
    """Network "mlp", fully connected."""

    grid: tuple[Annotated[int, Range(1, 4096)], Annotated[int, Range(1, 4096)]] = (80, 120)
    """Rows and columns of the picture that the network takes."""
    hidden: tuple[Annotated[int, Range(1, 4096)], ...] = (256, 256)
    """Units of each hidden layer."""
    dropout: Share = 0.0
    """Dropout after each hidden layer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        pixels = self.grid[0] * self.grid[1]
        layers = pairwise((3 * pixels, *self.hidden, pixels))
        if sum(narrow * wide for narrow, wide in layers) > MAX_MLP_WEIGHTS:
            raise SettingsError(
                f"grid = {list(self.grid)} and hidden = {shown(list(self.hidden))} make more than "
                f"{MAX_MLP_WEIGHTS} weights"
            )
