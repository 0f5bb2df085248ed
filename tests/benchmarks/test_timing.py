from collections.abc import Callable

import pytest

from benchmarks import timing
from benchmarks.timing import seconds_in_turn


def test_methods_take_turns_and_the_first_item_is_not_counted(monkeypatch: pytest.MonkeyPatch):
    now, calls = [0.0], []
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def method(name: str, seconds: float) -> Callable[[int], None]:
        def work(item: int) -> None:
            now[0] += seconds if (name, item) in calls else 100  # the first call takes long
            calls.append((name, item))

        return work

    seconds = seconds_in_turn([method("a", 1), method("b", 3)], [0])

    assert seconds == [1, 3]
    assert [name for name, _ in calls] == ["a", "b"] * (1 + timing.ROUNDS)
