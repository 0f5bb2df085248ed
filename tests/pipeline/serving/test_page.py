"""The page in Chromium, as a person uses it: with the mouse, and with the keyboard alone."""

import re
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, Route, expect

from data.geometry import Size
from data.images import encode_png
from pipeline.inference.mask_options import MaskOptions
from pipeline.serving.web_app import web_app
from tests.bright_objects import bright_segmenter, object_in, photo_of
from tests.browser import Seen, opened_page
from tests.pipeline.serving.serving import engine_of

pytestmark = pytest.mark.slow

PHOTO = photo_of(object_in())


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server in this process, on a real port."""
    engine = engine_of()
    engine.start()
    app = web_app(engine, "bright")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()
    engine.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "car.png").write_bytes(encode_png(PHOTO))
    (tmp_path / "broken.png").write_bytes(encode_png(PHOTO)[:200])
    (tmp_path / "large.tiff").write_bytes(b"")
    Image.fromarray(photo_of(object_in(Size(300, 240)))).save(tmp_path / "large.tiff")
    return tmp_path


@pytest.fixture
def seen(address: str) -> Iterator[Seen]:
    """What the page did; nothing may fail, and nothing leave the machine."""
    seen = Seen()
    yield seen
    assert seen.errors == []
    assert all(url.startswith((address, "blob:", "data:")) for url in seen.requests)


@pytest.fixture
def page(address: str, seen: Seen) -> Iterator[Page]:
    with opened_page(address, seen, viewport={"width": 1440, "height": 900}) as page:
        yield page


def choose(page: Page, *paths: Path) -> None:
    page.set_input_files("#file", [str(path) for path in paths])
    expect(page.locator("#status")).to_contain_text(re.compile("uncertain tiles|No mask"))


def shown(page: Page, x: float, y: float) -> list[int]:
    """Red, green and blue of the canvas at a share of its size."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")
    return page.evaluate(
        """([x, y]) => {
          const canvas = document.getElementById("canvas");
          const place = [Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1];
          return [...canvas.getContext("2d").getImageData(...place).data.slice(0, 3)];
        }""",
        [x, y],
    )


def set_range(page: Page, name: str, value: int) -> None:
    page.locator(name).evaluate(
        "(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }", value
    )


def downloaded(page: Page, name: str) -> bytes:
    with page.expect_download() as found:
        page.get_by_role("button", name=name, exact=True).click()
    return Path(found.value.path()).read_bytes()


def test_a_photo_is_uploaded_and_its_mask_shown_and_slid_over(page: Page, folder: Path):
    choose(page, folder / "car.png")

    page.check("input[value=mask]")
    assert shown(page, 0.9, 0.05) == [0, 0, 0]  # right of the divider: the mask
    assert shown(page, 0.1, 0.05) == [40, 40, 40]  # left of it: the photo
    set_range(page, "#divide", 0)
    assert shown(page, 0.1, 0.05) == [0, 0, 0]
    assert shown(page, 0.5, 0.5) == [255, 255, 255]
    set_range(page, "#divide", 1000)
    assert shown(page, 0.9, 0.05) == [40, 40, 40]
    expect(page.locator("#expected")).to_have_text("Expected Dice 1.0000")


