"""Training data of the refiner: batches of patches, read in whole chunks and shuffled.

Reading a chunk of a zarr store takes about a millisecond, so single rows are never read: each
epoch reads the chunks in a new order, several at a time, and shuffles the patches in them.
Arrays in memory are read in the same order and give the same batches.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.patch_cache.patch_store import CHUNK

POOL = 128
"""Chunks that are read and shuffled together."""

Arrays = Mapping[str, Any]
"""Arrays by name, all of one length, in memory or of a zarr group."""


class PatchBatches:
    """Shuffled batches of the first `num_patches` patches, one epoch after another.

    A batch is a list of tensors in the order of `arrays`. Every patch comes once. A step has at
    most `batch_size` patches per process: as many as the other steps, but for the last one, which
    takes the rest. With several processes, each gets its share of every step.
    """

    def __init__(
        self,
        arrays: Arrays,
        num_patches: int,
        batch_size: int,
        *,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.arrays = arrays
        self.num_patches = num_patches
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world = world
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.num_patches // (self.batch_size * self.world))

    def __iter__(self) -> Iterator[list[Tensor]]:
        random = np.random.default_rng([self.seed, self.epoch])
        per_step = -(-self.num_patches // len(self))
        leftover: list[NDArray[Any]] | None = None
        for pool in self._pools(random):
            if leftover is not None:
                pool = [np.concatenate(pair) for pair in zip(leftover, pool, strict=True)]
            order = random.permutation(len(pool[0]))
            num_steps = len(order) // per_step
            for start in range(0, num_steps * per_step, per_step):
                yield self._share(pool, order[start : start + per_step])
            leftover = [rows[order[num_steps * per_step :]] for rows in pool]
        if leftover and len(leftover[0]):
            yield self._share(leftover, np.arange(len(leftover[0])))

    def _share(self, pool: list[NDArray[Any]], step: NDArray[Any]) -> list[Tensor]:
        """Return this process' share of the rows `step`; each process gets equally many."""
        each = -(-len(step) // self.world)
        mine = step[(np.arange(each) * self.world + self.rank) % len(step)]
        return [torch.from_numpy(rows[mine]) for rows in pool]

    def _pools(self, random: np.random.Generator) -> Iterator[list[NDArray[Any]]]:
        starts = random.permutation(np.arange(0, self.num_patches, CHUNK))
        for first in range(0, len(starts), POOL):
            chosen = starts[first : first + POOL]
            yield [
                np.concatenate([rows[i : min(i + CHUNK, self.num_patches)] for i in chosen])
                for rows in self.arrays.values()
            ]
