"""The server as an ASGI application: routes, limits of time and room, what becomes of errors."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipeline.model import own_version
from pipeline.serving.form_fields import Form
from pipeline.serving.masks_call import MasksCall
from pipeline.serving.openapi import document
from pipeline.serving.openapi_parts import Schema
from pipeline.serving.photo_engine import PhotoEngine
from pipeline.serving.removebg_call import RemoveBgCall
from pipeline.serving.reply import Reply
from pipeline.serving.service_metrics import ServiceMetrics
from pipeline.serving.tile_layers import tiles_reply
from pipeline.serving.web_calls import Endpoint, Work, answering, on_http_error
from pipeline.serving.web_safety import WebSafety

PAGE = Path(__file__).parent / "page"

PAGE_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


def web_app(engine: PhotoEngine, model_name: str, names: Iterable[str] = ()) -> Starlette:
    """Return the application.

    Args:
        engine: started by the caller, who also stops it.
        model_name: what the model is called.
        names: host names under which the server is reached, besides addresses and localhost.
    """
    metrics = ServiceMetrics()
    return application(
        [
            *(Route(path, asset(PAGE / name)) for path, name in page_files().items()),
            *state_routes(engine, model_name, metrics),
            described_by(document(engine.limits)),
            *(
                Route(path, answering(engine, metrics, work), methods=["POST"])
                for path, work in CALLS.items()
            ),
        ],
        names,
    )


def application(routes: Sequence[Route], names: Iterable[str]) -> Starlette:
    """Return an application of routes, with all that makes it safe; see `web_app`."""
    return Starlette(
        routes=list(routes),
        middleware=[Middleware(WebSafety, names=names)],
        exception_handlers={HTTPException: on_http_error},
    )


def state_routes(engine: PhotoEngine, model_name: str, metrics: ServiceMetrics) -> list[Route]:
    """Return the routes that say how a server does."""
    metrics.photos.set_function(lambda: engine.num_photos)
    about = {
        "version": own_version(),
        "model": Path(model_name).name,
        "identity": engine.segmenter.identity,
    }

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "alive"} | about)

    async def ready(_: Request) -> Response:
        return JSONResponse({"ready": engine.is_ready}, 200 if engine.is_ready else 503)

    async def measured(_: Request) -> Response:
        return PlainTextResponse(metrics.text())

    return [Route("/healthz", health), Route("/readyz", ready), Route("/metrics", measured)]


def described_by(document: Schema) -> Route:
    """Return the route of the OpenAPI document of a server."""

    async def openapi(_: Request) -> Response:
        return JSONResponse(document)

    return Route("/openapi.json", openapi)


@cache
def page_files() -> dict[str, str]:
    """Return the files of the page by their paths on the server; no other file is ever served."""
    names = sorted(path.name for path in PAGE.iterdir() if path.suffix in PAGE_TYPES)
    files = {f"/{name}": name for name in names if not name.endswith(".html")}
    return {"/": "index.html", "/docs": "docs.html"} | files


def asset(path: Path) -> Endpoint:
    """Return the endpoint that serves a file of a page."""

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
