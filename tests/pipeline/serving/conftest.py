from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.pipeline.serving.serving import client_of


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with client_of() as client:
        yield client
