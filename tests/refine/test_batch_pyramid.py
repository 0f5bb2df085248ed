import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data import pyramid as slow
from data.geometry import ALIGNMENT
from refine.batch_pyramid import halve, pad, padded_pyramid, pyramid_anywhere

sides = st.integers(1, 20)


def noise(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    random = np.random.default_rng(seed)
    return torch.from_numpy(random.integers(0, 256, shape, dtype=np.uint8))


@given(st.integers(1, 4), sides, sides, st.sampled_from([1, 3, 4]), st.integers(0, 99))
def test_halving_a_batch_is_halving_each_photo(
    num: int, rows: int, columns: int, channels: int, seed: int
):
    photos = noise((num, 2 * rows, 2 * columns, channels), seed)

    halved = halve(photos)

    assert halved.dtype == torch.uint8
    wanted = [slow.halve(photo).reshape(rows, columns, channels) for photo in photos.numpy()]
    np.testing.assert_array_equal(halved.numpy(), wanted)


def test_halves_are_rounded_up():
    one, two, three = (torch.tensor([[0, total], [0, 0]], dtype=torch.uint8) for total in (1, 2, 3))

    halved = halve(torch.stack([one, two, three])[..., None])

    assert halved.flatten().tolist() == [0, 1, 1]


@given(st.integers(1, 3), sides, sides, st.sampled_from([0, 4, 12]), st.sampled_from([1, 8, 32]))
def test_padding_a_batch_is_padding_each_photo(
    num: int, height: int, width: int, margin: int, alignment: int
):
    photos = noise((num, height, width, 3))

    whole = pad(photos, margin, alignment)

    wanted = [slow.pad(photo, margin, alignment) for photo in photos.numpy()]
    np.testing.assert_array_equal(whole.numpy(), wanted)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("num", [1, 3])
def test_the_pyramid_of_a_cpu_is_that_of_every_device(num: int, channels: int):
    """What a GPU does, done here, gives what OpenCV does to each photo."""
    photos = noise((num, 37, 50, channels))

    levels = padded_pyramid(photos, 3, margin=8)

    wanted = pyramid_anywhere(photos, 3, 8, ALIGNMENT)
    assert [level.shape for level in levels] == [level.shape for level in wanted]
    for level, same in zip(levels, wanted, strict=True):
        assert torch.equal(level, same)


@pytest.mark.parametrize("alignment", [8, 16])
def test_the_pyramid_of_every_device_is_aligned_as_asked_for(alignment: int):
    photos = noise((2, 37, 50, 3))

    levels = padded_pyramid(photos, 2, 4, alignment)

    for level, same in zip(levels, pyramid_anywhere(photos, 2, 4, alignment), strict=True):
        assert torch.equal(level, same)


@pytest.mark.parametrize("alignment", [8, ALIGNMENT])
def test_photos_that_are_not_on_the_cpu_stay_where_they_are(alignment: int):
    photos = torch.empty(2, 37, 50, 3, dtype=torch.uint8)

    elsewhere = padded_pyramid(photos.to("meta"), 3, 8, alignment)

    assert {level.device.type for level in elsewhere} == {"meta"}
    wanted = padded_pyramid(photos, 3, 8, alignment)
    assert [level.shape for level in elsewhere] == [level.shape for level in wanted]


def test_without_a_margin_a_pyramid_is_only_aligned():
    (level,) = padded_pyramid(noise((1, 37, 50, 3)), 1)

    assert level.shape == (1, 64, 64, 3)
    assert pad(noise((1, 37, 50, 3))).shape == (1, 64, 64, 3)
