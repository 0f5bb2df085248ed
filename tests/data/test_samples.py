import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data.errors import InputError, SettingsError
from data.samples import (
    Sample,
    check_samples,
    combined,
    digests,
    find_photos,
    find_samples,
    fingerprint,
    fold_of,
    group_of,
    in_validation,
    split,
)

CARS = ("0123456789ab", "fedcba987654", "00087a6bd4dc")


def write_photos(folder: Path, names: Iterable[str], size: tuple[int, int] = (6, 4)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", size, "teal").save(folder / name)


def write_masks(folder: Path, names: Iterable[str], size: tuple[int, int] = (6, 4)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        mask = np.zeros(size[::-1], np.uint8)
        mask[:2] = 1
        Image.fromarray(mask).save(folder / name)


def write_carvana(data: Path, stems: Iterable[str]) -> None:
    stems = list(stems)
    write_photos(data / "train", [f"{stem}.jpg" for stem in stems])
    write_masks(data / "train_masks", [f"{stem}_mask.gif" for stem in stems])


def samples_of(groups: Iterable[str], photos_each: int = 3) -> list[Sample]:
    return [
        Sample(f"{group}_{i:02}", Path(f"{group}_{i:02}.jpg"), Path("mask.gif"), group)
        for group in groups
        for i in range(photos_each)
    ]


def test_the_carvana_layout_is_found(tmp_path: Path):
    write_carvana(tmp_path, [f"{CARS[1]}_01", f"{CARS[0]}_02", f"{CARS[0]}_01"])

    samples = find_samples(tmp_path)

    name = f"{CARS[0]}_01"
    photo, mask = tmp_path / "train" / f"{name}.jpg", tmp_path / "train_masks" / f"{name}_mask.gif"
    assert samples[0] == Sample(name, photo, mask, CARS[0])
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

    assert str(caught.value).splitlines() == [
        f"{tmp_path}/images/a.jpg has no mask",
        f"{tmp_path}/images/c.jpg has no mask",
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

    with pytest.raises(InputError, match=r"train/ and train_masks/ or images/ and masks/"):
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
    assert problems[3] == f"{tmp_path}/images/size.png is 4 x 6, its mask 6 x 4"


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
    assert group_of("b1", re.compile(pattern)) == "b1"


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


@given(st.integers(0, 99), st.sampled_from([0.2, 0.5, 0.8]))
def test_photos_of_one_car_stay_together(seed: int, share: float):
    samples = samples_of(f"car{i}" for i in range(80))

    train, held_out = split(samples, share=share, seed=seed)

    assert {s.group for s in train}.isdisjoint(s.group for s in held_out)
    assert sorted(train + held_out) == sorted(samples)
    for side in (train, held_out):  # in the order they came in
        assert side == [sample for sample in samples if sample in side]


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_about_the_share_asked_for_is_held_out(share: float):
    groups = [f"car{i}" for i in range(4000)]

    held_out = [in_validation(group, share=share) for group in groups]

    assert np.mean(held_out) == pytest.approx(share, abs=0.025)


def test_a_group_whose_name_is_no_text_has_a_side():
    assert in_validation("caf\udce9", share=1.0)


def test_a_group_never_changes_sides():
    before = samples_of((f"car{i}" for i in range(20)), photos_each=2)
    after = samples_of((f"car{i}" for i in range(-30, 30)), photos_each=4)

    train, held_out = split(before, share=0.3)
    later_train, later_held_out = split(after[::-1], share=0.3)

    assert {s.group for s in train} < {s.group for s in later_train}
    assert {s.group for s in held_out} < {s.group for s in later_held_out}


def test_a_larger_share_holds_out_the_same_groups_and_more():
    groups = [f"car{i}" for i in range(300)]

    small, large = (
        {group for group in groups if in_validation(group, share=share)} for share in (0.1, 0.3)
    )

    assert small < large


def test_the_split_never_changes_by_accident():
    # Another split would let a network be scored on the cars that it was trained on.
    held_out = [i for i in range(40) if in_validation(f"car{i}", share=0.2)]

    assert held_out == [5, 6, 9, 11, 20, 21, 23, 31, 38]
    assert held_out != [i for i in range(40) if in_validation(f"car{i}", share=0.2, seed=1)]


def test_equal_shares_side_by_side_hold_out_every_group_once():
    groups = [f"car{i}" for i in range(300)]

    held_out = [
        group
        for i in range(3)
        for group in groups
        if in_validation(group, share=1 / 3, start=i / 3, seed=2)
    ]

    assert sorted(held_out) == sorted(groups)


def test_folds_part_the_groups_that_are_not_held_out_evenly():
    groups = [f"car{i}" for i in range(3000)]
    kept = [group for group in groups if not in_validation(group, share=0.5)]

    folds = Counter(fold_of(group, 5) for group in kept)

    assert set(folds) == {0, 1, 2, 3, 4}
    assert all(0.8 < 5 * count / len(kept) < 1.2 for count in folds.values())


def test_folds_are_even_and_every_group_is_in_one():
    groups = [f"car{i}" for i in range(3000)]

    folds = Counter(fold_of(group, 5) for group in groups)

    assert set(folds) == {0, 1, 2, 3, 4}
    assert all(500 < count < 700 for count in folds.values())
    assert Counter(fold_of(group, 5, seed=1) for group in groups) != folds


@given(st.text(), st.integers(1, 20), st.integers(0, 5))
def test_a_fold_is_one_of_those_there_are(group: str, num_folds: int, seed: int):
    assert 0 <= fold_of(group, num_folds, seed=seed) < num_folds


@pytest.mark.parametrize(
    ("held_out", "side"), [(False, "validation"), (True, "training")], ids=["none", "all"]
)
def test_a_split_with_an_empty_side_is_refused(held_out: bool, side: str):
    groups = [f"car{i}" for i in range(99)]
    group = next(g for g in groups if in_validation(g, share=0.2) == held_out)

    with pytest.raises(InputError, match=f"no photo for {side}: 1 groups, data.val_share = 0.2"):
        split(samples_of([group]), share=0.2)


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


def test_a_split_with_an_empty_side_says_which_seed_would_do():
    samples = samples_of([f"car{i}" for i in range(4)])
    refused = next(seed for seed in range(50) if _is_refused(samples, seed))

    with pytest.raises(InputError, match=r"data\.split_seed = ") as caught:
        split(samples, share=0.2, seed=refused)

    (proposed,) = re.findall(r"data\.split_seed = (\d+) would do", str(caught.value))
    kept, held_out = split(samples, share=0.2, seed=int(proposed))
    assert kept
    assert held_out


def test_a_single_group_cannot_be_split():
    with pytest.raises(InputError, match="two groups at least"):
        split(samples_of(["only"]), share=0.5)


def _is_refused(samples: list[Sample], seed: int) -> bool:
    try:
        split(samples, share=0.2, seed=seed)
    except InputError:
        return True
    return False


def test_photos_of_several_folders_are_found_in_the_order_of_their_names(tmp_path: Path):
    write_carvana(tmp_path / "one", ["b", "d"])
    write_carvana(tmp_path / "two", ["a", "c"])

    samples = find_samples(tmp_path / "one", tmp_path / "two")

    assert [sample.name for sample in samples] == ["a", "b", "c", "d"]
    assert samples[0].photo.parent.parent == tmp_path / "two"


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
