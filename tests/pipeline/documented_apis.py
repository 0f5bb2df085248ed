"""What an OpenAPI document says, tried by schemathesis on the server itself, in this process.

It makes requests that a document allows and requests that it does not, and compares the answers
with the document: statuses, media types, headers and bodies, and that what it does not allow is
refused. That all that it allows is taken is left out: no schema says which steps, margins and
colours there are, nor which fields go with which others.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from pipeline.serving.photo_engine import PhotoEngine
from tests.pipeline.serving.serving import PHOTO

schemathesis.openapi.media_type("image/png", st.just(PHOTO))

CONFIG = {
    "seed": 1,
    "generation": {
        "deterministic": True,
        "max-examples": 10,
        "database": "none",
        "no-shrink": True,
    },
    "checks": {"positive_data_acceptance": {"enabled": False}},
}


class DocumentedApi:
    """A document, and a server that is started later than tests are collected."""

    def __init__(self, document: dict[str, Any]) -> None:
        config = SchemathesisConfig.from_dict(CONFIG)
        self.schema = schemathesis.openapi.from_dict(document, config=config)
        self.schema.app = self._answer
        self.statuses: Counter[tuple[str, int]] = Counter()
        """How often a path has answered with a status."""
        self._app: Starlette | None = None

    @contextmanager
    def served_by(self, engine: PhotoEngine, app: Starlette) -> Iterator["DocumentedApi"]:
        """Let an application answer."""
        engine.start()
        self._app = app
        try:
            yield self
        finally:
            engine.stop()

    def check(self, case: Case) -> None:
        """Make a request, and fail unless its answer is as the document says."""
        answer = case.call_and_validate(base_url="http://localhost:8000")
        self.statuses[case.path, answer.status_code] += 1

    def tests(self) -> dict[str, Callable[..., None]]:
        """Return a test of each call by its name; each takes a fixture `served`.

        Schemathesis itself gives all of them one name, and xdist would run one of them only.
        """
        found = {}
        for path, methods in self.schema.raw_schema["paths"].items():
            for method in methods:
                name = re.sub(r"\W+", "_", f"test_{method}{path}_answers_as_documented")
                chosen = self.schema.include(path=path, method=method.upper())
                found[name] = chosen.parametrize()(_test(name))
        return found

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._app is not None
        await self._app(scope, receive, send)


def _test(name: str) -> Callable[..., None]:
    def test(case: Case, served: DocumentedApi) -> None:
        served.check(case)

    test.__name__ = name
    return test
