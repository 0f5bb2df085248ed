"""What is said and checked with every request: headers for browsers, and who asks."""

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.serving.api_error import ApiError

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""Headers of every answer, unless it has them."""

LOCAL = ("localhost",)


class WebSafety:
    """Adds the headers, and refuses requests that a foreign web page makes in somebody's browser.

    A page elsewhere cannot read answers of this server, but could let it compute. And it could read
    them under a name of its own that it points here (DNS rebinding): so names in the header Host
    must be known ones. Addresses cannot be misused so, and are always let pass.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        self.app = app
        self.names = {*LOCAL, socket.gethostname().lower(), *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self.check(Headers(scope=scope), scope["method"])
        except ApiError as error:
            await error.response()(scope, receive, send_with_headers)
            return
        await self.app(scope, receive, send_with_headers)

    def check(self, headers: Headers, method: str) -> None:
        """Raise if a request may come from a foreign page.

        Raises:
            ApiError: it may; the status is 403.
        """
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise ApiError(
                403, "unknown_host", f"{_name(host)[:60]!r} is no name of this server; see --name"
            )
        if method in ("GET", "HEAD"):
            return
        origin = headers.get("origin")
        if origin is None:
            is_foreign = headers.get("sec-fetch-site") == "cross-site"
        else:
            place = urlsplit(origin).netloc
            is_foreign = place != host and _name(place) not in self.names
        if is_foreign:
            raise ApiError(403, "foreign_page", "Pages of other sites may not use this server")

    def _is_ours(self, host: str) -> bool:
        name = _name(host)
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return name in self.names
        return True


def _name(host: str) -> str:
    """Return the name in `host`, without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()
