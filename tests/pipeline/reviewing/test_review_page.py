"""The page of a review in Chromium, as a person uses it: by the keyboard alone, and by mouse."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from playwright.sync_api import Page, expect

from data.masks import read_mask
from pipeline.reviewing.review_app import ReviewCalls, review_app
from tests.bright_objects import write_masks
from tests.browser import Seen, opened_page
from tests.pipeline.reviewing.reviews import Batch
from tests.pipeline.serving.serving import engine_of

pytestmark = pytest.mark.slow


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """Two masks that are clearly wrong, and two that are right."""
    batch = Batch(tmp_path, num=4).predict()
    wrong = {name: batch.truths[name].copy() for name in batch.names[:2]}
    wrong["car_0"][:50, :50] = True
    wrong["car_1"][:40, 200:240] = True
    write_masks(batch.masks, wrong)
    return batch


@contextmanager
def served(batch: Batch) -> Iterator[str]:
    """A server of the review in this process, on a real port."""
    desk = batch.desk()
    engine = engine_of(desk.segmenter)
    engine.start()
    app = review_app(engine, "bright", ReviewCalls(desk, None, 0.99))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join()
        engine.stop()


@contextmanager
def opened(address: str, width: int = 1440, scheme: str = "light") -> Iterator[Page]:
    """The page; nothing may fail, and no request leave the machine."""
    seen = Seen()
    sizes = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with opened_page(address, seen, **sizes) as page:
        expect(page.locator("#desk")).to_be_visible()
        yield page
    assert seen.errors == []
    assert all(url.startswith((address, "blob:", "data:")) for url in seen.requests)


def title(page: Page, text: str) -> None:
    expect(page.locator("#title")).to_have_text(re.compile(text))


def said(page: Page, text: str) -> None:
    expect(page.locator("#status")).to_contain_text(text)


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_a_batch_is_reviewed_by_the_keyboard_alone_and_goes_on_after_a_restart(batch: Batch):
    with served(batch) as address, opened(address) as page:
        expect(page.locator("#left")).to_have_text("2 masks left that are expected below 0.99")
        title(page, r"car_0 \(1 of 4\)")
        expect(page.locator("#status")).to_contain_text("the mask is from elsewhere")
        before = page.locator("#places canvas").first.screenshot()

        press(page, "f", "s", *["Shift+ArrowRight"] * 2, "ArrowDown", "b")  # a stroke
        said(page, "with 1 stroke")
        assert page.locator("#places canvas").first.screenshot() != before
        press(page, "]", "b")  # and a click
        said(page, "with 2 strokes")
        press(page, "u")
        said(page, "with 1 stroke 0")
        press(page, "Control+z")
        expect(page.locator("#status")).not_to_contain_text("stroke")
        press(page, "Escape")
        expect(page.locator("#fix")).to_have_attribute("aria-pressed", "false")
        assert page.locator("#places canvas").first.screenshot() != b""
        press(page, "f", "b")
        said(page, "with 1 stroke")
        press(page, "a")  # accept, and on to the next one
        title(page, "car_1")
        expect(page.locator("#left")).to_have_text("1 mask left that is expected below 0.99")

    with served(batch) as address, opened(address) as page:  # after a restart
        title(page, "car_1")
        press(page, "n")
        expect(page.locator("#done h2")).to_have_text("1 mask left that you have passed")
        press(page, "Enter")  # those left for later
        title(page, "car_1 .*later")
        press(page, "p", "a")
        expect(page.locator("#done h2")).to_have_text("No mask is left that is expected below 0.99")
        expect(page.locator("#done p")).to_contain_text("2 masks accepted. 2 masks not looked at")

    mask = read_mask(batch.out / "masks" / "car_0.png")
    first = read_mask(batch.masks / "car_0.png")
    assert 0 < np.count_nonzero(mask != first) < 50 * 50 + 300
    assert np.array_equal(
        read_mask(batch.out / "masks" / "car_1.png"), read_mask(batch.masks / "car_1.png")
    )


def test_a_stroke_is_drawn_by_mouse_where_the_mouse_is(batch: Batch):
    with served(batch) as address, opened(address) as page:
        page.get_by_text("Background").first.click()
        canvas = page.locator("#places canvas").first
        box = canvas.bounding_box()
        assert box is not None
        at = box["x"] + box["width"] / 4, box["y"] + box["height"] / 4
        page.mouse.move(*at)
        page.mouse.down()
        page.mouse.move(at[0] + box["width"] / 8, at[1], steps=5)
        page.mouse.up()

        said(page, "with 1 stroke")
        place = page.evaluate(
            "fetch('v1/review/photo?name=car_0').then((answer) => answer.json())"
            ".then(({ places, strokes }) => [places[0], strokes[0]])"
        )
        press(page, "a")
        title(page, "car_1")

    (drawn,) = place[1:]
    (x, y), (end, _) = drawn["points"][0], drawn["points"][-1]
    assert drawn["label"] == "background"
    assert end - x == pytest.approx(96 / 8, abs=1)
    mask = read_mask(batch.out / "masks" / "car_0.png")
    assert not mask[int(y), int(x) : int(end)].any()
    assert read_mask(batch.masks / "car_0.png")[int(y), int(x)]


def test_all_others_are_accepted_at_once_or_looked_at(batch: Batch):
    with served(batch) as address, opened(address) as page:
        page.fill("#below", "0.6")
        page.keyboard.press("Tab")
        expect(page.locator("#left")).to_contain_text("0 masks left that are expected below 0.6")
        press(page, "n")
        page.click("#more")
        title(page, "car_0")
        press(page, "n")
        title(page, "car_1")
        press(page, "p")
        title(page, "car_0")
        for _ in range(4):
            page.click("#next")
            page.wait_for_timeout(100)
        page.click("#rest")
        expect(page.locator("#done p")).to_have_text("4 masks accepted.")

    assert len(list((batch.out / "masks").iterdir())) == 4


def test_a_place_is_opened_in_the_whole_photo_and_fixed(batch: Batch):
    with served(batch) as address, opened(address) as page:
        num = page.locator("#places canvas").count()
        page.locator("#view").dblclick(position={"x": 40, "y": 40})

        expect(page.locator("#places canvas")).to_have_count(num + 1)
        press(page, "o")
        said(page, "with 1 stroke")
        press(page, "l", "h")
        assert page.is_checked("#bright")
        assert not page.is_checked("#lines")
        press(page, ".", ".", ",")
        expect(page.locator("#offset")).to_have_text("moved by +0.10 px")


def test_it_fits_phones_and_desktops_light_and_dark(batch: Batch):
    grounds = {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 28)"}
    with served(batch) as address:
        for width, (scheme, ground) in product((390, 1440), grounds.items()):
            with opened(address, width, scheme) as page:
                script = "() => document.documentElement.scrollWidth - innerWidth"
                overflow = page.evaluate(script)
                script = "() => getComputedStyle(document.body).backgroundColor"

                assert page.evaluate(script) == ground
                assert overflow <= 0


def test_the_page_of_its_calls_lists_them(batch: Batch):
    with served(batch) as address, opened(address) as page:
        page.goto(address + "docs")
        expect(page.locator("h2").first).to_have_text("GET /v1/review")
        calls = page.locator("pre").all_text_contents()

    assert f"curl -G --data-urlencode name=... {address}v1/review/photo -o result" in calls
    stroke = "-F name=... -F label=... -F points=..."
    assert f"curl {stroke} {address}v1/review/stroke -o result" in calls
