"""A finished run that is started again says that it is done, or writes what is gone, before PyTorch is loaded."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.models.config import ModelSource
from label_quality.plugin.predictions.config import FilesSource
from label_quality.plugin.training.config import CrossValidation

#: With what ``auto`` is on a CPU
FOLDS = {"folds": 2, "epochs": 1, "weights": None, "input_size": 64, "device": "cpu"}
AGAIN = """
import json, sys
import fiftyone as fo
import label_quality
told, stages = [], set()
dataset = fo.load_dataset(sys.argv[1])
for asked in json.loads(sys.argv[2]):
    function = getattr(label_quality, asked.pop("function"))
    function(dataset, "ground_truth", progress=lambda stage, *_: stages.add(stage), **asked)
print(json.dumps([sorted({"torch", "timm"} & set(sys.modules)), sorted(stages)]))
"""


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


def in_new_process(dataset: Any, *asked: dict[str, Any]) -> tuple[list[str], set[str]]:
    """Packages that were loaded for calls, and the stages that they had."""
    command = [sys.executable, "-c", AGAIN, dataset.name, json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded, stages = json.loads(done.stdout.splitlines()[-1])
    dataset.reload()
    return loaded, set(stages)


def test_finished_runs_load_no_pytorch(dataset: Any, audit: Any, tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Conv2d(3, 4, 1)).save(tmp_path / "model.pt")
    model = {"source": "model", "model": str(tmp_path / "model.pt"), "trust": True, "device": "cpu"}
    runs: list[dict[str, Any]] = [
        {"function": "audit_labels", "key": "folds", "lint": False, **FOLDS},
        {"function": "audit_labels", "key": "model", "lint": False, **model},
        {"function": "compute_predictions", "key": "predicted", **FOLDS},
    ]
    for run in runs:
        given = {name: value for name, value in run.items() if name != "function"}
        getattr(audit, run["function"])(dataset, "ground_truth", **given)
    before = {run.key: dataclasses.replace(run, notes=[]) for run in audit.list_runs(dataset)}
    assert in_new_process(dataset, *runs) == ([], set())
    assert {run.key: dataclasses.replace(run, notes=[]) for run in audit.list_runs(dataset)} == before

    # What is gone is written again
    qualities = dataset.values("folds_quality")
    dataset.delete_sample_field("folds_quality")
    loaded, stages = in_new_process(dataset, runs[0])
    assert loaded == [] and "Writing fields" in stages
    assert dataset.values("folds_quality") == qualities


def test_what_was_only_predicted_is_scored_without_a_model(dataset: Any, audit: Any) -> None:
    audit.compute_predictions(dataset, "ground_truth", **FOLDS)
    stages = set[str]()
    audit.audit_labels(dataset, "ground_truth", lint=False, progress=lambda stage, *_: stages.add(stage), **FOLDS)
    assert "Scoring" in stages and stages.isdisjoint({"Loading PyTorch", "Checking masks", "Predicting"})
    assert None not in dataset.values("lq_quality")


def test_predictions_that_there_are_not_are_no_earlier_ones(dataset: Any, audit: Any) -> None:
    from label_quality.plugin.runs.made_before import made_before

    audit.compute_predictions(dataset, "ground_truth", **FOLDS)
    (record,) = audit.list_runs(dataset)
    asked = CrossValidation.from_params(FOLDS)
    made = made_before(record, asked)
    assert made is not None and made.to_dict() == record.config["predictions"]
    # "auto" is what it was; how it is done is not what is done
    assert made_before(record, dataclasses.replace(asked, preset="fast", device="cuda:99")) is not None
    for other in (
        dataclasses.replace(asked, preset="paper"),
        dataclasses.replace(asked, epochs=None),
        dataclasses.replace(asked, seed=1),
        ModelSource(model="owner/model"),
        FilesSource(field="probabilities"),
    ):
        assert made_before(record, other) is None
    assert made_before(None, asked) is None
    for path in Path(str(record.folder)).glob("predictions*/manifest.json"):
        path.unlink()
    assert made_before(record, asked) is None


def test_unfinished_predictions_are_no_earlier_ones(dataset: Any, audit: Any) -> None:
    from label_quality.plugin.runs.made_before import made_before

    audit.compute_predictions(dataset, "ground_truth", **FOLDS, only_folds=[0])
    (record,) = audit.list_runs(dataset)
    assert made_before(record, CrossValidation.from_params(FOLDS)) is None


def test_a_model_that_is_gone_since_is_named(dataset: Any, audit: Any, tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    torch.jit.script(torch.nn.Conv2d(3, 4, 1)).save(file)
    model = {"source": "model", "model": str(file), "trust": True, "device": "cpu"}
    audit.compute_predictions(dataset, "ground_truth", **model)
    file.unlink()
    with pytest.raises(LabelQualityError, match=r"The model file .*model\.pt does not exist\. Check the path\."):
        audit.compute_predictions(dataset, "ground_truth", **model)


@pytest.fixture(scope="module")
def segformer() -> Any:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    names = dict(enumerate(("unlabelled", "road", "car", "tree")))
    sizes = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 1, 1]}
    config = transformers.SegformerConfig(
        **sizes, decoder_hidden_size=16, id2label=names, label2id={name: number for number, name in names.items()}
    )
    return transformers.SegformerForSemanticSegmentation(config).eval()


def edit(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_folder_whose_settings_have_changed_is_another_model(
    dataset: Any, audit: Any, segformer: Any, tmp_path: Path
) -> None:
    segformer.save_pretrained(tmp_path)
    model = {"source": "model", "model": str(tmp_path), "device": "cpu"}
    audit.compute_predictions(dataset, "ground_truth", **model)
    again = {"function": "compute_predictions", **model}
    assert in_new_process(dataset, again) == ([], set())
    turned = dict(enumerate(("unlabelled", "car", "road", "tree")))
    for change in (
        lambda: edit(tmp_path / "config.json", id2label=turned),
        lambda: (tmp_path / "preprocessor_config.json").write_text('{"image_mean": [0.1, 0.1, 0.1]}'),
    ):
        change()
        with pytest.raises(LabelQualityError, match=r"or its images, masks, model or predictions have changed since"):
            audit.compute_predictions(dataset, "ground_truth", **model)
        audit.compute_predictions(dataset, "ground_truth", overwrite=True, **model)
        assert in_new_process(dataset, again) == ([], set())


@pytest.mark.parametrize("finished", [True, False])
def test_what_an_earlier_version_has_predicted_with_a_folder_stays(
    make_dataset: Any, audit: Any, segformer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: bool
) -> None:
    from label_quality.plugin.models.file_digest import sha256
    from label_quality.plugin.predictions.from_model import FromModel

    dataset = make_dataset(count=12)
    segformer.save_pretrained(tmp_path)
    model = {"source": "model", "model": str(tmp_path), "device": "cpu", "batch_size": 1}
    with monkeypatch.context() as earlier:
        earlier.setattr(FromModel, "state", lambda self, samples: sha256(tmp_path))
        if finished:
            audit.compute_predictions(dataset, "ground_truth", **model)
        else:
            with pytest.raises(KeyboardInterrupt):
                audit.compute_predictions(dataset, "ground_truth", progress=stop_at("Predicting", 2), **model)
    stages: dict[str, int] = {}
    summary = audit.audit_labels(
        dataset, "ground_truth", lint=False, progress=lambda stage, done, _: stages.setdefault(stage, done), **model
    )
    # It goes on after what was done; two images are predicted at once
    assert "Predicting" not in stages if finished else stages["Predicting"] > 2
    assert "Scoring" in stages and summary.scored == len(dataset)

    # Of other classes than it was predicted for it is another model, also by what that version has kept
    edit(tmp_path / "config.json", id2label=dict(enumerate(("unlabelled", "car", "road", "tree"))))
    with pytest.raises(LabelQualityError, match=r"or its images, masks, model or predictions have changed since"):
        audit.audit_labels(dataset, "ground_truth", lint=False, **model)


def stop_at(name: str, number: int) -> Any:
    def progress(stage: str, done: int, total: int) -> None:
        if stage == name and done == number:
            raise KeyboardInterrupt

    return progress


def test_predictions_that_go_before_a_run_has_its_turn_are_checked_then(
    dataset: Any, audit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.pt"
    torch.jit.script(torch.nn.Conv2d(3, 4, 1)).save(file)
    model = {"source": "model", "model": str(file), "trust": True, "device": "cuda:99"}
    # As if another process deleted the run in between
    monkeypatch.setattr(audit, "made_before", lambda record, config: config)
    stages = set[str]()
    with pytest.raises(LabelQualityError, match="device='cuda:99' was asked for"):
        audit.audit_labels(dataset, "ground_truth", progress=lambda stage, *_: stages.add(stage), **model)
    assert stages == set() and audit.list_runs(dataset) == []
