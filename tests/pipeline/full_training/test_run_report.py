"""The page of a training."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from data.masks import write_mask
from pipeline.full_training.ending import Stages
from pipeline.full_training.held_out import HeldOut
from pipeline.full_training.run_report import charts_of, rendered, show_photo
from pipeline.inference.segmenter import Segmenter
from tests.builders import ellipse_sample, tiny_model
from tests.pipeline.full_training.test_ending import photo, rows
from tests.pipeline.full_training.test_journal import JOURNAL

STAGES: Stages = {
    name: {"": [row | {"loss": 0.5, "score_average": 0.9, "score_weights": 0.8} for row in level]}
    for name, level in (("coarse network", rows(0.8, 0.9)), ("refiner", rows(0.9, 0.95)))
}


class Outline(HTMLParser):
    """The addresses in a page, and whether its elements are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    assert not parser.open
    return parser


def test_the_page_is_whole_and_needs_no_network(tmp_path: Path):
    sample = ellipse_sample(tmp_path, (64, 96))
    result = photo("a", 0.9)
    one = replace(result, photo=str(sample.photo), mask=str(sample.mask))
    shown = show_photo(one, Segmenter.from_model(tiny_model()))

    found = outline(rendered("run", JOURNAL, HeldOut((one,)), STAGES, [shown]))

    assert len(found.addresses) == 4
    assert all(address.startswith("data:image/webp;base64,") for address in found.addresses)
    assert "script" not in found.tags
    assert found.tags.count("svg") == 4


def test_names_are_text_and_no_markup():
    odd = photo('<script>alert("x")</script>&', 0.9)

    page = rendered("<b>run</b>", JOURNAL, HeldOut((odd,)), STAGES, [])

    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page
    assert "<title>&lt;b&gt;run&lt;/b&gt;" in page


def test_the_page_says_what_the_command_says_and_how_settings_were_fitted():
    page = rendered("run", JOURNAL, HeldOut((photo("a", 0.9), photo("b", 0.95))), STAGES, [])

    text = re.sub(r"<[^>]+>|\s+", " ", page)
    assert "Dice 0.9250" in text
    assert "the worst photo has 0.9000, a" in text
    assert "data.val_share 0.2 why not" in text.replace("  ", " ")
    assert "coarse.steps 123 as many as there was time for" in re.sub(" +", " ", text)


def test_a_photo_without_a_contour_has_a_dash(tmp_path: Path):
    empty = photo("a", 1.0)
    empty = empty.__class__(**vars(empty) | {"boundary_error_px": None})

    assert '<td class="number">-</td>' in rendered("r", JOURNAL, HeldOut((empty,)), STAGES, [])


def test_an_empty_mask_is_shown_too(tmp_path: Path):
    sample = ellipse_sample(tmp_path, (64, 96))
    write_mask(sample.mask, np.zeros((64, 96), np.bool_))
    result = photo("a", 0.0)
    one = replace(result, photo=str(sample.photo), mask=str(sample.mask))

    shown = show_photo(one, Segmenter.from_model(tiny_model()))

    assert shown.whole.startswith("data:")


def test_of_several_trainings_each_has_a_line():
    one, other = rows(0.8, 0.9), rows(0.7, 0.85)
    for row in (*one, *other):
        row["loss"] = 0.1
    del other[0]["score"]

    scores, losses = charts_of({"fold-1": one, "fold-2": other, "all": []})

    assert [(line.name, len(line.points)) for line in scores.lines] == [
        ("fold-1", 2),
        ("fold-2", 1),
    ]
    assert [len(line.points) for line in losses.lines] == [2, 2]
