"""The operator that tests the scores: its form, Python calls, the messages to the App, and how a test is deleted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ..deletion import drop_datasets
from .calls import errors

PLUGIN = "@label-quality/segmentation"
URI = f"{PLUGIN}/benchmark_scores"
#: As little training as can be
QUICK: dict[str, Any] = {"preset": "fast", "folds": 2, "epochs": 1, "input_size": 64, "resamples": 20}


def operator(uri: str = URI) -> Any:
    import fiftyone.operators as foo

    return foo.get_operator(uri)


def context(dataset: Any, **params: Any) -> Any:
    from fiftyone.operators.executor import ExecutionContext, Executor

    request = {"dataset_name": dataset.name, "params": params, "prompt_id": "a prompt"}
    return ExecutionContext(request, executor=Executor(), operator_uri=URI)


def form(dataset: Any, uri: str = URI, **params: Any) -> dict[str, Any]:
    prop = operator(uri).resolve_type(context(dataset, **params), "inputs")
    prop.to_json()
    return prop.type.properties


def label(properties: dict[str, Any], name: str) -> str:
    return properties[name].view.label


@pytest.fixture(scope="module", autouse=True)
def engine(fiftyone: Any) -> None:
    """Imports the engine's dependencies, for which the form waits a few seconds only."""
    import segmentation_models_pytorch  # noqa: F401


@pytest.fixture
def save(ten: Any) -> Callable[..., None]:
    """Saves the record of a test with ``ten``."""
    from label_quality.plugin.benchmark.records import save_benchmark

    known = {"label_field": "ground_truth", "mode": "injected", "truth_field": None, "images": 10, "results": []}
    created = "2026-11-22T18:20:00+00:00"
    return lambda key, status="complete": save_benchmark(ten, key, {**known, "created": created, "status": status})


@pytest.fixture
def ten(make_dataset: Any) -> Any:
    """Ten images with masks, and the same masks once more as the corrected ones."""
    dataset = make_dataset(count=10)
    dataset.add_sample_field("corrected", type(dataset.get_field("ground_truth")), embedded_doc_type=_segmentation())
    dataset.set_values("corrected", dataset.values("ground_truth"))
    return dataset


def _segmentation() -> Any:
    import fiftyone as fo

    return fo.Segmentation


def test_the_form_asks_for_two_things_and_says_what_will_happen(ten: Any) -> None:
    properties = form(ten)
    assert errors(properties) == {}
    asked = {name for name, prop in properties.items() if not name.startswith(("notice_", "warning_", "view_target"))}
    assert asked == {"label_field", "how", "advanced"}
    assert label(properties, "notice_purpose").startswith("Plants known errors in a copy of your masks")
    assert label(properties, "notice_plan").startswith("3 audits of 10 images, each of which trains 5 models with the ")
    assert "; about " in label(properties, "notice_plan")
    assert label(properties, "warning_few").startswith("Of one kind of error, only 2 images will have one")
    assert label(properties, "notice_lift").startswith("Lift among the 100 worst needs more than 100 images")


def test_advanced_options_show_every_parameter(ten: Any) -> None:
    properties = form(ten, advanced=True)
    shown = {"drop_rate", "swap_rate", "shift_rate", "severity", "seed", "architectures", "folds", "preset"}
    assert shown | {"resamples", "key", "min_fraction", "group_field", "unlabelled"} <= set(properties)
    assert "architecture" not in properties
    assert properties["swap_rate"].default == 0.3
    assert errors(properties) == {}


def test_each_kind_and_architecture_is_an_audit(ten: Any) -> None:
    plan = label(form(ten, drop_rate=0, architectures="FPN, DeepLabV3Plus", preset="fast"), "notice_plan")
    assert plan.startswith("4 audits of 10 images, each of which trains 5 models with the fast preset on ")


