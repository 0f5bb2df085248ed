"""What is said of the values in masks, of what is taken for the object, and how it lies."""

import re
import shlex
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.arrays import Mask, Pixels
from tests.builders import foveamask, write_toml
from tests.data.mask_files import palette_image
from tests.pipeline.checking.photo_sets import (
    Pair,
    check,
    codes,
    finding,
    pair,
    stems,
    write_set,
)

Encode = Callable[[Mask], Pixels | Image.Image]

BLACK, GREEN, RED = (0, 0, 0), (0, 176, 0), (255, 0, 0)


def classes(mask: Mask) -> Pixels:
    """The object is of class 1 above the middle, and of class 2 below."""
    result = mask.astype(np.uint8)
    result[mask.shape[0] // 2 :] *= 2
    return result


def colours(mask: Mask) -> Pixels:
    return np.array([BLACK, GREEN, RED], np.uint8)[classes(mask)]


def transparent(mask: Mask) -> Pixels:
    return np.dstack([np.full((*mask.shape, 3), 90, np.uint8), mask * np.uint8(255)])


@pytest.mark.parametrize(
    ("encode", "suffix", "message"),
    [
        (lambda m: m * np.uint8(255), ".png", "grey values; 255 is the object, 0 is not"),
        (lambda m: m.astype(np.uint8), ".png", "grey values; 1 is the object, 0 is not"),
        (Image.fromarray, ".png", "grey values; 255 is the object, 0 is not"),
        (lambda m: m * np.uint8(255), ".gif", "grey values; 255 is the object, 0 is not"),
        (
            lambda m: palette_image(m, [BLACK, GREEN]),
            ".png",
            r"a palette; 1 \(#00b000\) is the object, 0 \(#000000\) is not",
        ),
        (
            lambda m: m * np.uint8(255),
            ".jpg",
            "grey values with soft edges or noise saved as JPEG; 0 to 255, cut at one half; the "
            "brighter part is the object",
        ),
        (transparent, ".png", "a picture with transparency; opaque is the object, transparent is"),
    ],
)
def test_what_is_taken_for_the_object_is_said(
    tmp_path: Path, encode: Encode, suffix: str, message: str
):
    found = check(write_set(tmp_path, 3, encode=encode, suffix=suffix))

    assert codes(found, "fatal", "suspect") == []
    assert finding(found, "mask-values").message.startswith("All 3 masks: ")
    assert re.search(message, finding(found, "mask-values").message)


def test_masks_of_several_kinds_are_told_apart(tmp_path: Path):
    write_set(tmp_path, 4)
    Image.fromarray(transparent(pair(2).mask)).save(tmp_path / "masks" / "a02.png")

    found = check(tmp_path)

    messages = [f.message for f in found.all if f.code == "mask-values"]
    assert [message.split(":")[0] for message in messages] == ["3 of 4 masks", "1 of 4 masks"]


@pytest.mark.parametrize(
    ("encode", "listed", "line"),
    [
        (classes, "0 (86 %), ", 'object = "not 0"'),
        (colours, "#000000 (86 %), #", 'object = "not 0"'),
        (lambda m: palette_image(classes(m), [BLACK, GREEN, RED]), "0 (#000000) (86 %), ", ""),
        (lambda m: classes(m) + np.uint8(3), "3 (86 %), ", "object = [4, 5]"),
    ],
)
def test_masks_of_classes_are_refused_with_a_line_that_makes_them_readable(
    tmp_path: Path, encode: Encode, listed: str, line: str
):
    write_set(tmp_path, 6, encode=encode)

    found = check(tmp_path)

    one = finding(found, "choose-object")
    assert one.severity == "fatal"
    assert listed in one.message
    assert line in one.message
    assert one.photos == ()
    settings = tomllib.loads("\n".join(ready_lines(one.message)))
    again = check(tmp_path, **settings["data"])
    assert codes(again, "fatal", "suspect") == []
    shares = [e.mask.share for e in again.examined if e.mask]
    assert shares == [pair(i).mask.mean() for i in range(6)]


def test_classes_that_only_masks_of_two_values_have_are_proposed_too(tmp_path: Path):
    """A mask with one class beside the background can be read, as something else than meant."""
    write_set(tmp_path, 6, encode=classes)
    Image.fromarray(pair(3).mask * np.uint8(3)).save(tmp_path / "masks" / "a03.png")

    one = finding(check(tmp_path), "choose-object")

    assert one.message.startswith("5 of 6 masks have several values")
    assert "3 (" in one.message
    assert 'object = "not 0"' in one.message


def test_for_masks_in_colour_among_class_indices_a_line_is_proposed_that_reads_both(
    tmp_path: Path,
):
    write_set(tmp_path, 6, encode=classes)
    Image.fromarray(colours(pair(3).mask)).save(tmp_path / "masks" / "a03.png")

    one = finding(check(tmp_path), "choose-object")

    assert 'object = "not 0"' in one.message
    again = check(tmp_path, object="not 0")
    assert [e.mask.share for e in again.examined if e.mask] == [
        pair(i).mask.mean() for i in range(6)
    ]


def ready_lines(message: str) -> list[str]:
    """The lines of a message that belong into a settings file."""
    lines = [line.strip() for line in message.splitlines() if line.startswith("    ")]
    return [line for line in lines if not line.startswith("--")]


def test_the_option_that_is_proposed_reads_the_masks(tmp_path: Path):
    write_set(tmp_path, 6, encode=colours)
    assert foveamask("check", tmp_path) == 1
    message = finding(check(tmp_path), "choose-object").message
    (option,) = (line.strip() for line in message.splitlines() if line.startswith("    --object"))

    assert foveamask("check", tmp_path, *shlex.split(option)) == 0
    assert foveamask("check", tmp_path, "--object", "not 0") == 0
    assert foveamask("check", tmp_path, "--object", "not") == 2
    settings = write_toml(tmp_path, "data = 1")
    assert foveamask("check", tmp_path, "--object", "1", "--config", settings) == 2


def test_values_that_no_mask_has_are_refused(tmp_path: Path):
    found = check(write_set(tmp_path, 4, encode=classes), object=[7])

    one = finding(found, "object-not-found")
    assert one.severity == "fatal"
    assert "data.object = [7], and no mask has a pixel of that. Found 0 (" in one.message


def test_the_object_that_was_chosen_is_the_one_that_is_measured(tmp_path: Path):
    found = check(write_set(tmp_path, 4, encode=classes), object=[2])

    shares = [e.mask.share for e in found.examined if e.mask]
    assert shares == [(classes(pair(i).mask) == 2).mean() for i in range(4)]
    assert "2 is the object, 0, 1 is not" in finding(found, "mask-values").message


@pytest.mark.parametrize(
    ("encode", "suffix"),
    [
        (lambda m: ~m * np.uint8(255), ".png"),
        (lambda m: (~m).astype(np.uint8), ".png"),
        (lambda m: ~m * np.uint8(255), ".jpg"),
    ],
)
def test_a_black_object_on_white_is_noticed_and_the_line_given_mends_it(
    tmp_path: Path, encode: Encode, suffix: str
):
    write_set(tmp_path, 6, encode=encode, suffix=suffix)

    found = check(tmp_path)

    one = finding(found, "inverted-set")
    assert one.severity == "suspect"
    assert "in all 6 photos" in one.message
    assert found.fatal == ()
    settings = tomllib.loads("\n".join(ready_lines(one.message)))
    again = check(tmp_path, **settings["data"])
    assert codes(again, "fatal", "suspect") == []
    shares = [e.mask.share for e in again.examined if e.mask]
    assert shares == pytest.approx([pair(i).mask.mean() for i in range(6)], abs=0.002)


def changing(index: int, change: Callable[[Pair], Pair]) -> Callable[[int, Pair], Pair]:
    return lambda i, one: change(one) if i == index else one


def test_one_mask_that_is_inverted_among_others_is_named(tmp_path: Path):
    write_set(tmp_path, 6, change=changing(2, lambda one: replace(one, mask=~one.mask)))

    one = finding(check(tmp_path), "inverted-mask")

    assert stems(one) == ["a02"]


@pytest.mark.parametrize(("value", "code"), [(0, "empty-mask"), (1, "full-mask")])
def test_a_mask_of_one_value_is_named(tmp_path: Path, value: int, code: str):
    def fill(one: Pair) -> Pair:
        return replace(one, mask=np.full_like(one.mask, value))

    one = finding(check(write_set(tmp_path, 5, change=changing(3, fill))), code)

    assert one.severity == "suspect"
    assert stems(one) == ["a03"]


@pytest.mark.parametrize(("side", "is_tiny"), [(8, True), (9, False)])
def test_an_object_below_20_pixels_at_working_size_is_named(
    tmp_path: Path, side: int, is_tiny: bool
):
    """Photos of 288 pixels are worked on at 691, 2.4 times as large."""

    def shrink(one: Pair) -> Pair:
        mask = np.zeros_like(one.mask)
        mask[90 : 90 + side, 100:104] = True
        return replace(one, mask=mask)

    found = check(write_set(tmp_path, 5, change=changing(1, shrink)))

    assert ("tiny-object" in codes(found)) == is_tiny
    if is_tiny:
        assert stems(finding(found, "tiny-object")) == ["a01"]


def test_the_share_of_the_object_and_what_is_cut_off_is_said(tmp_path: Path):
    def move(one: Pair) -> Pair:
        return Pair(np.roll(one.photo, -90, axis=0), np.roll(one.mask, -90, axis=0))

    found = check(write_set(tmp_path, 5, change=changing(4, move)))

    shares = sorted(round(100 * float(pair(i).mask.mean())) for i in range(5))
    share = finding(found, "object-share")
    assert f"covers {shares[0]} to {shares[-1]} % of a photo" in share.message
    assert stems(finding(found, "touches-border")) == ["a04"]


def test_what_is_proposed_for_colours_also_reads_masks_of_a_review(tmp_path: Path):
    """Which are black and white, and would be empty if only the colours were the object."""
    write_set(tmp_path, 6, encode=colours)
    settings = tomllib.loads(
        "\n".join(ready_lines(finding(check(tmp_path), "choose-object").message))
    )
    Image.fromarray(pair(2).mask * np.uint8(255)).save(tmp_path / "masks" / "a02.png")

    found = check(tmp_path, **settings["data"])

    assert [e.mask.share for e in found.examined if e.mask] == [
        pair(i).mask.mean() for i in range(6)
    ]
