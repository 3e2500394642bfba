"""The operators as FiftyOne loads and runs them: forms, Python calls, delegated runs, the messages to the App."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.version import Version

from .calls import errors

PLUGIN = "@label-quality/segmentation"
#: Names that MongoDB could not keep under integer keys
CLASSES = {0: "a", 3: "b", 7: "c", 20: "d"}
OPERATORS = (
    "lint_masks",
    "audit_labels",
    "compute_predictions",
    "score_label_quality",
    "find_suspects",
    "score_objects",
    "benchmark_scores",
    "show_group",
    "review_suspects",
    "review_state",
    "sidebar_groups",
    "review_shown",
    "order_suspects",
    "tag_for_relabelling",
    "untag_relabelling",
    "export_relabelling_queue",
    "send_to_annotation",
    "estimate_errors",
    "write_corrected_masks",
    "load_corrections",
    "export_clean_dataset",
    "break_down",
    "compare_runs",
    "evaluate_predictions",
    "measure_gain",
    "write_report",
    "list_runs",
    "delete_run",
)


def operator(name: str) -> Any:
    import fiftyone.operators as foo

    return foo.get_operator(f"{PLUGIN}/{name}")


def context(name: str, dataset: Any, params: dict[str, Any], prompt: bool = True, **request: Any) -> Any:
    """The context that FiftyOne's server makes of the App's request (a prompt), or of a Python call."""
    from fiftyone.operators.executor import ExecutionContext, Executor

    request = {"dataset_name": dataset.name, "params": dict(params), **request}
    if prompt:
        request["prompt_id"] = "a prompt"
    return ExecutionContext(request, executor=Executor(), operator_uri=f"{PLUGIN}/{name}")


def form(name: str, dataset: Any, prompt: bool = True, request: dict[str, Any] | None = None, **params: Any) -> Any:
    """The properties of an operator's form, by name."""
    prop = operator(name).resolve_type(context(name, dataset, params, prompt, **(request or {})), "inputs")
    prop.to_json()
    return prop.type.properties


def sentences(properties: dict[str, Any], prefix: str = "notice_") -> list[str]:
    return [prop.view.label for name, prop in properties.items() if name.startswith(prefix)]


@pytest.fixture
def predicted(make_dataset: Any, tmp_path: Path) -> Any:
    """Ten samples with files of probabilities that agree with the masks, but for two classes swapped in image 002."""
    dataset = make_dataset(count=10)
    values = [0, 3, 7, 20]
    for index, sample in enumerate(dataset):
        mask = sample.ground_truth.get_mask().copy()
        if index == 2:
            mask = np.where(mask == 7, 3, np.where(mask == 3, 7, mask))
        probabilities = np.stack([np.where(mask == value, 0.85, 0.05) for value in values]).astype(np.float32)
        path = tmp_path / f"{index}.npy"
        np.save(path, probabilities)
        sample["probabilities"] = str(path)
        sample["scene"] = f"scene {index // 4}"
        sample.save()
    return dataset


@pytest.fixture
def audited(predicted: Any) -> Any:
    """The dataset of `predicted` with a finished run ``lq``."""
    operator("audit_labels")(predicted, "ground_truth", source="files", field="probabilities", progress=False)
    predicted.reload()
    return predicted


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_load_from_the_plugins_folder(fiftyone: Any, name: str) -> None:
    found = operator(name)
    assert found.uri == f"{PLUGIN}/{name}"
    icon = Path(__file__).parents[2] / found.config.icon.lstrip("/")
    assert icon.read_text().startswith("<svg")


def test_the_manifest_lists_every_operator(fiftyone: Any) -> None:
    import fiftyone.plugins as fop

    assert tuple(fop.get_plugin(PLUGIN).operators) == (*OPERATORS, "label_quality_panel", "image_quality_panel")


def test_a_valid_form_says_what_will_happen(predicted: Any) -> None:
    properties = form("audit_labels", predicted)
    assert errors(properties) == {}
    assert properties["label_field"].default == "ground_truth"
    assert "folds" not in properties
    classes, plan = sentences(properties)
    assert classes == "4 classes from the mask targets of 'ground_truth': unlabelled, road, car, tree."
    assert plan.startswith("5 models will be trained on 8 images each")