@pytest.mark.parametrize(
    ("params", "name", "text"),
    [
        (
            {"drop_rate": 1.5},
            "drop_rate",
            "Expected the rate of drop errors to be in (0, 1), or 0 for none, but got 1.5.",
        ),
        (
            {"swap_rate": -1},
            "swap_rate",
            "Expected the rate of swap errors to be in (0, 1), or 0 for none, but got -1.",
        ),
        ({"shift_rate": 0.01}, "shift_rate", "A rate of 0.01 of 10 images is not one shift error."),
        ({"drop_rate": 0, "swap_rate": 0, "shift_rate": 0}, "how", "No kind of error is left to plant"),
        ({"severity": 2}, "severity", "Expected “Severity” to be in (0, 1], but got 2."),
        ({"resamples": 0}, "resamples", "Expected “Resamples” to be at least 1, but got 0."),
        ({"folds": 11}, "folds", "Expected at most as many folds as images with a mask, but got 11 folds for 10."),
        ({"architectures": "Pyramid"}, "architectures", "Expected “Architectures”"),
        ({"key": "2 tests"}, "key", "Expected “Name of the benchmark” to be a letter followed by"),
        ({"label_field": "nope"}, "label_field", "has no field 'nope'"),
        (
            {"how": "guess"},
            "how",
            "Expected “How it is known which masks are wrong” to be one of injected, truth, but got 'guess'.",
        ),
        ({"how": "truth", "truth_field": "ground_truth"}, "truth_field", "cannot be the given masks 'ground_truth'"),
        ({"how": "truth", "truth_field": "nope"}, "truth_field", "has no field 'nope'"),
        ({"how": "truth", "min_difference": 2}, "min_difference", "“Least difference” to be in [0, 1), but got 2"),
    ],
)
def test_invalid_input_is_marked_as_it_is_typed(ten: Any, params: dict[str, Any], name: str, text: str) -> None:
    found = errors(form(ten, **{"advanced": True, "preset": "fast", **params}))
    assert list(found) == [name]
    assert text in found[name]


def test_one_class_is_refused(make_dataset: Any) -> None:
    found = errors(form(make_dataset(count=10, targets={3: "road"})))
    assert list(found.values()) == [
        "Expected at least two classes, but there is only 'road': no error can be planted or found."
    ]


def test_without_an_unlabelled_class_it_says_what_is_not_tested(make_dataset: Any) -> None:
    properties = form(make_dataset(count=10, targets={3: "road", 7: "car", 20: "tree"}))
    assert errors(properties) == {}
    assert "left-out objects are not tested" in label(properties, "notice_drop")
    assert label(properties, "notice_plan").startswith("2 audits of 10 images")


def test_corrected_masks_need_a_second_field(make_dataset: Any) -> None:
    found = errors(form(make_dataset(count=10), how="truth"))
    assert found == {"truth_field": "The dataset has no second field of masks. Add the corrected ones to it."}


def test_corrected_masks_judge_a_new_audit_or_a_run_that_is_there(ten: Any) -> None:
    from label_quality.plugin.records.run_record import RunRecord, save_record

    properties = form(ten, how="truth")
    assert errors(properties) == {}
    assert label(properties, "notice_purpose").startswith("Compares your masks with those that you have corrected")
    assert properties["truth_field"].default == "corrected"
    assert "run_key" not in properties
    assert label(properties, "notice_plan").startswith("1 audit of 10 images")
    save_record(ten, RunRecord("lq", "ground_truth", scored=10, fields=["lq_quality"]))
    properties = form(ten, how="truth", advanced=True)
    assert properties["run_key"].type.values == ["lq", "-"]
    assert label(properties, "notice_plan") == (
        "The scores of run 'lq' are compared with the corrected masks; no model runs."
    )
    assert "folds" not in properties
    assert label(form(ten, how="truth", run_key="-"), "notice_plan").startswith("1 audit of 10 images")


def test_a_finished_test_is_not_replaced_unasked(ten: Any, save: Any) -> None:
    save("lq_benchmark")
    assert form(ten, advanced=True)["key"].default == "lq_benchmark2"
    found = errors(form(ten, key="lq_benchmark"))
    assert list(found) == ["error_key"]
    assert found["error_key"].endswith("Replace it, or choose another name, such as 'lq_benchmark2'.")
    assert errors(form(ten, key="lq_benchmark", overwrite=True)) == {}


def test_an_interrupted_test_goes_on(ten: Any, save: Any) -> None:
    save("lq_benchmark", "running")
    properties = form(ten, advanced=True)
    assert properties["key"].default == "lq_benchmark"
    assert "With the same choices it goes on where it was" in label(properties, "notice_key")
    assert errors(properties) == {}


