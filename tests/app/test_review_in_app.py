"""A user reviews suspects in the App, by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.app

_OPEN = "[data-cy=modal] [data-cy=modal-looker-container] canvas[canvas-loaded=true]"


@pytest.fixture
def suspected(fiftyone: Any, make_dataset: Any, tmp_path: Path) -> Any:
    """Three images; the regions of the first have evidence 9 and 8, those of the others 7 and 6."""
    from label_quality.plugin.dataset.suspect_fields import write_suspects
    from label_quality.plugin.dataset.views import save_suspect_views
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.records.run_record import RunRecord, save_record
    from label_quality.plugin.suspects.image_suspects import ImageSuspects

    dataset = make_dataset(count=3, sizes=((96, 128),))
    dataset.add_sample_field("lq_quality", fiftyone.FloatField, info={"label_quality": {"key": "lq", "before": {}}})
    dataset.set_values("lq_quality", [0.1, 0.2, 0.3])
    boxes = np.array([(8, 16, 40, 64), (80, 16, 40, 64)])
    mask = str(tmp_path / "region.png")
    cv2.imwrite(mask, np.full((64, 40), 255, np.uint8))
    evidence = [(9.0, 8.0), (7.0,), (6.0,)]
    images = [
        ImageSuspects(
            sample_id=sample_id,
            size=(96, 128),
            given=np.array([1, 0][: len(nats)]),
            suggested=np.array([2, 3][: len(nats)]),
            kind=["swap", "drop"][: len(nats)],
            evidence=np.array(nats),
            area=np.full(len(nats), 2560),
            confidence=np.full(len(nats), 0.8),
            box=boxes[: len(nats)],
            masks=[mask] * len(nats),
        )
        for sample_id, nats in zip(dataset.values("id"), evidence, strict=True)
    ]
    table = ClassTable.from_targets({0: "unlabelled", 3: "road", 7: "car", 20: "tree"})
    write_suspects(dataset, "lq", images, class_table=table, label_field="ground_truth")
    save_record(dataset, RunRecord("lq", "ground_truth", class_table=table.to_dict()))
    save_suspect_views(dataset, "lq", [])
    return dataset


def line(page: Any, text: str) -> None:
    """Waits until the line below the open sample holds a text."""
    page.locator("[data-cy=label-quality-review]").get_by_text(text).wait_for()


def show_patches(page: Any, grid: Callable[[Any, int], None]) -> None:
    """Shows all suspects as patches."""
    page.locator("[data-cy=saved-views-selection]").click()
    page.locator("[data-cy=saved-views-lq-suspect-regions-selection-option]").click()
    page.locator("[data-cy=entry-counts]").get_by_text("4 patches").wait_for()
    grid(page, 4)


def open_first(page: Any) -> None:
    page.locator("[data-cy=fo-grid] canvas").first.click(position={"x": 60, "y": 60})
    page.locator(_OPEN).wait_for()


def colour(page: Any, x: int, y: int) -> np.ndarray:
    """The mean colour around a point of the page, with the mouse elsewhere."""
    page.mouse.move(5, 5)
    page.wait_for_timeout(1000)
    pixels = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    return pixels[y - 10 : y + 10, x - 10 : x + 10].mean(axis=(0, 1))


def verdicts(dataset: Any) -> dict[str | None, int]:
    dataset.reload()
    counts = dataset.count_values("lq_suspects.detections.verdict")
    if dataset.has_sample_field("lq_rejected"):
        counts |= dataset.count_values("lq_rejected.detections.verdict")
    return counts


def test_review_by_keyboard(
    open_app: Callable[[Any], Any],
    screenshot: Callable[[Any, str], Path],
    grid: Callable[[Any, int], None],
    suspected: Any,
) -> None:
    page = open_app(suspected)
    show_patches(page, grid)
    open_first(page)
    line(page, "Given as road, looks like car")
    line(page, "0 of 4 reviewed")
    screenshot(page, "review-patch")

    page.keyboard.press("y")
    line(page, "Given as unlabelled, looks like tree")
    line(page, "1 of 4 reviewed")
    page.keyboard.press("n")
    line(page, "2 of 4 reviewed")
    assert verdicts(suspected) == {"confirmed": 1, "rejected": 1, None: 2}
    page.keyboard.press("u")
    line(page, "1 of 4 reviewed")
    line(page, "Given as unlabelled, looks like tree")
    page.keyboard.press("n")
    line(page, "2 of 4 reviewed")

    page.keyboard.press("o")
    page.keyboard.type("zzz")
    line(page, "No class is called so, Esc goes back")
    for _ in "zzz":
        page.keyboard.press("Backspace")
    page.keyboard.type("tr")
    line(page, "Enter takes the first, Esc goes back")
    line(page, "tree")
    screenshot(page, "review-class")
    page.keyboard.press("Enter")
    line(page, "3 of 4 reviewed")
    assert suspected.values("lq_suspects.detections.corrected_to") == [[None], ["tree"], [None]]
    page.keyboard.press("ArrowLeft")
    line(page, "Given as road, looks like car: confirmed as tree by")

    page.keyboard.press("Escape")
    page.locator("[data-cy=modal]").wait_for(state="detached")
    page.locator("[data-cy=entry-counts]").get_by_text("3 patches").wait_for()
    page.wait_for_function("document.querySelectorAll('[data-cy=fo-grid] canvas').length === 3")
    screenshot(page, "review-grid")


def test_keys_that_come_before_the_next_suspect_is_described(
    open_app: Callable[[Any], Any], grid: Callable[[Any, int], None], suspected: Any
) -> None:
    page = open_app(suspected)
    show_patches(page, grid)
    open_first(page)
    line(page, "0 of 4 reviewed")

    opened = "new URLSearchParams(location.search).get('id')"
    first = page.evaluate(opened)
    page.keyboard.press("y")
    page.wait_for_function(f"before => {opened} !== before", arg=first)
    # The line is empty now, or still of the first
    page.keyboard.press("n")
    line(page, "2 of 4 reviewed")
    line(page, "Given as road, looks like car")
    # Of two at once the second is on none: it would be on the same one again, and pass over the next
    page.keyboard.press("y")
    page.keyboard.press("y")
    line(page, "3 of 4 reviewed")
    last = page.evaluate(opened)
    suspected.reload()
    found = {one.evidence: one for field in ("lq_suspects", "lq_rejected") for one in regions(suspected, field)}
    assert {evidence: getattr(one, "verdict", None) for evidence, one in found.items()} == {
        9.0: "confirmed",
        8.0: "rejected",
        7.0: "confirmed",
        6.0: None,
    }
    assert last == found[6.0].id


def regions(dataset: Any, field: str) -> list[Any]:
    return [one for sample in dataset.exists(field) for one in sample[field].detections]


def test_review_in_the_image_and_in_the_grid(
    open_app: Callable[[Any], Any],
    screenshot: Callable[[Any, str], Path],
    grid: Callable[[Any, int], None],
    suspected: Any,
) -> None:
    page = open_app(suspected)
    page.keyboard.press("n")
    open_first(page)
    line(page, "Click a suspect to review it")
    box = page.locator(_OPEN).bounding_box()
    middle = int(box["x"] + box["width"] * 100 / 128), int(box["y"] + box["height"] / 2)
    shown = colour(page, *middle)
    page.mouse.click(*middle)
    page.keyboard.press("n")
    line(page, "1 of 4 reviewed")
    line(page, "Given as road, looks like car")
    assert np.abs(colour(page, *middle) - shown).max() > 40
    screenshot(page, "review-image")
    assert suspected.first().lq_rejected.detections[0].suggested == "tree"
    assert verdicts(suspected) == {None: 3, "rejected": 1}
    page.keyboard.press("u")
    line(page, "0 of 4 reviewed")
    assert np.abs(colour(page, *middle) - shown).max() < 20
    page.keyboard.press("Escape")
    page.locator("[data-cy=modal]").wait_for(state="detached")

    show_patches(page, grid)
    for tile in range(2):
        page.locator("[data-cy=fo-grid] canvas").nth(tile).click(position={"x": 10, "y": 5}, force=True)
    page.keyboard.press("n")
    page.get_by_text("Rejected: 2 suspects. 2 of 4 reviewed: 0 confirmed, 2 rejected.").wait_for()
    page.locator("[data-cy=entry-counts]").get_by_text("2 patches").wait_for()
    assert verdicts(suspected) == {None: 2, "rejected": 2}
