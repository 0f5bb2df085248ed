"""Reading a form from a request: multipart, URL-encoded or JSON, within limits, in memory only."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from pipeline.serving.api_error import ApiError, bad, too_large
from pipeline.serving.form_fields import Form, Upload, safe_name
from pipeline.serving.service_limits import ServiceLimits

MULTIPART, ENCODED, JSON = (
    "multipart/form-data",
    "application/x-www-form-urlencoded",
    "application/json",
)

MOST_FIELDS = 64


class InMemoryParser(MultiPartParser):
    """Keeps uploads in memory: photos are never written to disk."""

    spool_max_size = 2**40


def declared_size(request: Request, limits: ServiceLimits) -> int:
    """Return the bytes that a request says it has, or the most that one may have.

    Raises:
        ApiError: it says more than that.
    """
    text = request.headers.get("content-length", "")
    if not text.isdecimal():
        return limits.max_body
    if int(text) > limits.max_body:
        raise too_large(limits.max_bytes)
    return int(text)


async def read_form(request: Request, limits: ServiceLimits) -> Form:
    """Return the fields of a request.

    Raises:
        ApiError: it is no form, or too large.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    stream = _limited(request.stream(), limits)
    try:
        if kind == MULTIPART:
            return await _multipart(request, stream, limits)
        if kind in (ENCODED, JSON):
            body = b"".join([part async for part in stream])
            return _encoded(body) if kind == ENCODED else _from_json(body)
    except ClientDisconnect as error:
        raise bad("incomplete", "The request ended before its end") from error
    raise ApiError(415, "invalid_content_type", f"Send {MULTIPART}, {ENCODED} or {JSON}")


async def _limited(
    stream: AsyncIterator[bytes], limits: ServiceLimits
) -> AsyncGenerator[bytes, None]:
    """Yield the parts of a body.

    Raises:
        ApiError: there are too many bytes.
    """
    total = 0
    async for part in stream:
        total += len(part)
        if total > limits.max_body:
            raise too_large(limits.max_bytes)
        yield part


async def _multipart(
    request: Request, stream: AsyncGenerator[bytes, None], limits: ServiceLimits
) -> Form:
    parser = InMemoryParser(
        request.headers,
        stream,
        max_files=2,
        max_fields=MOST_FIELDS,
        max_part_size=limits.max_body,
    )
    try:
        data = await parser.parse()
    except ApiError:
        raise
    except (MultiPartException, ValueError, LookupError) as error:
        raise bad("invalid_form", "The form is damaged, or has too many parts") from error
    form: dict[str, str | Upload] = {}
    try:
        for name, value in data.multi_items():
            if name in form:
                raise bad("invalid_form", f"{name[:60]!r} is there twice")
            if not isinstance(value, UploadFile):
                form[name] = value
            elif value.filename or value.size:
                if (value.size or 0) > limits.max_bytes:
                    raise too_large(limits.max_bytes)
                form[name] = Upload(safe_name(value.filename or ""), await value.read())
    finally:
        await data.close()
    return form


def _encoded(body: bytes) -> Form:
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError as error:
        raise bad("invalid_form", "The form is damaged, or has too many fields") from error
    return dict(pairs)


def _from_json(body: bytes) -> Form:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise bad("invalid_form", "The body is no JSON") from error
    if not isinstance(content, dict):
        raise bad("invalid_form", "The JSON is no object of fields")
    form: dict[str, str | Upload] = {}
    for name, value in content.items():
        if value is None:
            continue
        if not isinstance(value, str | int | float):
            raise bad("invalid_form", f"{name[:60]!r} is no text, number or truth value")
        form[name] = value if isinstance(value, str) else json.dumps(value)
    return form
