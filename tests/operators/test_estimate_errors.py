"""The operator that estimates errors, and judging what it draws by keys, as the App's server runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..predicted import add_swapped_predictions
from .calls import Calls, errors

PLUGIN = "@label-quality/segmentation"
CALLS, REVIEW, STATE = (Calls(f"{PLUGIN}/{name}") for name in ("estimate_errors", "review_suspects", "review_state"))


@pytest.fixture
def audited(make_dataset: Any, tmp_path: Path) -> Any:
    """Four samples with a finished run ``lq``; in the third the predictions see road for car and car for road."""
    dataset = make_dataset(count=4, sizes=((48, 64),))
    add_swapped_predictions(dataset, tmp_path)
    CALLS.operator(f"{PLUGIN}/audit_labels")(
        dataset, "ground_truth", source="files", field="probabilities", progress=False, min_probability=0.0
    )
    dataset.reload()
    return dataset


def context(calls: Calls, dataset: Any, view: Any = None, current: str | None = None, **params: Any) -> Any:
    """What the App sends where a view is on show, and a sample is open."""
    from fiftyone.operators.executor import ExecutionContext, Executor

    content: dict[str, Any] = {"dataset_name": dataset.name, "params": params, "prompt_id": "a prompt"}
    if view is not None:
        content["view"] = view._serialize(include_uuids=False)
    if current is not None:
        content["current_sample"] = current
    return ExecutionContext(content, executor=Executor(), operator_uri=calls.uri)


def test_a_dataset_without_scores_is_refused(dataset: Any) -> None:
    assert errors(CALLS.form(dataset)) == {"error_key": "There are no scored runs yet: audit this dataset first."}


def test_draws_is_judged_by_keys_and_estimates(audited: Any) -> None:
    plan = CALLS.form(audited)["notice_plan"].view.label
    assert plan.startswith("Places in 4 images are drawn, and shown in the grid")
    wrong = errors(CALLS.form(audited, verdicts=5))
    assert wrong == {"verdicts": "Expected “Places to judge” to be in [10, 10000], but got 5."}
    result = CALLS.operator()(audited, verdicts=30, suspects=3, images=3, progress=False).result
    assert json.loads(json.dumps(result)) == result
    assert result["rows"] == result["class_rows"] == []
    assert result["message"].startswith("Judged: 0 of 30 places, ")
    assert result["message"].endswith("The saved view 'lq: places to judge' has those that are left.")
    again = CALLS.form(audited)
    assert again["notice_plan"].view.label.startswith("What is drawn already stays")
    # As much as before, or it would draw more unasked
    assert [again[name].default for name in ("verdicts", "suspects", "images")] == [30, 3, 3]
    warning = CALLS.form(audited, advanced=True, overwrite=True)["warning_plan"].view.label
    assert warning == "What was drawn before is taken away, and the verdicts on it are lost."

    audited.reload()
    view = audited.load_saved_view("lq: places to judge")
    number = len(view)
    for done, patch in enumerate(view.values("id")):
        state = STATE.operator().execute(context(STATE, audited, view, patch))
        assert (state["reviewed"], state["total"], state["key"]) == (done, number, "lq")
        assert state["names"] == {"confirm": "Wrong", "reject": "Right"}
        swapped = audited[view[patch].sample_id].id == audited.skip(2).first().id
        decision = "confirm" if swapped and not state["asks"] else "reject"
        ctx = context(REVIEW, audited, view, patch, decision=decision, by_key=True)
        answer = REVIEW.operator().execute(ctx)
        assert answer["message"].startswith(f"{'Confirmed' if decision == 'confirm' else 'Rejected'}: 1 place. ")
    assert len(audited.load_saved_view("lq: places to judge")) == 0
    result = CALLS.operator()(audited, verdicts=30, suspects=3, images=3, progress=False).result
    rows = {row["what"]: row["value"] for row in result["rows"]}
    assert list(rows) == [
        "Wrong pixels",
        "Mean IoU of the labels",
        "Wrong images",
        "Wrong pixels that are not found yet",
        "Wrong pixels where nothing is suspected",
        *(["Real suspects, of those not reviewed"] if "Real suspects, of those not reviewed" in rows else []),
        "More verdicts on places for ±0.5 %",
    ]
    low, high = result["wrong_pixels"]["low"], result["wrong_pixels"]["high"]
    assert 0 < low < result["wrong_pixels"]["value"] < high < 1
    assert {one["name"] for one in result["class_rows"]} <= {"unlabelled", "road", "car", "tree"}
    assert sum(one["judged"] for one in result["issues"]) == result["suspects"]["judged"]
    columns = {"issue", "open", "judged", "real"}
    assert all(set(one) == columns and " given as " in one["issue"] for one in result["issue_rows"])
    # An empty view is left for the images, and no other is
    judged = audited.load_saved_view("lq: places to judge")
    assert CALLS.operator().shown(context(CALLS, audited, judged), result).values("id") == audited.sort_by(
        "lq_quality"
    ).values("id")
    assert CALLS.operator().shown(context(CALLS, audited, audited.view()), result) is None
    # Undone, the place is there to be judged again
    undone = context(REVIEW, audited, view, decision="undo", by_key=True, region_ids=[patch], key="lq")
    REVIEW.operator().execute(undone)
    assert audited.load_saved_view("lq: places to judge").values("id") == [patch]


def test_the_question_and_the_panel_of_a_place(audited: Any) -> None:
    CALLS.operator()(audited, verdicts=30, suspects=3, images=3, progress=False)
    audited.reload()
    view, texts = audited.load_saved_view("lq: places to judge"), {}
    for patch in view:
        state = STATE.operator().execute(context(STATE, audited, view, patch.id))
        seen = patch.lq_sample.has_attribute("suggested")
        texts[patch.lq_sample.unit, seen] = (state["text"], state["asks"], patch.lq_sample)
    text, asks, label = texts["place", False]
    assert (text, asks) == (f"Given as {label.given} in the ring: is that wrong?", True)
    text, asks, label = texts["place", True]
    assert (text, asks) == (f"Given as {label.given} in the ring, looks like {label.suggested}: is that wrong?", False)
    assert texts["image", False][0] == "Is there an error in this mask, of at least 0.10 % of its pixels?"
    label = texts["suspect", True][2]
    assert texts["suspect", True][0] == f"Given as {label.given}, looks like {label.suggested}"
