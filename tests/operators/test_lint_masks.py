"""The operator that lints masks: its form, Python calls, and what the App gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..test_lint_masks import FOUND, kinds_of, street
from .calls import Calls, errors

CALLS = Calls("@label-quality/segmentation/lint_masks")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, fiftyone: Any) -> Any:
    made = street(tmp_path_factory.mktemp("lint") / "street", fiftyone)
    yield made
    made.delete()


def test_the_form_says_what_will_happen(dataset: Any, fiftyone: Any) -> None:
    properties = CALLS.form(dataset)
    assert errors(properties) == {} and properties["label_field"].default == "ground_truth"
    assert properties["notice_plan"].view.label == "What is found goes to the field 'lq_lint'; no mask is changed."
    wrong = errors(CALLS.form(dataset, advanced=True, key="2", only_kinds="stray, dust", outlier=0))
    assert wrong["key"].startswith("Expected “Name” to be a letter") or "letter followed by" in wrong["key"]
    wrong = errors(CALLS.form(dataset, advanced=True, only_kinds="stray, dust"))
    assert "Expected “Only kinds” to be some of missing, unreadable" in wrong["only_kinds"]
    wrong = errors(CALLS.form(dataset, advanced=True, outlier=0))
    assert wrong == {"outlier": "Expected “Outliers from” to be positive, but got 0."}
    plan = CALLS.form(dataset, advanced=True, clear=True)["notice_plan"].view.label
    assert plan == "There is nothing to delete."
    dataset.add_sample_field("mine_lint", fiftyone.IntField)
    assert "already has a field 'mine_lint'" in errors(CALLS.form(dataset, key="mine"))["key"]
    dataset.delete_sample_field("mine_lint")


def test_a_call_and_the_messages_to_the_app(dataset: Any) -> None:
    result = CALLS.operator()(dataset, "ground_truth", progress=False, max_findings=50).result
    assert kinds_of(dataset) == FOUND
    assert json.loads(json.dumps(result)) == result
    assert result["sentence"] == "5 findings in 3 of 24 masks."
    assert result["kind_rows"][2] == {
        "kind": "hole",
        "findings": "2",
        "images": "2",
        "what": "a few pixels inside another component",
    }
    plan = CALLS.form(dataset)["notice_plan"].view.label
    assert plan == "What is found goes to the field 'lq_lint', in place of what is there; no mask is changed."
    context = CALLS.context(dataset, label_field="ground_truth", only_kinds="hole, stray")
    messages = [json.loads(one.to_json_line())["body"] for one in CALLS.operator().execute(context)]
    note, opened, shown = (message["params"] for message in messages[-3:])
    assert note["message"] == "3 findings in 3 of 24 masks. Saved view 'lq: lint' shows them."
    assert [stage["_cls"].rpartition(".")[2] for stage in opened["view"]] == ["Match", "SortBy"]
    assert set(shown["outputs"]["type"]["properties"]) == {"message", "kind_rows", "example_rows", "image_rows"}
    assert Path(shown["results"]["image_rows"][0]["image"]).suffix == ".png"


def test_a_call_on_a_view_deletes_what_is_there(dataset: Any) -> None:
    CALLS.operator()(dataset.limit(3), "ground_truth", progress=False)
    assert kinds_of(dataset).keys() == {0, 1, 2}
    context = CALLS.context(dataset, label_field="ground_truth", clear=True)
    messages = [json.loads(one.to_json_line())["body"] for one in CALLS.operator().execute(context)]
    sent = {message["operator_uri"].rpartition("/")[2]: message["params"] for message in messages}
    note, shown = sent["notify"], sent["show_output"]
    assert note["message"] == "What a lint has written as 'lq' is deleted."
    assert set(shown["outputs"]["type"]["properties"]) == {"message"}
    dataset.reload()
    assert not dataset.has_sample_field("lq_lint")
