"""A reviewer redraws a suspect in the App: it counts as edited, with the shape as drawn. A key shows each mask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from .. import suspect_run

pytestmark = pytest.mark.app

_OPEN = "[data-cy=modal] [data-cy=modal-looker-container] canvas[canvas-loaded=true]"
#: The App saves some seconds after a stroke
_SAVED_MS = 500
_PATIENCE_MS = 60_000
#: Waits after which a stroke that the App has not taken, as a busy machine does now and then, is made again
_AGAIN = 40


@pytest.fixture
def suspected(make_dataset: Any, tmp_path: Path) -> Any:
    return suspect_run.add_run(make_dataset(count=6), tmp_path, rated=True)


class Annotating:
    """The tab Annotate of an open image of 24 x 32 pixels, or of a patch."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.modal = page.locator("[data-cy=modal]")
        self.modal.locator("[data-cy=annotate]").click()

    def choose(self, region_id: str) -> None:
        self.modal.locator(f"[data-cy^=annotate-label-{region_id}]").first.click()
        self.modal.locator("[data-cy=root_label_container]").wait_for()

    def brush(self, *points: tuple[float, float]) -> None:
        """A stroke from (column, row) to (column, row) of the image, which is shown whole."""
        box = self.canvas()
        scale = min(box["width"] / 32, box["height"] / 24)
        left, top = box["x"] + box["width"] / 2 - 16 * scale, box["y"] + box["height"] / 2 - 12 * scale
        self.stroke(*((left + column * scale, top + row * scale) for column, row in points))

    def canvas(self) -> Any:
        """Where the image is drawn on the page, with the brush at hand."""
        self.modal.locator("[data-cy=brush]").click()
        self.modal.locator("[data-cy=circle]").wait_for()
        return self.modal.locator("[data-cy=lighter-sample-renderer-canvas]").bounding_box()

    def stroke(self, *points: tuple[float, float]) -> None:
        """A stroke from place to place of the page."""
        for number, (x, y) in enumerate(points):
            self.page.mouse.move(x, y, steps=8)
            if not number:
                self.page.mouse.down()
        self.page.mouse.up()

    def name(self, label: str) -> None:
        self.modal.locator("[data-cy=root_label_container] input").click()
        self.page.get_by_role("option", name=label, exact=True).click()

    def until(self, done: Callable[[], bool], again: Callable[[], None] = lambda: None) -> None:
        """Waits until the App has saved; as a person would, does it again where nothing is saved for long."""
        for wait in range(1, _PATIENCE_MS // _SAVED_MS + 1):
            if done():
                return
            self.page.wait_for_timeout(_SAVED_MS)
            if not wait % _AGAIN:
                again()
        raise AssertionError(f"the App has not saved; it shows: {self.modal.inner_text()}")


def stored(dataset: Any, region_id: str) -> dict[str, Any]:
    sample = dataset._sample_collection.find_one({"lq_suspects.detections.label": {"$exists": True}, "index": 1})
    return next(one for one in sample["lq_suspects"]["detections"] if str(one["_id"]) == region_id)


@pytest.mark.slow
def test_a_stroke_of_the_brush_counts_as_edited(
    open_app: Callable[[Any], Any], screenshot: Callable[[Any, str], Path], suspected: Any, tmp_path: Path
) -> None:
    from label_quality import export_clean_dataset

    page = open_app(suspected)
    page.locator("[data-cy=fo-grid] canvas").nth(1).click(position={"x": 60, "y": 60})
    page.locator(_OPEN).wait_for()
    sample = suspected.skip(1).first()
    tree, car = (one.id for one in sample.lq_suspects.detections)
    given = np.array(sample.ground_truth.get_mask())
    tab = Annotating(page)
    tab.choose(tree)
    stroke = (18, 15.5), (26, 15.5)
    tab.brush(*stroke)
    tab.until(lambda: "mask" in stored(suspected, tree), lambda: tab.brush(*stroke))
    screenshot(page, "redraw-brush")
    tab.modal.locator("[data-cy=annotate-edit-back]").click()
    tab.choose(car)
    tab.name("tree")
    tab.until(lambda: stored(suspected, car)["label"] == "tree")

    tab.modal.locator("[data-cy=explore]").click()
    page.locator(_OPEN).wait_for()
    # What is reviewed is counted anew with the next image that is opened
    page.keyboard.press("ArrowRight")
    page.locator("[data-cy=label-quality-review]").get_by_text("2 of 5 reviewed").wait_for()
    screenshot(page, "redraw-counted")
    edited, renamed = stored(suspected, tree), stored(suspected, car)
    assert (edited["verdict"], edited["label"], edited.get("mask_path")) == ("edited", "tree", None)
    assert (renamed["verdict"], renamed["corrected_to"]) == ("confirmed", "tree")
    assert renamed["mask_path"]

    made = export_clean_dataset(suspected.match({"index": 1}), export_dir=tmp_path / "out")
    assert (made.regions, made.unclear) == (2, ())
    written = cv2.imread(str(tmp_path / "out" / "labels" / "001.png"), cv2.IMREAD_UNCHANGED)
    expected = given.copy()
    expected[12:24, 16:20] = expected[4:10, 4:12] = 20
    # Where nothing was drawn it is as it was found; the stroke goes on to the right
    away = np.ones(given.shape, bool)
    away[12:20, 18:32] = False
    assert np.array_equal(written[away], expected[away])
    assert (written[15, 20:26] == 20).all()


@pytest.mark.slow
def test_a_key_shows_and_hides_each_mask(
    open_app: Callable[[Any], Any], screenshot: Callable[[Any, str], Path], suspected: Any
) -> None:
    page = open_app(suspected)
    page.locator("[data-cy=fo-grid] canvas").nth(1).click(position={"x": 60, "y": 60})
    page.locator(_OPEN).wait_for()
    line = page.locator("[data-cy=label-quality-review]")
    line.get_by_text("Mask").wait_for()
    line.get_by_text("Suspects").wait_for()

    def picture() -> np.ndarray:
        page.mouse.move(5, 5)
        page.wait_for_timeout(1500)
        data = page.locator(_OPEN).screenshot()
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(int)

    def share(one: np.ndarray, other: np.ndarray) -> float:
        return float((np.abs(one - other).max(axis=2) > 20).mean())

    plain = picture()
    page.keyboard.press("4")
    bare = picture()
    # The two suspects cover an eighth of the image
    assert 0.08 < share(plain, bare) < 0.2
    page.keyboard.press("1")
    masked = picture()
    screenshot(page, "layers-mask")
    assert share(bare, masked) > 0.3
    page.keyboard.press("1")
    page.keyboard.press("4")
    assert share(plain, picture()) < 0.02
