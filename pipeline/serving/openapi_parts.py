"""Parts of OpenAPI documents, made of the same tables of fields that requests are checked by."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.model import own_version
from pipeline.serving.form_fields import FormField
from pipeline.serving.form_reading import ENCODED, JSON, MULTIPART

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

OF_A_BODY = ("413", "415")
"""Refusals of requests that have a body."""

PHOTO_TYPES = ("jpeg", "png", "tiff", "webp", "bmp", "gif", "avif", "heic")
"""Media types of photos, without "image/"; the bytes decide, whatever a request says."""

BINARY: Schema = {"type": "string", "format": "binary"}
OBJECT: Schema = {"type": "object"}


def described(title: str, about: str, paths: Mapping[str, Schema]) -> Schema:
    """Return the document of a server.

    Args:
        title: its name.
        about: what holds for all its paths.
        paths: descriptions by path; those of how a server does are added.
    """
    state = {
        "/healthz": read("Whether the process lives", JSON),
        "/readyz": read("Whether photos are taken; 503 if not", JSON, ("200", "503")),
        "/metrics": read("Counts and times for Prometheus", "text/plain"),
        "/openapi.json": read("This document", JSON),
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": own_version(), "description": about},
        "paths": {**paths, **state},
        "components": {"schemas": {"Error": ERROR}},
    }


def posted(
    summary: str,
    fields: Sequence[FormField],
    results: Mapping[str, Schema],
    *,
    required: Sequence[str] = (),
    one_of: Sequence[str] = (),
    others: bool = False,
    refusals: Mapping[str, str] = REFUSALS,
) -> Schema:
    """Return the description of a path that takes a form.

    Args:
        summary: what it does.
        fields: those of the form.
        results: schemas by media type.
        required: names of fields that must be there.
        one_of: names of fields one of which must be there, and not another of them.
        others: whether fields of other names are let pass.
        refusals: what is said of each status of a refusal.
    """
    return {
        "post": {
            "summary": summary,
            "requestBody": {"required": True, "content": _forms(fields, required, one_of, others)},
            "responses": _answers(results, refusals),
        }
    }


def asked(
    summary: str,
    fields: Sequence[FormField],
    results: Mapping[str, Schema],
    *,
    refusals: Mapping[str, str] = REFUSALS,
) -> Schema:
    """Return the description of a path that takes a query, all of whose fields must be there."""
    parameters = [
        {"name": field.name, "in": "query", "required": True, "schema": field.schema()}
        for field in fields
    ]
    without_body = {status: text for status, text in refusals.items() if status not in OF_A_BODY}
    responses = _answers(results, without_body)
    return {"get": {"summary": summary, "parameters": parameters, "responses": responses}}


def read(summary: str, kind: str, statuses: Sequence[str] = ("200",)) -> Schema:
    """Return the description of a path that is only read."""
    schema: Schema = OBJECT if kind == JSON else {"type": "string"}
    answer = {"description": f"{summary}.", "content": {kind: {"schema": schema}}}
    responses = {**dict.fromkeys(statuses, answer), "403": _refusal(REFUSALS["403"])}
    return {"get": {"summary": summary, "responses": responses}}


def _forms(
    fields: Sequence[FormField], required: Sequence[str], one_of: Sequence[str], others: bool
) -> Schema:
    """Return the forms that are taken, by media type; only multipart ones can hold files."""
    files = [field.name for field in fields if field.kind == "file"]
    properties = {field.name: field.schema() for field in fields}
    multipart: Schema = {"schema": _form(properties, required, one_of, others)}
    if files:
        types = ", ".join(f"image/{kind}" for kind in PHOTO_TYPES)
        multipart["encoding"] = {name: {"contentType": types} for name in files}
    if set(files) & set(required):
        return {MULTIPART: multipart}
    plain = {name: schema for name, schema in properties.items() if name not in files}
    needed = [*required, *(name for name in one_of if name not in files)]
    loose = {name: s if name in needed else _in_json(s) for name, s in plain.items()}
    encoded, as_json = (_form(each, needed, (), others) for each in (plain, loose))
    return {MULTIPART: multipart, ENCODED: {"schema": encoded}, JSON: {"schema": as_json}}


def _form(
    properties: Schema, required: Sequence[str], one_of: Sequence[str], others: bool
) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": properties,
        "additionalProperties": others,
    }
    if required:
        schema["required"] = list(required)
    if one_of:
        schema["oneOf"] = [{"required": [name]} for name in one_of]
    return schema


def _in_json(schema: Schema) -> Schema:
    """Return the schema of a field in JSON, where null is nothing, and 5 and "5" are the same."""
    if "enum" in schema:
        kind = {"type": [schema["type"], "null"]} if "type" in schema else {}
        return schema | kind | {"enum": [*schema["enum"], "", None]}
    return schema | {"type": ["string", "number", "boolean", "null"]}


def _answers(results: Mapping[str, Schema], refusals: Mapping[str, str]) -> Schema:
    content = {kind: {"schema": schema} for kind, schema in results.items()}
    refused = {status: _refusal(text) for status, text in refusals.items()}
    return {"200": {"description": "Done.", "content": content}, **refused}


def _refusal(text: str) -> Schema:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": text, "content": {JSON: {"schema": schema}}}
