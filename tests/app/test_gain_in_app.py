"""A user measures what clean masks are worth, in the App: a field that is none is refused, and the result is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..predicted import add_swapped_predictions
from .test_loop_in_app import input_of
from .test_many_in_app import open_form

pytestmark = pytest.mark.app


@pytest.fixture
def audited(make_dataset: Any, tmp_path: Path) -> Any:
    """Four samples with a finished run ``lq``, and other masks of each in the field ``clean``."""
    from label_quality import audit_labels

    dataset = make_dataset(count=4, sizes=((48, 64),))
    add_swapped_predictions(dataset, tmp_path)
    dataset.set_values("clean", dataset.values("ground_truth")[::-1])
    audit_labels(dataset, "ground_truth", source="files", field="probabilities", min_probability=0.0)
    dataset.reload()
    return dataset


@pytest.mark.slow
def test_a_gain_is_measured_by_the_form(
    open_app: Callable[[Any], Any], screenshot: Callable[[Any, str], Path], audited: Any
) -> None:
    from label_quality import load_record

    page = open_app(audited)
    form = open_form(page, "Measure gain")
    form.get_by_text("Trains the same model on the given masks, on those without what is suspected,").wait_for()
    input_of(form, "Seeds").fill("0")
    form.get_by_text("Expected “Seeds” to be at least 1, but got 0.").wait_for()
    screenshot(page, "gain-refused")
    input_of(form, "Seeds").fill("1")
    for place in (1, 2):
        form.locator("[role=combobox]").nth(place).click()
        page.get_by_role("option", name="clean", exact=True).click()
    form.get_by_text("Advanced options").click()
    small = {"Resamples": "100", "Folds": "2", "Encoder weights": "none", "Input size": "32", "Epochs at most": "1"}
    for label, value in small.items():
        input_of(form, label).fill(value)
    form.get_by_text("3 times 2 models will be trained on 4 images").wait_for()
    screenshot(page, "gain-form")
    form.get_by_role("button", name="Measure", exact=True).click()
    output = page.locator("[data-cy=operators-prompt-view-modal]")
    output.get_by_text("Trained on the clean masks, mIoU is 0.").first.wait_for()
    output.get_by_text("IoU by class, the largest gain of clean masks first").wait_for()
    screenshot(page, "gain-output")
    output.get_by_role("button", name="Done").click()
    gain = load_record(audited, "lq").gain
    assert (gain.clean_field, gain.verified_field, gain.repeats, gain.resamples) == ("clean", "clean", 1, 100)
    assert [one.masks for one in gain.scores] == ["given", "unsuspected", "clean"]
