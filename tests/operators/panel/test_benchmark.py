"""The panel's section on how far the scores can be trusted: what it shows of a test's record, and its clicks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

PLUGIN = "@label-quality/segmentation"
URI = f"{PLUGIN}/label_quality_panel"
MEASURES = ("auroc", "auprc", "lift_at_100", "lift_at_errors")
#: Call of a panel's method: name, state, parameters -> context
Call = Callable[..., Any]


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.125, "high": value + 0.0625}


def result(kind: str, architecture: str | None = None, **values: float) -> dict[str, Any]:
    """A result of 20 errors in 100 images: all measures of each score are the same value, lifts five times that."""
    scores = {
        name: {measure: estimate(5 * value if "lift" in measure else value) for measure in MEASURES}
        for name, value in values.items()
    }
    curves = {name: {"recall": [0.5, 1.0], "precision": [value, 0.2]} for name, value in values.items()}
    known = {"errors": 20, "images": 100, "seconds": 1.0, "scores": scores, "curves": curves}
    return {"kind": kind, "architecture": architecture, **known}


def record(*results: dict[str, Any], **known: Any) -> dict[str, Any]:
    return {
        "key": "lq_benchmark",
        "label_field": "ground_truth",
        "mode": "injected",
        "truth_field": None,
        "created": "2026-11-22T18:20:00+00:00",
        "status": "complete",
        "images": 100,
        "classes": ["road", "car"],
        "config": {},
        "results": list(results),
        "left_out": {},
        "notes": [],
        **known,
    }


@pytest.fixture
def call(dataset: Any) -> Call:
    """Calls a method of the panel on ``dataset`` as the App does, and returns the context."""
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext, Executor

    def run(method: str, state: dict[str, Any] | None = None, **params: Any) -> Any:
        arguments = {"panel_id": "panel", "panel_state": state or {}, "__method__": method, **params}
        request = {"dataset_id": str(dataset._doc.id), "view": [], "params": arguments}
        context = ExecutionContext(request, executor=Executor(), operator_uri=URI)
        foo.get_operator(URI).execute(context)
        return context

    return run


@pytest.fixture
def save(dataset: Any) -> Callable[..., None]:
    """Saves a record with ``dataset``."""
    from label_quality.plugin.benchmark.records import save_benchmark

    return lambda content: save_benchmark(dataset, content["key"], content)


def requests(context: Any, name: str) -> list[dict[str, Any]]:
    return [one.params for one in context.executor._requests if one.operator_uri == name]


def shown(context: Any) -> str:
    """All that the panel shows, as the JSON that the App gets, in plain letters."""
    (output,) = requests(context, "show_panel_output")
    return json.dumps(output, allow_nan=False, ensure_ascii=False)


def test_without_a_test_it_offers_one_where_there_are_scores(call: Call, dataset: Any) -> None:
    from label_quality.plugin.records.run_record import RunRecord, save_record

    assert "Benchmark the scores…" not in shown(call("on_load"))
    save_record(dataset, RunRecord("lq", "ground_truth"))
    text = shown(call("on_load"))
    assert "How far can these scores be trusted?" in text
    assert "Plant known errors in a copy of your masks" in text
    assert "Benchmark the scores…" in text
    assert "Delete benchmark…" not in text


def test_buttons_open_the_forms(call: Call, save: Any) -> None:
    save(record(result("drop", evidence=0.875)))
    state = call("on_load").panel.state._data
    for method, operator, params in (
        ("test_scores", "benchmark_scores", None),
        ("delete_benchmark", "delete_run", {"key": "lq_benchmark"}),
    ):
        (asked,) = requests(call(method, state), "prompt_user_for_operation")
        assert (asked["operator_uri"], asked["params"]) == (f"{PLUGIN}/{operator}", params)
        assert asked["on_success"] == f"{URI}#refresh"


def test_a_test_is_shown_with_its_errors_found_its_table_and_its_curves(call: Call, save: Any) -> None:
    drop, swap = result("drop", evidence=0.875, softmin=0.75), result("swap", evidence=0.5, softmin=0.625)
    save(record(drop, swap, left_out={"shift": "the masks are too small"}, notes=["A note on the benchmark."]))
    context = call("on_load")
    assert context.panel.get_state("page.trust.controls.measure") == "auroc"
    text = shown(context)
    for words in (
        "How far can these scores be trusted?",
        "Masks in “ground_truth” · errors planted in a copy · 100 images · 22 Nov 2026, 18:20 UTC",
        *(
            "Left-out objects found",
            "88 %",
            "among the 20 images that rank worst by class-pair evidence; by chance 20 %",
        ),
        *("Wrong classes found", "50 %"),
        *("Object left out\\n20 errors", "Wrong class\\n20 errors"),
        *("0.875\\n0.750–0.938", "0.625\\n0.500–0.688"),
        *("AUROC: wrong ranked before right", "Lift among the 100 worst", "1 is always, 0.5 is chance"),
        *("Precision and recall", "━ Class-pair evidence", "By chance: 20 % wrong"),
        "“Displaced edge” has no figures: the masks are too small.",
        "A note on the benchmark.",
    ):
        assert words in text, words
    # The best of the first column is in the first row, that of the second in the second
    assert "tr:nth-of-type(1) td:nth-of-type(2)" in text
    assert "tr:nth-of-type(2) td:nth-of-type(3)" in text
    assert "tr:nth-of-type(1) td:nth-of-type(3)" not in text


def test_another_measure_can_be_chosen(call: Call, save: Any) -> None:
    save(record(result("drop", evidence=0.875)))
    chosen = call("choose_measure", call("on_load").panel.state._data, value="lift_at_errors")
    assert chosen.panel.get_state("page.trust.controls.measure") == "lift_at_errors"
    text = shown(chosen)
    assert "4.38\\n4.25–4.44" in text
    assert "1 is chance" in text


def test_architectures_have_columns_and_curves_of_their_own(call: Call, save: Any) -> None:
    save(record(result("drop", "FPN", evidence=0.875), result("drop", evidence=0.75)))
    text = shown(call("on_load"))
    for words in ("Object left out\\n20 errors\\nFPN", "Object left out · 20 errors · own decoder", "75 % to 88 %"):
        assert words in text, words


def test_a_comparison_with_corrected_masks_says_so(call: Call, save: Any) -> None:
    save(record(result("all", ccp=0.875), mode="truth", truth_field="corrected"))
    text = shown(call("on_load"))
    assert "Masks in “ground_truth” · compared with “corrected” · 100 images" in text
    assert "by correctly classified pixels; by chance 20 %" in text
    assert "All kinds together" in text


def test_a_measure_that_is_missing_is_not_offered(call: Call, save: Any) -> None:
    drop, swap = result("drop", evidence=0.875, softmin=0.5), result("swap", evidence=0.75)
    for one in (*drop["scores"].values(), *swap["scores"].values()):
        del one["lift_at_100"]
    save(record(drop, swap))
    state = call("on_load").panel.state._data
    state["page"]["trust"]["controls"]["measure"] = "lift_at_100"
    text = shown(call("refresh", state))
    assert "Lift among the 100 worst" not in text
    # The first of those that are there instead, and a dash where a score is missing
    assert "0.875\\n0.750–0.938" in text
    assert '"result_1": "–"' in text


def test_a_test_under_way_says_how_to_go_on_and_shows_what_is_there(call: Call, save: Any) -> None:
    save(record(status="running"))
    text = shown(call("on_load"))
    assert "This benchmark is not finished: no result yet." in text
    assert "start it again with the same name, “lq_benchmark”" in text
    assert "Measure" not in text
    save(record(result("drop", evidence=0.875), status="running"))
    text = shown(call("on_load"))
    assert "This benchmark is not finished: 1 result." in text
    assert "0.875\\n0.750–0.938" in text


def test_a_test_without_results_says_why(call: Call, save: Any) -> None:
    save(record(left_out={"drop": "There is no unlabelled class."}))
    text = shown(call("on_load"))
    assert "No kind of error could be tested." in text
    assert "“Object left out” has no figures: There is no unlabelled class." in text


def test_a_record_whose_saving_was_interrupted_is_no_error(call: Call, dataset: Any, save: Any) -> None:
    save(record(result("drop", evidence=0.875), status="running"))
    dataset._doc.runs["lq_benchmark"].results.delete()
    text = shown(call("on_load"))
    assert "This benchmark is not finished: no result yet." in text
    assert "Error" not in text


def test_a_new_test_is_shown_at_once_and_a_deleted_one_is_left(call: Call, dataset: Any, save: Any) -> None:
    from label_quality.plugin.benchmark.records import delete_benchmark

    save(record(result("drop", evidence=0.875)))
    known = call("on_load").panel.state._data
    save(record(result("drop", evidence=0.625), key="later", created="2026-11-22T19:00:00+00:00"))
    renewed = call("refresh", known)
    assert renewed.panel.get_state("page.trust.controls.benchmark") == "later"
    assert "0.625\\n0.500–0.688" in shown(renewed)
    back = call("choose_benchmark", renewed.panel.state._data, value="lq_benchmark")
    assert "0.875\\n0.750–0.938" in shown(back)
    delete_benchmark(dataset, "lq_benchmark")
    left = call("refresh", back.panel.state._data)
    assert left.panel.get_state("page.trust.controls.benchmark") == "later"
    assert "Benchmark “" not in shown(left)
