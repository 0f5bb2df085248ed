"""Training data of the coarse stage: every photo is decoded once and kept at coarse size.

Shapes: h x w the coarse size of a photo.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from data.arrays import Pixels
from data.datasets.augment import NO_AUGMENTATION, Augmentation
from data.errors import InputError
from data.folders import raise_all
from data.geometry import ALIGNMENT, Size
from data.images import read_photo
from data.pyramid import pad, pyramid, resize, to_working_size
from data.samples import Sample, check_fit, read_sample_mask
from data.threads import map_threads


@dataclass(frozen=True)
class CoarsePair:
    """A photo (h, w, 3) and the area mean of its mask (h, w), 255 being all object; uint8."""

    photo: Pixels
    mask: Pixels


@dataclass(frozen=True)
class CoarseView:
    """How a coarse network sees a photo: at working size, padded, then halved `level` times."""

    long_side: int
    level: int = 2
    alignment: int = ALIGNMENT
    stretch_to: Size | None = None
    """Size of the photos before they were resized for storage. They are enlarged to it first: the
    coarse grid is nested in the pixels of the original photo, padding included."""

    def __call__(self, pixels: Pixels) -> Pixels:
        """Return (H, W[, C]) uint8 `pixels` at the coarse size, (h, w[, C])."""
        if self.stretch_to is not None:
            pixels = resize(pixels, self.stretch_to)
        whole = pad(to_working_size(pixels, self.long_side), alignment=self.alignment)
        return pyramid(whole, self.level + 1)[self.level]


def load_pairs(
    samples: Sequence[Sample], view: CoarseView, on_photo: Callable[[int, int], None]
) -> list[CoarsePair]:
    """Decode all samples in threads, and reduce them as `view` says.

    Args:
        samples: photos with their masks.
        view: how the network sees them.
        on_photo: called after each photo with the number done and the number of all.

    Raises:
        InputError: files are damaged or do not fit together; all of them are named.
    """
    pairs: list[CoarsePair] = []
    problems: list[InputError] = []
    with closing(map_threads(lambda sample: load_pair(sample, view), samples)) as results:
        for i, result in enumerate(results):
            if isinstance(result, InputError):
                problems.append(result)
            else:
                pairs.append(result)
            on_photo(i + 1, len(samples))
    raise_all(str(problem) for problem in problems)
    return pairs


def load_pair(sample: Sample, view: CoarseView) -> CoarsePair:
    """Decode one sample, and reduce it as `view` says.

    Raises:
        InputError: a file is damaged, or photo and mask differ in size.
    """
    photo, mask = read_photo(sample.photo), read_sample_mask(sample)
    check_fit(sample, Size(*photo.shape[:2]), Size(*mask.shape))
    white = mask.astype(np.uint8) * 255
    return CoarsePair(view(photo), view(white))


class CoarseDataset(Dataset[tuple[Tensor, Tensor]]):
    """Augmented pairs: photo (3, h, w) uint8 and target (h, w) uint8, 255 being all object.

    The same photo in the same epoch is always changed in the same way, whatever the number of
    loader processes.
    """

    def __init__(
        self,
        pairs: Sequence[CoarsePair],
        augmentation: Augmentation = NO_AUGMENTATION,
        seed: int = 0,
    ) -> None:
        self.pairs = pairs
        self.augmentation = augmentation
        self.seed = seed

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the pair of `key`, which is (epoch, index)."""
        pair = self.pairs[key[1]]
        photo, mask = pair.photo, pair.mask
        if self.augmentation != NO_AUGMENTATION:
            photo, mask = self.augmentation(photo, mask, np.random.default_rng([self.seed, *key]))
        return torch.from_numpy(photo).permute(2, 0, 1), torch.from_numpy(mask)


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """Batches of (epoch, index) keys, shuffled in each epoch; all photos of a batch have one size.

    Every photo comes once. A step has at most `batch_size` photos per process; the photos of a size
    are spread evenly over as many steps as that takes. With several processes, each gets its share
    of every step.
    """

    def __init__(
        self,
        sizes: Sequence[Size],
        batch_size: int,
        *,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.sizes = sizes
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world = world
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self.epoch = epoch

    def __len__(self) -> int:
        per_step = self.batch_size * self.world
        return sum(-(-count // per_step) for count in self._counts().values())

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        random = np.random.default_rng([self.seed, self.epoch])
        by_size: dict[Size, list[int]] = {size: [] for size in self._counts()}
        for i in random.permutation(len(self.sizes)):
            by_size[self.sizes[i]].append(int(i))
        per_step = self.batch_size * self.world
        steps = [
            [int(i) for i in part]
            for indices in by_size.values()
            for part in np.array_split(indices, -(-len(indices) // per_step))
        ]
        for i in random.permutation(len(steps)):
            # Fewer photos than processes are repeated: a process without one would wait for ever.
            whole = (steps[i] * self.world)[: max(len(steps[i]), self.world)]
            yield [(self.epoch, index) for index in whole[self.rank :: self.world]]

    def _counts(self) -> dict[Size, int]:
        counts: dict[Size, int] = {}
        for size in self.sizes:
            counts[size] = counts.get(size, 0) + 1
        return counts
