"""`foveamask review` answers as its OpenAPI document says, whatever it is asked."""

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.reviewing.review_app import ReviewCalls, review_app
from pipeline.reviewing.review_description import document
from tests.pipeline.documented_apis import DocumentedApi
from tests.pipeline.reviewing.reviews import Batch
from tests.pipeline.serving.serving import engine_of

NAMES = ["car_0", "car_1"]


def with_names(part: Any, key: str = "") -> Any:
    """A document in which the names are those of a batch."""
    if isinstance(part, list):
        return [with_names(each) for each in part]
    if not isinstance(part, dict):
        return part
    if part.get("in") == "query":
        return part | {"schema": part["schema"] | {"enum": NAMES}}
    named = {"enum": NAMES} if key == "name" and part.get("type") == "string" else {}
    return {name: with_names(each, name) for name, each in part.items()} | named


API = DocumentedApi(with_names(document()))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentedApi]:
    batch = Batch(tmp_path_factory.mktemp("batch"), num=len(NAMES)).predict()
    desk = batch.desk()
    engine = engine_of(desk.segmenter)
    app = review_app(engine, "bright", ReviewCalls(desk, None, 0.99))
    with API.served_by(engine, app):
        yield API


globals().update(API.tests())


def test_every_call_was_answered(served: DocumentedApi):
    if not served.statuses:
        pytest.skip("the tests that make the requests were not run")

    assert {path for path, status in served.statuses if status == 200} == set(document()["paths"])
