import io
import logging
import sys
from types import SimpleNamespace

import pytest

from pipeline import progress as module
from pipeline.progress import progress

SHOW_CURSOR = "\x1b[?25h"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still until `now` is set; stderr is no terminal."""
    fake = SimpleNamespace(now=100.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: fake.now))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    return fake


def test_a_log_has_a_line_every_so_often_and_one_at_the_end(
    clock: SimpleNamespace, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)

    with progress("making patches") as on_photo:
        for done in range(1, 41):
            clock.now += 1
            on_photo(done, 40)

    assert module.SECONDS_BETWEEN_LINES == 15
    assert caplog.messages == [f"making patches {done}/40" for done in (15, 30, 40)]


def test_what_is_quickly_done_is_one_line(clock: SimpleNamespace, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)

    with progress("evaluating") as on_photo:
        for done in range(1, 6):
            on_photo(done, 5)

    assert caplog.messages == ["evaluating 5/5"]


def test_what_never_begins_says_nothing(clock: SimpleNamespace, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)

    with progress("evaluating"):
        clock.now += 99

    assert not caplog.messages


def test_a_terminal_has_a_bar_in_the_place_of_lines(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")

    with progress("decoding photos") as on_photo:
        for done in (1, 2, 7):
            on_photo(done, 7)

    assert "decoding photos" in terminal.getvalue()
    assert "7/7" in terminal.getvalue()
    assert not caplog.messages


def test_an_error_ends_the_bar_and_is_passed_on(monkeypatch: pytest.MonkeyPatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    def half() -> None:
        with progress("evaluating") as on_photo:
            on_photo(1, 2)
            raise LookupError

    with pytest.raises(LookupError):
        half()
    assert SHOW_CURSOR in terminal.getvalue()