def test_the_plan_of_a_model_has_the_time_that_one_of_usual_size_takes(fiftyone: Any) -> None:
    # The form waits for torch only for some seconds
    import label_quality.plugin.training.presets  # noqa: F401
    from label_quality.operators.form.estimates import describe_model
    from label_quality.plugin.models.config import ModelSource

    texts = [
        describe_model(ModelSource("m.pt", input_size=side, device="cpu"), 1000, (480, 640), True)
        for side in (None, 320)
    ]
    assert all(text.endswith("min for a model with a ResNet-50 encoder.") for text in texts)
    minutes = [int(text.split("about ")[1].split()[0]) for text in texts]
    assert 1 < minutes[1] < minutes[0] < 60


def test_the_form_says_that_values_will_be_scanned(make_dataset: Any) -> None:
    properties = form("audit_labels", make_dataset(targets=None, count=6))
    assert errors(properties) == {}
    assert "its masks will be scanned" in sentences(properties)[0]


def test_advanced_options_show_every_parameter(predicted: Any) -> None:
    properties = form("audit_labels", predicted, advanced=True)
    shown = {"folds", "seed", "group_field", "preset", "encoder", "weights", "temperature", "thresholds", "ignored"}
    assert shown <= set(properties)
    assert errors(properties) == {}


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_each_preset_takes_an_architecture(predicted: Any, preset: str) -> None:
    assert errors(form("audit_labels", predicted, advanced=True, preset=preset, architecture="FPN")) == {}


@pytest.mark.parametrize(
    ("params", "name", "text"),
    [
        ({"label_field": "nope"}, "label_field", "has no field 'nope'. Its segmentation fields are: ground_truth."),
        ({"label_field": "index"}, "label_field", "Expected field 'index' to hold Segmentation labels"),
        ({"source": "guess"}, "source", "Expected “Predictions” to be one of cross_validation, model, files"),
        ({"folds": 11}, "folds", "Expected at most as many folds as images with a mask, but got 11 folds for 10."),
        ({"folds": 1}, "folds", "Expected “Folds” to be at least 2, but got 1."),
        ({"group_field": "scene"}, "folds", "but got 5 folds for the 3 values of 'scene'."),
        ({"group_field": "nope"}, "group_field", "The dataset has no field 'nope'. Group by one of"),
        ({"blocks": True, "order_field": "nope"}, "order_field", "The dataset has no field 'nope'."),
        ({"preset": "slow"}, "preset", "Expected “Preset” to be one of auto, fast, paper, but got 'slow'."),
        (
            {"preset": "fast", "architecture": "Unet"},
            "architecture",
            "Expected “Architecture” to be DeepLabV3Plus or FPN with preset 'fast'",
        ),
        ({"weights": "/no/such.pth"}, "weights", "There is no file or folder '/no/such.pth'."),
        ({"temperature": -1}, "temperature", "Expected “Softmin temperature” to be positive, but got -1."),
        ({"scores": "ccp, best"}, "scores", "but got ['ccp', 'best']."),
        ({"thresholds": "0.5, x"}, "thresholds", "Expected “TCCP thresholds” to be numbers separated by commas"),
        ({"classes": "0: road, 1"}, "classes", "to be pairs such as '0: road, 1: car', but got '1'."),
        ({"classes": "/no/such.txt"}, "classes", "Cannot read the class file /no/such.txt"),
        ({"unlabelled": "sky"}, "unlabelled", "sky"),
        (
            {"output_dir": "/proc/x"},
            "output_dir",
            "Expected “Folder for heatmaps and predictions” to be a folder that can",
        ),
        ({"output_dir": __file__}, "output_dir", f"to be a folder, but {__file__} is a file."),
        ({"output_dir": "~nobody-such/x"}, "output_dir", "there is no such user: '~nobody-such/x'."),
        ({"key": "2 runs"}, "key", "Expected “Name of the run” to be a letter followed by"),
        ({"source": "files"}, "field", "Choose the field that holds the predictions."),
        ({"source": "files", "field": "nope"}, "field", "The dataset has no field 'nope'. Choose one of"),
        ({"source": "files", "field": "index"}, "field", "to hold paths (strings) or predicted masks"),
        ({"source": "files", "field": "ground_truth"}, "field", "cannot be the given masks 'ground_truth' themselves"),
        ({"source": "files", "field": "scene"}, "field", "scene 0"),
        ({"folds": 2.5}, "folds", "Expected “Folds” to be a whole number, but got 2.5."),
        (
            {"only_folds": "0, x"},
            "only_folds",
            "Expected “Only these folds” to be a list of whole numbers, but got (0,",
        ),
        ({"temperature": "x"}, "temperature", "Expected “Softmin temperature” to be a number, but got 'x'."),
        ({"max_regions": -1}, "max_regions", "Expected “Suspects an image” to be at least 1, or None for all, but got"),
        ({"encoder": "foo"}, "encoder", "Expected “Encoder” to be one of segmentation-models-pytorch, but got 'foo'."),
        ({"source": "model"}, "model", "Enter the path or the name of the model."),
        ({"source": "model", "model": "/no/such.pt"}, "model", "There is no file or folder '/no/such.pt'."),
    ],
)
def test_invalid_input_is_marked_as_it_is_typed(predicted: Any, params: dict[str, Any], name: str, text: str) -> None:
    found = errors(form("audit_labels", predicted, advanced=True, **params))
    assert name in found, found
    assert text in found[name]


