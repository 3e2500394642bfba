"""A run's predictions in FiftyOne's own panel Model Evaluation, by the operator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..predicted import add_swapped_predictions
from .clicks import click_until

pytestmark = pytest.mark.app

_PANEL = "model_evaluation_panel_builtin"


@pytest.fixture
def audited(make_dataset: Any, tmp_path: Path) -> Any:
    """Four images with a run, one of which has two classes swapped."""
    from label_quality import audit_labels

    dataset = make_dataset(count=4, sizes=((192, 256),))
    add_swapped_predictions(dataset, tmp_path)
    audit_labels(dataset, "ground_truth", source="files", field="probabilities")
    return dataset


@pytest.mark.slow
def test_the_panel_lists_the_evaluation_and_opens_it(
    open_app: Callable[[Any], Any], screenshot: Callable[[Any, str], Path], audited: Any
) -> None:
    page = open_app(audited)
    page.keyboard.press("`")
    page.fill("[data-cy=operators-browser-search]", "Evaluate predictions")
    page.locator("[data-cy=operators-browser]").get_by_text("Evaluate predictions", exact=True).click()
    form = page.locator("[data-cy=operators-prompt-modal]")
    form.get_by_text("FiftyOne keeps it as 'lq_evaluation'.").wait_for()
    form.get_by_role("button", name="Evaluate", exact=True).click()
    output = page.locator("[data-cy=operators-prompt-view-modal]")
    output.get_by_text("The panel Model Evaluation opens it as 'lq_evaluation'.").wait_for()
    screenshot(page, "evaluation-output")
    output.get_by_role("button", name="Done").click()
    page.locator("[data-cy=new-panel-btn]").click()
    page.locator(f"[data-cy=new-panel-option-{_PANEL}]").click()
    panel = page.locator(f"[data-cy=panel-content-{_PANEL}]")
    panel.get_by_text("lq_evaluation").first.wait_for()
    screenshot(page, "evaluation-listed")
    # FiftyOne leaves its background out, here the class unlabelled: of the other pixels, those of one image are swapped
    audited.reload()
    matrix = audited.load_evaluation_results("lq_evaluation").pixel_confusion_matrix
    click_until(panel.get_by_text("lq_evaluation").first, panel.get_by_text(str(matrix[1:].sum()), exact=True))
    panel.get_by_text("Confusion Matrices").click()
    panel.locator(".js-plotly-plot:visible").first.wait_for()
    page.wait_for_timeout(2000)
    screenshot(page, "evaluation-confusion")
