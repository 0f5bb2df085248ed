"""The calls of a review over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from data.samples import find_samples
from tests.pipeline.reviewing.reviews import Batch, client_of, mask_of, patched, stitched
from tests.pipeline.serving.serving import code_of, picture

LINE = {"label": "object", "points": "10,10 40.5,20", "radius": 4}


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return Batch(tmp_path).predict()


@pytest.fixture
def client(batch: Batch) -> Iterator[TestClient]:
    with client_of(batch.desk()) as client:
        yield client


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of a review in which nothing is changed."""
    with client_of(Batch(tmp_path_factory.mktemp("shared"), num=1).predict().desk()) as client:
        yield client


def say(client: TestClient, path: str, **fields: Any) -> Any:
    answer = client.post(f"/v1/review/{path}", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def photo_in(client: TestClient, name: str = "car_0") -> dict[str, Any]:
    return client.get("/v1/review/photo", params={"name": name}).json()


def status_of(listed: dict[str, Any], name: str = "car_0") -> str:
    return next(photo["status"] for photo in listed["photos"] if photo["name"] == name)


def test_the_list_says_what_is_expected_and_what_was_said(client: TestClient):
    say(client, "status", name="car_1", status="later")

    answer = client.get("/v1/review").json()

    assert answer["below"] == 0.99
    expected = [photo["expected"] for photo in answer["photos"]]
    assert expected == sorted(expected)
    status = {photo["name"]: photo["status"] for photo in answer["photos"]}
    assert status == {"car_0": "open", "car_1": "later", "car_2": "open"}
    assert all(photo["expected"] > 0.999 for photo in answer["photos"])


def test_a_photo_comes_with_its_mask_and_places(client: TestClient, batch: Batch):
    answer = photo_in(client)

    mask = stitched(answer)[:192, :256] > 127
    assert np.array_equal(mask, batch.truths["car_0"])
    assert (answer["width"], answer["height"], answer["is_networks"]) == (256, 192, True)
    assert len(answer["places"]) >= 1
    shown = picture(client.get("/v1/review/picture", params={"name": "car_0"}))
    assert shown.shape == (192, 256, 3)


def test_strokes_and_undo_are_told_as_the_tiles_that_change(client: TestClient):
    before = photo_in(client)
    levels = stitched(before)

    drawn = say(client, "stroke", name="car_0", **LINE)
    after = patched(levels, drawn)
    undone = say(client, "undo", name="car_0")

    assert drawn["before"] == before["revision"]
    assert undone["before"] == drawn["revision"]
    assert len(drawn["order"]) < levels.size // 256 // 4
    assert np.array_equal(after, stitched(client_photo(client, drawn)))
    assert (after[10:13, 12:20] > 127).all()
    assert np.array_equal(patched(after, undone), levels)
    assert drawn["strokes"] == [{"label": "object", "points": [[10, 10], [40.5, 20]], "radius": 4}]
    assert undone["strokes"] == []


def client_photo(client: TestClient, drawn: dict[str, Any]) -> dict[str, Any]:
    """The photo as it was after a stroke: undone meanwhile, so it is drawn once more."""
    say(client, "stroke", name="car_0", **LINE)
    answer = photo_in(client)
    assert answer["strokes"] == drawn["strokes"]
    say(client, "undo", name="car_0")
    return answer


def test_a_moved_contour_is_told(client: TestClient):
    levels = stitched(photo_in(client))

    moved = say(client, "contour", name="car_0", offset=0.5)
    back = say(client, "contour", name="car_0", offset=0)

    assert moved["offset"] == 0.5
    assert moved["order"]
    assert np.array_equal(patched(patched(levels, moved), back), levels)


def test_accepting_writes_the_mask_and_taking_back_removes_it(client: TestClient, batch: Batch):
    say(client, "stroke", name="car_0", **LINE)

    accepted = say(client, "accept", name="car_0")
    (sample,) = find_samples(batch.out)
    opened = say(client, "reopen", name="car_0")

    assert sample.name == "car_0"
    assert status_of(accepted) == "accepted"
    assert status_of(opened) == "open"
    assert not sample.mask.exists()


@pytest.mark.parametrize(
    "name", ["", "nobody", "../photos/car_0", "/etc/passwd", "car_0.png", "car_0\x00"]
)
@pytest.mark.parametrize("path", ["photo", "picture", "stroke", "accept", "contour", "status"])
def test_only_names_of_the_batch_are_known(shared: TestClient, path: str, name: str):
    fields = {"name": name} | (LINE if path == "stroke" else {})

    if path in ("photo", "picture"):
        answer = shared.get(f"/v1/review/{path}", params=fields)
    else:
        answer = shared.post(f"/v1/review/{path}", json=fields)

    assert code_of(answer) == (404, "unknown_photo")


@pytest.mark.parametrize(
    "fields",
    [
        {"label": "car"},
        {"label": ""},
        {"points": ""},
        {"points": "1,2,3"},
        {"points": "1"},
        {"points": "a,b"},
        {"points": "nan,1"},
        {"points": "1e9,1"},
        {"points": "1,1 " * 5000},
        {"radius": 0},
        {"radius": -1},
        {"radius": "wide"},
        {"radius": 1e6},
        {"path": "/etc/passwd"},
    ],
)
def test_what_is_no_stroke_is_refused_and_nothing_changes(
    shared: TestClient, fields: dict[str, Any]
):
    answer = shared.post("/v1/review/stroke", json={"name": "car_0"} | LINE | fields)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["title"]
    assert photo_in(shared)["strokes"] == []


@pytest.mark.parametrize(
    "path", ["stroke", "undo", "contour", "accept", "reopen", "status", "offer"]
)
def test_a_page_of_another_site_and_a_link_can_change_nothing(shared: TestClient, path: str):
    foreign = {"Origin": "https://elsewhere.example"}

    by_form = shared.post(f"/v1/review/{path}", data={"name": "car_0"} | LINE, headers=foreign)
    by_link = shared.get(f"/v1/review/{path}", params={"name": "car_0"})
    rebound = shared.get("/v1/review", headers={"Host": "rebound.example"})

    assert code_of(by_form) == (403, "foreign_page")
    assert by_link.status_code == 405
    assert code_of(rebound) == (403, "unknown_host")
    assert status_of(shared.get("/v1/review").json()) == "open"


def test_a_disk_that_takes_nothing_is_said(client: TestClient, batch: Batch):
    batch.out.write_text("a file in the place of the folder")

    answer = client.post("/v1/review/accept", json={"name": "car_0"})

    described = client.get("/openapi.json").json()["paths"]["/v1/review/accept"]["post"]
    assert code_of(answer) == (507, "not_written")
    assert "507" in described["responses"]
    assert status_of(client.get("/v1/review").json()) == "open"


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/docs.js", "/review.js", "/viewer.js", "/page.css", "/batch_list.js"]
)
def test_the_page_is_served_with_the_headers_of_serve(shared: TestClient, path: str):
    answer = shared.get(path)

    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-cache"
    for other in ("/index.html", "/page.js", "/../desk.py", "/%2e%2e/desk.py", "/v1/masks"):
        assert shared.get(other).status_code in (404, 307)


def test_the_mask_on_the_page_is_the_one_that_is_written(batch: Batch):
    desk = batch.desk()
    with client_of(desk) as client:
        say(client, "stroke", name="car_2", **LINE)
        shown = stitched(photo_in(client, "car_2"))[:192, :256] > 127

    assert np.array_equal(shown, mask_of(desk, "car_2"))
