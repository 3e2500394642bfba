"""How long a click on an issue in the panel takes to show its suspects, beside FiftyOne's own way to the same view.

FiftyOne's way is its selector of saved views. For the demo, while ``make demo`` serves its App::

    python scripts/measure_clicks.py http://127.0.0.1:5151

Needs Playwright and a Chromium, as the tests of the App do. Nothing of the dataset is changed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.app.pages import chromium_path

_PATIENCE = 60_000
_SHOWN = """before => {
    const count = document.querySelector("[data-cy=entry-counts]");
    const other = count && /\\d/.test(count.innerText) && count.innerText !== before;
    return other && document.querySelector("[data-cy=fo-grid] canvas[canvas-loaded=true]");
}"""


def measure(page: Any, issue: str, all_images: str, repeats: int) -> tuple[list[float], list[float]]:
    """Seconds from a click to the first tile of another view, by the panel and by FiftyOne's selector in turn."""
    count = page.locator("[data-cy=entry-counts]")
    row = page.locator("[data-cy=panel-content-label_quality_panel]").get_by_text(issue, exact=True).first

    def timed(click: Callable[[], None]) -> float:
        before, began = count.inner_text(), time.perf_counter()
        click()
        page.wait_for_function(_SHOWN, arg=before)
        taken = time.perf_counter() - began
        # Until what is drawn after that is drawn, too
        page.wait_for_timeout(3000)
        return taken

    def choose(view: str) -> Callable[[], None]:
        page.locator("[data-cy=saved-views-selection]").click()
        option = page.get_by_text(view, exact=True).last
        option.wait_for()
        return option.click

    by_panel, by_selector = [], []
    for _ in range(repeats):
        row.scroll_into_view_if_needed()
        by_panel.append(timed(row.click))
        timed(choose(all_images))
        by_selector.append(timed(choose(f"{all_images.split(':')[0]}: {issue}")))
        timed(choose(all_images))
    return by_panel, by_selector


def main() -> None:
    parser = argparse.ArgumentParser(description="How long clicks on an issue take in an open App.")
    parser.add_argument("address", help="of the App, with the panel open")
    parser.add_argument("--issue", default="building given as unlabelled")
    parser.add_argument("--all-images", default="lq: worst first", metavar="VIEW", help="the saved view to come from")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(_PATIENCE)
        page.add_init_script("localStorage['fiftyone-enterprise-tooltip-seen'] = 'true'")
        page.goto(options.address)
        page.locator("[data-cy=fo-grid] canvas[canvas-loaded=true]").first.wait_for()
        page.wait_for_timeout(5000)
        found = measure(page, options.issue, options.all_images, options.repeats)
        browser.close()
    for way, seconds in zip(("the panel's row", "FiftyOne's selector"), found, strict=True):
        print(f"{way}: {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")


if __name__ == "__main__":
    main()
