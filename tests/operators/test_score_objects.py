"""The operator that scores annotated objects: its form, Python calls, and what the App gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..predicted import add_swapped_predictions
from .calls import Calls, errors

PLUGIN = "@label-quality/segmentation"
CALLS = Calls(f"{PLUGIN}/score_objects")


@pytest.fixture
def audited(make_dataset: Any, tmp_path: Path) -> Any:
    """Four samples with a finished run ``lq``; in the third the predictions see road for car and car for road."""
    dataset = make_dataset(count=4, sizes=((48, 64),))
    add_swapped_predictions(dataset, tmp_path)
    CALLS.operator(f"{PLUGIN}/audit_labels")(
        dataset, "ground_truth", source="files", field="probabilities", progress=False
    )
    dataset.reload()
    return dataset


def test_a_dataset_without_scores_is_refused(dataset: Any) -> None:
    assert errors(CALLS.form(dataset)) == {"error_key": "There are no scored runs yet: audit this dataset first."}


def test_form_call_and_messages(audited: Any) -> None:
    plan = "The objects of 4 images are scored from the files of run 'lq'{}; no model runs."
    properties = CALLS.form(audited)
    assert errors(properties) == {} and properties["notice_plan"].view.label == plan.format("")
    wrong = errors(CALLS.form(audited, advanced=True, min_area=2, max_objects=50))
    assert list(wrong) == ["min_area"] and "Expected “Least area of an object” to be in [0, 1], but got 2." in str(
        wrong
    )
    wrong = errors(CALLS.form(audited, advanced=True, max_objects=10_001))
    assert "Expected “Objects an image” to be in [1, 10000], but got 10001." in wrong["max_objects"]
    # As text from the form, as a list from Python
    result = CALLS.operator()(audited, only_classes=["car", 3], progress=False).result
    assert {one["name"] for one in result["classes"]} == {"car", "road"}
    assert [one["unlike"] > 0 for one in result["classes"]] == [True, True]
    assert json.loads(json.dumps(result)) == result
    assert CALLS.form(audited)["notice_plan"].view.label == plan.format(", in place of those scored before")
    messages = [
        json.loads(one.to_json_line())["body"]
        for one in CALLS.operator().execute(CALLS.context(audited, key="lq", only_classes="car"))
    ]
    note, opened, shown = (message["params"] for message in messages[-3:])
    audited.reload()
    cars = audited.count("lq_objects.detections")
    assert audited.distinct("lq_objects.detections.label") == ["car"]
    images = sum(bool(one) for one in audited.values("lq_objects.detections"))
    assert note["message"] == (
        f"Scored {cars} objects in {images} images. Saved view 'lq: worst objects' shows them, the worst first."
    )
    stages = [stage["_cls"].rpartition(".")[2] for stage in opened["view"]]
    assert stages == ["Exists", "ToPatches", "SortBy"]
    assert "classes" in shown["outputs"]["type"]["properties"]
    none = CALLS.operator()(audited, min_area=1.0, progress=False).result
    assert CALLS.operator().message(none) == "No objects in 4 images."
