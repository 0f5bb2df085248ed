"""Endpoints that answer what a worker thread computes, within limits; what becomes of errors."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipeline.serving.api_error import ApiError, too_late
from pipeline.serving.form_fields import Form
from pipeline.serving.form_reading import declared_size, read_form
from pipeline.serving.photo_engine import PhotoEngine
from pipeline.serving.reply import Reply
from pipeline.serving.service_metrics import ServiceMetrics

log = logging.getLogger(__name__)

Work = Callable[[Form, PhotoEngine, Request], Reply]
"""Makes the answer of a form, in a worker thread."""

Endpoint = Callable[[Request], Awaitable[Response]]


def answering(engine: PhotoEngine, metrics: ServiceMetrics, work: Work) -> Endpoint:
    """Return the endpoint that answers a form with what `work` makes of it.

    The form of a GET is its query.
    """

    async def answer(request: Request) -> Response:
        engine.check_free()
        is_posted = request.method == "POST"
        with engine.holding(declared_size(request, engine.limits) if is_posted else 0):
            try:
                async with asyncio.timeout(engine.limits.seconds):
                    form: Form = dict(request.query_params)
                    if is_posted:
                        form = await read_form(request, engine.limits)
                    return _response(await engine.run(lambda: work(form, engine, request)))
            except TimeoutError as error:
                raise too_late(engine.limits.seconds) from error

    async def serve(request: Request) -> Response:
        start = time.perf_counter()
        try:
            response = await answer(request)
        except ApiError as error:
            response = error.response()
        except Exception:
            log.exception("%s failed", request.url.path)
            message = "The server failed; its log says where"
            response = ApiError(500, "internal_error", message).response()
        metrics.saw(request.url.path, response.status_code, time.perf_counter() - start)
        return response

    return serve


def _response(reply: Reply) -> Response:
    name = f"attachment; filename*=UTF-8''{quote(reply.name, safe='')}"
    headers = {**reply.headers, "Content-Disposition": name}
    return Response(reply.body, media_type=reply.media_type, headers=headers)


async def on_http_error(_: Request, error: Exception) -> Response:
    """Return the answer where there is no such path or method, as JSON like all errors."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    phrase = HTTPStatus(status).phrase
    response = ApiError(status, phrase.lower().replace(" ", "_"), phrase).response()
    response.headers.update((isinstance(error, HTTPException) and error.headers) or {})
    return response
