"""Headers for browsers, and pages of other sites that are refused."""

import re

import pytest
from starlette.testclient import TestClient

from pipeline.serving.web_app import PAGE, page_files
from tests.pipeline.serving.serving import PHOTO, code_of

ORIGIN = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize("path", ["/", "/docs", "/healthz", "/nothing", "/v1/masks"])
def test_every_answer_has_the_headers(client: TestClient, path: str):
    headers = client.get(path).headers

    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8001"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_of_another_site_may_not_use_the_server(client: TestClient, headers: dict[str, str]):
    answer = client.post("/v1/masks", files={"photo": PHOTO}, headers=headers)

    assert (answer.status_code == 200) == (headers.get("Origin") == "http://localhost:8001")
    if answer.status_code != 200:
        assert code_of(answer) == (403, "foreign_page")


@pytest.mark.parametrize("headers", [{}, ORIGIN, {"Sec-Fetch-Site": "none"}])
def test_our_own_page_and_programs_may(client: TestClient, headers: dict[str, str]):
    answer = client.post("/v1/masks", files={"photo": PHOTO}, headers=headers)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("192.168.1.20:8000", 200),
        ("photos.example", 200),
        ("PHOTOS.example:443", 200),
        ("rebound.example", 403),
        ("localhost.rebound.example", 403),
        ("", 403),
    ],
)
def test_only_known_names_are_answered(client: TestClient, host: str, status: int):
    assert client.get("/healthz", headers={"Host": host}).status_code == status


def test_only_files_of_the_page_are_served(client: TestClient):
    for path in (
        "/index.html",
        "/../web_app.py",
        "/%2e%2e/web_app.py",
        "//etc/passwd",
    ):
        assert client.get(path).status_code in (404, 307), path


def test_the_page_refers_to_nothing_elsewhere():
    for path in PAGE.iterdir():
        text = path.read_text()
        assert not re.search(r"(src|href|import|url)\W{1,4}(https?:)?//", text), path.name
        assert not re.search(r"style=|onclick=|<script>", text), path.name


def test_every_file_of_the_page_is_served_with_its_type(client: TestClient):
    types = {"css": "text/css", "js": "text/javascript"}
    for path in page_files():
        answer = client.get(path)
        assert answer.status_code == 200
        expected = types.get(path.rpartition(".")[2], "text/html")
        assert answer.headers["content-type"].startswith(expected)
        assert answer.headers["cache-control"] == "no-cache"
