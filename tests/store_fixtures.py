"""Fixtures of tests with object stores."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from data.stores import object_store

if TYPE_CHECKING:
    from tests.s3_server import S3Server


@pytest.fixture(scope="session")
def s3_server() -> "Iterator[S3Server]":
    """A server of S3, started once."""
    from tests.s3_server import running  # which takes seconds to import

    with running() as server:
        yield server


@pytest.fixture
def s3(s3_server: "S3Server", monkeypatch: pytest.MonkeyPatch) -> "S3Server":
    """The server, without failures, and the environment in which clients find it."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(object_store, "PAUSES", (0.02, 0.02, 0.02, 0.02))
    s3_server.reset()
    return s3_server
