"""A lint in the App: an operator, its table, the boxes of findings in the grid, and kinds in the sidebar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..deletion import drop_datasets
from ..test_lint_masks import street
from .clicks import click_until

pytestmark = pytest.mark.app


@pytest.fixture
def dataset(fiftyone: Any, tmp_path: Path) -> Iterator[Any]:
    made = street(tmp_path / "street", fiftyone)
    made.name = "lint-in-the-app"
    made.save()
    yield made
    drop_datasets([made.name])


def test_findings_are_shown_and_filtered_by_kind(
    open_app: Callable[[Any], Any], screenshot: Callable[[Any, str], Path], dataset: Any
) -> None:
    page = open_app(dataset)
    page.keyboard.press("`")
    page.fill("[data-cy=operators-browser-search]", "Lint masks")
    page.locator("[data-cy=operators-browser]").get_by_text("Lint masks", exact=True).click()
    form = page.locator("[data-cy=operators-prompt-modal]")
    form.get_by_text("What is found goes to the field 'lq_lint'; no mask is changed.").wait_for()
    screenshot(page, "lint-form")
    form.get_by_role("button", name="Lint", exact=True).click()
    output = page.locator("[data-cy=operators-prompt-view-modal]")
    output.get_by_text("5 findings in 3 of 24 masks. Saved view 'lq: lint' shows them.").wait_for()
    output.get_by_text("a few pixels inside another component").wait_for()
    screenshot(page, "lint-output")
    output.get_by_role("button", name="Done").click()
    count = page.locator("[data-cy=entry-counts]")
    count.get_by_text("3 samples", exact=True).wait_for()
    page.wait_for_timeout(2000)
    screenshot(page, "lint-findings")
    page.locator("[data-cy=sidebar-field-arrow-enabled-lq_lint_kinds]").click()
    kind = page.locator("[data-cy=sidebar]").get_by_text("rare_class", exact=True).first
    click_until(kind, count.get_by_text("1 of 3 samples", exact=True))
    page.locator("[data-cy=fo-grid] canvas[canvas-loaded=true]").first.click(position={"x": 60, "y": 60})
    modal = page.locator("[data-cy=modal]")
    modal.locator("[data-cy=modal-looker-container] canvas[canvas-loaded=true]").wait_for()
    page.wait_for_timeout(1000)
    screenshot(page, "lint-image")
