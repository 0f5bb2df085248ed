"""Whether a pattern of groups fits the photos."""

import logging

import pytest

from data.errors import SettingsError
from data.groups import CARVANA_GROUP, check_pattern

STEMS = [f"car-{letter}_{number}" for letter in "abcd" for number in range(4)]


@pytest.mark.parametrize("pattern", [r"(car-[a-d])", r"(shoe)_\d"])
def test_a_pattern_that_fits_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(SettingsError, match=r"fits none of the 16 photos, such as 'car-a_0'"):
        check_pattern(pattern, STEMS)


def test_a_pattern_that_fits_some_is_said_to(caplog: pytest.LogCaptureFixture) -> None:
    check_pattern(r"(car-[ab])_\d", STEMS)

    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "fits 8 of 16 photos; each other one, such as 'car-c_0'" in caplog.text


def test_a_pattern_that_fits_all_needs_no_word(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    check_pattern(r"(car-[a-d])_\d", STEMS)

    assert not caplog.records


def test_without_a_pattern_of_their_own_photos_are_groups_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    check_pattern(CARVANA_GROUP, STEMS)

    assert "each of the 16 photos is a group of its own" in caplog.text
