from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.errors import InputError, SettingsError
from data.geometry import Size
from pipeline.inference.cutouts.background import Background


@pytest.mark.parametrize(
    ("text", "rgb"),
    [
        ("white", (255, 255, 255)),
        ("#ff8000", (255, 128, 0)),
        ("#08F", (0, 136, 255)),
        ("Red", (255, 0, 0)),
    ],
)
def test_colours_have_names_and_numbers(text: str, rgb: tuple[int, ...]):
    background = Background.parse(text)

    assert (background.covering(Size(3, 5)) == rgb).all()
    assert background.covering(Size(3, 5)).shape == (3, 5, 3)


def test_one_colour_has_one_text():
    assert Background.parse("white").text == Background.parse("#FFFFFF").text == "#ffffff"


@pytest.mark.parametrize("size", [Size(40, 40), Size(10, 80), Size(90, 20), Size(7, 13)])
def test_a_picture_covers_any_size_in_the_middle(tmp_path: Path, size: Size):
    picture = np.zeros((30, 60, 3), np.uint8)
    picture[:, 29:31] = 255
    Image.fromarray(picture).save(tmp_path / "room.png")

    covering = Background.parse(str(tmp_path / "room.png")).covering(size)

    assert covering.shape == (*size, 3)
    brightness = covering.sum(axis=(0, 2)).astype(float)
    middle = (brightness * np.arange(size.width)).sum() / brightness.sum()
    assert middle == pytest.approx((size.width - 1) / 2, abs=0.6)


def test_another_picture_has_another_text(tmp_path: Path):
    for name, shade in (("a", 1), ("b", 2), ("c", 1)):
        Image.new("RGB", (4, 4), (shade, 0, 0)).save(tmp_path / f"{name}.png")

    a, b, c = (Background.parse(str(tmp_path / f"{name}.png")).text for name in "abc")

    assert a == c != b


def test_what_is_no_background_is_refused(tmp_path: Path):
    (tmp_path / "notes").write_text("notes")
    with pytest.raises(SettingsError, match="'blanc' is neither"):
        Background.parse("blanc")
    with pytest.raises(InputError, match="is a folder"):
        Background.parse(str(tmp_path))
    with pytest.raises(InputError, match="is not an image"):
        Background.parse(str(tmp_path / "notes"))
