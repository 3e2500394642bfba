"""The whole way of a dataset owner in the App: audit, sort, look, review, tag for relabelling, and delete the run.

The dataset is the demo's, of generated street scenes with planted errors, smaller and with files of probabilities in
place of training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ..deletion import drop_datasets
from ..predicted import add_exact_predictions
from .clicks import click_away
from .pages import forget_painted_tiles

pytestmark = pytest.mark.app

_IMAGES, _SEED = 12, 1
#: In the worst the edges of a class are drawn too far in, in the other cars and signs have changed places
_WORST, _SWAPPED = "0004.png", "0011.png"
_GROUP = "car given as sign"
_OPEN = "[data-cy=modal] [data-cy=modal-looker-container] canvas[canvas-loaded=true]"


@pytest.fixture
def scenes(fiftyone: Any, tmp_path: Path) -> Iterator[Any]:
    """The demo's dataset, with the probabilities of a model that sees each scene as it is."""
    from label_quality.plugin.scenes.demo_dataset import demo_dataset

    dataset = demo_dataset(tmp_path, _IMAGES, _SEED, name="walk-through-the-app")
    add_exact_predictions(dataset, tmp_path)
    yield dataset
    drop_datasets([dataset.name])


class Walk:
    """What the steps have in common: the page, its parts, and a way to wait for what they show."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.panel = page.locator("[data-cy=panel-content-label_quality_panel]")
        self.form = page.locator("[data-cy=operators-prompt-modal]")

    def open_panel(self) -> None:
        self.page.locator("[data-cy=new-panel-btn]").first.click()
        self.page.locator("[data-cy=new-panel-option-label_quality_panel]").click()

    def execute(self, button: str) -> None:
        """Sends the form by its button, the first that it offers; the form goes then."""
        click_away(self.form.get_by_role("button", name=button, exact=True))

    def choose_view(self, slug: str) -> None:
        self.page.locator("[data-cy=saved-views-selection]").click()
        self.page.locator(f"[data-cy=saved-views-{slug}-selection-option]").click()

    def sees(self, count: str) -> None:
        """Waits until the grid counts that many samples or patches."""
        self.page.locator("[data-cy=entry-counts]").get_by_text(count, exact=True).wait_for()

    def open_first(self) -> None:
        """Opens the first tile of the grid."""
        self.click_first()
        self.page.locator(_OPEN).wait_for()

    def click_first(self) -> None:
        """Clicks the first tile of the grid, which may be small: between its tags and the bar that selects it."""
        tile = self.page.locator("[data-cy=fo-grid] canvas[canvas-loaded=true]").first
        size = tile.evaluate("one => ({ x: one.clientWidth, y: one.clientHeight })")
        tile.click(position={"x": size["x"] * 0.7, "y": size["y"] * 0.74})

    def picture(self) -> np.ndarray:
        """The pixels of what is open, with the mouse elsewhere."""
        self.page.mouse.move(5, 5)
        self.page.wait_for_timeout(1000)
        return cv2.imdecode(np.frombuffer(self.page.locator(_OPEN).screenshot(), np.uint8), cv2.IMREAD_COLOR).astype(
            int
        )

    def switch(self, field: str) -> None:
        """Switches a field of what is open on or off."""
        self.page.locator(f"[data-cy=modal] [data-cy=checkbox-{field}]").click()

    def close(self) -> None:
        """Clicks beside what is open: keys reach it only while it has the focus."""
        self.page.mouse.click(5, 5)
        self.page.locator("[data-cy=modal]").wait_for(state="detached")

    def line(self, text: str) -> None:
        """Waits until the line of the review, below what is open, holds a text."""
        self.page.locator("[data-cy=label-quality-review]").get_by_text(text).wait_for()


@pytest.mark.slow
def test_from_the_first_audit_to_tagged_images_and_back(
    open_app: Callable[[Any], Any],
    screenshot: Callable[[Any, str], Path],
    grid: Callable[[Any, int], None],
    scenes: Any,
) -> None:
    page = open_app(scenes)
    walk = Walk(page)
    walk.open_panel()

    walk.panel.get_by_role("button", name="Run audit…").click()
    walk.form.get_by_text("Use predictions I have stored").click()
    walk.form.get_by_text("Choose the field that holds the predictions.").wait_for()
    walk.form.locator("[role=combobox]").nth(1).click()
    page.get_by_role("option", name="probabilities").click()
    walk.form.get_by_text(f"{_IMAGES} images will be scored with the stored predictions").wait_for()
    walk.execute("Execute")
    output = page.locator("[data-cy=operators-prompt-view-modal]")
    output.get_by_text(f"Scored {_IMAGES} images; the worst is {_WORST}").wait_for()
    output.get_by_role("button", name="Done").click()

    walk.panel.locator(".js-plotly-plot .main-svg").first.wait_for()
    walk.panel.get_by_text("Images with suspects").wait_for()
    walk.panel.get_by_text(_GROUP, exact=True).first.wait_for()
    screenshot(page, "walk-1-panel")

    forget_painted_tiles(walk.page)
    page.locator("[data-cy='selector-Sort by']").click()
    click_away(page.locator("[data-cy=selector-result-lq_quality]"))
    grid(page, _IMAGES)
    screenshot(page, "walk-2-sorted")
    walk.open_first()
    page.locator("[data-cy=modal]").get_by_text(_WORST).first.wait_for()
    screenshot(page, "walk-3-worst-with-heatmap")
    shown = walk.picture()
    walk.switch("lq_heatmap")
    assert np.abs(walk.picture() - shown).max() > 40
    walk.close()

    forget_painted_tiles(walk.page)
    walk.choose_view("lq-swap-suspects")
    walk.sees("1 sample")
    grid(page, 1)
    screenshot(page, "walk-4-swap-suspects")

    forget_painted_tiles(walk.page)
    walk.panel.get_by_text(_GROUP, exact=True).first.click()
    walk.sees("2 patches")
    grid(page, 2)
    walk.open_first()
    walk.line("Given as sign, looks like car")
    page.keyboard.press("y")
    scenes.reload()
    suspects = scenes.count("lq_suspects.detections")
    walk.line(f"1 of {suspects} reviewed")
    screenshot(page, "walk-5-review")
    page.keyboard.press("n")
    walk.line(f"2 of {suspects} reviewed")
    walk.close()
    walk.sees("1 patch")
    assert verdicts(scenes) == ["confirmed", "rejected"]

    walk.panel.get_by_role("button", name="Tag for relabelling…").click()
    walk.form.get_by_text("Tags 1 image as 'relabel'").wait_for()
    screenshot(page, "walk-6-tag")
    walk.execute("Tag")
    page.get_by_text("Tagged 1 image as 'relabel'").wait_for()
    walk.choose_view("lq-worst-first")
    walk.sees(f"{_IMAGES} samples")
    page.locator("[data-cy=sidebar-field-arrow-enabled-tags]").click()
    page.locator("[data-cy=sidebar]").get_by_text("relabel", exact=True).first.wait_for()
    screenshot(page, "walk-7-tagged")
    scenes.reload()
    assert [Path(path).name for path in scenes.match_tags("relabel").values("filepath")] == [_SWAPPED]

    walk.panel.get_by_role("button", name="Delete run…").click()
    walk.form.get_by_text("Delete run 'lq'").click()
    walk.execute("Delete")
    page.get_by_text("Run 'lq' is deleted").wait_for()
    walk.panel.get_by_text("Find the masks that are wrong").wait_for()
    walk.sees(f"{_IMAGES} samples")
    page.locator("[data-cy=sidebar-field-lq_quality]").wait_for(state="detached")
    screenshot(page, "walk-8-deleted")
    scenes.reload()
    assert not [name for name in scenes.get_field_schema() if name.startswith("lq_")]
    assert scenes.list_saved_views() == []


def verdicts(dataset: Any) -> list[str]:
    """The verdicts on confirmed and on rejected regions."""
    dataset.reload()
    fields = ("lq_suspects", "lq_rejected")
    return [one for field in fields for one in dataset.distinct(f"{field}.detections.verdict")]
