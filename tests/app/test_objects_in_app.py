"""The worst cars in the App: an operator scores annotated objects, and their patches come worst first, with a class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..deletion import drop_datasets
from ..predicted import add_exact_predictions

pytestmark = pytest.mark.app

_IMAGES, _SEED = 12, 1


@pytest.fixture
def audited(fiftyone: Any, tmp_path: Path) -> Iterator[Any]:
    """The demo's dataset with a run, of the probabilities of a model that sees each scene as it is."""
    from label_quality.plugin.audit import audit_labels
    from label_quality.plugin.scenes.demo_dataset import demo_dataset

    dataset = demo_dataset(tmp_path, _IMAGES, _SEED, name="objects-in-the-app")
    add_exact_predictions(dataset, tmp_path)
    audit_labels(dataset, "ground_truth", source="files", field="probabilities")
    yield dataset
    drop_datasets([dataset.name])


@pytest.mark.slow
def test_show_me_the_worst_cars(
    open_app: Callable[[Any], Any], screenshot: Callable[[Any, str], Path], audited: Any
) -> None:
    page = open_app(audited)
    page.keyboard.press("`")
    page.fill("[data-cy=operators-browser-search]", "Score objects")
    page.locator("[data-cy=operators-browser]").get_by_text("Score objects", exact=True).click()
    form = page.locator("[data-cy=operators-prompt-modal]")
    form.get_by_text("images are scored from the files of run 'lq'; no model runs.").wait_for()
    form.get_by_role("button", name="Score", exact=True).click()
    output = page.locator("[data-cy=operators-prompt-view-modal]")
    output.get_by_text("Saved view 'lq: worst objects' shows them, the worst first.").wait_for()
    audited.reload()
    labels, others = audited.values(["lq_objects.detections.label", "lq_objects.detections.looks_like"], unwind=True)
    output.get_by_text("Look like another").wait_for()
    screenshot(page, "objects-output")
    output.get_by_role("button", name="Done").click()
    count = page.locator("[data-cy=entry-counts]")
    count.get_by_text(f"{len(labels)} patches", exact=True).wait_for()

    page.locator("[data-cy=sidebar-field-arrow-enabled-lq_objects]").click()
    page.locator("[data-cy=sidebar]").get_by_text("car", exact=True).first.click()
    count.get_by_text(f"{labels.count('car')} of {len(labels)} patches", exact=True).wait_for()
    page.wait_for_timeout(3000)
    screenshot(page, "objects-worst-cars")
    assert others[labels.index("car")] is not None
    # The first tile is a car that looks like something else, and says so
    page.locator("[data-cy=fo-grid] canvas[canvas-loaded=true]").first.click(position={"x": 60, "y": 60})
    modal = page.locator("[data-cy=modal]")
    modal.locator("[data-cy=modal-looker-container] canvas[canvas-loaded=true]").wait_for()
    page.wait_for_timeout(1000)
    screenshot(page, "objects-worst-car")
