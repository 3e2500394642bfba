"""The one table of parameters: what functions, command and operators say and take of each is the same."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import pytest
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.base.parameters import FLAG, LIST, Parameter, lower, table
from label_quality.plugin.cli.parser import make_parser
from label_quality.plugin.models.config import ModelSource
from label_quality.plugin.parameters import PARAMETERS
from label_quality.plugin.predictions.config import PREDICTION_SOURCES

COMMANDS = {
    "audit_labels": "audit",
    "find_suspects": "suspects",
    "score_objects": "objects",
    "benchmark_scores": "benchmark",
    "export_clean_dataset": "export",
    "compare_runs": "compare",
    "evaluate_predictions": "evaluate",
    "measure_gain": "gain",
    "write_report": "report",
    "estimate_errors": "estimate",
    "load_corrections": "corrections",
    "lint_masks": "lint",
}
#: Functions that take a run, and so no field of given masks
OF_A_RUN = ("find_suspects", "score_objects", "export_clean_dataset", *list(COMMANDS)[-7:-1])
#: Parameters whose option has another name, or that the command has a way of its own to say
RENAMED = {"truth_field": "truth", "run_key": "run"}


def options(function: str) -> dict[str, argparse.Action]:
    commands = make_parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    return {action.dest: action for action in commands[COMMANDS[function]]._actions}


def predicts(function: str) -> bool:
    """Whether the function takes a source of predictions, each with parameters of its own."""
    return "source" in PARAMETERS[function] and bool(PARAMETERS[function]["source"].choices)


def said_default(one: Parameter) -> str:
    if one.kind == FLAG:
        return "yes" if one.default else "no"
    return one.empty or str(one.default)


@pytest.mark.parametrize("function", COMMANDS)
def test_the_command_has_every_parameter_with_its_sentence_default_and_choices(function: str) -> None:
    found = options(function)
    for name, one in PARAMETERS[function].items():
        option = found[RENAMED.get(name, name)]
        assert option.default == argparse.SUPPRESS, "a default would stand twice"
        text = (option.help or "").replace("%%", "%")
        if name != "truth_field":
            assert lower(one.sentence) in text, name
            if said_default(one) not in ("None", "", "()"):
                assert f"(default: {said_default(one)}" in text, name
        assert tuple(option.choices or ()) == tuple(one.choices), name


@pytest.mark.parametrize("function", PARAMETERS)
def test_the_function_takes_every_parameter_and_no_other(fiftyone: Any, dataset: Any, function: str) -> None:
    from label_quality.plugin import audit
    from label_quality.plugin.benchmark.run import benchmark_scores
    from label_quality.plugin.clean.clean_dataset import export_clean_dataset
    from label_quality.plugin.compare.comparison import compare_runs
    from label_quality.plugin.corrections.load_corrections import load_corrections
    from label_quality.plugin.evaluation.evaluate import evaluate_predictions
    from label_quality.plugin.gain.measure import measure_gain
    from label_quality.plugin.lint_masks import lint_masks
    from label_quality.plugin.report.write import write_report
    from label_quality.plugin.survey.estimate_errors import estimate_errors

    others = (
        *(benchmark_scores, compare_runs, export_clean_dataset, estimate_errors, load_corrections),
        *(evaluate_predictions, lint_masks, measure_gain, write_report),
    )
    called = {one.__name__: one for one in others}.get(function) or getattr(audit, function)
    given = (dataset,) if function in OF_A_RUN else (dataset, "ground_truth")
    with pytest.raises(LabelQualityError, match="Unknown parameter 'nonsense'") as caught:
        called(*given, nonsense=1)
    known = set(re.split("expected (?:some|one) of ", str(caught.value))[1].rstrip(".").split(", "))
    named = {"source", "lint", "suspects", "predictions", "key"} & set(PARAMETERS[function])
    of_sources = {name for source in ("model", "files") for name in table(PREDICTION_SOURCES[source])}
    of_source = of_sources - set(table(PREDICTION_SOURCES["cross_validation"]))
    assert known | named | (of_source if predicts(function) else set()) == set(PARAMETERS[function])


RAY = {"engine": "ray"}
FORMS: dict[str, list[dict[str, Any]]] = {
    "audit_labels": [{}, RAY, {"blocks": True}, {"source": "model", "model": "a/b"}, {"source": "files"}],
    "compute_predictions": [{}, RAY, {"blocks": True}, {"source": "model", "model": "a/b"}, {"source": "files"}],
    "score_label_quality": [{}, RAY],
    "find_suspects": [{}, RAY],
    "score_objects": [{}, RAY],
    "export_clean_dataset": [{}],
    "measure_gain": [{}],
    "compare_runs": [{}],
    "evaluate_predictions": [{}],
    "write_report": [{}],
    "estimate_errors": [{}],
    "load_corrections": [{}],
    "lint_masks": [{}],
    "benchmark_scores": [{}, RAY, {"blocks": True}, {"how": "truth"}],
}
#: What operators are told beside the parameters
NO_PARAMETERS = {"label_field", "within_view"}
#: A form has a rate for each kind of error, and offers to overwrite what is there
NOT_IN_FORMS = {"kinds", "rates", "overwrite"}


@pytest.fixture
def scored(fiftyone: Any, make_dataset: Any) -> Any:
    """Ten samples with corrected masks and two runs with scores; ``lq`` has looked for suspects."""
    from label_quality.plugin.records.run_record import RunRecord, save_record

    dataset = make_dataset(count=10)
    dataset.clone_sample_field("ground_truth", "corrected")
    kind = {"ftype": fiftyone.EmbeddedDocumentField, "embedded_doc_type": fiftyone.Detections}
    dataset.add_sample_field("lq_suspects", **kind)
    for key in ("lq", "two"):
        dataset.add_sample_field(f"{key}_quality", fiftyone.FloatField)
        save_record(dataset, RunRecord(key, "ground_truth", scored=10, fields=[f"{key}_quality"]))
    return dataset


def properties(function: str, dataset: Any, params: dict[str, Any]) -> dict[str, Any]:
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext, Executor

    uri = f"@label-quality/segmentation/{function}"
    request = {"dataset_name": dataset.name, "params": {"advanced": True, **params}, "prompt_id": "a prompt"}
    context = ExecutionContext(request, executor=Executor(), operator_uri=uri)
    return foo.get_operator(uri).resolve_type(context, "inputs").type.properties


@pytest.mark.parametrize("function", FORMS)
def test_the_form_asks_for_every_parameter_with_its_label_sentence_and_default(scored: Any, function: str) -> None:
    seen = set()
    for params in FORMS[function]:
        source = PREDICTION_SOURCES[params.get("source", "cross_validation")]
        own = table(source) if "source" in PARAMETERS[function] else {}
        for name, prop in properties(function, scored, params).items():
            one = own.get(name) or PARAMETERS[function].get(name)
            if one is None:
                continue
            seen.add(name)
            assert prop.view.label == one.label or name == "overwrite"
            about = prop.view.description or ""
            own_choices = name in (
                "key",
                "truth_field",
                "run_key",
                "predictions",
                "group_field",
                "field",
                "clean_field",
            )
            assert about.startswith(one.help) or own_choices, name
            plain = one.kind != LIST and one.default not in (None, "")
            if plain and not own_choices:
                assert prop.default == one.default, name
            if one.choices and one.kind != LIST:
                assert prop.type.values == list(one.choices), name
    assert seen | NOT_IN_FORMS >= set(PARAMETERS[function])


@pytest.mark.parametrize("function", PARAMETERS)
def test_the_operator_takes_every_parameter_from_python(
    scored: Any, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fiftyone.operators as foo

    operator = foo.get_operator(f"@label-quality/segmentation/{function}")
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(operator, "call", lambda ctx, params, delegate, progress: sent.append(params))
    given = (scored,) if function in OF_A_RUN else (scored, "ground_truth")
    sources = list(PREDICTION_SOURCES) if predicts(function) else [None]
    for source in sources:
        extra = {"source": source} if source else {}
        names = set(operator.engine_names(extra)) if source else set(PARAMETERS[function])
        values = {name: PARAMETERS[function][name].default for name in names} | extra
        operator(*given, **values)
        assert set(sent[-1]) - NO_PARAMETERS == names
        # FiftyOne has loaded the plugin's modules a second time, under names of its own
        with pytest.raises(Exception, match="Unknown parameter 'nonsense'"):
            operator(*given, nonsense=1)
    assert set().union(*sent) - NO_PARAMETERS == set(PARAMETERS[function])


def test_an_operator_audits_with_thresholds_of_suspects(make_dataset: Any, tmp_path: Path) -> None:
    import fiftyone.operators as foo
    import numpy as np

    dataset = make_dataset(count=4)
    for index, sample in enumerate(dataset):
        mask = sample.ground_truth.get_mask()
        seen = np.where(mask == 7, 3, np.where(mask == 3, 7, mask))
        np.save(tmp_path / f"{index}.npy", np.stack([np.where(seen == value, 0.85, 0.05) for value in (0, 3, 7, 20)]))
        sample["probabilities"] = str(tmp_path / f"{index}.npy")
        sample.save()
    audit = foo.get_operator("@label-quality/segmentation/audit_labels")
    source = {"source": "files", "field": "probabilities", "progress": False, "min_area": 0.0, "min_probability": 0.0}

    def regions(**thresholds: Any) -> int:
        return audit(dataset, "ground_truth", overwrite=True, **source, **thresholds).result["suspects"]["regions"]

    assert regions(min_evidence=1e6) == 0
    one = regions(min_evidence=0.0, max_regions=1)
    assert 0 < one <= 4 < regions(min_evidence=0.0, max_regions=None)


def test_texts_of_forms_are_read_by_the_type_of_the_parameter(fiftyone: Any) -> None:
    from label_quality.operators.form.parameters import to_arguments

    texts = {"mean": "0.485, 0.456,0.406", "only_folds": "0, 2", "ignored": "255, void", "architectures": "own, FPN"}
    assert to_arguments(texts, texts) == {
        "mean": [0.485, 0.456, 0.406],
        "only_folds": [0, 2],
        "ignored": [255, "void"],
        "architectures": [None, "FPN"],
    }
    assert ModelSource.from_params({"model": "m", **to_arguments(texts, ["mean"])}).mean == (0.485, 0.456, 0.406)
    assert to_arguments({"max_regions": 0, "weights": "none"}, ["max_regions", "weights"]) == {
        "max_regions": None,
        "weights": None,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Expected parameter `folds` to be at least 2.", "Expected “Folds” to be at least 2."),
        (
            "Pass overwrite=True to replace it, or use another `key` to keep both.",
            "Tick “Overwrite the run” to replace it, or use another “Name of the run” to keep both.",
        ),
        ("give weights=FILE, or take weights=None", "give “Encoder weights” FILE, or take “Encoder weights” none"),
        ("Expected parameter `nonsense` to be x=1.", "Expected parameter `nonsense` to be x=1."),
        ("which suspects=False leaves out", "which “Find suspects too” not ticked leaves out"),
        (
            "Mend them, or run with skip_failures=True to leave them out",
            "Mend them, or run with “Leave out samples that cannot be processed” ticked to leave them out",
        ),
    ],
)
def test_errors_in_forms_have_the_forms_labels(fiftyone: Any, text: str, expected: str) -> None:
    from label_quality.operators.form.parameters import in_labels, labels_of

    assert in_labels(text, labels_of("@label-quality/segmentation/audit_labels")) == expected
