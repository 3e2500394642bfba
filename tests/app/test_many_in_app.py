"""Orders of what is left to review, and one verdict on all that is shown, with its undo, in the App."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .. import suspect_run

pytestmark = pytest.mark.app

_ALL = 5


@pytest.fixture
def dataset(make_dataset: Any, tmp_path: Path) -> Any:
    return suspect_run.add_run(make_dataset(count=6), tmp_path, rated=True)


def open_form(page: Any, operator: str) -> Any:
    page.keyboard.press("`")
    page.fill("[data-cy=operators-browser-search]", operator)
    page.locator("[data-cy=operators-browser]").get_by_text(operator, exact=True).click()
    return page.locator("[data-cy=operators-prompt-modal]")


@pytest.mark.slow
def test_all_that_is_shown_is_confirmed_and_taken_back(
    open_app: Callable[[Any], Any], screenshot: Callable[[Any, str], Path], dataset: Any
) -> None:
    page = open_app(dataset)
    form = open_form(page, "Order suspects for review")
    form.get_by_text("Order", exact=True).wait_for()
    screenshot(page, "many-order")
    form.get_by_role("button", name="Show", exact=True).click()
    count = page.locator("[data-cy=entry-counts]")
    count.get_by_text(f"{_ALL} patches", exact=True).wait_for()

    form = open_form(page, "Confirm or reject all shown")
    form.get_by_text(f"{_ALL} suspects of the current view, in 4 images").wait_for()
    form.get_by_text("Their probability is from 55 % to 90 %.").wait_for()
    screenshot(page, "many-preview")
    form.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text(f"Confirmed: {_ALL} suspects in 4 images.").first.wait_for()
    assert verdicts(dataset) == ["confirmed"] * _ALL

    form = open_form(page, "Confirm or reject all shown")
    form.get_by_text(f"Undo the last: confirmed {_ALL} suspects").click()
    form.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text(f"No verdict any more on {_ALL} suspects.").first.wait_for()
    assert verdicts(dataset) == [None] * _ALL


def verdicts(dataset: Any) -> list[str | None]:
    dataset.reload()
    return list(dataset.values("lq_suspects.detections.verdict", unwind=True))
