"""Runs that released versions made open, resume, are searched again and deleted by this one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..released_runs import FOLDER, restored

VERSIONS = ["0.1.0"]
#: Those versions did not lint
LINT_STAGES = ("Lint: Reading masks", "Lint: Comparing images", "Lint: Writing findings")
CROSS_VALIDATION = {"preset": "fast", "folds": 2, "epochs": 2, "weights": None, "input_size": 64, "device": "cpu"}


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


@pytest.fixture(params=VERSIONS)
def released(request: Any, fiftyone: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The dataset that the version left."""
    monkeypatch.setattr(fiftyone.config, "default_dataset_dir", str(FOLDER / "datasets"))
    with restored(request.param) as dataset:
        yield dataset


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def user_files() -> dict[str, bytes]:
    return {
        name: content for part in ("images", "masks", "corrected") for name, content in files_of(FOLDER / part).items()
    }


def test_they_open(audit: Any, released: Any) -> None:
    runs = {run.key: run for run in audit.list_runs(released)}
    assert {key: run.status for key, run in runs.items()} == {
        "done": "complete",
        "folds": "complete",
        "scored": "complete",
    }
    assert all(run.scored == 40 and len(run.noise_matrix) == 4 for run in runs.values())
    assert released.load_saved_view("done: worst first").count() == 40
    assert released.load_saved_view("done: suspect regions").count() == released.count("done_suspects.detections")
    assert released.load_saved_view("mine").count() == 5


def test_their_records_have_all_attributes(audit: Any, released: Any) -> None:
    runs = {run.key: run for run in audit.list_runs(released)}
    for key, run in runs.items():
        assert run.dataset == str(released._doc.id) and run.slices is None and run.unknown == "error"
        assert run.overview.quality == "evidence" and run.overview.scores["softmin"].images == 40
        assert [one.id for one in run.overview.worst] == released.sort_by(f"{key}_quality").values("id")
        assert run.overview.images_by_type == released.count_values(f"{key}_error_type")
        found = run.suspects
        assert (found.status, found.issues, found.config["min_area"]) == ("complete", len(run.issues), 0.001)
        assert found.regions == sum(found.by_type.values()) == sum(issue.regions for issue in run.issues)
        assert [issue.evidence for issue in run.issues] == sorted((one.evidence for one in run.issues), reverse=True)
        assert [one.name for one in run.classes] == run.class_table["names"]
        assert 0.8 < run.label_miou < 0.9 and run.scores.pooled_pixels == 1920 and run.scores.flagged_pixels > 100
        names = {run.scores.set, found.set, *([run.predictions.set] if run.predictions.set else [])}
        assert names == run.sets == {path.name for path in Path(run.folder).iterdir() if path.name != ".lock"}
    predicted = [runs[key].predictions for key in ("done", "folds", "scored")]
    assert [one.run for one in predicted] == [None, None, "folds"] and predicted[1].digest == predicted[2].digest
    assert [one.folder for one in predicted] == [None, runs["folds"].folder, runs["folds"].folder]


def test_a_finished_one_is_not_computed_again(audit: Any, released: Any) -> None:
    before, stages = files_of(FOLDER), set[str]()
    again = lambda stage, done, total: stages.add(stage)  # noqa: E731
    audit.audit_labels(released, "ground_truth", key="folds", progress=again, **CROSS_VALIDATION)
    assert files_of(FOLDER).keys() - before.keys() <= {name for name in files_of(FOLDER) if name.endswith(".lock")}
    assert {name: content for name, content in files_of(FOLDER).items() if name in before} == before
    assert stages == set(LINT_STAGES)


def test_an_interrupted_one_goes_on(audit: Any, released: Any) -> None:
    predictions = {name: content for name, content in files_of(FOLDER).items() if "/half/predictions" in name}
    stages: set[str] = set()
    again = lambda stage, done, total: stages.add(stage)  # noqa: E731
    audit.audit_labels(released, "ground_truth", key="half", progress=again, **CROSS_VALIDATION)
    assert {name: (FOLDER / name).read_bytes() for name in predictions} == predictions
    assert not any("rain" in stage for stage in stages)
    assert None not in released.values("half_quality")


def test_suspects_are_found_anew_and_verdicts_stay(audit: Any, released: Any) -> None:
    path = "done_suspects.detections.verdict"
    before = released.count_values(path)["confirmed"], released.count("done_rejected.detections")
    audit.find_suspects(released, key="done", min_evidence=0.001)
    assert (released.count_values(path)["confirmed"], released.count("done_rejected.detections")) == before == (2, 1)


def test_corrections_are_loaded_into_them(audit: Any, released: Any) -> None:
    from label_quality import load_corrections

    users, verdicts = user_files(), released.count_values("done_suspects.detections.verdict")["confirmed"]
    made = load_corrections(released, FOLDER / "corrected", "done")
    released.reload()
    assert made.images == 40 and made.changed == len(released.match({"done_corrections.pixels": {"$gt": 0}})) > 0
    assert made.newly_wrong is not None and made.notes == []
    suspects = released.count("done_suspects.detections") + released.count("done_rejected.detections")
    assert made.resolved + made.still_suspect == suspects
    assert released.count_values("done_suspects.detections.verdict")["confirmed"] > verdicts
    assert user_files() == users
    audit.delete_run(released, "done")
    assert user_files() == users and "done_corrections" not in released.get_field_schema()


def test_scores_are_computed_from_their_predictions(audit: Any, released: Any) -> None:
    before = released.values("scored_quality")
    audit.score_label_quality(
        released, "ground_truth", key="scored", predictions="folds", overwrite=True, displaced_edges=False
    )
    assert released.values("scored_quality") == before


def test_they_are_deleted_with_their_files_and_nothing_else(audit: Any, released: Any) -> None:
    from label_quality.plugin.benchmark.run import delete_benchmark

    users = user_files()
    corrected = [Path(one) for one in released.exists("done_corrected").values("done_corrected.mask_path")]
    for key in ("scored", "folds", "done"):
        assert audit.delete_run(released, key) == []
    assert delete_benchmark(released, "lq_benchmark") == []
    assert audit.list_runs(released) == [] and released.list_runs() == []
    assert user_files() == users
    assert released.list_saved_views() == ["mine"]
    assert set(released.get_field_schema(flat=False)) >= {"ground_truth", "corrected", "probabilities", "number"}
    assert not [name for name in released.get_field_schema() if name.startswith(("done_", "folds_", "scored_"))]
    left = {path for path in (FOLDER / "datasets").rglob("*") if path.is_file() and "/half/" not in str(path)}
    # Corrected masks outlive the run, with the note whose they are
    assert left == {*corrected, corrected[0].parent / ".label_quality"}
