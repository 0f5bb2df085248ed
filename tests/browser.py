"""Headless Chromium for tests of pages: that of the system, or the one that npm installs.

Where there is neither, the test is skipped and says so, but for continuous integration.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

from tests.node_packages import node_modules, run_node

NAMES = ("chromium", "chromium-browser", "google-chrome")

FROM_NPM = """
import chromium from "@sparticuz/chromium";
console.log(JSON.stringify([await chromium.executablePath(), ...chromium.args]));
"""

# Milliseconds: other work on the machine may keep the browser waiting.
expect.set_options(timeout=30_000)


@dataclass
class Seen:
    """What a page did while a test used it."""

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def opened_page(address: str, seen: Seen, **context: Any) -> Iterator[Page]:
    """Open a page in a browser; errors and requests are noted in `seen`."""
    path, arguments = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            page = browser.new_context(**context).new_page()
            page.on("pageerror", lambda error: seen.errors.append(str(error)))
            page.on("console", lambda text: text.type == "error" and seen.errors.append(text.text))
            page.on("request", lambda request: seen.requests.append(request.url))
            page.goto(address)
            yield page
        finally:
            browser.close()


@cache
def chromium() -> tuple[str, list[str]]:
    """Path of the browser, and arguments that it needs."""
    for name in NAMES:
        if (path := shutil.which(name)) is not None:
            return path, ["--no-sandbox"]
    node_modules()
    with TemporaryDirectory() as folder:
        path, *arguments = json.loads(run_node(FROM_NPM, Path(folder)))
    return path, [argument for argument in arguments if not argument.startswith("--headless")]
