"""The operator that opens a group of suspects: its form, Python calls, what the App is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ..suspect_run import issue
from .calls import Calls, errors

URI = "@label-quality/segmentation/show_group"
CALLS = Calls(URI)
operator, context, form = CALLS.operator, CALLS.context, CALLS.form


@pytest.fixture
def issues(fiftyone: Any) -> list[Any]:
    return [issue("unlabelled", "car", regions=1200, images=3, kind="false_negative"), issue("road", "car")]


@pytest.fixture
def grouped(dataset: Any, issues: list[Any]) -> Any:
    """Runs "old" and "lq" with the same groups, and a later one "bare" that never looked for suspects."""
    from label_quality.plugin.dataset.suspect_fields import write_suspects
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.records.run_record import RunRecord, save_record
    from label_quality.plugin.suspects.image_suspects import ImageSuspects

    table = ClassTable.from_targets({0: "unlabelled", 3: "road", 7: "car", 20: "tree"})
    images = [
        ImageSuspects(
            sample_id=sample_id,
            size=(24, 32),
            given=np.array([0, 1]),
            suggested=np.array([2, 2]),
            kind=["drop", "swap"],
            evidence=np.array([5.0 + row, 1.0]),
            area=np.array([4, 4]),
            confidence=np.array([0.5, 0.5]),
            box=np.array([[0, 0, 2, 2], [4, 4, 2, 2]]),
            masks=["/a.png", "/b.png"],
        )
        for row, sample_id in enumerate(dataset.values("id"))
    ]
    for day, key in ((1, "old"), (2, "lq")):
        write_suspects(dataset, key, images, class_table=table, label_field="ground_truth")
        made = f"2026-01-0{day}T00:00:00+00:00"
        save_record(dataset, RunRecord(key, "ground_truth", created=made, issues=issues))
    save_record(dataset, RunRecord("bare", "ground_truth", created="2026-01-03T00:00:00+00:00"))
    return dataset


def test_the_form_offers_the_groups_of_the_latest_run_that_has_some(grouped: Any) -> None:
    properties = form(grouped)
    assert errors(properties) == {}
    assert properties["key"].type.values == ["old", "lq"]
    assert properties["key"].default == "lq"
    assert properties["group"].type.values == ["car given as unlabelled", "car given as road"]
    assert [choice.label for choice in properties["group"].view.choices] == [
        "car given as unlabelled (false negative, 1,200 suspects in 3 images)",
        "car given as road (systematic, 1 suspect in 1 image)",
    ]
    assert properties["notice_group"].view.label == "Systematic: car given as unlabelled."


def test_a_group_that_does_not_exist_is_an_error(grouped: Any) -> None:
    text = "to be one of 'car given as unlabelled', 'car given as road', but got 'x'."
    assert errors(form(grouped, group="x")) == {"group": f"Expected “Issue” {text}"}
    with pytest.raises(Exception, match=text):
        operator()(grouped, "x")


def test_a_dataset_without_groups_says_what_to_do(dataset: Any, grouped: Any) -> None:
    from label_quality.plugin.records.record_parts import SuspectPart
    from label_quality.plugin.records.run_record import RunRecord, save_record

    assert "Run 'bare' has no issues yet" in errors(form(grouped, key="bare"))["key"]
    with pytest.raises(Exception, match="Run 'bare' has no issues yet: find suspects first, or audit"):
        operator()(grouped, key="bare")
    save_record(grouped, RunRecord("clean", "ground_truth", suspects=SuspectPart()))
    with pytest.raises(Exception, match="Run 'clean' has no suspects, and therefore no issues"):
        operator()(grouped, key="clean")
    with pytest.raises(Exception, match=r"has no label quality run 'none'\. Its runs are: old, lq, bare, clean"):
        operator()(grouped, key="none")


def test_without_any_run_the_form_says_so(dataset: Any) -> None:
    assert "has no issues yet: find suspects first" in errors(form(dataset))["error_key"]


def test_a_python_call_returns_what_is_known_of_the_group(grouped: Any, issues: list[Any]) -> None:
    assert operator()(grouped, "car given as road").result == {"key": "lq", **issues[1].to_dict()}
    assert operator()(grouped.limit(1), key="old").result == {"key": "old", **issues[0].to_dict()}


def test_the_app_opens_the_patches_the_strongest_first(fiftyone: Any, grouped: Any) -> None:
    ctx = context(grouped, group="car given as unlabelled", key="lq")
    operator().execute(ctx)
    (request,) = ctx.executor._requests
    assert request.operator_uri == "set_view"
    view = fiftyone.DatasetView._build(grouped, request.params["view"])
    assert view.values("lq_suspects.evidence") == [8.0, 7.0, 6.0, 5.0]
    assert set(view.values("lq_suspects.given")) == {"unlabelled"}
