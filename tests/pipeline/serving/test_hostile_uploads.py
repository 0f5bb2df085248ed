"""Uploads that try to fill memory, to leave the server's folder, or to run something."""

import io
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from data.png_extras import chunk
from tests.pipeline.serving.serving import PHOTO, client_of, code_of, masks, removebg

PNG = b"\x89PNG\r\n\x1a\n"

FORM = {"Content-Type": "multipart/form-data; boundary=b"}

BEGINNING = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\n\r\n'


def png_of(width: int, height: int, data: bytes) -> bytes:
    """A PNG of one grey level a pixel, whatever its data holds."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zip_bomb() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("photo.png", bytes(10_000_000))
    return archive.getvalue()


def test_dimensions_are_checked_before_anything_is_decoded(client: TestClient):
    tracemalloc.start()

    answers = [masks(client, png_of(side, side, zlib.compress(b""))) for side in (8000, 60_000)]

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [code_of(answer) for answer in answers] == [(400, "resolution_too_high")] * 2
    assert peak < 5_000_000


def test_a_png_that_inflates_to_more_than_it_says_is_cut_off(client: TestClient):
    bomb = png_of(64, 64, zlib.compress(bytes(200_000_000), 9))
    assert len(bomb) < 300_000

    answer = masks(client, bomb)

    assert answer.status_code in (200, 400)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        PHOTO[:100],
        PHOTO[: len(PHOTO) // 2],
        b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"push graphic-context\nimage over 0,0 0,0 'https://example.com'\npop graphic-context",
        b"P6 100000 100000 255\n",
        b"%PDF-1.4",
        zip_bomb(),
        b"\x00" * 1000,
    ],
    ids=range(11),
)
def test_only_whole_files_of_known_formats_are_read(client: TestClient, data: bytes):
    for answer in (masks(client, data), removebg(client, data)):
        assert code_of(answer) == (400, "failed_to_read_image")


def test_a_file_that_is_too_large_is_refused_before_it_is_read():
    with client_of(max_bytes=100_000) as client:
        declared = client.post(
            "/v1/masks", content=b"x", headers={"Content-Length": str(10**9), **FORM}
        )
        too_large = masks(client, PHOTO + bytes(100_001))
        parts = [BEGINNING, *(bytes(65_536) for _ in range(99))]
        endless = client.post("/v1/masks", content=iter(parts), headers=FORM)
        in_base_64 = client.post("/v1.0/removebg", data={"image_file_b64": "A" * 140_000})

    for answer in (declared, too_large, endless, in_base_64):
        assert code_of(answer) == (413, "file_size_too_large")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),  # no boundary
        ("multipart/form-data; boundary=b", b"no part at all"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: nonsense\r\n\r\nx\r\n"),
        ("application/json", b"{"),
        ("application/json", b"[" * 100_000),
        ("application/json", b"[1]"),
        ("application/json", b'{"size": {"a": 1}}'),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % i for i in range(1000))),
        ("application/x-www-form-urlencoded", b"size=%ff%fe"),
    ],
)
def test_a_damaged_form_is_refused(client: TestClient, kind: str, body: bytes):
    answer = client.post("/v1.0/removebg", content=body, headers={"Content-Type": kind})

    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"]


def test_too_many_parts_and_doubled_parts_are_refused(client: TestClient):
    many = client.post("/v1/masks", files=[("photo", (f"{i}.png", b"x")) for i in range(9)])
    twice = client.post("/v1/masks", files=[("photo", ("a.png", PHOTO))] * 2)
    fields = client.post(
        "/v1/masks", files={"photo": PHOTO}, data={f"f{i}": "1" for i in range(99)}
    )

    assert {code_of(answer) for answer in (many, twice, fields)} == {(400, "invalid_form")}


def test_another_kind_of_body_is_refused(client: TestClient):
    answer = client.post("/v1/masks", content=PHOTO, headers={"Content-Type": "image/png"})

    assert code_of(answer) == (415, "invalid_content_type")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("..\\..\\windows\\car.png", "car.png"),
        ("/tmp/x.png", "x.png"),
        ("..", "photo.png"),
        ("\x1b[31m\r\nSet-Cookie: a=b.png", "%5B31m%250D%250ASet-Cookie%20a%3Db.png"),
        ("x" * 300 + ".png", "x" * 96 + ".png"),
        ("Fotos von Käthe.png", "Fotos%20von%20K%C3%A4the.png"),
    ],
)
def test_the_name_of_an_upload_is_text_and_never_a_path(
    client: TestClient,
    name: str,
    shown: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)

    answer = masks(client, name=name)

    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{shown}"
    assert "set-cookie" not in answer.headers
    assert not list(tmp_path.iterdir())


def test_labelme_and_coco_name_the_photo_without_a_folder(client: TestClient):
    answer = masks(client, name="../../a/b.png", output="labelme")

    assert answer.json()["imagePath"] == "b.png"
