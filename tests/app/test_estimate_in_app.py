"""A user judges what was drawn to estimate how many errors there are, by keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..predicted import add_swapped_predictions

pytestmark = pytest.mark.app

_OPEN = "[data-cy=modal] [data-cy=modal-looker-container] canvas[canvas-loaded=true]"
_PANEL = "image_quality_panel"


@pytest.fixture
def drawn(make_dataset: Any, tmp_path: Path) -> Any:
    """Four images of which ten places and one image are drawn to be judged."""
    from label_quality import audit_labels, estimate_errors

    dataset = make_dataset(count=4, sizes=((192, 256),))
    add_swapped_predictions(dataset, tmp_path)
    audit_labels(dataset, "ground_truth", source="files", field="probabilities")
    estimate_errors(dataset, key="lq", verdicts=10, suspects=0, images=1)
    return dataset


def line(page: Any, text: str) -> None:
    """Waits until the line below the open sample holds a text."""
    page.locator("[data-cy=label-quality-review]").get_by_text(text).first.wait_for()


def test_places_are_judged_by_keys(
    open_app: Callable[[Any], Any],
    screenshot: Callable[[Any, str], Path],
    grid: Callable[[Any, int], None],
    drawn: Any,
) -> None:
    from label_quality import estimate_errors
    from label_quality.plugin.dataset.sample_fields import read_units

    places = read_units(drawn, "lq")
    page = open_app(drawn)
    page.locator("[data-cy=saved-views-selection]").click()
    page.locator("[data-cy=saved-views-lq-places-to-judge-selection-option]").click()
    page.locator("[data-cy=entry-counts]").get_by_text("11 patches").wait_for()
    grid(page, 11)
    page.locator("[data-cy=fo-grid] canvas").first.click(position={"x": 90, "y": 90})
    page.locator(_OPEN).wait_for()
    line(page, "in the ring")
    line(page, "0 of 11 reviewed")
    line(page, "Wrong")
    line(page, "Right")
    page.locator(f"[data-cy=modal] [data-cy=panel-tab-{_PANEL}]").click()
    page.locator(f"[data-cy=panel-content-{_PANEL}] img").nth(1).wait_for()
    screenshot(page, "judge-place")
    assert page.get_by_text("To redraw it").count() == 0
    for done, place in enumerate(places[:10], start=1):
        if place.get("suggested"):
            page.keyboard.press("n")
        else:
            # Where nothing is suggested, the right class is asked for
            page.keyboard.press("y")
            line(page, "It should be")
            right = "tree" if place["given"] != "tree" else "car"
            page.keyboard.type(right[:2])
            page.keyboard.press("Enter")
        line(page, f"{done} of 11 reviewed")
    line(page, "Is there an error in this mask, of at least 0.10 % of its pixels?")
    screenshot(page, "judge-image")
    page.keyboard.press("n")
    page.wait_for_timeout(2000)
    judged = read_units(drawn, "lq")
    assert [one["verdict"] for one in judged] == [
        *("rejected" if one.get("suggested") else "confirmed" for one in places[:10]),
        "rejected",
    ]
    assert {one.get("corrected_to") for one in judged if one["verdict"] == "confirmed"} <= {"tree", "car"}
    found = estimate_errors(drawn, key="lq", verdicts=10, suspects=0, images=1)
    assert (found.places.judged, found.images.judged) == (10, 1)
