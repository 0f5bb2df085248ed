import re
from pathlib import Path

import pytest
from PIL import Image

from data.errors import InputError, SettingsError
from data.fingerprints import combined, digests, fingerprint
from data.groups import groups_of
from data.samples import Sample, check_samples, find_photos, find_samples
from tests.layouts import write_carvana, write_masks, write_photos

CARS = ("0123456789ab", "fedcba987654", "00087a6bd4dc")


def test_the_carvana_layout_is_found(tmp_path: Path):
    write_carvana(tmp_path, [f"{CARS[1]}_01", f"{CARS[0]}_02", f"{CARS[0]}_01"])

    samples = find_samples(tmp_path)

    name = f"{CARS[0]}_01"
    photo, mask = tmp_path / "train" / f"{name}.jpg", tmp_path / "train_masks" / f"{name}_mask.gif"
    assert samples[0] == Sample(name, photo, mask, CARS[0], tmp_path)
    assert [s.name for s in samples] == [f"{CARS[0]}_01", f"{CARS[0]}_02", f"{CARS[1]}_01"]
    assert [s.group for s in samples] == [CARS[0], CARS[0], CARS[1]]


def test_folders_of_equal_stems_are_found(tmp_path: Path):
    write_photos(tmp_path / "images", ["b.png", "a.jpg", "c.tif"])
    write_masks(tmp_path / "masks", ["a.png", "b.gif", "c.png"])

    samples = find_samples(tmp_path)

    assert [(s.photo.name, s.mask.name) for s in samples] == [
        ("a.jpg", "a.png"),
        ("b.png", "b.gif"),
        ("c.tif", "c.png"),
    ]
    assert [s.group for s in samples] == ["a", "b", "c"]


def test_upper_case_suffixes_are_found(tmp_path: Path):
    write_photos(tmp_path / "images", ["a.JPG", "b.Jpeg", "c.PNG"])
    write_masks(tmp_path / "masks", ["a.PNG", "b.GIF", "c.png"])

    assert [s.photo.name for s in find_samples(tmp_path)] == ["a.JPG", "b.Jpeg", "c.PNG"]


def test_other_and_hidden_files_are_ignored(tmp_path: Path):
    write_photos(tmp_path / "images", ["a.jpg"])
    write_masks(tmp_path / "masks", ["a.png"])
    for name in ("images/._a.jpg", "images/.b.jpg", "images/notes.txt", "masks/._a.png"):
        (tmp_path / name).write_text("no picture")

    assert [s.name for s in find_samples(tmp_path)] == ["a"]
    assert find_photos(tmp_path / "images") == [tmp_path / "images" / "a.jpg"]


def test_all_files_without_a_partner_are_named(tmp_path: Path):
    write_photos(tmp_path / "images", ["a.jpg", "b.jpg", "c.jpg"])
    write_masks(tmp_path / "masks", ["b.png", "d.png", "e.gif"])

    with pytest.raises(InputError) as caught:
        find_samples(tmp_path)

    first, second, *others = str(caught.value).splitlines()
    assert first == f"{tmp_path}/images/a.jpg has no mask"
    assert second.startswith(f"{tmp_path}/images/c.jpg has no mask in {tmp_path}/masks (looked for")
    assert "<stem>, <stem>_mask, " in second
    assert others == [
        f"{tmp_path}/masks/d.png has no photo",
        f"{tmp_path}/masks/e.gif has no photo",
    ]


@pytest.mark.parametrize("folder", ["images", "masks"])
def test_two_files_of_one_stem_are_refused(tmp_path: Path, folder: str):
    write_photos(tmp_path / "images", ["a.jpg", "b.jpg"])
    write_masks(tmp_path / "masks", ["a.png", "b.png"])
    for stem in ("a", "b"):
        other = tmp_path / folder / (f"{stem}.gif" if folder == "masks" else f"{stem}.webp")
        Image.new("L", (6, 4)).save(other)

    with pytest.raises(InputError) as caught:
        find_samples(tmp_path)

    assert len(re.findall("have the same stem", str(caught.value))) == 2


