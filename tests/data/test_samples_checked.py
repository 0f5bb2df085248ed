from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from data.errors import InputError
from data.samples import check_samples, check_sizes, combined, find_samples
from tests.builders import SIZE, middle_disc, noise, write_sample


def write_pairs(folder: Path) -> None:
    """Two pairs that fit, one whose mask is none, one whose sizes differ."""
    for stem in ("a", "b", "none", "turned"):
        write_sample(folder, stem, noise((*SIZE, 3)), middle_disc(SIZE))
    Image.fromarray(middle_disc(SIZE[::-1])).save(folder / "masks" / "turned.png")
    Image.fromarray(noise(SIZE) % 3).save(folder / "masks" / "none.png")


def test_headers_tell_all_sizes_that_differ_and_nothing_of_the_pixels(tmp_path: Path):
    write_pairs(tmp_path)
    samples = find_samples(tmp_path)
    (tmp_path / "images" / "b.png").write_bytes(b"")

    with pytest.raises(InputError) as caught:
        check_sizes(samples)

    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{tmp_path}/images/b.png is ")
    assert second.startswith(f"{tmp_path}/images/turned.png is 64 x 96, its mask 96 x 64; they fit")
    check_sizes(samples[:1] + samples[2:3])


def test_pixels_are_read_for_the_whole_check(tmp_path: Path):
    write_pairs(tmp_path)

    with pytest.raises(InputError) as caught:
        check_samples(find_samples(tmp_path))

    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{tmp_path}/masks/none.png has 3 values")
    assert second.startswith(f"{tmp_path}/images/turned.png is 64 x 96, its mask 96 x 64; they fit")


def test_a_fingerprint_is_the_hash_of_the_lines_of_the_digests():
    assert combined(["a", "b"]) == sha256(b"a\nb").hexdigest()
    assert combined([]) == sha256(b"").hexdigest()
