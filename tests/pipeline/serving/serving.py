"""A server in this process, photos for it, and what it answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
from httpx2 import Response
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from data.images import encode_png
from pipeline.inference.segmenter import Segmenter
from pipeline.serving.photo_engine import PhotoEngine
from pipeline.serving.service_limits import ServiceLimits
from pipeline.serving.web_app import web_app
from tests.bright_objects import bright_segmenter, object_in, photo_of

TRUTH = object_in()
PHOTO = encode_png(photo_of(TRUTH))


def engine_of(segmenter: Segmenter | None = None, **limits: Any) -> PhotoEngine:
    limits = {"num_workers": 2} | limits
    return PhotoEngine(segmenter or bright_segmenter(), ServiceLimits(**limits))


@contextmanager
def client_of(engine: PhotoEngine | None = None, **limits: Any) -> Iterator[TestClient]:
    """A client of a server that finds bright objects."""
    engine = engine or engine_of(**limits)
    engine.start()
    try:
        app = web_app(engine, "bright", ["photos.example"])
        yield TestClient(app, base_url="http://localhost:8000", raise_server_exceptions=False)
    finally:
        engine.stop()


def masks(client: TestClient, photo: bytes = PHOTO, name: str = "a.png", **data: Any) -> Response:
    return client.post("/v1/masks", files={"photo": (name, photo)}, data=data)


def removebg(client: TestClient, photo: bytes = PHOTO, **data: Any) -> Response:
    return client.post("/v1.0/removebg", files={"image_file": ("a.png", photo)}, data=data)


def picture(response: Response) -> NDArray[np.uint8]:
    assert response.status_code == 200, response.text
    return np.asarray(Image.open(BytesIO(response.content)))


def code_of(response: Response) -> tuple[int, str]:
    """Status and code of an error."""
    (error,) = response.json()["errors"]
    assert error["title"]
    return response.status_code, error["code"]
