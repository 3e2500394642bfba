"""What operators declare that they may do: FiftyOne asks before those that write, and above all that delete."""

from __future__ import annotations

from typing import Any

import pytest

from .test_operators import OPERATORS, context, operator

#: ``low`` reads, ``medium`` writes fields or files, ``high`` deletes, or sends data to another machine
RISK = {
    "audit_labels": "medium",
    "compute_predictions": "medium",
    "score_label_quality": "medium",
    "find_suspects": "medium",
    "score_objects": "medium",
    "benchmark_scores": "medium",
    "show_group": "low",
    "review_suspects": "medium",
    "review_state": "low",
    "sidebar_groups": "low",
    "review_shown": "medium",
    "order_suspects": "low",
    "tag_for_relabelling": "medium",
    "untag_relabelling": "medium",
    "export_relabelling_queue": "medium",
    "send_to_annotation": "high",
    "estimate_errors": "medium",
    "write_corrected_masks": "medium",
    "load_corrections": "medium",
    "export_clean_dataset": "medium",
    "break_down": "low",
    "compare_runs": "medium",
    "evaluate_predictions": "medium",
    "measure_gain": "medium",
    "write_report": "medium",
    "lint_masks": "medium",
    "list_runs": "low",
    "delete_run": "high",
}


def test_every_operator_declares_its_risk(fiftyone: Any) -> None:
    assert {name: operator(name).risk_level.value for name in OPERATORS} == RISK


@pytest.mark.parametrize("name", [name for name, risk in RISK.items() if risk == "low"])
def test_those_of_a_low_risk_change_nothing(rated_run: Any, name: str) -> None:
    def state() -> Any:
        database = fo.core.odm.get_db_conn()
        of = {"_dataset_id": rated_run._doc.id}
        found = [list(database[rated_run._sample_collection_name].find()), list(database.runs.find(of))]
        # When a saved view was looked at last is FiftyOne's own
        names = [one["name"] for one in database.views.find(of)]
        document = database.datasets.find_one({"_id": rated_run._doc.id})
        return [*found, names, {one: value for one, value in document.items() if not one.endswith("_at")}]

    import fiftyone as fo

    before = state()
    given = {"show_group": {"group": "car given as road"}, "break_down": {"field": "index"}}.get(name, {})
    assert operator(name).execute(context(name, rated_run, given)) is not None
    assert state() == before