def test_what_a_form_sends_becomes_the_engines_arguments(ten: Any) -> None:
    from label_quality.operators.form.benchmark import to_engine

    sent = {"how": "injected", "drop_rate": 0, "swap_rate": 0.5, "shift_rate": None, "truth_field": "corrected"}
    assert to_engine({**sent, "architectures": "FPN, DeepLabV3Plus", "seed": 3}) == {
        "rates": {"swap": 0.5, "shift": 0.2},
        "architectures": ["FPN", "DeepLabV3Plus"],
        "seed": 3,
    }
    known = {"truth_field": "corrected", "how": "truth", "drop_rate": 0.5}
    assert to_engine({**known, "run_key": "-", "architectures": "FPN"}) == {
        "truth_field": "corrected",
        "architectures": ["FPN"],
    }
    assert to_engine({**known, "run_key": "lq", "architectures": "FPN"}) == {
        "truth_field": "corrected",
        "run_key": "lq",
    }
    assert to_engine({"architectures": [None, "FPN"], "rates": {"swap": 0.3}}) == {
        "architectures": [None, "FPN"],
        "rates": {"swap": 0.3},
    }


@pytest.fixture
def scenes(fiftyone: Any, tmp_path: Any) -> Iterator[Any]:
    """Twelve small scenes with objects that can be left out, swapped and displaced."""
    import cv2
    from label_quality.plugin.scenes.scenes import SCENE_CLASSES, render_scene

    dataset = fiftyone.Dataset()
    for number in range(12):
        image, mask = render_scene(number, (48, 64))
        paths = [str(tmp_path / f"{number:02d}.{kind}.png") for kind in ("image", "mask")]
        cv2.imwrite(paths[0], image[..., ::-1])
        cv2.imwrite(paths[1], mask)
        dataset.add_sample(fiftyone.Sample(paths[0], ground_truth=fiftyone.Segmentation(mask_path=paths[1])))
    dataset.mask_targets = {"ground_truth": SCENE_CLASSES}
    dataset.save()
    yield dataset
    drop_datasets([dataset.name])


def test_a_test_is_run_shown_and_deleted(scenes: Any, fiftyone: Any) -> None:
    from label_quality.plugin.benchmark.records import list_benchmarks, load_benchmark

    before = set(fiftyone.list_datasets())
    sent = {"label_field": "ground_truth", "how": "injected", "drop_rate": 0, "shift_rate": 0, "swap_rate": 0.3}
    messages = [json.loads(one.to_json_line()) for one in operator().execute(context(scenes, **QUICK, **sent))]
    text = json.dumps(messages)
    assert "Swap (1 of 1): " in text
    assert "Tested the scores of 'ground_truth': wrong classes found " in text
    output = json.dumps(messages[-1], ensure_ascii=False)
    for words in ("Class-pair evidence", "Wrong class, 4 errors", "The panel “Label quality” shows all measures", "0."):
        assert words in output, words
    record = load_benchmark(scenes, "lq_benchmark")
    assert [one["kind"] for one in record["results"]] == ["swap"]
    assert set(fiftyone.list_datasets()) == before

    again = operator()(scenes, "ground_truth", rates={"swap": 0.3}, progress=False, **QUICK).result
    assert again["results"][0]["errors"] == 4
    assert "curves" not in again["results"][0]
    assert record["created"] == load_benchmark(scenes, "lq_benchmark")["created"]

    deletion = form(scenes, f"{PLUGIN}/delete_run", key="lq_benchmark")
    assert label(deletion, "warning_contents").startswith("This deletes the benchmark: its figures")
    assert errors(deletion) == {"confirm": "Tick the box to delete it."}
    deleted = operator(f"{PLUGIN}/delete_run")(scenes, "lq_benchmark").result
    assert deleted["message"] == "The benchmark 'lq_benchmark' is deleted: its files and record."
    assert list_benchmarks(scenes) == []


def test_errors_reach_the_user_word_for_word(ten: Any) -> None:
    with pytest.raises(Exception, match=r"Expected the rate of swap errors to be in \(0, 1\), but got 2"):
        operator()(ten, "ground_truth", rates={"swap": 2}, progress=False)
    with pytest.raises(Exception, match="Unknown parameter 'rate'; expected one of"):
        operator()(ten, "ground_truth", rate=0.2)
    *_, shown, failed = operator().execute(context(ten, how="truth", truth_field="corrected", run_key="nope"))
    assert "has no label quality run 'nope'. It has no runs." in json.dumps(shown.to_json())
    assert "has no label quality run 'nope'. It has no runs." in failed.text
