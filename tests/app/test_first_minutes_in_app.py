"""From the App as the command opens it to a reviewed issue, by what the screen says: a click and some keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..predicted import WITH_FILES, add_predictions
from .test_region_in_app import Beside
from .test_walk_in_app import Walk

pytestmark = pytest.mark.app


@pytest.fixture
def audited(make_dataset: Any, tmp_path: Path) -> Any:
    """Six images, of which the predictions contradict two, at five places."""
    from label_quality import audit_labels

    dataset = add_predictions(make_dataset(count=6, sizes=((96, 128),)), tmp_path)
    audit_labels(dataset, "ground_truth", **WITH_FILES)
    dataset.reload()
    return dataset


def opened(page: Any, other_than: str = "") -> str:
    """Waits until a sample is open that is not the other one; its id."""
    found = page.wait_for_function(
        "other => { const id = new URLSearchParams(location.search).get('id'); return id !== other && id; }",
        arg=other_than,
    )
    return str(found.json_value())


def test_one_click_leads_to_the_review(
    open_app: Callable[..., Any], screenshot: Callable[[Any, str], Path], audited: Any
) -> None:
    from label_quality import order_suspects
    from label_quality.plugin.cli.app_server import layout, ranking_view

    walk = Walk(open_app(audited, view=ranking_view(audited), spaces=layout()))
    total = audited.count("lq_suspects.detections")
    first = order_suspects(audited, "lq", "probable").first()["lq_suspects"]
    walk.panel.get_by_text("Images checked").wait_for()
    screenshot(walk.page, "first-1-opened")
    walk.panel.get_by_role("button", name="Review suspects").click()
    walk.line(f"Given as {first.given}, looks like {first.suggested}")
    walk.page.locator("[data-cy=entry-counts]").get_by_text(f"{total} patches", exact=True).wait_for()
    screenshot(walk.page, "first-2-review")
    walk.page.keyboard.press("y")
    walk.line(f"1 of {total} reviewed")
    beside = Beside(walk.page)
    beside.shows()
    beside.says(f"1 of {total} reviewed")
    screenshot(walk.page, "first-3-reviewed")
    audited.reload()
    ids, verdicts = audited.values(["lq_suspects.detections.id", "lq_suspects.detections.verdict"], unwind=True)
    assert [one for one, verdict in zip(ids, verdicts, strict=True) if verdict == "confirmed"] == [first.id]


@pytest.mark.slow
def test_pictures_lie_below_a_suspect_until_someone_moves_them(
    open_app: Callable[..., Any], grid: Callable[[Any, int], None], audited: Any
) -> None:
    from label_quality.plugin.cli.app_server import layout

    walk = Walk(open_app(audited, spaces=layout()))
    modal = walk.page.locator("[data-cy=modal]")
    tab = modal.locator("[data-cy=panel-tab-image_quality_panel]")
    review = walk.panel.get_by_role("button", name="Review suspects")
    review.click()
    beside = Beside(walk.page)
    beside.shows()
    image = modal.locator("canvas").first.bounding_box()
    tops = [one.bounding_box()["y"] for one in beside.panel.locator("img").all()[:3]]
    assert tops == [tops[0]] * 3, "the three pictures are not in one row"
    assert image["y"] + image["height"] <= tops[0]

    # Of a whole image they are a tab, as FiftyOne has it
    walk.close()
    walk.choose_view("lq-worst-first")
    grid(walk.page, 6)
    walk.open_first()
    beside.panel.wait_for(state="detached")
    assert tab.is_visible()

    walk.close()
    review.click()
    beside.shows()
    tab.get_by_role("button").last.click()
    tab.wait_for(state="detached")
    walk.page.keyboard.press("y")
    walk.line("1 of 5 reviewed")
    walk.close()
    review.click()
    walk.line("1 of 5 reviewed")
    modal.locator("canvas[canvas-loaded=true]").first.wait_for()
    assert tab.count() == beside.panel.count() == 0


@pytest.mark.slow
def test_key_after_key_counts_on_the_next_suspect(open_app: Callable[..., Any], audited: Any) -> None:
    from label_quality.plugin.cli.app_server import layout

    # Beside the grid: each verdict has the panel drawn anew, which then takes the keys
    walk = Walk(open_app(audited, spaces=layout()))
    walk.panel.get_by_role("button", name="Review suspects").click()
    walk.line("0 of 5 reviewed")
    shown = [opened(walk.page)]
    for number, key in enumerate("yn", start=1):
        walk.page.keyboard.press(key)
        walk.line(f"{number} of 5 reviewed")
        shown.append(opened(walk.page, other_than=shown[-1]))
    # The page knows no longer who has opened it
    walk.page.reload()
    walk.line("2 of 5 reviewed")
    assert opened(walk.page) == shown[-1]
    for number, key in enumerate("ny", start=3):
        walk.page.keyboard.press(key)
        walk.line(f"{number} of 5 reviewed")
        shown.append(opened(walk.page, other_than=shown[-1]))
    walk.page.keyboard.press("ArrowLeft")
    assert opened(walk.page, other_than=shown[-1]) == shown[-2]
    assert len(set(shown)) == 5
    audited.reload()
    paths = [f"lq_{name}.detections.{part}" for name in ("suspects", "rejected") for part in ("id", "verdict")]
    left, verdicts, gone, rejected = audited.values(paths, unwind=True)
    found = dict(zip([*left, *gone], [*verdicts, *rejected], strict=True))
    assert [found[one] for one in shown] == ["confirmed", "rejected", "rejected", "confirmed", None]
