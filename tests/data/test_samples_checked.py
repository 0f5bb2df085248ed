from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from data.errors import InputError
from data.fingerprints import HASH_LENGTH, combined, hashes_of, photo_hashes
from data.samples import check_object_shares, check_samples, check_sizes, find_samples
from tests.builders import SIZE, middle_disc, noise, write_sample
from tests.layouts import write_carvana, write_masks, write_photos


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


@pytest.mark.parametrize("turned", ["images", "masks"])
def test_what_fits_only_without_its_exif_data_is_said_to(tmp_path: Path, turned: str):
    write_photos(tmp_path / "images", ["a.jpg"])
    write_masks(tmp_path / "masks", ["a.png"])
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / turned / ("a.jpg" if turned == "images" else "a.png")
    with Image.open(path) as image:
        image.copy().save(path, exif=exif)

    with pytest.raises(InputError, match=rf"; they fit if {path} is not turned as its EXIF data"):
        check_samples(find_samples(tmp_path))


def test_masks_of_a_folder_that_are_all_alike_are_said_to_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    for name in ("one", "two"):
        write_carvana(tmp_path / name, [f"{name}a", f"{name}b"])
    samples = find_samples(tmp_path / "one", tmp_path / "two")

    check_object_shares(samples, [0, 0.5, 0.2, 0])
    assert not caplog.records
    check_object_shares(samples, [0, 0, 1, 1])

    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        f"all 2 masks read of {tmp_path}/one are empty",
        f"all 2 masks read of {tmp_path}/two are full",
    ]


def test_the_hash_of_a_photo_depends_on_its_content_alone(tmp_path: Path):
    write_photos(tmp_path / "images", ["a.png", "b.png"])
    write_photos(tmp_path / "images", ["c.png"], size=(4, 6))
    write_masks(tmp_path / "masks", ["a.png", "b.png", "c.png"])
    samples = find_samples(tmp_path)

    hashes = photo_hashes(samples)

    assert [len(value) for value in hashes] == [HASH_LENGTH] * 3
    assert hashes[0] == hashes[1] != hashes[2]
    assert [both.photo for both in hashes_of(samples)] == hashes
