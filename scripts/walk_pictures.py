"""Takes the pictures of README.md, docs/review.md and docs/report.md anew, of a dataset with a run.

For CamVid, as they are there, with a database of its own::

    python scripts/mongod.py DIR label-quality audit --images camvid/images --masks camvid/masks \
        --classes camvid/classes.json --name camvid --blocks
    python scripts/mongod.py DIR python scripts/walk_pictures.py camvid docs

Needs Playwright and a Chromium, as the tests of the App do.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import fiftyone as fo
import numpy as np
from label_quality import write_report
from playwright.sync_api import TimeoutError as NotOpen
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.app.pages import STILL, chromium_path, forget_painted_tiles

_SIZE = {"width": 1280, "height": 800}
_PAGE = {"width": 1280, "height": 900}
_QUALITY = 82
_PATIENCE = 120_000
#: Pixels of a suspect that shows what it is about
_LARGE = 2000
#: Of a tile's height, where it may open
_SHARES = (0.74, 0.66, 0.6, 0.82)
#: Milliseconds in which a page draws what it has loaded
_DRAWN = 2500
_OPEN = "[data-cy=modal] [data-cy=modal-looker-container] canvas[canvas-loaded=true]"
_TILE = "[data-cy=fo-grid] canvas[canvas-loaded=true]"


class Walk:
    """The steps, each with its picture.

    Args:
        page: of the App, on the dataset
        folder: where the pictures go
    """

    def __init__(self, page: Any, folder: Path) -> None:
        self.page, self.folder = page, folder
        self.panel = page.locator("[data-cy=panel-content-label_quality_panel]")

    def take(self, name: str) -> None:
        """Waits until all is drawn, and takes a picture of the walk."""
        save(self.page, self.folder / f"walk-{name}.jpg")

    def show(self, target: Any, counted: str, tiles: int) -> None:
        """Clicks what leads to another view, and waits until the grid has painted that many tiles of it."""
        # Until the grid has painted what it shows now: a tile of that would count for one of the next view
        self.page.wait_for_timeout(2 * _DRAWN)
        forget_painted_tiles(self.page)
        target.click()
        self.page.locator("[data-cy=entry-counts]").get_by_text(counted).wait_for()
        self.page.locator(_TILE).nth(tiles - 1).wait_for()

    def open_first(self) -> None:
        """Opens the first tile of the grid that is no sliver, between its tags and the bar that selects it."""
        every = (one.bounding_box() for one in self.page.locator(_TILE).all())
        bar = self.page.locator("[data-cy=fo-grid-actions]").first.bounding_box()
        # The grid keeps tiles beyond what is in sight, in an order of its own
        seen = [one for one in every if one is not None and one["y"] >= bar["y"] + bar["height"] - 2]
        wide = [one for one in seen if one["width"] > 80]
        first = min(wide or seen, key=lambda one: (one["y"], one["x"]))
        for share in _SHARES:
            # Above is what selects a tile, below are its labels; and a busy page may lose a click
            self.page.mouse.click(first["x"] + 0.7 * first["width"], first["y"] + share * first["height"])
            try:
                self.page.locator(_OPEN).wait_for(timeout=_PATIENCE / 8)
                break
            except NotOpen:
                continue
        self.page.locator(_OPEN).wait_for()
        self.page.mouse.move(5, 5)

    def top(self) -> None:
        """Scrolls the panel to its beginning."""
        up = "one => { for (const part of one.querySelectorAll('*')) part.scrollTop = 0; one.scrollTop = 0 }"
        self.panel.evaluate(up)

    def close(self) -> None:
        """Leaves what is open."""
        self.page.mouse.click(5, 5)
        self.page.locator("[data-cy=modal]").wait_for(state="detached")

    def whole(self) -> None:
        """The panel beside the grid, then the worst image."""
        self.page.locator("[data-cy=new-panel-btn]").first.click()
        self.page.locator("[data-cy=new-panel-option-label_quality_panel]").click()
        # Beside the grid, and not in its place
        self.panel.get_by_text("Images checked").wait_for()
        self.page.locator("[data-cy=panel-tab-label_quality_panel]").get_by_role("button").first.wait_for()
        self.show(self.panel.get_by_role("button", name="Show all in the grid, worst first"), "samples", 20)
        self.top()
        self.take("panel")
        self.open_first()
        self.take("worst")
        self.close()

    def heatmap(self, sample_id: str, picture: Path) -> None:
        """An image with a suspect, under its heatmap alone."""
        self.open(sample_id)
        suspects = self.page.locator("[data-cy=label-quality-review]").get_by_text("Suspects")
        suspects.click()
        save(self.page, picture)
        # The next that is opened has them
        suspects.click()
        self.page.wait_for_timeout(_DRAWN)
        self.close()

    def open(self, sample_id: str) -> None:
        """Opens a sample or patch that may be out of sight, or small."""
        self.page.evaluate("id => window.__foo__.executeOperator('open_sample', { id })", sample_id)
        self.page.locator(_OPEN).wait_for()
        self.page.mouse.move(5, 5)

    def issue(self, title: str, region_id: str) -> None:
        """The suspects of an issue, one of them under review, and from close up."""
        row = self.panel.get_by_text(title, exact=True).first
        row.scroll_into_view_if_needed()
        self.show(row, "patch", 4)
        self.take("regions")
        # Tiles are small here: above opens nothing, but selects them
        self.open(region_id)
        self.page.locator("[data-cy=panel-content-image_quality_panel] img").nth(2).wait_for()
        self.take("review")
        self.close()

    def tag(self) -> None:
        """The form that tags the worst images."""
        self.top()
        self.panel.get_by_role("button", name="Tag for relabelling…").click()
        self.page.locator("[data-cy=operators-prompt-modal]").get_by_text("as 'relabel'").wait_for()
        self.take("tag")


def take_report(browser: Any, dataset: fo.Dataset, picture: Path) -> None:
    """Takes the first page of a run's report."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        write_report(dataset, "lq", path)
        page = browser.new_page(viewport=_PAGE)
        page.goto(path.as_uri())
        save(page, picture)
        page.close()


