"""The operator that measures what clean masks are worth: its form, Python calls, and what the App gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..predicted import add_swapped_predictions
from .calls import Calls, errors

PLUGIN = "@label-quality/segmentation"
CALLS = Calls(f"{PLUGIN}/measure_gain")
TRAINING = {"preset": "fast", "folds": 2, "epochs": 1, "weights": None, "input_size": 64, "device": "cpu"}


@pytest.fixture
def audited(make_dataset: Any, tmp_path: Path) -> Any:
    """Four samples with a finished run ``lq``, and other masks of each in the field ``clean``."""
    dataset = make_dataset(count=4, sizes=((48, 64),))
    add_swapped_predictions(dataset, tmp_path)
    dataset.set_values("clean", dataset.values("ground_truth")[::-1])
    CALLS.operator(f"{PLUGIN}/audit_labels")(
        dataset, "ground_truth", source="files", field="probabilities", min_probability=0.0, progress=False
    )
    dataset.reload()
    return dataset


def test_a_dataset_without_scores_is_refused(dataset: Any) -> None:
    assert errors(CALLS.form(dataset)) == {"error_key": "There are no scored runs yet: audit this dataset first."}


def test_form_call_and_what_is_shown(audited: Any) -> None:
    properties = CALLS.form(audited, **{**TRAINING, "weights": "none"}, repeats=1)
    assert errors(properties) == {}
    assert properties["clean_field"].type.values == ["clean", "lq_prediction"]
    plan = "3 times 2 models will be trained on 4 images with the fast preset on the CPU; about "
    assert properties["notice_plan"].view.label.startswith(plan)
    wrong = errors(CALLS.form(audited, clean_field="nowhere"))
    assert wrong == {"clean_field": "Expected another segmentation field of the dataset (clean, lq_prediction)."}
    wrong = errors(CALLS.form(audited, advanced=True, folds=1))
    assert "Expected “Folds” to be at least 2, but got 1." in wrong["folds"]

    # FiftyOne has loaded the plugin's modules under names of its own, so that these train as long as they do
    result = CALLS.operator()(
        audited, clean_field="clean", verified_field="clean", repeats=1, resamples=100, progress=False, **TRAINING
    ).result
    assert json.loads(json.dumps(result)) == result
    assert [row["masks"] for row in result["rows"]] == ["Given", "Without suspects", "Clean"]
    message = CALLS.operator().message(result)
    assert message.startswith("Trained on the clean masks, mIoU is 0.") and "95 % interval" in message
    shown = CALLS.operator().output(result).to_json()["type"]["properties"]
    assert {"message", "rows", "by_class"} <= set(shown)
    assert {row["name"] for row in result["by_class"]} == {"unlabelled", "road", "car", "tree"}


def test_the_form_has_what_was_chosen_and_leaves_a_presets_own_to_the_preset(audited: Any) -> None:
    """Else another preset would be trained with the encoder and the learning rate of the one before."""
    from label_quality.plugin.records.run_record import load_record, save_record
    from label_quality.plugin.training.config import CrossValidation
    from label_quality.plugin.training.presets import resolve_preset

    record = load_record(audited, "lq")
    record.source = CrossValidation.source
    record.config["predictions"] = resolve_preset(CrossValidation(preset="fast", folds=2, epochs=9)).to_dict()
    save_record(audited, record)
    form = CALLS.form(audited, advanced=True)
    assert {name: form[name].default for name in ("preset", "folds", "epochs")} == {
        "preset": "fast",
        "folds": 2,
        "epochs": 9,
    }
    assert [form[name].default for name in ("encoder", "input_size", "learning_rate")] == [None, None, None]