def test_a_folder_of_no_known_layout_is_refused(tmp_path: Path):
    (tmp_path / "train").mkdir()

    with pytest.raises(InputError, match=r"train/ and train_masks/, or photos in images/, "):
        find_samples(tmp_path)
    with pytest.raises(InputError, match=r"no such folder: .*missing"):
        find_samples(tmp_path / "missing")


def test_all_pairs_that_do_not_fit_are_named(tmp_path: Path):
    write_photos(tmp_path / "images", ["good.png", "size.png", "photo.png", "mask.png", "grey.png"])
    write_masks(tmp_path / "masks", ["good.png", "photo.png", "mask.png"])
    write_masks(tmp_path / "masks", ["size.png"], size=(4, 6))
    (tmp_path / "images" / "photo.png").write_bytes(b"")
    (tmp_path / "masks" / "mask.png").write_bytes(b"")
    Image.linear_gradient("L").resize((6, 4)).save(tmp_path / "masks" / "grey.png")
    samples = find_samples(tmp_path)

    with pytest.raises(InputError) as caught:
        check_samples(samples)

    problems = str(caught.value).splitlines()
    assert len(problems) == 4
    assert f"{tmp_path}/masks/grey.png has" in problems[0]
    assert f"{tmp_path}/masks/mask.png is not an image" in problems[1]
    assert f"{tmp_path}/images/photo.png is not an image" in problems[2]
    assert problems[3] == (
        f"{tmp_path}/images/size.png is 4 x 6, its mask 6 x 4; they fit if one of them is turned "
        "by 90 degrees"
    )


def test_a_turned_photo_fits_its_upright_mask(tmp_path: Path):
    (tmp_path / "images").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(tmp_path / "images" / "a.jpg", exif=exif)
    write_masks(tmp_path / "masks", ["a.png"], size=(4, 6))

    check_samples(find_samples(tmp_path))


@pytest.mark.parametrize(
    ("stem", "group"),
    [
        ("0cdf5b5d0ce1_01", "0cdf5b5d0ce1"),
        ("0cdf5b5d0ce1_16", "0cdf5b5d0ce1"),
        ("0cdf5b5d0ce1", "0cdf5b5d0ce1"),
        ("0cdf5b5d0ce1_1", "0cdf5b5d0ce1_1"),
        ("0cdf5b5d0ce1_01_copy", "0cdf5b5d0ce1_01_copy"),
        ("my_0cdf5b5d0ce1_01", "my_0cdf5b5d0ce1_01"),
        ("0CDF5B5D0CE1_01", "0CDF5B5D0CE1_01"),
        ("shoe_01", "shoe_01"),
    ],
)
def test_a_car_is_what_comes_before_the_angle(tmp_path: Path, stem: str, group: str):
    write_carvana(tmp_path, [stem])

    assert find_samples(tmp_path)[0].group == group


def test_groups_go_by_the_pattern_asked_for(tmp_path: Path):
    write_photos(tmp_path / "images", ["shoe-red-1.jpg", "shoe-red-2.jpg", "odd.jpg"])
    write_masks(tmp_path / "masks", ["shoe-red-1.png", "shoe-red-2.png", "odd.png"])

    samples = find_samples(tmp_path, group_pattern=r"(\w+-\w+)-\d+")

    assert {s.name: s.group for s in samples} == {
        "odd": "odd",
        "shoe-red-1": "shoe-red",
        "shoe-red-2": "shoe-red",
    }


@pytest.mark.parametrize("pattern", [r"(a)?b.*", r"()b.*"])
def test_a_bracket_that_matches_nothing_makes_a_group_of_its_own(pattern: str):
    assert groups_of(["b1", "c1"], pattern) == ["b1", "c1"]


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("([a-z", "is no regular expression: unterminated character set at position 1"),
        ("(car_", "is no regular expression: missing \\), unterminated subpattern"),
        (r"\w+_\d\d", "put the part that names the group in brackets, as in"),
    ],
)
def test_a_pattern_at_fault_is_an_error_of_the_settings(tmp_path: Path, pattern: str, problem: str):
    write_carvana(tmp_path, ["a"])

    with pytest.raises(SettingsError, match=rf"data\.group is .*{problem}"):
        find_samples(tmp_path, group_pattern=pattern)


