"""Mirrors that are put up for a test."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from data.stores import object_store
from data.stores.object_mirror import ObjectMirror
from tests.data.stores.counting_store import CountingStore, Up


@pytest.fixture
def up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Up]:
    """Puts mirrors up, until the test ends."""
    monkeypatch.setattr(object_store, "PAUSES", (0.01,))
    with ExitStack() as stack:

        def put_up(
            store: CountingStore, name: str = "mirror", only: str | None = None
        ) -> ObjectMirror:
            root = tmp_path.resolve() / name
            root.mkdir()
            found = store.found(store.place)
            mirror = ObjectMirror(store.place, root, store, found, only=only)
            stack.enter_context(mirror.up())
            return mirror

        yield put_up
