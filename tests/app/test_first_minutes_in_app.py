"""From the App as the command opens it to a reviewed issue, by what the screen says: a click and a key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..predicted import add_swapped_predictions
from .test_region_in_app import Beside
from .test_walk_in_app import Walk

pytestmark = pytest.mark.app


@pytest.fixture
def audited(make_dataset: Any, tmp_path: Path) -> Any:
    """Six images; in the third, road and car are swapped."""
    from label_quality import audit_labels

    dataset = make_dataset(count=6, sizes=((96, 128),))
    add_swapped_predictions(dataset, tmp_path)
    audit_labels(dataset, "ground_truth", source="files", field="probabilities")
    dataset.reload()
    return dataset


def test_one_click_leads_to_the_review(
    open_app: Callable[[Any], Any],
    screenshot: Callable[[Any, str], Path],
    app_session: Any,
    audited: Any,
) -> None:
    from label_quality import order_suspects
    from label_quality.plugin.cli.app_server import layout, ranking_view

    walk = Walk(open_app(audited))
    app_session.view = ranking_view(audited)
    app_session.spaces = layout()
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
    beside.open()
    beside.says(f"1 of {total} reviewed")
    screenshot(walk.page, "first-3-reviewed")
    audited.reload()
    ids, verdicts = audited.values(["lq_suspects.detections.id", "lq_suspects.detections.verdict"], unwind=True)
    assert [one for one, verdict in zip(ids, verdicts, strict=True) if verdict == "confirmed"] == [first.id]
