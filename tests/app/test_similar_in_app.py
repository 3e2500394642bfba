"""More suspects like one that is selected, in the App."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .. import suspect_run
from ..review.test_many import of_evidence
from ..review.test_similar import index_suspects
from .test_many_in_app import open_form

pytestmark = pytest.mark.app


@pytest.fixture
def dataset(make_dataset: Any, tmp_path: Path) -> Any:
    """Five suspects, and an index of the Brain that says what they look like."""
    made = suspect_run.add_run(make_dataset(count=6), tmp_path, rated=True)
    index_suspects(made)
    return made


@pytest.mark.slow
def test_more_like_the_selected_suspect(
    open_app: Callable[[Any], Any],
    screenshot: Callable[[Any, str], Path],
    grid: Callable[[Any, int], None],
    dataset: Any,
    app_session: Any,
) -> None:
    page = open_app(dataset)
    page.locator("[data-cy=saved-views-selection]").click()
    page.locator("[data-cy=saved-views-lq-suspect-regions-selection-option]").click()
    count = page.locator("[data-cy=entry-counts]")
    count.get_by_text("5 patches", exact=True).wait_for()
    grid(page, 5)
    # The first is that of the largest probability
    page.locator("[data-cy=fo-grid] canvas").first.click(position={"x": 10, "y": 5}, force=True)
    form = open_form(page, "Order suspects for review")
    form.get_by_text("Those most like the selected suspect").click()
    screenshot(page, "similar-form")
    form.get_by_role("button", name="Show", exact=True).click()
    # No longer the saved view
    page.get_by_text("Unsaved view").wait_for()
    count.get_by_text("5 patches", exact=True).wait_for()
    page.wait_for_timeout(2000)
    screenshot(page, "similar-shown")
    shown = app_session.view.values("id")
    assert shown[:2] == [of_evidence(dataset, 50.0), of_evidence(dataset, 20.0)]
