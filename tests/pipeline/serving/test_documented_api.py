"""`foveamask serve` answers as its OpenAPI document says, whatever it is asked."""

from collections.abc import Iterator

import pytest

from pipeline.serving.openapi import document
from pipeline.serving.service_limits import ServiceLimits
from pipeline.serving.web_app import CALLS, web_app
from tests.pipeline.documented_apis import DocumentedApi
from tests.pipeline.serving.serving import engine_of

API = DocumentedApi(document(ServiceLimits()))


@pytest.fixture(scope="module")
def served() -> Iterator[DocumentedApi]:
    engine = engine_of()
    with API.served_by(engine, web_app(engine, "bright")):
        yield API


globals().update(API.tests())


def test_calls_were_answered_as_well_as_refused(served: DocumentedApi):
    if not served.statuses:
        pytest.skip("the tests that make the requests were not run")

    for path in CALLS:
        assert {200, 400, 405, 415} == {status for at, status in served.statuses if at == path}
