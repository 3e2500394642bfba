"""The operator that finds suspects: its form, Python calls, delegated runs, the messages to the App."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..predicted import add_swapped_predictions
from .calls import Calls, errors

PLUGIN = "@label-quality/segmentation"
URI = f"{PLUGIN}/find_suspects"
CALLS = Calls(URI)
operator, context, form = CALLS.operator, CALLS.context, CALLS.form


def stream(dataset: Any, **params: Any) -> Iterator[dict[str, Any]]:
    """The messages that the App gets, as it decodes them."""
    for message in operator().execute(context(dataset, **params)):
        yield json.loads(message.to_json_line())


@pytest.fixture
def audited(make_dataset: Any, tmp_path: Path) -> Any:
    """Four samples with a finished run ``lq``; in the third the predictions see road for car and car for road."""
    dataset = make_dataset(count=4, sizes=((48, 64),))
    add_swapped_predictions(dataset, tmp_path)
    audit = operator(f"{PLUGIN}/audit_labels")
    audit(dataset, "ground_truth", source="files", field="probabilities", progress=False)
    dataset.reload()
    return dataset


@pytest.fixture
def recorded(dataset: Any) -> Any:
    """A dataset with the record of a scored run that has suspects, and of one that has predictions only."""
    from label_quality.plugin.records.record_parts import SuspectPart
    from label_quality.plugin.records.run_record import RunRecord, save_record

    save_record(dataset, RunRecord("lq", "ground_truth", scored=4, fields=["lq_quality"], suspects=SuspectPart()))
    save_record(dataset, RunRecord("half", "ground_truth", status="predicted", fields=["half_prediction"]))
    return dataset


def test_the_form_offers_scored_runs_and_says_what_will_happen(recorded: Any) -> None:
    properties = form(recorded)
    assert errors(properties) == {}
    assert properties["key"].type.values == ["lq"]
    assert "min_evidence" not in properties
    assert properties["notice_plan"].view.label == (
        "4 images will be searched from the files of run 'lq', in place of those found before; no model runs."
    )


def test_the_form_says_how_long_the_search_took_before(recorded: Any) -> None:
    from label_quality.plugin.records.run_record import load_record, save_record

    record = load_record(recorded, "lq")
    record.timings = {"Scoring": 60.0, "Finding suspects": 3.0, "Writing suspects": 1.0}
    save_record(recorded, record)
    assert form(recorded)["notice_plan"].view.label.endswith("no model runs. The search before took 4.0 s.")


def test_advanced_options_show_every_threshold(recorded: Any) -> None:
    from dataclasses import fields

    from label_quality.plugin.suspects.config import SuspectConfig

    properties = form(recorded, advanced=True)
    assert {field.name for field in fields(SuspectConfig)} <= set(properties)
    assert errors(properties) == {}
    assert properties["min_area"].default == SuspectConfig.min_area


@pytest.mark.parametrize(
    ("params", "name", "text"),
    [
        ({"min_evidence": -1}, "min_evidence", "Expected “Least evidence” to be at least 0, but got -1."),
        ({"min_area": 2}, "min_area", "Expected “Least area” to be in [0, 1], but got 2."),
        ({"max_regions": -3}, "max_regions", "Expected “Suspects an image” to be at least 1, or None for all"),
        ({"key": "nope"}, "key", "Expected “Run” to be one of lq, but got 'nope'."),
    ],
)
def test_invalid_input_is_marked_as_it_is_typed(recorded: Any, params: dict[str, Any], name: str, text: str) -> None:
    found = errors(form(recorded, advanced=True, **params))
    assert list(found) == [name]
    assert text in found[name]


def test_a_dataset_without_scores_is_refused(dataset: Any) -> None:
    assert errors(form(dataset)) == {"error_key": "There are no scored runs yet: audit this dataset first."}


def test_a_python_call_finds_the_planted_swap_and_returns_json(audited: Any) -> None:
    result = operator()(audited, overwrite=True, progress=False).result
    assert (result["key"], result["scored"], result["images"]) == ("lq", 4, 1)
    assert {row["group"] for row in result["groups"]} == {"road given as car", "car given as road"}
    assert json.loads(json.dumps(result)) == result
    audited.reload()
    (found,) = audited.match({"lq_error_type": "swap"})
    assert found["index"] == 2
    assert {one.label for one in found.lq_suspects.detections} == {"car", "road"}


def test_thresholds_reach_the_engine(audited: Any) -> None:
    assert operator()(audited, min_area=1.0, progress=False).result["regions"] == 0
    audited.reload()
    assert audited.values("lq_error_type") == ["none"] * 4
    assert operator()(audited, max_regions=1, progress=False).result["regions"] == 1
    assert operator()(audited, max_regions=None, progress=False).result["regions"] > 1


def test_a_python_call_refuses_unknown_parameters(audited: Any) -> None:
    with pytest.raises(Exception, match="Unknown parameter 'least_area'; expected one of"):
        operator()(audited, least_area=3)


def test_the_app_gets_progress_the_notification_and_the_output(audited: Any) -> None:
    messages = list(stream(audited, key="lq", overwrite=True))
    called = [message["body"]["operator_uri"] for message in messages]
    assert called[0] == "set_progress"
    assert called[-5:] == [
        *("reload_dataset", "@label-quality/segmentation/refresh_panel", "notify", "set_view", "show_output")
    ]
    note, opened, shown = (message["body"]["params"] for message in messages[-3:])
    assert [stage["_cls"].rpartition(".")[2] for stage in opened["view"]] == ["Exists", "SortBy"]
    assert note["message"].endswith("in 1 of 4 images (3 swap). Saved view 'lq: suspect regions' shows them.")
    assert "groups" in shown["outputs"]["type"]["properties"]
    assert len(shown["results"]["groups"]) == 2


def test_the_app_gets_the_engines_error_word_for_word(audited: Any) -> None:
    audited.delete_saved_view("lq: drop suspects")
    audited.save_view("lq: drop suspects", audited.limit(1), description="mine")
    *_, last = stream(audited, key="lq", overwrite=True)
    assert "already has a saved view 'lq: drop suspects' that no run of this plugin made" in last["error"]


def test_a_delegated_run_reports_progress_and_result(audited: Any) -> None:
    from fiftyone.operators.delegated import DelegatedOperationService

    assert operator()(audited, overwrite=True, delegate=True).delegated
    service = DelegatedOperationService()
    service.execute_queued_operations(operator=URI, dataset_name=audited.name)
    (done,) = service.list_operations(operator=URI, dataset_name=audited.name)
    assert done.run_state == "completed", done.result
    assert done.result.result["regions"] == 3
    assert done.status.progress == 1
    assert "groups" in json.dumps(done.metadata["outputs_schema"])
