"""The OpenAPI document, made of the same tables of fields that requests are checked by."""

from collections.abc import Sequence
from typing import Any

from pipeline.model import own_version
from pipeline.serving import masks_call, removebg_call, tile_layers
from pipeline.serving.form_fields import FormField
from pipeline.serving.form_reading import ENCODED, JSON, MULTIPART
from pipeline.serving.reply import MEDIA_TYPES
from pipeline.serving.service_limits import ServiceLimits

Schema = dict[str, Any]

ERROR: Schema = {
    "type": "object",
    "required": ["errors"],
    "properties": {
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["title", "code"],
                "properties": {"title": {"type": "string"}, "code": {"type": "string"}},
            },
        }
    },
}

REFUSALS = {
    "400": "A field is missing or wrong, or the photo cannot be read.",
    "403": "The request comes from a page of another site, or under an unknown host name.",
    "413": "A file is too large.",
    "415": "The body is no form and no JSON.",
    "500": "The server failed.",
    "503": "Too many photos are waiting. The header Retry-After says when to try again.",
    "504": "There was no answer within the time limit.",
}

BINARY: Schema = {"type": "string", "format": "binary"}


def document(limits: ServiceLimits) -> Schema:
    """Return the document of a server with `limits`, for JSON."""
    about = (
        f"Files of up to {limits.max_bytes / 2**20:g} MiB and {limits.max_pixels / 1e6:g} "
        "megapixels. A missing field and an empty one are the same."
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "foveamask", "version": own_version(), "description": about},
        "paths": {
            "/v1/masks": _posted(
                "Masks, cutouts and polygons of a photo",
                masks_call.FIELDS,
                {kind: _body(kind) for kind in sorted(set(MEDIA_TYPES.values()))},
                required=("photo",),
                files_only=True,
            ),
            "/v1/tiles": _posted(
                "A coarse mask and its refined tiles, to be stitched for any budget",
                tile_layers.FIELDS,
                {"application/json": {"type": "object"}},
                required=("photo",),
                files_only=True,
            ),
            "/v1.0/removebg": _posted(
                "The API of remove.bg",
                removebg_call.FIELDS,
                {kind: _body(kind) for kind in removebg_call.RESULT_TYPES},
            ),
            "/healthz": _read("Whether the process lives", JSON),
            "/readyz": _read("Whether photos are taken; 503 if not", JSON, ("200", "503")),
            "/metrics": _read("Counts and times for Prometheus", "text/plain"),
            "/openapi.json": _read("This document", JSON),
        },
        "components": {"schemas": {"Error": ERROR}},
    }


def _body(kind: str) -> Schema:
    return {"type": "object"} if kind.endswith("json") else BINARY


def _posted(
    summary: str,
    fields: Sequence[FormField],
    results: dict[str, Schema],
    *,
    required: Sequence[str] = (),
    files_only: bool = False,
) -> Schema:
    """Return the description of a path that takes a form.

    Args:
        summary: what it does.
        fields: those of the form.
        results: schemas by media type.
        required: names of fields that must be there.
        files_only: whether the photo can only come as a file, so that the form is multipart.
    """
    schema: Schema = {
        "type": "object",
        "properties": {field.name: field.schema() for field in fields},
    }
    if required:
        schema |= {"required": list(required), "additionalProperties": False}
    plain = {
        name: value
        for name, value in schema["properties"].items()
        if value.get("format") != "binary"
    }
    content = {MULTIPART: {"schema": schema}}
    if not files_only:
        content |= {
            kind: {"schema": {"type": "object", "properties": plain}} for kind in (ENCODED, JSON)
        }
    done = {"description": "Done.", "content": {kind: {"schema": s} for kind, s in results.items()}}
    return {
        "post": {
            "summary": summary,
            "requestBody": {"required": True, "content": content},
            "responses": {"200": done, **{status: _refusal(status) for status in REFUSALS}},
        }
    }


def _refusal(status: str) -> Schema:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": REFUSALS[status], "content": {JSON: {"schema": schema}}}


def _read(summary: str, kind: str, statuses: Sequence[str] = ("200",)) -> Schema:
    schema: Schema = {"type": "object"} if kind == JSON else {"type": "string"}
    answer = {"description": f"{summary}.", "content": {kind: {"schema": schema}}}
    responses = {**dict.fromkeys(statuses, answer), "403": _refusal("403")}
    return {"get": {"summary": summary, "responses": responses}}
