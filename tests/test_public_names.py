"""The package that users import."""

import subprocess
import sys

import numpy as np
import pytest

import foveamask
from foveamask import MaskOptions, Segmenter


def test_every_public_name_is_there_and_has_its_home():
    assert sorted(foveamask.HOMES) == sorted(foveamask.__all__)
    for name in foveamask.__all__:
        assert getattr(foveamask, name).__module__ == foveamask.HOMES[name]
        assert name in dir(foveamask)


def test_importing_it_is_instant_because_nothing_heavy_comes_along():
    code = "import sys, foveamask; print(sorted({'torch', 'cv2', 'numpy'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'segmenter_of'"):
        foveamask.segmenter_of  # noqa: B018


def test_a_photo_becomes_a_mask_in_one_line():
    photo = np.full((40, 60, 3), 200, np.uint8)

    mask = Segmenter.load("carvana", device="cpu")(photo, MaskOptions(budget=4))

    assert mask.shape == (40, 60)
    assert mask.dtype == bool
