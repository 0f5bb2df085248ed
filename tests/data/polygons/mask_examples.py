"""Masks with holes, islands, hairs of one pixel, objects at the border."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import example
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from data.arrays import Mask
from data.geometry import Size
from data.polygons import FormatName
from data.polygons.annotation import read_mask_of
from data.polygons.formats import FORMATS
from data.polygons.options import PolygonOptions

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.booleans())


def mask_of(*rows: str) -> Mask:
    return np.array([[pixel == "#" for pixel in row] for row in rows])


EXAMPLES = {
    "empty": np.zeros((3, 4), np.bool_),
    "full": np.ones((3, 4), np.bool_),
    "one pixel": np.ones((1, 1), np.bool_),
    "hair": mask_of("#....", ".#...", "..##.", "....#"),
    "island in a hole": mask_of("#####", "#...#", "#.#.#", "#...#", "#####"),
    "hole in an island in a hole": np.pad(
        np.pad(mask_of("###", "#.#", "###"), 1), 1, constant_values=True
    ),
    "holes that touch at a corner": mask_of("####", "#.##", "##.#", "####"),
    "parts": mask_of("##..#", "##...", "....#"),
    "border": mask_of("#..#", "....", "#..#"),
}


def every_example(test: Callable[..., None]) -> Callable[..., None]:
    """Have hypothesis try all examples."""
    for mask in EXAMPLES.values():
        test = example(mask=mask)(test)
    return test


def again(name: FormatName, mask: Mask, options: PolygonOptions | None = None) -> Mask:
    """The mask that a format gives back, through a file."""
    form = FORMATS[name]
    options = options or PolygonOptions(category="car")
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"a{form.suffix}"
        data = form.encode(mask, "a.jpg", options)
        if form.finish is None:
            path.write_bytes(data)
        else:
            form.finish(path, [data], options.category)
        (entry,) = form.entries(path)
        annotation = entry.read()
        size = None if form.knows_size else Size(*mask.shape)
        return read_mask_of(annotation, size)
