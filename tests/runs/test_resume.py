"""Runs that are started again: unchanged, with other parameters, after kills, a full disk, and a lost database."""

from __future__ import annotations

import signal
import textwrap
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ..conftest import Forked, Interrupt
from ..predicted_files import predict
from ..snapshots import Snapshot

#: All suspects, whatever their probability: the pictures show nothing of what is contradicted
WITH_FILES = {"source": "files", "field": "probabilities", "min_probability": 0.0}
LINT = ("lint", "lint_kinds", "lint_count")
CROSS_VALIDATION = {"preset": "fast", "folds": 2, "epochs": 1, "weights": None, "input_size": 64, "device": "cpu"}


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


def make_predicted(make: Any, folder: Path, count: int) -> Any:
    dataset = make(count=count)
    predict(dataset, folder / dataset.name, every=7)
    return dataset


@pytest.fixture(scope="module")
def forty(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    dataset = make_predicted(make_module_dataset, module_folder, 40)
    return Snapshot(dataset, module_folder / dataset.name)


@pytest.fixture
def predicted(forty: Snapshot) -> Any:
    """40 samples, three shards of them, with files of probabilities."""
    return forty.put_back()


@pytest.fixture(scope="module")
def forty_audited(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    from label_quality.plugin import audit

    dataset = make_predicted(make_module_dataset, module_folder, 40)
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    return Snapshot(dataset, module_folder / dataset.name)


@pytest.fixture
def audited(forty_audited: Snapshot) -> Any:
    """The same with a run ``lq``."""
    return forty_audited.put_back()


@pytest.fixture
def model(tmp_path: Path) -> dict[str, Any]:
    """A small model, unsure of everything."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1))
    torch.jit.script(network).save(str(tmp_path / "model.ts"))
    return {"source": "model", "model": str(tmp_path / "model.ts"), "trust": True, "batch_size": 4}


def outcome(dataset: Any, key: str) -> dict[str, Any]:
    """All that a run wrote to the dataset, with the content of its files in place of their paths."""
    dataset.reload()
    found: dict[str, Any] = {}
    for name in [name for name in dataset.get_field_schema() if name.startswith(f"{key}_")]:
        suffix = name[len(key) + 1 :]
        values = dataset.values(name)
        if suffix in ("prediction", "heatmap", "flags"):
            path = "mask_path" if suffix == "prediction" else "map_path"
            values = [Path(label[path]).read_bytes() if label is not None else None for label in values]
        if suffix == "per_class":
            values = [[{**one.to_dict(), "_id": None} for one in label.classifications] for label in values]
        if suffix in ("objects", "lint"):
            found_in = [label.detections if label is not None else [] for label in values]
            values = [[{**one.to_dict(), "_id": None} for one in some] for some in found_in]
        if suffix == "suspects":
            values = [[_suspect(one) for one in label.detections] if label is not None else None for label in values]
        found[suffix] = values
    return found


def _suspect(detection: Any) -> dict[str, Any]:
    return {**detection.to_dict(), "_id": None, "mask_path": Path(detection.mask_path).read_bytes()}


def record_of(dataset: Any, key: str) -> Any:
    from label_quality.plugin.records.run_record import load_record

    return load_record(dataset, key)


def sets(dataset: Any, key: str = "lq") -> list[str]:
    return sorted(path.name for path in Path(record_of(dataset, key).folder).iterdir())


def count(stages: list[str]) -> Any:
    return lambda stage, done, total: stages.append(stage)


def test_the_same_run_again_does_nothing(predicted: Any, audit: Any) -> None:
    first = audit.audit_labels(predicted, "ground_truth", **WITH_FILES)
    before, record, kept = outcome(predicted, "lq"), record_of(predicted, "lq"), sets(predicted)
    stages: list[str] = []
    assert audit.audit_labels(predicted, "ground_truth", progress=count(stages), **WITH_FILES, workers=1) == first
    assert audit.score_label_quality(predicted, "ground_truth", progress=count(stages)) == first
    assert stages == []
    assert (outcome(predicted, "lq"), record_of(predicted, "lq"), sets(predicted)) == (before, record, kept)
    # A field that someone has deleted since is written again, and nothing is computed for it
    predicted.delete_sample_field("lq_clc")
    audit.audit_labels(predicted, "ground_truth", progress=count(stages), **WITH_FILES)
    assert set(stages) == {"Writing fields", "Writing suspects"} and outcome(predicted, "lq") == before


def test_other_parameters_need_overwrite_or_another_key(audited: Any, audit: Any) -> None:
    before = outcome(audited, "lq")
    old, _ = sets(audited)
    changed = {**WITH_FILES, "scores": ["ccp", "cil"], "per_class": False}
    message = r"has a run 'lq' of .* with other parameters, .* Pass overwrite=True to replace it, or use another `key`"
    for parameters in (changed, {**WITH_FILES, "ignored": [0]}, {**WITH_FILES, "unknown": "ignore"}):
        with pytest.raises(audit.LabelQualityError, match=message):
            audit.audit_labels(audited, "ground_truth", **parameters)
    with pytest.raises(audit.LabelQualityError, match=message):
        audit.audit_labels(audited.limit(5), "ground_truth", **WITH_FILES)
    assert outcome(audited, "lq") == before
    audit.audit_labels(audited, "ground_truth", key="b", **changed)
    audit.audit_labels(audited.limit(5), "ground_truth", **changed, overwrite=True)
    after = outcome(audited, "lq")
    assert set(after) == {"quality", "ccp", "cil", "prediction", "heatmap", *LINT}
    assert after["cil"] == before["cil"][:5] + [None] * 35
    assert after["heatmap"][5:] == [None] * 35
    (new,) = sets(audited)
    assert new != old
    assert len(outcome(audited, "b")["cil"]) == 40


def test_changed_files_need_overwrite(audited: Any, audit: Any) -> None:
    before = outcome(audited, "lq")
    path = audited.values("ground_truth.mask_path")[3]
    mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    cv2.imwrite(path, np.where(mask == 20, 3, 20).astype(np.uint8))
    files = {name: value for name, value in WITH_FILES.items() if name != "min_probability"}
    for function, parameters in ((audit.audit_labels, WITH_FILES), (audit.compute_predictions, files)):
        with pytest.raises(audit.LabelQualityError, match=r"masks, model or predictions have changed since. Pass"):
            function(audited, "ground_truth", **parameters)
    with pytest.raises(audit.LabelQualityError, match=r"masks, model or predictions have changed since. Pass"):
        audit.score_label_quality(audited, "ground_truth")
    assert outcome(audited, "lq") == before
    audit.score_label_quality(audited, "ground_truth", overwrite=True)
    after = outcome(audited, "lq")
    assert [old != new for old, new in zip(before["ccp"], after["ccp"], strict=True)] == [i == 3 for i in range(40)]
    first = audited.values("probabilities")[0]
    np.save(first, np.load(first)[:, ::-1])
    with pytest.raises(audit.LabelQualityError, match=r"masks, model or predictions have changed since. Pass"):
        audit.audit_labels(audited, "ground_truth", **WITH_FILES)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_overwriting_makes_anew_what_was_asked_for(make_dataset: Any, audit: Any, model: dict[str, Any]) -> None:
    dataset = make_dataset(count=4)
    audit.audit_labels(dataset, "ground_truth", **model)
    before, kept = outcome(dataset, "lq"), sets(dataset)
    stages: list[str] = []
    audit.audit_labels(dataset, "ground_truth", progress=count(stages), **model, temperature=0.3, overwrite=True)
    assert "Predicting" not in stages
    assert [one for one in sets(dataset) if one.startswith("pred")] == [one for one in kept if one.startswith("pred")]
    assert outcome(dataset, "lq")["softmin"] != before["softmin"]
    stages.clear()
    audit.audit_labels(dataset, "ground_truth", progress=count(stages), **model, temperature=0.3, overwrite=True)
    assert {"Predicting", "Scoring", "Writing fields"} <= set(stages) and len(sets(dataset)) == 3
    audit.audit_labels(dataset, "ground_truth", **model, overwrite=True)
    assert outcome(dataset, "lq") == before
    audit.compute_predictions(dataset, "ground_truth", **model, overwrite=True)
    # What the audit has found in the masks is still true of them
    assert set(outcome(dataset, "lq")) == {"prediction", *LINT}
    assert outcome(dataset, "lq")["prediction"] == before["prediction"]
    assert dataset.list_saved_views() == ["lq: lint"] and record_of(dataset, "lq").status == "predicted"


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_killed_in_every_phase(make_dataset: Any, audit: Any, interrupt: Interrupt, model: dict[str, Any]) -> None:
    dataset = make_dataset(count=40)
    options = {**model, "clc_rule": "cleanlab", "min_probability": 0.0}
    assert interrupt(dataset, key="calm", **options)["error"] is None
    expected = outcome(dataset, "calm")
    # A lint comes first, and what it finds is written at once
    before = sorted([*dataset.get_field_schema(), *(f"lq_{name}" for name in LINT)])
    phases = ["Predicting", "Scoring", "Counting label issues", "Finding the cut", "Flagging pixels"]
    phases += ["Finding suspects", "Writing fields", "Writing suspects"]
    stored = {"Predicting", "Scoring", "Flagging pixels", "Finding suspects"}
    for number, phase in enumerate(phases):
        died = interrupt(dataset, kill_at=[phase, 16 if number else 12], **options)
        assert (died["signal"], died["error"]) == (signal.SIGKILL, None), died
        first = next(done for stage, done, _ in died["reports"] if stage == phase)
        assert first == {"Predicting": 4, "Writing fields": 40, "Writing suspects": 40}.get(phase, 16)
        # Nothing that an earlier call has finished is done again, but for the two sweeps, which leave nothing behind
        finished = stored & set(phases[: max(0, number - 1)])
        assert not finished & {stage for stage, _, _ in died["reports"]}
        assert phase.startswith("Writing") or sorted(dataset.get_field_schema()) == before
    assert record_of(dataset, "lq").status == "writing"
    assert audit.audit_labels(dataset, "ground_truth", **options).scored == 40
    assert outcome(dataset, "lq") == expected
    assert record_of(dataset, "lq").status == "complete"
    calm, disturbed = record_of(dataset, "calm"), record_of(dataset, "lq")
    assert (calm.thresholds, calm.confident_joint) == (disturbed.thresholds, disturbed.confident_joint)
    assert calm.issues == disturbed.issues and calm.issues
    assert len(sets(dataset)) == 3 and "lq: worst first" in dataset.list_saved_views()


def test_killed_while_overwriting(audited: Any, audit: Any, interrupt: Interrupt) -> None:
    before = outcome(audited, "lq")
    other = {**WITH_FILES, "scores": ["ccp", "clc"], "overwrite": True}
    died = interrupt(audited, kill_at=["Scoring", 32], **other)
    assert died["signal"] == signal.SIGKILL
    assert outcome(audited, "lq") == before
    audit.audit_labels(audited, "ground_truth", **WITH_FILES)
    assert outcome(audited, "lq") == before
    assert interrupt(audited, kill_at=["Writing fields", 40], **other)["signal"] == signal.SIGKILL
    with pytest.raises(audit.LabelQualityError, match=r"has a run 'lq' of .* with other parameters"):
        audit.audit_labels(audited, "ground_truth", **WITH_FILES)
    audit.audit_labels(audited, "ground_truth", **other)
    after = outcome(audited, "lq")
    fields = {"quality", "ccp", "clc", "prediction", "heatmap", "flags", "per_class", "suspects", "error_type"}
    assert set(after) == fields | set(LINT)
    assert after["clc"] == before["clc"] and after["suspects"] == before["suspects"] and len(sets(audited)) == 2


def test_a_killed_search_leaves_the_earlier_suspects(audited: Any, audit: Any, interrupt: Interrupt) -> None:
    audit.audit_labels(audited, "ground_truth", key="calm", **WITH_FILES, max_regions=1)
    before, record = outcome(audited, "lq"), record_of(audited, "lq")
    assert before["suspects"] != outcome(audited, "calm")["suspects"]
    other = {"function": "find_suspects", "max_regions": 1, "min_probability": 0.0}
    assert interrupt(audited, kill_at=["Finding suspects", 16], **other)["signal"] == signal.SIGKILL
    assert (outcome(audited, "lq"), record_of(audited, "lq")) == (before, record)
    died = interrupt(audited, kill_at=["Writing suspects", 40], **other)
    assert died["signal"] == signal.SIGKILL
    # What the killed one had finished is not searched again, which may be more than it had reported, even all
    assert [done for stage, done, _ in died["reports"] if stage == "Finding suspects"] in ([32, 40], [40], [])
    assert len([one for one in sets(audited) if one.startswith("suspects-")]) == 2
    audit.find_suspects(audited, max_regions=1, min_probability=0.0)
    after, calm = outcome(audited, "lq"), outcome(audited, "calm")
    assert (after["suspects"], after["error_type"]) == (calm["suspects"], calm["error_type"])
    assert {name: after[name] for name in after if name not in ("suspects", "error_type")} == {
        name: before[name] for name in before if name not in ("suspects", "error_type")
    }
    assert len(sets(audited)) == 2 and record_of(audited, "lq").suspects.status == "complete"
    # The earlier ones again, after a search for others that was killed while it wrote
    assert interrupt(audited, kill_at=["Writing suspects", 40], function="find_suspects")["signal"] == signal.SIGKILL
    audit.audit_labels(audited, "ground_truth", **WITH_FILES, max_regions=1)
    assert outcome(audited, "lq") == after


def test_killed_scores_of_objects_go_on(audited: Any, audit: Any, interrupt: Interrupt) -> None:
    audit.audit_labels(audited, "ground_truth", key="calm", **WITH_FILES)
    audit.score_objects(audited, key="calm")
    before, views = outcome(audited, "lq"), audited.list_saved_views()
    died = interrupt(audited, function="score_objects", kill_at=["Scoring objects", 16])
    assert died["signal"] == signal.SIGKILL and outcome(audited, "lq") == before
    died = interrupt(audited, function="score_objects", kill_at=["Writing objects", 40])
    assert died["signal"] == signal.SIGKILL
    # What the killed one had finished is not scored again, which may be more than it had reported, even all
    assert [done for stage, done, _ in died["reports"] if stage == "Scoring objects"] in ([32, 40], [40], [])
    assert record_of(audited, "lq").objects.status == "writing"
    summary = audit.score_objects(audited)
    calm, record = record_of(audited, "calm").objects, record_of(audited, "lq").objects
    assert outcome(audited, "lq") == {**before, "objects": outcome(audited, "calm")["objects"]}
    assert (record.status, record.classes, summary.objects.objects) == ("complete", calm.classes, calm.objects)
    assert sorted(audited.list_saved_views()) == sorted([*views, "lq: worst objects"])


@pytest.mark.slow
def test_scores_of_objects_killed_at_any_write_are_not_doubled(
    eight_audited: tuple[Snapshot, dict[str, Any]], audit: Any, interrupt: Interrupt, module_folder: Path
) -> None:
    """Others take the place of those that there are."""
    few = eight_audited[0].put_back()
    views = few.list_saved_views()
    audit.score_objects(few)
    scored = Snapshot(few, module_folder / few.name)
    again = {"function": "score_objects", "only_classes": ["car"]}
    writes = interrupt(few, **again)["writes"]
    cars = outcome(few, "lq")["objects"]
    assert {one["label"] for found in cars for one in found} == {"car"} and len(writes) > 8
    for number in range(1, len(writes) + 1, 2):
        scored.put_back()
        died = interrupt(few, **again, kill_at=number)
        few.reload()
        assert died["signal"] == signal.SIGKILL
        # Half-written objects are no reason to do anything else again
        stages: list[str] = []
        audit.find_suspects(few, min_probability=0.0, progress=count(stages))
        assert set(stages) == {"Checking files"}, writes[number - 1]
        audit.score_objects(few, only_classes=["car"])
        assert outcome(few, "lq")["objects"] == cars, writes[number - 1]
        assert sorted(few.list_saved_views()) == sorted([*views, "lq: worst objects"])
        assert [name.partition("-")[0] for name in sets(few)].count("objects") == 1


def test_a_killed_run_can_be_deleted(predicted: Any, audit: Any, interrupt: Interrupt) -> None:
    before = sorted(predicted.get_field_schema())
    assert interrupt(predicted, kill_at=["Writing fields", 40], **WITH_FILES)["signal"] == signal.SIGKILL
    assert sorted(predicted.get_field_schema()) != before
    folder = Path(record_of(predicted, "lq").folder)
    assert audit.delete_run(predicted, "lq") == []
    predicted.reload()
    assert sorted(predicted.get_field_schema()) == before
    assert audit.list_runs(predicted) == [] and not folder.parent.exists()


def make_few(make: Any, folder: Path) -> Any:
    dataset = make_predicted(make, folder, 8)
    for number in (1, 2):
        dataset.save_view(f"mine {number}", dataset.limit(number))
    return dataset


@pytest.fixture(scope="module")
def eight(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    dataset = make_few(make_module_dataset, module_folder)
    return Snapshot(dataset, module_folder / dataset.name)


@pytest.fixture
def few(eight: Snapshot) -> Any:
    """8 samples with files of probabilities, and two views of the user's."""
    return eight.put_back()


@pytest.fixture(scope="module")
def eight_audited(make_module_dataset: Any, module_folder: Path) -> tuple[Snapshot, dict[str, Any]]:
    """The same with a run ``lq``, and what was in the database before it."""
    from label_quality.plugin import audit

    dataset = make_few(make_module_dataset, module_folder)
    before = left_in_database(dataset)
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    return Snapshot(dataset, module_folder / dataset.name), before


def left_in_database(dataset: Any) -> dict[str, Any]:
    """What there is of a dataset beside its samples' values."""
    import fiftyone.core.odm as odm

    database = odm.get_db_conn()
    dataset.reload()
    of = {"_dataset_id": dataset._doc.id}
    return {
        "schema": sorted(dataset.get_field_schema()),
        "fields": sorted(set().union(*dataset._sample_collection.find())),
        "indexes": sorted(dataset._sample_collection.index_information()),
        "app": dataset.app_config.to_dict(),
        "targets": dataset.mask_targets,
        "views": sorted(one["name"] for one in database.views.find(of)),
        # A kill may leave the document of a run that nothing refers to, but never a reference to what is gone
        "runs": list(database.datasets.find_one({"_id": dataset._doc.id})["runs"]),
    }


def check_views_of_the_user(dataset: Any, audit: Any) -> None:
    audit.list_runs(dataset)
    assert [len(dataset.load_saved_view(f"mine {number}")) for number in (1, 2)] == [1, 2]


@pytest.mark.slow
def test_a_deletion_killed_at_any_write_can_be_done_again(
    eight_audited: tuple[Snapshot, dict[str, Any]], audit: Any, interrupt: Interrupt
) -> None:
    audited, before = eight_audited
    few = audited.put_back()
    folder = Path(record_of(few, "lq").folder)
    writes = interrupt(few, function="delete_run", key="lq")["writes"]
    assert left_in_database(few) == before
    assert ["delete", "views"] in writes and len(writes) > 10
    for number in range(1, len(writes) + 1):
        audited.put_back()
        died = interrupt(few, function="delete_run", key="lq", kill_at=number)
        # Older FiftyOne notes when a dataset was loaded, but not each time: then there is one write less
        assert died["signal"] == signal.SIGKILL or (number == len(writes) == len(died["writes"]) + 1)
        few.reload()
        check_views_of_the_user(few, audit)
        if audit.list_runs(few):
            assert audit.delete_run(few, "lq") == []
        assert left_in_database(few) == before, writes[number - 1]
        assert not folder.exists()


def test_runs_at_once_lose_nothing_of_one_another(few: Any, audit: Any, interrupt: Interrupt) -> None:
    keys = ["a", "b", "c"]
    audit.audit_labels(few, "ground_truth", key="calm", **WITH_FILES)
    calm = record_of(few, "calm")
    # Twice: as new runs, and in place of earlier ones
    for _ in range(2):
        answers = interrupt(few, keys=keys, **WITH_FILES, overwrite=True)
        assert [one["error"] for one in answers] == [None] * 3
        few.reload()
        assert sorted(record.key for record in audit.list_runs(few)) == ["a", "b", "c", "calm"]
        groups = {group.name: set(group.paths) for group in few.app_config.sidebar_groups}
        for key in keys:
            record = record_of(few, key)
            assert [name.partition(": ")[2] for name in record.views] == [name[6:] for name in calm.views]
            assert {one.replace("calm_", f"{key}_") for one in calm.fields} == set(record.fields)
            assert set(record.fields) <= set(few.get_field_schema())
            assert set(record.views) <= set(few.list_saved_views())
            assert groups[f"Label quality ({key})"] == set(record.fields)
            assert outcome(few, key) == outcome(few, "calm")
    assert [one["error"] for one in interrupt(few, function="delete_run", keys=keys)] == [None] * 3
    few.reload()
    assert audit.delete_run(few, "calm") == []
    assert few.list_saved_views() == ["mine 1", "mine 2"]
    assert not [name for name in few.get_field_schema() if name.startswith(("a_", "b_", "c_", "calm_"))]


@pytest.mark.parametrize("function", ["find_suspects", "audit_labels"])
@pytest.mark.slow
def test_views_killed_at_any_write_are_made_again(
    eight_audited: tuple[Snapshot, dict[str, Any]], audit: Any, interrupt: Interrupt, function: str
) -> None:
    audited = eight_audited[0]
    few = audited.put_back()
    expected, views = outcome(few, "lq"), few.list_saved_views()
    parameters = WITH_FILES if function == "audit_labels" else {"min_probability": 0.0}
    again = {"function": function, "key": "lq", "overwrite": True, **parameters}
    writes = interrupt(few, **again)["writes"]
    saved = [place for place, (_, collection) in enumerate(writes, 1) if collection == "views"]
    # Around the deletion of the earlier views, around the first new one, and after the last
    for number in sorted({saved[0] - 1, saved[0], saved[1], saved[1] + 1, saved[-1] + 1}):
        audited.put_back()
        assert interrupt(few, **again, kill_at=number)["signal"] == signal.SIGKILL
        few.reload()
        check_views_of_the_user(few, audit)
        getattr(audit, function)(few, *(("ground_truth",) if function == "audit_labels" else ()), **_parameters(again))
        assert outcome(few, "lq") == expected
        assert few.list_saved_views() == views and left_in_database(few)["views"] == sorted(views)


def _parameters(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != "function"}


@pytest.mark.slow
def test_killed_while_training(make_dataset: Any, audit: Any, interrupt: Interrupt) -> None:
    dataset = make_dataset(count=8)
    assert interrupt(dataset, key="calm", **CROSS_VALIDATION)["error"] is None
    expected = outcome(dataset, "calm")
    for phase, done in (("Encoding", 5), ("Training", 10), ("Training", 60), ("Predicting", 2)):
        died = interrupt(dataset, kill_at=[phase, done], **CROSS_VALIDATION)
        assert (died["signal"], died["error"]) == (signal.SIGKILL, None), (phase, died)
        stages = {stage.split()[0] for stage, _, _ in died["reports"]}
        assert ("Checking" in stages) == (phase == "Encoding")
    masks = interrupt(
        dataset, function="compute_predictions", kill_at=["Writing predicted masks", 8], **CROSS_VALIDATION
    )
    assert masks["signal"] == signal.SIGKILL
    assert {stage for stage, _, _ in masks["reports"]} == {"Loading PyTorch", "Predicting", "Writing predicted masks"}
    audit.compute_predictions(dataset, "ground_truth", **CROSS_VALIDATION)
    # And what the audits that were killed had found in the masks
    assert outcome(dataset, "lq") == {name: expected[name] for name in ("fold", "prediction", *LINT)}
    audit.audit_labels(dataset, "ground_truth", **CROSS_VALIDATION)
    assert outcome(dataset, "lq") == expected


def test_folds_one_call_at_a_time(make_dataset: Any, audit: Any) -> None:
    dataset = make_dataset(count=8)
    first = audit.audit_labels(dataset, "ground_truth", **CROSS_VALIDATION, only_folds=[1])
    assert first.scored == 4 and set(dataset.values("lq_fold")) == {1, None}
    assert "Only the folds 1 of 2 were run in the last call" in first.note
    stages: list[str] = []
    second = audit.audit_labels(dataset, "ground_truth", progress=count(stages), **CROSS_VALIDATION, only_folds=[0])
    assert (second.scored, second.note) == (8, "")
    assert "Checking masks" not in stages and any(stage.startswith("Training") for stage in stages)
    assert sorted(dataset.values("lq_fold")) == [0] * 4 + [1] * 4
    assert audit.audit_labels(dataset, "ground_truth", **CROSS_VALIDATION) == second


def test_a_full_disk(predicted: Any, audit: Any, interrupt: Interrupt) -> None:
    """A limit on the size of files stands for the full disk: the system refuses the write in the same place."""
    audit.audit_labels(predicted, "ground_truth", key="calm", **WITH_FILES)
    # What the lint has found stays, as its stage was finished
    before = sorted([*predicted.get_field_schema(), *(f"lq_{name}" for name in LINT)])
    full = interrupt(predicted, largest_file=1000, **WITH_FILES)
    assert full["signal"] == 0
    assert "The disk is full or a limit on file sizes is reached while writing to" in full["error"]
    assert "free some space and run again with the same parameters to continue from there" in full["error"]
    assert sorted(predicted.get_field_schema()) == before
    audit.audit_labels(predicted, "ground_truth", **WITH_FILES)
    assert outcome(predicted, "lq") == outcome(predicted, "calm")


def test_a_second_run_waits_for_the_first(predicted: Any, audit: Any) -> None:
    def start_another(stage: str, done: int, total: int) -> None:
        if stage == "Scoring":
            with pytest.raises(audit.LabelQualityError, match=r"Another run is using .* Wait for it to end or use ano"):
                audit.audit_labels(predicted, "ground_truth", **WITH_FILES)
            with pytest.raises(audit.LabelQualityError, match=r"Another run is using .* Wait for it to end or use ano"):
                audit.delete_run(predicted, "lq")
            refused.append(stage)

    refused: list[str] = []
    assert audit.audit_labels(predicted, "ground_truth", progress=start_another, **WITH_FILES).scored == 40
    assert len(refused) == 3


LOST_DATABASE = """
    import os, sys, traceback
    from pathlib import Path
    from scripts.mongod import Mongod

    folder = Path(sys.argv[1])
    server = Mongod(folder / "db")
    server.start()
    connect(f"{server.uri}?serverSelectionTimeoutMS=2000")
    try:
        import cv2
        import fiftyone as fo
        import fiftyone.core.odm
        import numpy as np
        from label_quality.plugin import audit
        from label_quality.plugin.base.errors import LabelQualityError

        rng = np.random.default_rng(0)
        samples = []
        for number in range(40):
            mask = rng.integers(0, 3, (3, 4)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
            soft = np.stack([mask == value for value in range(3)]) + 0.6 * rng.random((3, 24, 32))
            path = str(folder / f"{number}.png")
            cv2.imwrite(path, mask)
            np.save(path[:-4], (soft / soft.sum(0)).astype(np.float32))
            label = fo.Segmentation(mask_path=path)
            samples.append(fo.Sample(filepath=path, ground_truth=label, probabilities=path[:-4] + ".npy"))
        dataset = fo.Dataset("lost")
        dataset.add_samples(samples, progress=False)
        dataset.default_mask_targets = {0: "a", 1: "b", 2: "c"}
        dataset.save()
        run = dict(source="files", field="probabilities")
        audit.audit_labels(dataset, "ground_truth", key="calm", **run)
        # Else the number of documents, which FiftyOne asks for, would be wrong after the kill
        fiftyone.core.odm.get_db_conn().client.admin.command("fsync")
        for stage in ("Flagging pixels", "Writing fields"):
            def kill(name, done, total):
                if name == stage and server.running:
                    server.kill()

            try:
                audit.audit_labels(dataset, "ground_truth", progress=kill, **run)
            except LabelQualityError as error:
                print("LOST", stage, error, flush=True)
            server.start()
        summary = audit.audit_labels(dataset, "ground_truth", **run)
        dataset.reload()
        names = ("quality", "softmin", "clc", "ccp", "tccp", "cil", "iou", "coco")
        same = all(dataset.values(f"lq_{name}") == dataset.values(f"calm_{name}") for name in names)
        maps = all(
            Path(one.map_path).read_bytes() == Path(other.map_path).read_bytes()
            for one, other in zip(dataset.values("lq_flags"), dataset.values("calm_flags"))
        )
        print("SAME", summary.scored, same, maps, [record.status for record in audit.list_runs(dataset)], flush=True)
    except BaseException:
        traceback.print_exc()
    finally:
        server.kill()
        # FiftyOne would wait for the database
        os._exit(0)
"""


@pytest.mark.slow
def test_a_lost_database(forked: Forked, tmp_path: Path) -> None:
    """A process with a MongoDB of its own, which is killed in the second pass, and while fields are written."""
    ((_, output),) = forked(textwrap.dedent(LOST_DATABASE), [str(tmp_path)])
    lost = [line for line in output.splitlines() if line.startswith("LOST")]
    assert len(lost) == 2, output
    for line, stage in zip(lost, ("Flagging pixels", "Writing fields"), strict=True):
        assert line.startswith(f"LOST {stage} The connection to FiftyOne's database (MongoDB) was lost: ")
        assert line.endswith("what a run had computed is kept in its files, and it continues from there.")
    assert "SAME 40 True True ['complete', 'complete']" in output, output
