"""What a photo looks like, in a few numbers: to find copies of it, and photos unlike all others.

Shapes: H x W a small photo, D numbers, N photos.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.arrays import Photo

HASH_SIDE = 16
"""Side of a perceptual hash: 256 bits. With 64, photos of cars in one studio are copies."""

PATTERN_SIDE = 32

GRID = 4

NUM_NEIGHBOURS = 4
"""Photos that one is compared with: more than there are intruders that look like each other."""

LEAST_PHOTOS = 8
"""Of fewer photos nothing can be said of what is unusual."""

UNLIKE, UNLIKE_FACTOR = 4.2, 1.7
"""A photo is unlike the rest if its distance from its neighbours is so many standard deviations
above the median, and so many times the median. No photo of 60 leaves, 120 people and 1,088 cars
is."""

EDGES_WEIGHT = 15
"""Weight of the logarithm of edge strength beside colours from 0 to 255."""


@dataclass(frozen=True, eq=False)
class Look:
    """A photo in a few numbers."""

    bits: NDArray[np.uint8]
    """(32,) perceptual hash."""
    mirrored: NDArray[np.uint8]
    """(32,) the hash of the photo's mirror image."""
    pattern: NDArray[np.float32]
    """(3072,) its structure: 32 x 32 colours less their surroundings, of length 1."""
    features: NDArray[np.float32]
    """(D,) colours, contrast and detail in each sixteenth of the photo."""
    contrast: float
    """Standard deviation of its brightness, 0 to 128."""


def look_of(photo: Photo) -> Look:
    """Return the look of a photo (H, W, 3), which may be small."""
    lab = cv2.cvtColor(photo, cv2.COLOR_RGB2LAB).astype(np.float32)
    mean = _in_grid(lab)
    deviation = np.sqrt(np.maximum(_in_grid(np.square(lab)) - np.square(mean), 0))
    light = lab[..., 0]
    edges = np.abs(cv2.Sobel(light, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(light, cv2.CV_32F, 0, 1))
    detail = EDGES_WEIGHT * np.log1p(_in_grid(edges))
    parts = (part.ravel() for part in (mean, deviation, detail))
    return Look(
        bits=perceptual_hash(photo),
        mirrored=perceptual_hash(np.ascontiguousarray(photo[:, ::-1])),
        pattern=pattern_of(lab),
        features=np.concatenate([*parts]).astype(np.float32),
        contrast=float(light.std()),
    )


def perceptual_hash(photo: Photo) -> NDArray[np.uint8]:
    """Return the (32,) perceptual hash of a photo: which of its low frequencies are strong."""
    found = imagehash.phash(Image.fromarray(photo), hash_size=HASH_SIDE)
    return np.packbits(np.asarray(found.hash, np.bool_).ravel())


def pattern_of(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the structure of a photo (H, W, 3) in Lab; the product of two is their correlation."""
    small = cv2.resize(lab, (PATTERN_SIDE, PATTERN_SIDE), interpolation=cv2.INTER_AREA)
    fine, coarse = (cv2.GaussianBlur(small, (0, 0), sigma) for sigma in (0.8, 5))
    pattern = (fine - coarse).ravel()
    return np.asarray(pattern / (np.linalg.norm(pattern) + 1e-3), np.float32)


def unlike_the_rest(looks: Sequence[Look], groups: Sequence[str]) -> list[int]:
    """Return the indices of the photos that look unlike all others, the most unlike first.

    Their distance from the nearest photos of other groups is compared with that of all photos.
    """
    if len(set(groups)) < LEAST_PHOTOS:
        return []
    distances = _neighbour_distances(np.stack([look.features for look in looks]), np.array(groups))
    middle = float(np.median(distances))
    spread = 1.4826 * float(np.median(np.abs(distances - middle))) + 0.05 * middle + 1e-6
    scores = (distances - middle) / spread
    found = np.flatnonzero((scores > UNLIKE) & (distances > UNLIKE_FACTOR * middle))
    return [int(i) for i in found[np.argsort(-scores[found])]]


def _neighbour_distances(
    features: NDArray[np.float32], groups: NDArray[np.str_]
) -> NDArray[np.float32]:
    """Return the (N,) mean distances of (N, D) features from the nearest ones of other groups."""
    num = min(NUM_NEIGHBOURS, len(set(groups.tolist())) - 1)
    squares = np.square(features).sum(axis=1)
    result = np.empty(len(features), np.float32)
    for i in range(len(features)):
        distances = np.sqrt(np.maximum(squares + squares[i] - 2 * features @ features[i], 0))
        others = distances[groups != groups[i]]
        result[i] = np.partition(others, num - 1)[:num].mean()
    return result


def _in_grid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means of (H, W[, C]) values in 4 x 4 parts."""
    return np.asarray(cv2.resize(values, (GRID, GRID), interpolation=cv2.INTER_AREA), np.float32)