def save(page: Any, picture: Path) -> None:
    """Waits until all is drawn, and takes the picture of a page."""
    page.wait_for_timeout(_DRAWN)
    pixels = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    cv2.imwrite(str(picture), pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])


def _large(dataset: fo.Dataset, issue: str) -> tuple[str, str]:
    """The most probable suspect of an issue that is not small, and its image."""
    suspects = dataset.load_saved_view(f"lq: {issue}")
    return next((one.id, one.sample_id) for one in suspects if one.lq_suspects.area >= _LARGE)


def main() -> None:
    """Serves the dataset, and walks through it."""
    parser = argparse.ArgumentParser(description="Take the pictures of docs/review.md anew.")
    parser.add_argument("dataset", help="name of the dataset, which has a run 'lq'")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--issue", default="building given as unlabelled", help="whose suspects are shown")
    options = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    dataset = fo.load_dataset(options.dataset)
    session = fo.launch_app(dataset, remote=True, address="127.0.0.1", port=port)
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=_SIZE)
        page.set_default_timeout(_PATIENCE)
        page.add_init_script(STILL)
        page.add_init_script("localStorage['fiftyone-enterprise-tooltip-seen'] = 'true'")
        # A session tells the server of its dataset some seconds after that answers
        time.sleep(15)
        page.goto(f"http://127.0.0.1:{port}/datasets/{options.dataset}")
        page.locator(_TILE).first.wait_for()
        walk = Walk(page, options.folder)
        region_id, sample_id = _large(dataset, options.issue)
        walk.whole()
        walk.heatmap(sample_id, options.folder / f"{options.dataset}-heatmap.jpg")
        walk.issue(options.issue, region_id)
        walk.tag()
        take_report(browser, dataset, options.folder / "report.jpg")
        browser.close()
    session.close()


if __name__ == "__main__":
    main()
