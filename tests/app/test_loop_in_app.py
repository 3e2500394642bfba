"""What comes after a review in the App: runs compared, a clean dataset exported, and a report that a browser opens."""

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
def reviewed(fiftyone: Any, tmp_path: Path) -> Iterator[Any]:
    """The demo's dataset, with a run of which every suspect is confirmed, and another one of before."""
    from label_quality import audit_labels, set_verdict
    from label_quality.plugin.scenes.demo_dataset import demo_dataset

    dataset = demo_dataset(tmp_path, _IMAGES, _SEED, name="loop-in-the-app")
    add_exact_predictions(dataset, tmp_path)
    given = {"source": "files", "field": "probabilities"}
    audit_labels(dataset, "ground_truth", key="before", scores=["softmin", "evidence"], displaced_edges=False, **given)
    audit_labels(dataset, "ground_truth", **given)
    set_verdict(dataset, "lq", dataset.values("lq_suspects.detections.id", unwind=True), "confirmed", reviewer="Ann")
    dataset.reload()
    yield dataset
    drop_datasets([dataset.name])


def open_form(page: Any, operator: str) -> Any:
    page.keyboard.press("`")
    page.fill("[data-cy=operators-browser-search]", operator)
    page.locator("[data-cy=operators-browser]").get_by_text(operator, exact=True).click()
    return page.locator("[data-cy=operators-prompt-modal]")


def done(page: Any, text: str) -> None:
    output = page.locator("[data-cy=operators-prompt-view-modal]")
    output.get_by_text(text).first.wait_for()
    output.get_by_role("button", name="Done").click()
    output.wait_for(state="detached")


def test_from_a_review_to_a_comparison_a_clean_dataset_and_a_report(
    open_app: Callable[[Any], Any],
    screenshot: Callable[[Any, str], Path],
    browser: Any,
    reviewed: Any,
    tmp_path: Path,
) -> None:
    page = open_app(reviewed)
    form = open_form(page, "Compare runs")
    form.get_by_text("Each image's change of quality goes to the field 'lq_change'").wait_for()
    form.get_by_role("button", name="Compare", exact=True).click()
    output = page.locator("[data-cy=operators-prompt-view-modal]")
    output.get_by_text("Suspects by issue, the most changed first").wait_for()
    screenshot(page, "loop-comparison")
    done(page, f"Of {_IMAGES} images,")

    clean, target = tmp_path / "clean", tmp_path / "report.html"
    form = open_form(page, "Export clean dataset")
    form.locator("input[value*='-clean']").fill(str(clean))
    form.get_by_text("Masks drawn in the App count as confirmed. The given masks stay.").wait_for()
    form.get_by_role("button", name="Export", exact=True).click()
    done(page, f"Exported {_IMAGES} images with")
    assert len(list((clean / "labels").iterdir())) == _IMAGES

    page.locator("[data-cy=new-panel-btn]").first.click()
    page.locator("[data-cy=new-panel-option-label_quality_panel]").dispatch_event("click")
    panel = page.locator("[data-cy=panel-content-label_quality_panel]")
    panel.get_by_role("button", name="Estimate errors…").wait_for()
    panel.get_by_role("button", name="Export clean dataset…").wait_for()
    screenshot(page, "loop-panel")
    panel.get_by_role("button", name="Write report…").click()
    form = page.locator("[data-cy=operators-prompt-modal]")
    form.locator("input[value$='.html']").fill(str(target))
    form.get_by_text(f"Writes a page with the 20 worst images and 10 issues at most to {target}.").wait_for()
    form.get_by_role("button", name="Write", exact=True).click()
    done(page, f"to {target}.")
    check_report(browser, target, len(reviewed.values("lq_suspects.detections.id", unwind=True)))


def check_report(browser: Any, target: Path, confirmed: int) -> None:
    """A report in both themes, on paper, and on a narrow screen: nothing is fetched, and nothing sticks out."""
    backgrounds = []
    for theme in ("light", "dark"):
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=theme)
        requests: list[str] = []
        problems: list[str] = []
        page.on("request", lambda request, seen=requests: seen.append(request.url))
        page.on("console", lambda message, seen=problems: seen.append(message.text))
        page.goto(target.as_uri())
        page.get_by_text(f"{confirmed} confirmed (the mask is wrong there), 0 rejected").wait_for()
        page.get_by_role("cell", name="Ann").wait_for()
        backgrounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        for width in (1280, 420):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert not [one for one in requests if not one.startswith(("file:", "data:"))] and problems == []
        assert page.locator("svg.picture").count() > 20
        assert page.pdf(format="A4")[:5] == b"%PDF-"
        page.close()
    assert backgrounds == ["rgb(255, 255, 255)", "rgb(23, 23, 26)"]