def test_an_error_of_a_hidden_input_is_shown_without_it(predicted: Any) -> None:
    found = errors(form("audit_labels", predicted, folds=11))
    assert list(found) == ["error_folds"]
    assert "but got 11 folds for 10." in found["error_folds"]


def test_datasets_that_cannot_be_audited_are_refused(fiftyone: Any, make_dataset: Any) -> None:
    empty = fiftyone.Dataset()
    try:
        assert "has no samples" in errors(form("audit_labels", empty))["error_dataset"]
    finally:
        empty.delete()
    unlabelled = make_dataset()
    unlabelled.delete_sample_field("ground_truth")
    assert errors(form("audit_labels", unlabelled))["label_field"] == (
        "The dataset has no segmentation field: add the given masks to it as Segmentation labels, or as instances: "
        "Detections with masks, or filled Polylines."
    )
    unlabelled.add_sample_field("boxes", fiftyone.EmbeddedDocumentField, embedded_doc_type=fiftyone.Detections)
    assert (
        "no segmentation field, only 'boxes' (Detections): add"
        in (errors(form("audit_labels", unlabelled))["label_field"])
    )


def test_samples_without_a_mask_are_counted(predicted: Any) -> None:
    sample = predicted.first()
    sample.ground_truth = None
    sample.save()
    properties = form("audit_labels", predicted)
    assert errors(properties)["skip_failures"].startswith("1 of the 10 samples have no mask in 'ground_truth'.")
    properties = form("audit_labels", predicted, skip_failures=True)
    assert errors(properties) == {}
    assert "7 images each" in sentences(properties)[1]


def test_a_model_source_warns_until_the_user_confirms(predicted: Any) -> None:
    params = {"source": "model", "model": "org/name"}
    (warning,) = sentences(form("audit_labels", predicted, **params), "warning_")
    assert "marked as maybe not out-of-sample" in warning
    assert sentences(form("audit_labels", predicted, out_of_sample=True, **params), "warning_") == []


def test_the_form_offers_the_selected_samples(predicted: Any) -> None:
    ids = predicted.values("id")[:6]
    chosen = {"view_target": "SELECTED_SAMPLES"}
    # The App sends the choice with the request since FiftyOne 1.21, before that as a value of the form
    with_request = Version(metadata.version("fiftyone")) >= Version("1.21")
    request, values = (chosen, {}) if with_request else ({}, chosen)
    properties = form("audit_labels", predicted, request={"selected": ids, **request}, **values)
    assert "SELECTED_SAMPLES" in properties["view_target"].type.values
    assert "trained on 5 images each" in sentences(properties)[1]