def test_a_single_photo_is_found(tmp_path: Path):
    write_photos(tmp_path, ["a.jpg", "b.jpg"])

    assert find_photos(tmp_path / "b.jpg") == [tmp_path / "b.jpg"]


def test_photos_are_found_in_the_order_of_their_names(tmp_path: Path):
    write_photos(tmp_path, ["c.png", "a.jpg", "B.JPG", "b.webp", "d.bmp"])
    write_photos(tmp_path / "deeper", ["z.jpg"])

    names = [path.name for path in find_photos(tmp_path)]

    assert names == ["B.JPG", "a.jpg", "b.webp", "c.png", "d.bmp"]


def test_photos_and_folders_of_them_are_found_in_the_order_given(tmp_path: Path):
    write_photos(tmp_path, ["z.jpg"])
    write_photos(tmp_path / "folder", ["b.jpg", "a.jpg"])

    found = find_photos(tmp_path / "z.jpg", tmp_path / "folder")

    assert [path.name for path in found] == ["z.jpg", "a.jpg", "b.jpg"]


def test_no_photos_are_an_error(tmp_path: Path):
    (tmp_path / "note.txt").write_text("nothing here")

    with pytest.raises(InputError, match=r"no photos in .* \(looked for \.jpg, "):
        find_photos(tmp_path)
    with pytest.raises(InputError, match=r"no such photo or folder: .*missing"):
        find_photos(tmp_path / "missing")


def test_photos_whose_masks_would_have_one_name_are_refused(tmp_path: Path):
    write_photos(tmp_path, ["a.jpg", "a.png"])

    write_photos(tmp_path / "more", ["a.jpg"])

    with pytest.raises(InputError, match=r"a\.jpg and .*a\.png have the same stem"):
        find_photos(tmp_path)
    with pytest.raises(InputError, match=r"a\.jpg and .*more/a\.jpg have the same stem"):
        find_photos(tmp_path / "a.jpg", tmp_path / "more")


def test_a_fingerprint_changes_with_any_file_and_with_nothing_else(tmp_path: Path):
    write_carvana(tmp_path, ["0123456789ab_01", "0123456789ab_02"])
    samples = find_samples(tmp_path)
    before = fingerprint(samples)
    samples[0].mask.touch()

    assert fingerprint(samples) == before

    data = bytearray(samples[1].mask.read_bytes())
    data[-2] ^= 1  # of the same length as before
    samples[1].mask.write_bytes(data)
    assert fingerprint(samples) != before
    assert fingerprint(samples[:1]) != before


def test_a_file_that_is_gone_has_no_fingerprint(tmp_path: Path):
    write_carvana(tmp_path, ["0123456789ab_01", "0123456789ab_02"])
    samples = find_samples(tmp_path)
    samples[1].photo.unlink()

    with pytest.raises(InputError, match=r"0123456789ab_02\.jpg cannot be read"):
        fingerprint(samples)


def test_photos_of_several_folders_are_found_in_the_order_of_their_names(tmp_path: Path):
    write_carvana(tmp_path / "one", ["b", "d"])
    write_carvana(tmp_path / "two", ["a", "c"])

    samples = find_samples(tmp_path / "one", tmp_path / "two")

    assert [sample.name for sample in samples] == ["a", "b", "c", "d"]
    assert [sample.folder.name for sample in samples] == ["two", "one", "two", "one"]


def test_a_photo_that_two_folders_have_is_refused(tmp_path: Path):
    write_carvana(tmp_path / "one", ["a", "b"])
    write_carvana(tmp_path / "two", ["b"])

    with pytest.raises(InputError, match=r"one/train/b\.\w+ and .*two/train/b\.\w+ have the same"):
        find_samples(tmp_path / "one", tmp_path / "two")


def test_a_fingerprint_is_that_of_the_digests(tmp_path: Path):
    write_carvana(tmp_path, [f"{car}_01" for car in CARS])
    samples = find_samples(tmp_path)

    assert combined(digests(samples)) == fingerprint(samples)
    assert len(set(digests(samples))) == 3
