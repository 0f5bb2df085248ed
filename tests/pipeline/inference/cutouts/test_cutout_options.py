import re
from typing import Any

import pytest

from data.errors import SettingsError
from pipeline.inference.cutouts.background import Background
from pipeline.inference.cutouts.crop_box import Margin
from pipeline.inference.cutouts.cutout_files import cutout_output
from pipeline.inference.cutouts.cutout_options import CutoutOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "jpg"}, "--format jpg has no transparency: add --background white"),
        ({"quality": 90}, "--format png loses nothing, so it has no --quality"),
        ({"quality": 0, "format": "webp"}, "--quality is a number from 1 to 100, not 0"),
        ({"format": "gif"}, "--format is one of png, webp, jpg, avif, not 'gif'"),
        ({"margin": Margin(3, is_share=False)}, "add --crop object or --crop group"),
        ({"grow": 1.0, "alpha": "probability"}, "--alpha probability has none to move"),
        ({"grow": float("nan")}, "--grow is a number of pixels from -100 to 100, not nan"),
        ({"grow": 101}, "--grow is a number of pixels"),
        ({"alpha": "soft"}, "--alpha is one of"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], message: str):
    with pytest.raises(SettingsError, match=re.escape(message)):
        CutoutOptions(**options)


def test_jpeg_holds_what_is_laid_on_a_background():
    options = CutoutOptions(format="jpg", background=Background.parse("white"))

    assert options.form.name == "jpg"


def test_every_option_is_in_the_text_of_a_manifest():
    white, margin = Background.parse("white"), Margin(0.03, is_share=True)
    others: list[dict[str, Any]] = [
        {},
        {"alpha": "probability"},
        {"grow": 0.5},
        {"background": white},
        {"format": "webp"},
        {"format": "webp", "quality": 50},
        {"crop": "object"},
        {"crop": "group"},
        {"crop": "object", "margin": margin},
        {"metadata": False},
    ]

    texts = {cutout_output(CutoutOptions(**options), boxes={}).made_with for options in others}

    assert len(texts) == len(others)
    assert len({CutoutOptions(**options).alpha_text() for options in others}) == 3


def test_the_default_quality_is_that_quality():
    default, same = CutoutOptions(format="webp"), CutoutOptions(format="webp", quality=90)

    assert default.cutout_text() == same.cutout_text()
