"""How long a report takes to open in Chromium, from disk, without anything in a cache.

    python -m benchmarks.page_opening RUN/report/index.html

The table has, for each of several openings, milliseconds until the first content is painted, until
the page has been built, and until the pictures of its first part are there.
"""

import shutil
import sys
from pathlib import Path

from cyclopts import App
from playwright.sync_api import Browser, sync_playwright

from benchmarks.markdown import table
from data.errors import InputError
from pipeline.cli.arguments import Count
from pipeline.cli.program import run

TIMES = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return [paint ? paint.startTime : null, page.domContentLoadedEventEnd, page.loadEventEnd];
}"""

HEADINGS = ("opening", "first paint, ms", "built, ms", "pictures there, ms", "pictures")

app = App(name="page_opening", help=__doc__, help_format="plaintext")


@app.default
def page_opening(page: Path, /, *, times: Count = 5) -> None:
    """Open a page several times, and print what it took.

    Args:
        page: file of the page.
        times: number of openings.
    """
    if not page.is_file():
        raise InputError(f"there is no page {page}")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise InputError("there is no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        rows = [opened(browser, page, number) for number in range(1, times + 1)]
        browser.close()
    print(table(HEADINGS, rows), end="")


def opened(browser: Browser, page: Path, number: int) -> list[str]:
    """Return the row of one opening, in a profile of its own."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    tab = context.new_page()
    tab.goto(page.resolve().as_uri(), wait_until="load")
    tab.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
    times = [f"{value:.0f}" for value in tab.evaluate(TIMES)]
    pictures = str(tab.evaluate("document.images.length"))
    context.close()
    return [str(number), *times, pictures]


if __name__ == "__main__":
    sys.exit(run(app))
