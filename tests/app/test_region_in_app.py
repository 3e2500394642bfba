"""A reviewer sees a suspect three times beside its image, in the colours of the grid, and step by step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from .. import suspect_run
from ..region_pictures import take_apart

pytestmark = pytest.mark.app

_OPEN = "[data-cy=modal] [data-cy=modal-looker-container] canvas[canvas-loaded=true]"
_PANEL = "image_quality_panel"


@pytest.fixture
def suspected(make_dataset: Any, tmp_path: Path) -> Any:
    """The run of `suspect_run`, of images that a window enlarges."""
    return suspect_run.add_run(make_dataset(count=6), tmp_path, rated=True)


class Beside:
    """The panel beside an open sample."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.modal = page.locator("[data-cy=modal]")
        self.panel = self.modal.locator(f"[data-cy=panel-content-{_PANEL}]")

    def open(self, pictures: int = 3) -> None:
        self.modal.locator(f"[data-cy=panel-tab-{_PANEL}]").click()
        self.shows(pictures)

    def shows(self, pictures: int = 3) -> None:
        """Waits until it shows them without having been opened."""
        self.panel.locator("img").nth(pictures - 1).wait_for()

    def says(self, *texts: str) -> None:
        for text in texts:
            self.panel.get_by_text(text, exact=True).first.wait_for()

    def sources(self) -> list[str]:
        return [str(one.get_attribute("src")) for one in self.panel.locator("img").all()]

    def painted(self, number: int) -> np.ndarray:
        """A picture as it is on the screen, (H, W, 3) RGB."""
        data = self.panel.locator("img").nth(number).screenshot()
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def test_a_suspect_is_shown_three_times_and_followed(
    open_app: Callable[[Any], Any],
    screenshot: Callable[[Any, str], Path],
    grid: Callable[[Any, int], None],
    suspected: Any,
) -> None:
    page = open_app(suspected)
    page.locator("[data-cy=saved-views-selection]").click()
    page.locator("[data-cy=saved-views-lq-suspect-regions-selection-option]").click()
    page.locator("[data-cy=entry-counts]").get_by_text("5 patches").wait_for()
    grid(page, 5)
    page.locator("[data-cy=fo-grid] canvas").first.click(position={"x": 60, "y": 60})
    page.locator(_OPEN).wait_for()
    beside = Beside(page)
    beside.open()
    beside.says("Given as road, looks like car, 90 %", "Swap: a wrong class · 48 pixels", "0 of 5 reviewed")
    beside.says("Image", "Given: road", "Suggested: car")
    assert page.evaluate("[...document.querySelectorAll('[data-cy=modal] img')].every(one => one.naturalWidth > 0)")
    screenshot(page, "region-patch")

    # Of 24 x 32 pixels that are shown, each of several of the screen, the region is 6 x 8 at row 6, column 8
    image, given, suggested = (beside.painted(number) for number in range(3))
    changed = np.array([[differs(given, suggested, row, column) for column in range(32)] for row in range(24)])
    expected = np.zeros((24, 32), bool)
    expected[6:12, 8:16] = True
    assert np.array_equal(changed, expected)
    assert all(np.ptp(middle(image, 18, column), axis=(0, 1)).max() <= 2 for column in range(32))
    line = image[int(image.shape[0] * 9.5 / 24)]
    for edge in (image.shape[1] * 8 // 32, image.shape[1] * 16 // 32):
        assert line[edge - 3 : edge + 4].sum(axis=1).min() < 120
        assert line[edge - 3 : edge + 4].sum(axis=1).max() > 600

    page.keyboard.press("y")
    beside.says("1 of 5 reviewed", "Given as unlabelled, looks like tree, 80 %")
    page.keyboard.press("ArrowLeft")
    beside.says("Swap: a wrong class · 48 pixels · confirmed by " + verdict_of(suspected))
    page.keyboard.press("n")
    beside.says("Given as unlabelled, looks like tree, 80 %")
    beside.says("1 of 5 reviewed")
    before = beside.sources()
    beside.panel.get_by_text("car given as road").first.click()
    beside.says("Given as road, looks like car, 60 %")
    assert beside.sources() != before
    screenshot(page, "region-clicked")


def middle(picture: np.ndarray, row: int, column: int) -> np.ndarray:
    """What the screen shows in the middle of a pixel of 24 x 32, (3, 3, 3) RGB."""
    y, x = int(picture.shape[0] * (row + 0.5) / 24), int(picture.shape[1] * (column + 0.5) / 32)
    return picture[y - 1 : y + 2, x - 1 : x + 2]


def differs(one: np.ndarray, other: np.ndarray, row: int, column: int) -> bool:
    return bool(np.abs(middle(one, row, column) - middle(other, row, column)).max() > 20)


def verdict_of(dataset: Any) -> str:
    """Who has given the verdict."""
    dataset.reload()
    return str(next(filter(None, dataset.values("lq_suspects.detections.reviewed_by", unwind=True))))


def test_colours_are_those_that_the_app_paints(
    open_app: Callable[[Any], Any], screenshot: Callable[[Any, str], Path], suspected: Any
) -> None:
    page = open_app(suspected)
    page.locator("[data-cy=fo-grid] canvas").nth(1).click(position={"x": 60, "y": 60})
    page.locator(_OPEN).wait_for()
    page.locator("[data-cy=modal] [data-cy=checkbox-ground_truth]").click()
    page.locator("[data-cy=modal] [data-cy=checkbox-lq_suspects]").click()
    page.mouse.move(5, 5)
    page.wait_for_timeout(1500)
    data = page.locator(_OPEN).screenshot()
    app = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    screenshot(page, "region-mask-in-app")
    beside = Beside(page)
    beside.open()
    beside.says("Given as unlabelled, looks like tree, 80 %")
    page.wait_for_timeout(1500)
    screenshot(page, "region-image")
    _, overlay = take_apart(beside.sources()[1]).layers
    image = take_apart(beside.sources()[0]).layers[0].astype(int)
    mixed = np.where(overlay[..., 3:] > 0, 0.3 * image + 0.7 * overlay[..., :3], image)
    # The App shows the image as large as fits, in the middle; each pixel of it is many of the screen
    scale = min(app.shape[0] / 24, app.shape[1] / 32)
    bands = {tuple(color[:3]) for color in overlay.reshape(-1, 4) if color[3]}
    assert bands
    shown = overlay_in(app)
    for column in range(2, 32, 4):
        assert np.abs(shown(10, column, scale) - mixed[10, column]).max() < 45


def overlay_in(app: np.ndarray) -> Callable[[int, int, float], np.ndarray]:
    """The colour on the screen in the middle of a pixel of the image."""

    def at(row: int, column: int, scale: float) -> np.ndarray:
        y = app.shape[0] / 2 + (row + 0.5 - 12) * scale
        x = app.shape[1] / 2 + (column + 0.5 - 16) * scale
        return app[int(y), int(x)]

    return at