def test_a_budget_is_stitched_in_the_page_and_no_request_made(page: Page, folder: Path, seen: Seen):
    choose(page, folder / "car.png")
    num = len(seen.requests)
    most = int(page.get_attribute("#budget", "max") or 0)
    page.check("input[value=mask]")
    set_range(page, "#divide", 0)

    for budget in (0, most // 2, most, most // 3):
        set_range(page, "#budget", budget)
        expect(page.locator("#count")).to_have_text(f"{budget} of {most}")
        masks = page.evaluate(MASK_IN_PAGE)
        expected = bright_segmenter()(PHOTO, MaskOptions(budget=budget))
        assert np.array_equal(np.array(masks).reshape(expected.shape) > 0, expected), budget
    assert len(seen.requests) == num
    file = downloaded(page, "mask")
    assert np.array_equal(read(file) > 0, bright_segmenter()(PHOTO, MaskOptions(budget=most // 3)))


MASK_IN_PAGE = """() => {
  const canvas = document.getElementById("canvas");
  const copy = new OffscreenCanvas(256, 192).getContext("2d");
  copy.imageSmoothingEnabled = false;
  copy.drawImage(canvas, 0, 0, 256, 192);
  return [...copy.getImageData(0, 0, 256, 192).data].filter((_, i) => i % 4 === 0)
    .map((level) => Number(level > 127));
}"""


def read(file: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(file)))


def test_layers_zoom_and_the_next_uncertain_place(page: Page, folder: Path):
    choose(page, folder / "car.png")
    page.check("input[value=photo]")
    before = page.locator("#canvas").screenshot()

    for name in ("#contour", "#tiles", "#difference"):
        page.check(name)
        after = page.locator("#canvas").screenshot()
        assert after != before
        page.uncheck(name)
        assert page.locator("#canvas").screenshot() == before
    page.click("#worst")
    assert page.locator("#canvas").screenshot() != before
    page.click("#all")
    assert page.locator("#canvas").screenshot() == before
    page.locator("#view").hover()
    page.mouse.wheel(0, -300)
    assert page.locator("#canvas").screenshot() != before


def test_every_output_can_be_downloaded(page: Page, folder: Path):
    choose(page, folder / "car.png")

    assert np.array_equal(read(downloaded(page, "mask")) > 0, object_in())
    assert read(downloaded(page, "cutout")).shape == (192, 256, 4)
    page.select_option("#ground", "white")
    assert read(downloaded(page, "cutout"))[0, 0].tolist() == [255, 255, 255]
    assert read(downloaded(page, "alpha")).shape == (192, 256)
    assert b"<svg" in downloaded(page, "svg")
    for name in ("geojson", "coco", "labelme"):
        assert downloaded(page, name).startswith(b"{")
    assert downloaded(page, "yolo").startswith(b"0 ")


def test_a_bad_file_is_one_line_and_the_next_photo_works(page: Page, folder: Path, seen: Seen):
    choose(page, folder / "broken.png", folder / "car.png")

    expect(page.locator("#status")).to_contain_text("No mask of broken.png: broken.png is damaged")
    page.get_by_role("button", name=re.compile("car.png")).click()
    expect(page.locator("#status")).to_contain_text("car.png: 256 x 192 pixels")
    assert all("400" in error for error in seen.errors)  # what the browser notes of the answer
    seen.errors.clear()


def test_a_format_that_browsers_do_not_show_comes_back_as_jpeg(page: Page, folder: Path):
    choose(page, folder / "large.tiff")

    expect(page.locator("#status")).to_contain_text("large.tiff: 240 x 300 pixels")
    page.check("input[value=photo]")
    assert abs(shown(page, 0.5, 0.45)[0] - 200) < 12


def test_a_photo_can_be_dropped_and_pasted(page: Page, folder: Path):
    script = """([name, kind, bytes]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(bytes)], "d.png", { type: "image/png" }));
      const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true })
        : new DragEvent("drop", { dataTransfer: transfer, bubbles: true });
      document.body.dispatchEvent(event);
    }"""
    for count, kind in enumerate(("drop", "paste"), 1):
        page.evaluate(script, ["d.png", kind, list((folder / "car.png").read_bytes())])
        expect(page.locator("#photos button")).to_have_count(count)
        expect(page.locator("#status")).to_contain_text("uncertain tiles")


def test_the_keyboard_alone_is_enough(page: Page, folder: Path):
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Tab")  # the link to the API
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    chooser.value.set_files(str(folder / "car.png"))
    expect(page.locator("#status")).to_contain_text("uncertain tiles")

    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "() => document.activeElement.id || document.activeElement.textContent"
        )
        reached.append(name)
        if name == "view":
            before = shown(page, 0.3, 0.05)
            page.keyboard.press("+")
            page.keyboard.press("ArrowLeft")
            for _ in range(10):
                page.keyboard.press("[")
            page.keyboard.press("0")
            assert page.input_value("#divide") == "0"
            assert shown(page, 0.3, 0.05) != before
        if name == "budget":
            page.keyboard.press("Home")
            expect(page.locator("#count")).to_contain_text("0 of")
        if name == "mask":
            with page.expect_download():
                page.keyboard.press("Enter")
            break

    assert {"view", "divide", "contour", "tiles", "difference", "budget", "worst"} <= set(reached)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_it_fits_phones_and_desktops_light_and_dark(
    address: str, seen: Seen, folder: Path, width: int, scheme: str
):
    sizes = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with opened_page(address, seen, **sizes) as page:
        choose(page, folder / "car.png")
        overflow = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        page.goto(address + "docs")
        expect(page.locator("h2").first).to_have_text("POST /v1/masks")
        docs_overflow = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")

    assert overflow <= 0
    assert docs_overflow <= 0
    assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(22, 24, 28)")


def test_a_busy_server_is_asked_again(page: Page, folder: Path, seen: Seen):
    answers = iter([503, 503])

    def busy_twice(route: Route) -> None:
        if (status := next(answers, None)) is None:
            route.continue_()
        else:
            route.fulfill(status=status, headers={"Retry-After": "1"}, body="{}")

    page.route("**/v1/tiles", busy_twice)

    choose(page, folder / "car.png")

    expect(page.locator("#status")).to_contain_text("car.png: 256 x 192 pixels")
    assert all("503" in error for error in seen.errors)
    seen.errors.clear()
