from pathlib import Path

import pytest

from data.ranges import field_types
from pipeline.config import CHOICES, CoarseConfig, Config, RefinerConfig
from pipeline.settings_page import descriptions, settings_page
from pipeline.training.run_folder import NEVER_FIXED
from tests.builders import setting_names

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_the_page_of_settings_is_the_one_that_the_settings_make():
    assert PAGE.read_text() == settings_page(), (
        "run: python -m pipeline.settings_page > docs/reference/settings.md"
    )


def test_every_setting_has_a_row_with_a_sentence():
    sections = PAGE.read_text().split("\n## ")

    for name in setting_names(Config):
        table, _, key = name.rpartition(".")
        (section,) = [s for s in sections if s.startswith(f"`[{table}]`" if table else "Top level")]
        (row,) = [line for line in section.splitlines() if line.startswith(f"| `{key}` |")]
        assert row.rstrip(" |").endswith("."), name


def test_an_inherited_setting_has_the_description_of_its_own_class():
    assert descriptions(RefinerConfig)["batch_size"] == "Patches in a step of one process."
    assert descriptions(CoarseConfig)["batch_size"] == "Photos in a step of one process."


def test_the_page_names_what_may_always_change():
    *_, last = PAGE.read_text().split("\n## ")

    assert all(f"`{name}`" in last for name in (*NEVER_FIXED, "postprocess"))


@pytest.mark.parametrize("setting", CHOICES)
def test_each_table_of_options_is_one_of_the_choices_of_its_setting(setting: str):
    kind = field_types(CoarseConfig)[setting]

    assert set(CHOICES[setting]) <= set(kind.__args__)
