"""The panel follows what goes on elsewhere: the view of the grid, where it is asked to, and a run of a worker's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import pytest

from ..predicted import WITH_FILES, add_swapped_predictions
from .clicks import click_until
from .looks import LOOKS, look_at
from .test_everyday_in_app import Day

pytestmark = pytest.mark.app


@pytest.fixture
def dataset(make_dataset: Any, tmp_path: Path) -> Any:
    """Six images; the predictions see road and car the other way round in the third, the first has a strange value."""
    made = make_dataset(count=6, sizes=((96, 128),))
    add_swapped_predictions(made, tmp_path)
    path = made.values("ground_truth.mask_path")[0]
    mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    mask[40:44, 60:64] = 99
    cv2.imwrite(path, mask)
    return made


def open_panel(page: Any) -> Any:
    page.locator("[data-cy=new-panel-btn]").first.click()
    page.locator("[data-cy=new-panel-option-label_quality_panel]").click()
    return page.locator("[data-cy=panel-content-label_quality_panel]")


def images_checked(panel: Any, number: int) -> Any:
    """The figure of images, which has its label, its value and a caption below each other."""
    return panel.get_by_text("Images checked", exact=True).locator(
        f"xpath=ancestor::*[.//*[text()='{number}'] and .//*[text()='none left out']][1]"
    )


@pytest.mark.slow
def test_numbers_are_those_of_the_view_where_the_panel_follows_it(
    open_app: Callable[[Any], Any], screenshot: Callable[[Any, str], Path], dataset: Any
) -> None:
    from label_quality import audit_labels

    audit_labels(dataset, "ground_truth", unknown="ignore", **WITH_FILES)
    dataset.reload()
    page = open_app(dataset)
    panel = open_panel(page)
    images_checked(panel, 6).wait_for()
    asked: list[str] = []

    def note(request: Any) -> None:
        if request.url.endswith("/operators/execute"):
            asked.append(request.post_data or "")

    page.on("request", note)
    count = page.locator("[data-cy=entry-counts]")

    def choose_view(slug: str) -> None:
        page.locator("[data-cy=saved-views-selection]").click()
        page.locator(f"[data-cy=saved-views-{slug}-selection-option]").click()

    choose_view("lq-swap-suspects")
    count.get_by_text("1 sample", exact=True).wait_for()
    page.wait_for_timeout(2000)
    images_checked(panel, 6).wait_for()
    # Nor is the server asked for what is not shown
    assert not [one for one in asked if "on_change_view" in one]
    page.remove_listener("request", note)
    panel.get_by_text("Only what is on show").click()
    images_checked(panel, 1).wait_for()
    screenshot(page, "following-one-image")
    choose_view("lq-worst-first")
    count.get_by_text("6 samples", exact=True).wait_for()
    images_checked(panel, 6).wait_for()
    choose_view("lq-lint")
    count.get_by_text("1 sample", exact=True).wait_for()
    images_checked(panel, 1).wait_for()
    panel.get_by_text("Only what is on show").click()
    images_checked(panel, 6).wait_for()


@pytest.mark.slow
def test_quick_clicks_fold_both_sections(
    open_app: Callable[[Any], Any], screenshot: Callable[[Any, str], Path], dataset: Any
) -> None:
    from label_quality import audit_labels

    audit_labels(dataset, "ground_truth", unknown="ignore", **WITH_FILES)
    dataset.reload()
    page = open_app(dataset)
    page.set_viewport_size({"width": 1600, "height": 2000})
    panel = open_panel(page)
    titles = [panel.get_by_role("button", name=name) for name in ("How good the masks are", "What is wrong")]
    for title in titles:
        title.get_by_text("expand_more").wait_for()
    # No wait between them for what the first one does, as a person's
    places = [title.bounding_box() for title in titles]
    for place in reversed(places):
        page.mouse.click(place["x"] + 40, place["y"] + place["height"] / 2)
    for title in titles:
        title.get_by_text("chevron_right").wait_for()
    screenshot(page, "panel-two-folded")
    lint = panel.get_by_role("button", name="Lint: 1 finding in 1 of 6 masks")
    kind = panel.get_by_text("Unknown value: values outside the class table", exact=True)
    click_until(lint, kind)
    click_until(kind, page.locator("[data-cy=entry-counts]").get_by_text("1 sample", exact=True))
    # The box of the findings is ticked, which an audit does not draw by itself
    field = page.locator("[data-cy=sidebar] [data-cy=sidebar-field-container-lq_lint]")
    field.locator("xpath=..").locator("input:checked").wait_for(state="attached")
    screenshot(page, "panel-lint-kind")


@pytest.fixture
def queued(dataset: Any) -> Iterator[Any]:
    """An audit that waits for a worker; it is taken out of the list afterwards."""
    import fiftyone.operators as foo
    from fiftyone.operators.delegated import DelegatedOperationService

    audit = foo.get_operator("@label-quality/segmentation/audit_labels")
    # In a thread of its own: in Playwright's, where an event loop runs, FiftyOne gives a task
    with ThreadPoolExecutor(1) as thread:
        made = thread.submit(audit, dataset, "ground_truth", unknown="ignore", delegate=True, **WITH_FILES).result()
    assert made.delegated
    service = DelegatedOperationService()
    yield service.list_operations(dataset_id=dataset._doc.id)[0]
    for operation in service.list_operations(dataset_id=dataset._doc.id):
        service.delete_operation(operation.id)


def test_a_workers_run_is_shown_from_the_queue_to_its_results(
    queued: Any, open_app: Callable[[Any], Any], screenshot: Callable[[Any, str], Path], dataset: Any
) -> None:
    page = open_app(dataset)
    panel = open_panel(page)
    panel.get_by_text("The first audit waits for a worker").wait_for()
    command = panel.get_by_text("delegated launch").first
    command.wait_for()
    screenshot(page, "delegated-waiting")
    environment = {"HOME": os.environ.get("HOME", "/"), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    arguments = ["sh", "-c", f"exec env {command.inner_text()}"]
    worker = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL)
    try:
        images_checked(panel, 6).wait_for()
    finally:
        worker.kill()
        worker.wait(timeout=30)
    # The page that was open knows of the run's fields, and draws its suspects, by their kinds, and its numbers
    page.locator("[data-cy=sidebar-field-container-lq_suspects]").wait_for()
    for theme, width in LOOKS:
        look_at(page, theme, width, 1000)
        Day(page).is_coloured("lq")
        screenshot(page, f"delegated-done-{theme}-{width}")