def test_a_python_call_audits_and_ranks_the_wrong_image_worst(audited: Any) -> None:
    worst = audited.load_saved_view("lq: worst first").first()
    assert worst["index"] == 2
    assert worst["lq_heatmap"].map_path


def test_a_python_call_returns_the_summary(predicted: Any) -> None:
    result = operator("audit_labels")(
        predicted, "ground_truth", source="files", field="probabilities", scores=("softmin", "ccp"), progress=False
    )
    assert (result.result["key"], result.result["images"], result.result["scored"]) == ("lq", 10, 10)
    assert result.result["worst"][0]["image"] == "002.png"
    assert json.loads(json.dumps(result.result)) == result.result


def test_the_two_halves_give_what_the_whole_gives(audited: Any) -> None:
    source = {"source": "files", "field": "probabilities"}
    operator("compute_predictions")(audited, "ground_truth", key="half", progress=False, **source)
    operator("score_label_quality")(audited, "ground_truth", key="half", progress=False)
    audited.reload()
    assert audited.values("half_softmin") == audited.values("lq_softmin")


def test_a_failing_python_call_raises_the_engines_text(predicted: Any, tmp_path: Path) -> None:
    from fiftyone.operators.executor import ExecutionError

    (tmp_path / "5.npy").write_bytes(b"no array")
    with pytest.raises(ExecutionError) as caught:
        operator("audit_labels")(predicted, "ground_truth", source="files", field="probabilities", progress=False)
    assert str(tmp_path / "5.npy") in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "lq_quality" not in predicted.get_field_schema()


def test_a_python_call_refuses_unknown_parameters(predicted: Any) -> None:
    with pytest.raises(Exception, match="Unknown parameter 'fold'; expected one of"):
        operator("audit_labels")(predicted, "ground_truth", fold=3)
    with pytest.raises(Exception, match="Unknown parameter 'folds'"):
        operator("audit_labels")(predicted, "ground_truth", source="files", field="probabilities", folds=3)


def stream(name: str, dataset: Any, **params: Any) -> Iterator[dict[str, Any]]:
    """The messages that the App gets, as it decodes them."""
    for message in operator(name).execute(context(name, dataset, params)):
        yield json.loads(message.to_json_line())


def test_the_app_gets_progress_the_notification_and_the_output(predicted: Any) -> None:
    messages = list(stream("audit_labels", predicted, source="files", field="probabilities"))
    called = [message["body"]["operator_uri"] for message in messages]
    assert called[:2] == ["set_progress", "@label-quality/segmentation/mark_progress"]
    assert called[-7:] == [
        *("reload_dataset", "@label-quality/segmentation/refresh_panel"),
        *("set_color_scheme", "notify", "set_view", "@label-quality/segmentation/mend_sidebar", "show_output"),
    ]
    colors = messages[-5]["body"]["params"]
    assert (colors["color_by"], colors["fields"]) == ("value", predicted.app_config.color_scheme.fields)
    note, opened, mended, shown = (message["body"]["params"] for message in messages[-4:])
    assert [one["name"] for one in mended["groups"]].count("Label quality (lq)") == 1
    assert [stage["_cls"].rpartition(".")[2] for stage in opened["view"]] == ["Exists", "SortBy"]
    assert note["variant"] == "success"
    assert note["message"].startswith("Scored 10 images; the worst is 002.png (")
    assert shown["results"]["worst"][0]["image"] == "002.png"
    properties = shown["outputs"]["type"]["properties"]
    assert list(properties) == ["message", "worst", "suspects", "groups", "lint"]
    assert properties["lint"]["view"]["label"] == "Lint: nothing found in 10 masks."
    assert properties["suspects"]["view"]["label"].startswith("Found 1 suspect in 1 of 10 images (1 swap).")
    assert [row["regions"] for row in shown["results"]["groups"]] == [1]


