"""The server as an ASGI application: routes, limits of time and room, what becomes of errors."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipeline.model import identity, own_version
from pipeline.serving.api_error import ApiError, too_late
from pipeline.serving.form_fields import Form
from pipeline.serving.form_reading import declared_size, read_form
from pipeline.serving.masks_call import MasksCall
from pipeline.serving.openapi import document
from pipeline.serving.photo_engine import PhotoEngine
from pipeline.serving.removebg_call import RemoveBgCall
from pipeline.serving.reply import Reply
from pipeline.serving.service_metrics import ServiceMetrics
from pipeline.serving.tile_layers import tiles_reply
from pipeline.serving.web_safety import WebSafety

log = logging.getLogger(__name__)

PAGE = Path(__file__).parent / "page"

PAGE_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}

Work = Callable[[Form, PhotoEngine, Request], Reply]
"""Makes the answer of a form, in a worker thread."""


def web_app(engine: PhotoEngine, model_name: str, names: Iterable[str] = ()) -> Starlette:
    """Return the application.

    Args:
        engine: started by the caller, who also stops it.
        model_name: what the model is called.
        names: host names under which the server is reached, besides addresses and localhost.
    """
    metrics = ServiceMetrics()
    metrics.photos.set_function(lambda: engine.num_photos)
    about = {
        "version": own_version(),
        "model": Path(model_name).name,
        "identity": identity(engine.segmenter.model),
    }

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "alive"} | about)

    async def ready(_: Request) -> Response:
        return JSONResponse({"ready": engine.is_ready}, 200 if engine.is_ready else 503)

    async def measured(_: Request) -> Response:
        return PlainTextResponse(metrics.text())

    async def openapi(_: Request) -> Response:
        return JSONResponse(document(engine.limits))

    return Starlette(
        routes=[
            *(Route(path, _asset(name)) for path, name in page_files().items()),
            Route("/healthz", health),
            Route("/readyz", ready),
            Route("/metrics", measured),
            Route("/openapi.json", openapi),
            *(
                Route(path, _posted(engine, metrics, work), methods=["POST"])
                for path, work in CALLS.items()
            ),
        ],
        middleware=[Middleware(WebSafety, names=names)],
        exception_handlers={HTTPException: _on_http_error},
    )


@cache
def page_files() -> dict[str, str]:
    """Return the files of the page by their paths on the server; no other file is ever served."""
    names = sorted(path.name for path in PAGE.iterdir() if path.suffix in PAGE_TYPES)
    files = {f"/{name}": name for name in names if not name.endswith(".html")}
    return {"/": "index.html", "/docs": "docs.html"} | files


def _asset(name: str) -> Callable[[Request], Awaitable[Response]]:
    path = PAGE / name

    async def serve(_: Request) -> Response:
        media_type = PAGE_TYPES[path.suffix]
        return FileResponse(path, media_type=media_type, headers={"Cache-Control": "no-cache"})

    return serve


def _masks(form: Form, engine: PhotoEngine, _: Request) -> Reply:
    return MasksCall.parse(form, engine).reply(engine)


def _tiles(form: Form, engine: PhotoEngine, _: Request) -> Reply:
    return tiles_reply(form, engine)


def _removebg(form: Form, engine: PhotoEngine, request: Request) -> Reply:
    wants_json = "application/json" in request.headers.get("accept", "").lower()
    return RemoveBgCall.parse(form, engine, wants_json=wants_json).reply(engine)


CALLS: dict[str, Work] = {
    "/v1/masks": _masks,
    "/v1/tiles": _tiles,
    "/v1.0/removebg": _removebg,
}
"""What is computed, by path."""


def _posted(
    engine: PhotoEngine, metrics: ServiceMetrics, work: Work
) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that answers a form with what `work` makes of it."""

    async def answer(request: Request) -> Response:
        engine.check_free()
        with engine.holding(declared_size(request, engine.limits)):
            try:
                async with asyncio.timeout(engine.limits.seconds):
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


async def _on_http_error(_: Request, error: Exception) -> Response:
    """Return the answer where there is no such path or method, as JSON like all errors."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    phrase = HTTPStatus(status).phrase
    response = ApiError(status, phrase.lower().replace(" ", "_"), phrase).response()
    response.headers.update((isinstance(error, HTTPException) and error.headers) or {})
    return response
