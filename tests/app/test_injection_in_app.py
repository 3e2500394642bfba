"""Names that are HTML, scripts or Markdown links, in all that the plugin shows: they are shown, and nothing runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..deletion import drop_datasets

pytestmark = pytest.mark.app

IMG = '<img src=x onerror="window.__pwned=1">'
SCRIPT = '"><script>window.__pwned=2</script>'
LINK = "[x](javascript:window.__pwned=3)"
SVG = '"><svg onload="window.__pwned=4">**s**'
#: In the names of a file and a tag
FILE = '<img src=x onerror="window.__pwned=5">.png'
TAG = '<img src=x onerror="window.__pwned=6">[x](javascript:alert(7))'
DATASET = '<img src=x onerror="window.__pwned=8">'
_OPEN = "[data-cy=modal] [data-cy=modal-looker-container] canvas[canvas-loaded=true]"


@pytest.fixture
def hostile(make_dataset: Any, tmp_path: Path) -> Iterator[Any]:
    """Eight images with a run; the classes, the file of the worst image, a tag and the dataset have such names."""
    from label_quality.plugin.audit import audit_labels

    names = (IMG, SCRIPT, LINK, SVG)
    dataset = make_dataset(count=8, sizes=((96, 128),), targets=dict(zip((0, 3, 7, 20), names, strict=True)))
    for index, sample in enumerate(dataset):
        mask = sample.ground_truth.get_mask()
        if index == 5:
            mask = np.where(mask == 7, 3, np.where(mask == 3, 7, mask))
            os.rename(sample.filepath, os.path.join(os.path.dirname(sample.filepath), FILE))
            sample.filepath = os.path.join(os.path.dirname(sample.filepath), FILE)
        path = tmp_path / f"{index}.npy"
        np.save(path, np.stack([np.where(mask == value, 0.85, 0.05) for value in (0, 3, 7, 20)]).astype(np.float32))
        sample["probabilities"] = str(path)
        sample.save()
    dataset.limit(2).tag_samples(TAG)
    dataset.name = DATASET
    audit_labels(dataset, "ground_truth", source="files", field="probabilities")
    dataset.reload()
    yield dataset
    drop_datasets([dataset.name])


def shows(place: Any, *texts: str) -> None:
    """Waits until a place shows the texts, letter by letter."""
    for text in texts:
        place.get_by_text(text).first.wait_for()


def nothing_ran(page: Any) -> None:
    """No script ran, and nothing that could run one is in the page."""
    page.wait_for_timeout(300)
    assert page.evaluate("window.__pwned") is None
    assert page.locator("img[src='x'], [onload], [onerror], a[href^='javascript' i]").count() == 0


@pytest.mark.slow
def test_nothing_in_a_name_is_run(
    open_app: Callable[[Any], Any], screenshot: Callable[[Any, str], Path], hostile: Any
) -> None:
    page = open_app(hostile)
    dialogs: list[str] = []

    def dismiss(dialog: Any) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.locator("[data-cy=new-panel-btn]").first.click()
    page.locator("[data-cy=new-panel-option-label_quality_panel]").click()
    panel = page.locator("[data-cy=panel-content-label_quality_panel]")
    shows(panel, f"{LINK} given as {SCRIPT}", FILE)
    panel.get_by_role("button", name="Which classes are confused").click()
    shows(panel.locator(".js-plotly-plot"), SCRIPT[:17], LINK[:17])
    screenshot(page, "injection-panel")
    nothing_ran(page)

    panel.get_by_role("button", name="Tag for relabelling…").click()
    form = page.locator("[data-cy=operators-prompt-modal]")
    form.get_by_text("Tags ").wait_for()
    form.locator("input[value=relabel]").fill(TAG)
    shows(form, f"images as '{TAG}'")
    nothing_ran(page)
    form.get_by_role("button", name="Tag", exact=True).click()
    form.wait_for(state="detached")
    page.get_by_text(f"as '{TAG}'").first.wait_for()
    screenshot(page, "injection-notification")
    nothing_ran(page)

    page.keyboard.press("`")
    page.fill("[data-cy=operators-browser-search]", "Export relabelling queue")
    page.locator("[data-cy=operators-browser]").get_by_text("Export relabelling queue", exact=True).click()
    form.locator("input[value$='-relabel.csv']").fill(f"/nowhere/{IMG}")
    shows(form, f"but got '/nowhere/{IMG}'")
    screenshot(page, "injection-form")
    nothing_ran(page)
    form.get_by_role("button", name="Cancel").click()

    panel.get_by_text(f"{LINK} given as {SCRIPT}", exact=True).first.click()
    page.locator("[data-cy=entry-counts]").get_by_text("patch").wait_for()
    page.locator("[data-cy=fo-grid] canvas").first.click(position={"x": 14, "y": 60})
    page.locator(_OPEN).wait_for()
    line = page.locator("[data-cy=label-quality-review]")
    shows(line, f"Given as {SCRIPT}, looks like {LINK}")
    page.keyboard.press("o")
    shows(line, IMG, SVG)
    screenshot(page, "injection-review")
    page.keyboard.press("Escape")
    nothing_ran(page)
    modal = page.locator("[data-cy=modal]")
    modal.locator("[data-cy=panel-tab-image_quality_panel]").click()
    shows(modal.locator("[data-cy=panel-content-image_quality_panel]"), f"{LINK} given as {SCRIPT}")
    screenshot(page, "injection-image")
    nothing_ran(page)
    assert dialogs == []
    page.remove_listener("dialog", dismiss)
