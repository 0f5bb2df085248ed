"""Errors as remove.bg answers them: {"errors": [{"title": ..., "code": ...}]}."""

from dataclasses import dataclass, field

from starlette.responses import JSONResponse

from data.errors import InputError


@dataclass
class ApiError(InputError):
    """A request is refused."""

    status: int
    """HTTP status."""
    code: str
    """One word for programs."""
    title: str
    """One sentence for people."""
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> JSONResponse:
        """Return the answer."""
        content = {"errors": [{"title": self.title, "code": self.code}]}
        return JSONResponse(content, self.status, headers=self.headers)


def bad(code: str, title: str) -> ApiError:
    """Return the error of a request that has to be another."""
    return ApiError(400, code, title)


def busy() -> ApiError:
    """Return the error of a request that may come again in a second."""
    return ApiError(503, "busy", "Too many photos are waiting; try again", {"Retry-After": "1"})


def too_large(num_bytes: int) -> ApiError:
    """Return the error of an upload of more than `num_bytes`."""
    limit = f"{num_bytes / 2**20:g} MiB"
    return ApiError(413, "file_size_too_large", f"The file is larger than {limit}")


def too_late(seconds: float) -> ApiError:
    """Return the error of a request that took too long."""
    return ApiError(504, "timeout", f"There was no answer within {seconds:g} seconds")
