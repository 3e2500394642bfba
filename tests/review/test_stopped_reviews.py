"""Runs that are stopped while they replace what people have reviewed, and what earlier versions' kills have left."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ..snapshots import Snapshot
from ..suspect_run import add_run

IDS = [0, 3, 7, 20]
#: All suspects, whatever their probability: the pictures show nothing of what is contradicted
WITH_FILES = {"source": "files", "field": "probabilities", "min_probability": 0.0}


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


@pytest.fixture(scope="module")
def eight(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    from label_quality.plugin import audit
    from label_quality.plugin.review.decide import set_verdict

    dataset = make_module_dataset(count=8)
    rng, paths = np.random.default_rng(0), []
    for number, mask in enumerate(dataset.values("ground_truth.mask_path")):
        labels = np.roll(cv2.imread(mask, cv2.IMREAD_UNCHANGED), 5, axis=1)
        soft = np.stack([labels == value for value in IDS]) + 0.4 * rng.random((4, *labels.shape))
        paths.append(str(module_folder / f"{number}.npy"))
        np.save(paths[-1], (soft / soft.sum(axis=0)).astype(np.float32))
    dataset.set_values("probabilities", paths)
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    regions = dataset.values("lq_suspects.detections.id", unwind=True)
    set_verdict(dataset, "lq", regions[:1], "confirmed")
    set_verdict(dataset, "lq", regions[-1:], "rejected")
    return Snapshot(dataset, module_folder)


@pytest.fixture
def reviewed(eight: Snapshot) -> Any:
    """Eight audited samples, of whose suspects one is confirmed and one rejected."""
    return eight.put_back()


class Stopped(Exception):
    """What a report of progress ends a run with."""


def at(stage: str) -> Callable[[str, int, int], None]:
    def progress(name: str, done: int, total: int) -> None:
        if name == stage:
            raise Stopped

    return progress


def test_verdicts_outlast_an_overwriting_run_that_was_stopped(reviewed: Any, audit: Any) -> None:
    from label_quality.plugin.review.decide import progress

    before = progress(reviewed, "lq")
    assert (before.confirmed, before.rejected) == (1, 1)
    other = {**WITH_FILES, "scores": ["ccp", "clc", "softmin"], "overwrite": True}
    with pytest.raises(Stopped):
        audit.audit_labels(reviewed, "ground_truth", **other, progress=at("Writing fields"))
    audit.audit_labels(reviewed, "ground_truth", **other)
    assert progress(reviewed, "lq") == before


def test_the_record_of_a_search_that_was_stopped_names_the_views_that_are_there(reviewed: Any, audit: Any) -> None:
    from label_quality.plugin.dataset.views import own_views
    from label_quality.plugin.records.run_record import load_record

    with pytest.raises(Stopped):
        audit.find_suspects(reviewed, max_regions=1, progress=at("Writing suspects"))
    audit.find_suspects(reviewed, max_regions=1)
    assert sorted(load_record(reviewed, "lq").views) == sorted(own_views(reviewed, "lq"))


def test_a_lock_that_a_kill_has_left_in_or_above_the_runs_folder_is_removed(reviewed: Any, audit: Any) -> None:
    from label_quality.plugin.records.run_record import load_record
    from label_quality.plugin.survey.estimate_errors import estimate_errors

    own = Path(load_record(reviewed, "lq").folder)
    above = own.parent
    stale = {"host": socket.gethostname(), "pid": os.getpid(), "process_started": 0.0}
    again: dict[str, Callable[[], Any]] = {
        # Of which the first three have nothing left to do, and so need not write
        "find_suspects": lambda: audit.find_suspects(reviewed),
        "audit_labels": lambda: audit.audit_labels(reviewed, "ground_truth", **WITH_FILES),
        "estimate_errors": lambda: estimate_errors(reviewed, "lq", verdicts=10, suspects=0, images=0),
        "delete_run": lambda: audit.delete_run(reviewed, "lq"),
    }
    estimate_errors(reviewed, "lq", verdicts=10, suspects=0, images=0)
    for name, call in again.items():
        (above / ".lock").write_text(json.dumps(stale))
        (own / ".lock").write_text(json.dumps(stale))
        call()
        assert not (above / ".lock").exists() and not (own / ".lock").exists(), name
    assert not above.exists()


def test_what_a_kill_has_left_of_the_training_is_removed(make_dataset: Any, audit: Any) -> None:
    from label_quality.plugin.records.run_record import load_record

    dataset = make_dataset(count=8)
    parameters = {"preset": "fast", "folds": 2, "epochs": 1, "weights": None, "input_size": 64, "device": "cpu"}
    audit.audit_labels(dataset, "ground_truth", **parameters)
    (predictions,) = Path(load_record(dataset, "lq").folder).glob("predictions-*")
    assert not (predictions / "work").exists()
    (predictions / "work").mkdir()
    (predictions / "work" / "fold-1.pt").write_bytes(b"")
    audit.audit_labels(dataset, "ground_truth", **parameters)
    assert not (predictions / "work").exists() and (predictions / "values").exists()


def test_a_field_of_rejected_regions_that_a_kill_has_left_bare_is_completed(
    fiftyone: Any, make_dataset: Any, tmp_path: Path
) -> None:
    from label_quality.plugin.dataset.fields import create_fields
    from label_quality.plugin.review.decide import set_verdict

    made = add_run(make_dataset(count=6), tmp_path)
    kind = {"ftype": fiftyone.EmbeddedDocumentField, "embedded_doc_type": fiftyone.Detections}
    create_fields(made, "lq", {"lq_rejected": kind})
    assert made.get_field("lq_rejected.detections.verdict") is None
    set_verdict(made, "lq", made.values("lq_suspects.detections.id", unwind=True)[:1], "rejected")
    made.reload()
    assert made.get_field("lq_rejected.detections.verdict") is not None
    assert made.get_field("lq_rejected.detections.evidence") is not None
    (group,) = [one for one in made.app_config.sidebar_groups if "lq_suspects" in one.paths]
    assert "lq_rejected" in group.paths
