"""Training data of the refiner: batches of patches, read in whole chunks and shuffled.

A zarr store costs about a millisecond a chunk, so single rows are never read: each epoch
takes the chunks in a new order, some of them at a time, and shuffles the patches of those.
Arrays in memory go the same way and give the same batches.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.patch_cache.patch_store import CHUNK

POOL = 128
"""Chunks that are in memory and shuffled together at a time."""

Arrays = Mapping[str, Any]
"""Arrays by name, all of one length, in memory or of a zarr group."""


class PatchBatches:
    """Shuffled batches of the first `num_patches` patches, one epoch after another.

    A batch is a list of tensors in the order of `arrays`. With several processes each gets
    its share of every batch's worth of patches.
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
        """Choose the epoch that the next iteration goes through."""
        self.epoch = epoch

    def __len__(self) -> int:
        per_step = self.batch_size * self.world
        return max(1, self.num_patches // per_step)

    def __iter__(self) -> Iterator[list[Tensor]]:
        random = np.random.default_rng([self.seed, self.epoch])
        per_step = self.batch_size * self.world
        left = len(self)
        kept: list[NDArray[Any]] | None = None
        for pool in self._pools(random):
            if kept is not None:
                pool = [np.concatenate(pair) for pair in zip(kept, pool, strict=True)]
            order = random.permutation(len(pool[0]))
            num_steps = min(left, len(order) // per_step)
            for start in range(0, num_steps * per_step, per_step):
                mine = order[start : start + per_step][self.rank :: self.world]
                yield [torch.from_numpy(rows[mine]) for rows in pool]
            left -= num_steps
            kept = [rows[order[num_steps * per_step :]] for rows in pool]
        if left and kept:  # fewer patches than one step takes; no process may go without
            share = -(-self.num_patches // self.world)
            mine = (np.arange(share) * self.world + self.rank) % self.num_patches
            yield [torch.from_numpy(rows[mine]) for rows in kept]

    def _pools(self, random: np.random.Generator) -> Iterator[list[NDArray[Any]]]:
        starts = random.permutation(np.arange(0, self.num_patches, CHUNK))
        for first in range(0, len(starts), POOL):
            chosen = starts[first : first + POOL]
            yield [
                np.concatenate([rows[i : min(i + CHUNK, self.num_patches)] for i in chosen])
                for rows in self.arrays.values()
            ]