def test_predicting_leaves_the_view_of_the_app(predicted: Any) -> None:
    messages = list(stream("compute_predictions", predicted, source="files", field="probabilities"))
    called = [message["body"]["operator_uri"] for message in messages]
    assert "set_view" not in called


def test_the_app_gets_the_engines_error_word_for_word(predicted: Any, tmp_path: Path) -> None:
    (tmp_path / "5.npy").write_bytes(b"no array")
    *_, shown, last = stream("audit_labels", predicted, source="files", field="probabilities")
    assert str(tmp_path / "5.npy") in last["error"]
    assert "Traceback" not in last["error"]
    label = shown["body"]["params"]["outputs"]["type"]["properties"]["error"]["view"]["label"]
    # Its signs of Markdown are escaped
    assert label.replace("\\", "") == last["error"]


def test_closing_the_page_stops_the_run(predicted: Any) -> None:
    import threading

    running = stream("audit_labels", predicted, source="files", field="probabilities")
    next(running)
    running.close()
    for thread in threading.enumerate():
        if thread.name == "label-quality-run":
            thread.join(timeout=30)
            assert not thread.is_alive()


def test_a_delegated_run_reports_progress_and_result(predicted: Any) -> None:
    from fiftyone.operators.delegated import DelegatedOperationService

    queued = operator("audit_labels")(
        predicted, "ground_truth", source="files", field="probabilities", classes=CLASSES, delegate=True
    )
    assert queued.delegated
    service = DelegatedOperationService()
    service.execute_queued_operations(operator=f"{PLUGIN}/audit_labels", dataset_name=predicted.name)
    (done,) = service.list_operations(operator=f"{PLUGIN}/audit_labels", dataset_name=predicted.name)
    assert done.run_state == "completed", done.result
    assert done.result.result["worst"][0]["image"] == "002.png"
    assert done.status.progress == 1
    assert "worst" in json.dumps(done.metadata["outputs_schema"])


def test_an_existing_run_asks_to_be_overwritten(audited: Any) -> None:
    params = {"source": "files", "field": "probabilities"}
    properties = form("audit_labels", audited, **params)
    assert (properties["key"].default, errors(properties)) == ("lq2", {})
    params["key"] = "lq"
    found = errors(form("audit_labels", audited, **params))["key"]
    assert found.startswith("There is a run 'lq' already, of 'ground_truth'")
    assert "such as 'lq2'" in found
    assert errors(form("audit_labels", audited, overwrite=True, **params)) == {}
    assert errors(form("audit_labels", audited, prompt=False, **params)) == {}


def test_scoring_offers_predictions_that_wait_for_it(audited: Any) -> None:
    assert form("score_label_quality", audited)["predictions"].default == "lq"
    operator("compute_predictions")(
        audited, "ground_truth", key="half", source="files", field="probabilities", progress=False
    )
    properties = form("score_label_quality", audited)
    assert (properties["predictions"].default, errors(properties)) == ("half", {})


def test_predictions_of_runs_are_not_offered_as_given_masks(audited: Any) -> None:
    assert form("audit_labels", audited)["label_field"].type.values == ["ground_truth"]


def test_runs_are_listed(audited: Any) -> None:
    (row,) = operator("list_runs")(audited).result["runs"]
    assert (row["key"], row["label_field"], row["source"], row["images"]) == ("lq", "ground_truth", "files", 10)
    assert row["worst"] == f"{audited.bounds('lq_quality')[0]:.3f}"
    assert row["out_of_sample"] == "yes"


def test_a_run_is_deleted_and_nothing_else(audited: Any) -> None:
    asked = form("delete_run", audited)
    (warning,) = sentences(asked, "warning_")
    assert "lq_quality" in warning
    assert errors(asked) == {"confirm": "Tick the box to delete it."}
    operator("delete_run")(audited, "lq")
    audited.reload()
    assert [name for name in audited.get_field_schema() if name.startswith("lq")] == []
    assert audited.has_field("ground_truth")
    assert operator("list_runs")(audited).result == {"runs": []}
    assert "no runs to delete" in errors(form("delete_run", audited))["error_key"]
