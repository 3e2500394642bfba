"""A user audits a dataset in the App: the form, the run, the ranking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.app


@pytest.fixture
def predicted(make_dataset: Any, tmp_path: Path) -> Any:
    """Eight images with files of probabilities; those of the sixth disagree with its mask in its left half."""
    dataset = make_dataset(count=8, sizes=((96, 128),))
    for index, sample in enumerate(dataset):
        mask = sample.ground_truth.get_mask().copy()
        if index == 5:
            mask[:, :64] = np.where(mask[:, :64] == 3, 20, 3)
        path = tmp_path / f"{index}.npy"
        np.save(path, np.stack([np.where(mask == value, 0.85, 0.05) for value in (0, 3, 7, 20)]).astype(np.float32))
        sample["probabilities"] = str(path)
        sample.save()
    return dataset


def open_operator(page: Any, label: str) -> Any:
    """Opens an operator from the operator browser and returns its form."""
    page.keyboard.press("`")
    page.fill("[data-cy=operators-browser-search]", label)
    page.locator("[data-cy=operators-browser]").get_by_text(label, exact=True).click()
    form = page.locator("[data-cy=operators-prompt-modal]")
    form.wait_for()
    return form


def open_first_image(page: Any, name: str) -> None:
    """Opens the grid's first image, again until it is the one named: how far a grid is sorted cannot be seen."""
    from playwright.sync_api import TimeoutError as AnotherImage

    modal = page.locator("[data-cy=modal]")
    for patience in (10_000, 20_000, 30_000):
        page.locator("[data-cy=fo-grid] canvas").first.click(position={"x": 60, "y": 60})
        modal.locator("[data-cy=modal-looker-container] canvas[canvas-loaded=true]").wait_for()
        try:
            modal.get_by_text(name).first.wait_for(timeout=patience)
            return
        except AnotherImage:
            page.keyboard.press("Escape")
            modal.wait_for(state="detached")
    raise AssertionError(f"The grid's first image is not {name}")


def test_audit_from_the_form_to_the_ranking(
    open_app: Callable[[Any], Any],
    screenshot: Callable[[Any, str], Path],
    grid: Callable[[Any, int], None],
    predicted: Any,
) -> None:
    page = open_app(predicted)

    form = open_operator(page, "Audit segmentation labels")
    form.get_by_text("4 classes from the mask targets of 'ground_truth'").wait_for()
    form.get_by_text("5 models will be trained on 6 images each").wait_for()
    # Where no worker is, running now comes first
    form.get_by_role("button", name="Execute").wait_for()
    screenshot(page, "audit-form")

    form.get_by_text("Use predictions I have stored").click()
    form.get_by_text("Choose the field that holds the predictions.").wait_for()
    form.locator("[role=combobox]").nth(1).click()
    page.get_by_role("option", name="probabilities").click()
    form.get_by_text("8 images will be scored with the stored predictions").wait_for()
    screenshot(page, "audit-form-files")
    form.get_by_role("button", name="Execute").click()

    output = page.locator("[data-cy=operators-prompt-view-modal]")
    output.get_by_text("Scored 8 images; the worst is 005.png").wait_for()
    rank, _, image = output.locator("tbody tr").first.inner_text().split()
    assert (rank, image) == ("1", "005.png")
    screenshot(page, "audit-output")
    output.get_by_text("Found ").first.wait_for()
    output.get_by_role("button", name="Done").click()

    grid(page, 8)
    open_first_image(page, "005.png")
    screenshot(page, "worst-image")
    page.keyboard.press("Escape")
    page.locator("[data-cy=modal]").wait_for(state="detached")
    screenshot(page, "worst-first")
