"""The lint's card where the panel follows the view: it counts what is on show, and clicks stay in it."""

from __future__ import annotations

import re
from typing import Any

from . import test_panel
from .test_panel import Call, shown, stages, state, view_of

audited, call = test_panel.audited, test_panel.call


def test_the_card_of_a_lint_counts_what_is_on_show(call: Call, audited: Any, fiftyone: Any) -> None:
    from label_quality import lint_masks

    for sample, values in zip(audited, ([99], [99, 98], [], [97]), strict=True):
        mask = sample.ground_truth.get_mask().copy()
        for place, value in enumerate(values):
            mask[3:6, 6 * place : 6 * place + 3] = value
        sample.ground_truth = fiftyone.Segmentation(mask=mask)
        sample.save()
    lint_masks(audited, "ground_truth", only_kinds=["unknown_value"])
    on = {**state(), "folded": []}
    on["page"]["controls"] = {"following": True}

    def card(view: Any) -> tuple[str, list[dict[str, str]]]:
        """The title and the rows of the lint's card."""
        output = shown(call("on_change_view", on, view=stages(view)))
        titles = re.findall(r"Lint: [^\"]*", output)
        rows = re.findall(
            r'"kind": "Unknown value: values outside[^"]*", "findings": "(\d+)", "images": "(\d+)"', output
        )
        return titles[0], rows

    assert card(audited.view()) == ("Lint: 4 findings in 3 of 4 masks", [("4", "3")])
    ids = audited.values("id")
    some = audited.select(ids[1:3])
    assert card(some) == ("Lint: 2 findings in 1 of 2 masks", [("2", "1")])
    assert card(audited.select(ids[2])) == ("Lint: nothing found in 1 mask", [])
    one = some.filter_labels("lq_lint", fiftyone.ViewField("given") == "98")
    assert card(one) == ("Lint: 1 finding in 1 of 1 mask", [("1", "1")])
    assert card(audited.match({"_id": None})) == ("Lint: nothing found in 0 masks", [])
    # Clicks stay in the view
    known = call("on_change_view", on, view=stages(some)).panel.state._data
    opened = call("open_lint_kind", known, view=stages(some), row=0)
    assert view_of(fiftyone, audited, opened).values("id") == [ids[1]]


def test_of_images_with_more_findings_than_they_show_it_says_so(audited: Any, fiftyone: Any) -> None:
    from label_quality import lint_masks
    from label_quality.plugin.records.lint_part import finished_lint
    from label_quality.plugin.runs.lint_on_show import lint_on_show

    mask = audited.first().ground_truth.get_mask().copy()
    mask[3:6, :12:6], mask[9:12, :12:6] = 99, 98
    sample = audited.first()
    sample.ground_truth = fiftyone.Segmentation(mask=mask)
    sample.save()
    lint_masks(audited, "ground_truth", only_kinds=["unknown_value"], max_findings=1)
    part = finished_lint(audited, "lq")
    assert part.findings == 2
    counted = lint_on_show(audited.limit(1), "lq", part)
    assert (counted.findings, counted.affected, counted.images) == (1, 1, 1)
    assert counted.notes[-1] == "Images with more findings than they show count with those that they show."
    assert lint_on_show(audited.skip(1), "lq", part).notes == part.notes
