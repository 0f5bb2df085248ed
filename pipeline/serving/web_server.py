"""The process that serves: a socket, the application, and an end in good order."""

import logging
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from data.errors import InputError
from pipeline.inference.segmenter import Segmenter
from pipeline.serving.photo_engine import PhotoEngine
from pipeline.serving.service_limits import ServiceLimits
from pipeline.serving.web_app import web_app

log = logging.getLogger(__name__)

BACKLOG = 128

MOST_CONNECTIONS = 512


def serve(
    host: str,
    port: int,
    segmenter: Segmenter,
    model_name: str,
    *,
    limits: ServiceLimits,
    names: Iterable[str] = (),
) -> None:
    """Serve until a signal comes; requests that are being answered are finished first.

    Args:
        host: address or name to listen on.
        port: port; 0 is any that is free, which the log names.
        segmenter: model and runtime.
        model_name: what the model is called.
        limits: what is taken, and how much of it at once.
        names: host names under which the server is reached, such as that of a proxy.

    Raises:
        InputError: the address cannot be listened on.
    """
    engine = PhotoEngine(segmenter, limits)
    with listening_on(host, port) as place:
        serve_app(place, engine, web_app(engine, model_name, names))


@contextmanager
def listening_on(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address.

    Raises:
        InputError: that cannot be; the message says why.
    """
    place = _listen(host, port)
    try:
        yield place
    finally:
        place.close()


def serve_app(place: socket.socket, engine: PhotoEngine, app: Starlette) -> None:
    """Serve an application until a signal comes; see `serve`.

    Args:
        place: a socket that listens.
        engine: its worker threads, which are started and stopped.
        app: the application.
    """
    try:
        engine.start()
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=int(engine.limits.seconds) + 1,
        )
        host, port = place.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        log.info("serving http://%s:%d; Ctrl-C stops", shown, port)
        uvicorn.Server(config).run(sockets=[place])
        log.info("stopped")
    finally:
        engine.stop()


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address.

    Raises:
        InputError: that cannot be; the message says why.
    """
    listening = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise InputError(
            f"{host} port {port} cannot be listened on: {error.strerror}; choose another --port "
            "or --host"
        ) from error
    return listening
