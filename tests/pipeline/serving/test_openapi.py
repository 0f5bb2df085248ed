"""The OpenAPI document says what requests are checked by, and what is answered."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from pipeline.serving import masks_call, removebg_call, tile_layers
from pipeline.serving.form_fields import FormField
from pipeline.serving.web_app import CALLS
from tests.pipeline.serving.serving import PHOTO, masks, removebg

FIELDS = {
    "/v1/masks": masks_call.FIELDS,
    "/v1/tiles": tile_layers.FIELDS,
    "/v1.0/removebg": removebg_call.FIELDS,
}


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    answer: dict[str, Any] = client.get("/openapi.json").json()
    return answer


def test_every_path_that_it_names_is_there_and_no_other_call(
    client: TestClient, document: dict[str, Any]
):
    posted = {path for path, methods in document["paths"].items() if "post" in methods}

    assert posted == set(CALLS)
    for path, methods in document["paths"].items():
        if "get" in methods:
            answer = client.get(path)
            assert answer.status_code == 200
            kind = answer.headers["content-type"].partition(";")[0]
            assert kind in methods["get"]["responses"]["200"]["content"]


@pytest.mark.parametrize("path", FIELDS)
def test_every_default_choice_and_example_that_it_names_is_taken(
    client: TestClient, document: dict[str, Any], path: str
):
    form = document["paths"][path]["post"]["requestBody"]["content"]["multipart/form-data"]
    source = "image_file" if "removebg" in path else "photo"

    for name, schema in form["schema"]["properties"].items():
        values = [schema[end] for end in ("default", "minimum", "maximum") if end in schema]
        for value in [*values, *schema.get("enum", []), *schema.get("examples", [])]:
            if name in ("add_shadow",) and str(value).lower() in ("true", "1", "yes", "on"):
                continue
            data = {name: str(value), **NEEDED.get(name, {})}
            if name == "format" and value in ("jpg",) and path == "/v1/masks":
                data["background"] = "white"
            answer = client.post(path, files={source: ("a.png", PHOTO)}, data=data)
            assert answer.status_code == 200, (name, value, answer.text)
            content = document["paths"][path]["post"]["responses"]["200"]["content"]
            assert any(answer.headers["content-type"].startswith(kind) for kind in content)


NEEDED = {
    "quality": {"output": "cutout", "format": "webp"},
    "margin": {"output": "cutout", "crop": "object"},
}


@pytest.mark.parametrize("path", FIELDS)
def test_values_beyond_what_it_says_are_refused(
    client: TestClient, document: dict[str, Any], path: str
):
    for field in FIELDS[path]:
        for text in beyond(field):
            ask = removebg if "removebg" in path else masks
            if path != "/v1/tiles":
                assert ask(client, **{field.name: text}).status_code == 400, (field.name, text)


def beyond(field: FormField) -> list[str]:
    """Texts that are no values of a field."""
    schema = field.schema()
    texts = [str(schema["minimum"] - 1)] if "minimum" in schema else []
    texts += [str(schema["maximum"] + 1)] if "maximum" in schema else []
    texts += ["x" * (schema["maxLength"] + 1)] if "maxLength" in schema else []
    return texts + (["neither"] if "enum" in schema else [])


def test_every_status_that_is_answered_is_described(document: dict[str, Any]):
    for path in CALLS:
        responses = set(document["paths"][path]["post"]["responses"])
        assert responses == {"200", "400", "403", "413", "415", "500", "503", "504"}
