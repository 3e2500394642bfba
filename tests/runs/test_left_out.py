"""A second audit whose models do not learn from the suspects of the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.base.types import IGNORED

from ..predicted_files import predict

WITH_FILES = {"source": "files", "field": "probabilities", "min_probability": 0.0}
CROSS_VALIDATION = {"preset": "fast", "folds": 2, "epochs": 1, "weights": None, "input_size": 64, "device": "cpu"}


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


@pytest.fixture
def audited(make_dataset: Any, tmp_path: Path, audit: Any) -> Any:
    """Eight images, with suspects in some."""
    dataset = make_dataset(count=8)
    predict(dataset, tmp_path / dataset.name, every=3)
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    assert any(dataset.values("lq_suspects.detections.id"))
    return dataset


def learnt_from(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Sample id to the labels that networks are given; filled when they are trained."""
    from label_quality.plugin.training import cross_validation

    real, found = cross_validation.cross_validate, {}

    def spy(samples: Any, *args: Any, **rest: Any) -> Any:
        found.update({sample.sample_id: sample.load_labels() for sample in samples})
        return real(samples, *args, **rest)

    monkeypatch.setattr(cross_validation, "cross_validate", spy)
    return found


def suspected(sample: Any) -> np.ndarray:
    """(H, W) bool."""
    shape = sample.ground_truth.get_mask().shape[:2]
    found = np.zeros(shape, bool)
    for one in sample.lq_suspects.detections:
        found |= of_region(shape, one)
    return found


def of_region(shape: tuple[int, ...], region: Any) -> np.ndarray:
    """(H, W) bool."""
    found = np.zeros(shape, bool)
    height, width = shape
    x, y, _, _ = region.bounding_box
    left, top = round(x * width), round(y * height)
    inside = region.get_mask() > 0
    found[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return found


def record_of(dataset: Any, key: str) -> Any:
    from label_quality.plugin.records.run_record import load_record

    return load_record(dataset, key)


def test_suspects_are_not_learnt_from_and_scored_all_the_same(
    audited: Any, audit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = learnt_from(monkeypatch)
    before = {path: Path(path).read_bytes() for path in audited.values("ground_truth.mask_path")}
    audit.audit_labels(audited, "ground_truth", key="second", leave_out="lq", **CROSS_VALIDATION)
    assert set(found) == set(audited.values("id"))
    for sample in audited:
        there = suspected(sample)
        np.testing.assert_array_equal(found[sample.id] == IGNORED, there)
    assert {path: Path(path).read_bytes() for path in before} == before
    second = record_of(audited, "second")
    assert second.config["predictions"]["leave_out"] == "lq" and second.scored == 8
    count = sum(map(len, audited.values("lq_suspects.detections")))
    assert f"The models did not learn from the {count} suspects of run 'lq'" in " ".join(second.notes)
    # The same again makes nothing anew; other suspects, or none, are other predictions
    digest = second.predictions.digest
    audit.audit_labels(audited, "ground_truth", key="second", leave_out="lq", **CROSS_VALIDATION)
    assert record_of(audited, "second").predictions.digest == digest
    audit.find_suspects(audited, key="lq", min_probability=0.3)
    with pytest.raises(LabelQualityError, match=r"has a run .second. of .* with other parameters"):
        audit.audit_labels(audited, "ground_truth", key="second", leave_out="lq", **CROSS_VALIDATION)
    found.clear()
    audit.audit_labels(audited, "ground_truth", key="third", **CROSS_VALIDATION)
    assert record_of(audited, "third").predictions.digest != digest
    assert all((labels >= 0).all() for labels in found.values())


def reject(dataset: Any, *region_ids: str) -> None:
    from label_quality import set_verdict

    set_verdict(dataset, "lq", list(region_ids), "rejected")


def test_what_a_reviewer_has_rejected_is_learnt_from(audited: Any, audit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = learnt_from(monkeypatch)
    every = {sample.id: suspected(sample) for sample in audited}
    first, second, third = [one for several in audited.values("lq_suspects.detections.id") for one in several][:3]
    reject(audited, first)
    # What was given the class of the mask in the App is rejected, too; of what was deleted nobody says that it is right
    for sample in audited:
        regions = sample.lq_suspects.detections
        for one in regions:
            one.label = one.given if one.id == second else one.label
        deleted = [one for one in regions if one.id == third]
        sample.lq_suspects.detections = [one for one in regions if one.id != third]
        sample.save()
        if deleted:
            gone = sample.id, deleted[0]
    audit.audit_labels(audited, "ground_truth", key="second", leave_out="lq", **CROSS_VALIDATION)
    audited.reload()
    assert sorted(audited.count_values("lq_rejected.detections.verdict").items()) == [("deleted", 1), ("rejected", 2)]
    for sample in audited:
        left = suspected(sample)
        if sample.id == gone[0]:
            left |= every[sample.id] & of_region(left.shape, gone[1])
        np.testing.assert_array_equal(found[sample.id] == IGNORED, left)
    assert sum((found[one] == IGNORED).sum() for one in every) < sum(one.sum() for one in every.values())
    count = sum(map(len, audited.values("lq_suspects.detections"))) + 1
    text = f"The models did not learn from the {count} suspects of run 'lq' that nobody had rejected; their pixels are"
    assert text in " ".join(record_of(audited, "second").notes)


@pytest.mark.parametrize("earlier_version", [False, True])
def test_a_run_that_was_begun_goes_on_with_what_was_left_out_then(
    audited: Any, audit: Any, monkeypatch: pytest.MonkeyPatch, earlier_version: bool
) -> None:
    from label_quality.plugin.store.stored_set import StoredSet
    from label_quality.plugin.training import cross_validation

    again = {"key": "second", "leave_out": "lq", **CROSS_VALIDATION}
    first, second = [one for several in audited.values("lq_suspects.detections.id") for one in several][:2]
    every = {sample.id: suspected(sample) for sample in audited}
    reject(audited, first)
    audited.reload()
    at_first = every if earlier_version else {sample.id: suspected(sample) for sample in audited}
    real, begun = cross_validation.cross_validate, {}

    def stop(samples: Any, *args: Any, **rest: Any) -> Any:
        begun.update({sample.sample_id: sample.load_labels() == IGNORED for sample in samples})
        for _ in zip(range(2), real(samples, *args, **rest), strict=False):
            pass
        raise KeyboardInterrupt

    update = StoredSet.update

    def without_rejected(self: StoredSet, **results: Any) -> None:
        update(self, **{name: value for name, value in results.items() if name != "rejected"})

    if earlier_version:
        monkeypatch.setattr(StoredSet, "update", without_rejected)
    monkeypatch.setattr(cross_validation, "cross_validate", stop)
    with pytest.raises(KeyboardInterrupt):
        audit.audit_labels(audited, "ground_truth", **again)
    monkeypatch.undo()
    reject(audited, second)
    found = learnt_from(monkeypatch)
    audit.audit_labels(audited, "ground_truth", **again)
    for sample_id, there in at_first.items():
        np.testing.assert_array_equal(found[sample_id] == IGNORED, there)
    # The finished run stays as it is; made anew, it learns from what has been rejected since
    found.clear()
    made = record_of(audited, "second").predictions.set
    audit.audit_labels(audited, "ground_truth", **again)
    assert record_of(audited, "second").predictions.set == made and not found
    audit.audit_labels(audited, "ground_truth", overwrite=True, **again)
    assert record_of(audited, "second").predictions.set != made
    audited.reload()
    for sample in audited:
        np.testing.assert_array_equal(found[sample.id] == IGNORED, suspected(sample))


def test_what_cannot_be_left_out_is_said(audited: Any, audit: Any) -> None:
    for key, message in (
        ("second", "Expected another run as `leave_out`, but got 'second', the run itself"),
        ("nothing", "nothing"),
        ("third", "Expected a run with suspects as `leave_out`, but 'third' has none"),
    ):
        if key == "third":
            audit.audit_labels(audited, "ground_truth", key="third", suspects=False, **CROSS_VALIDATION)
        with pytest.raises(LabelQualityError, match=message):
            audit.audit_labels(audited, "ground_truth", key="second", leave_out=key, **CROSS_VALIDATION)
    gone = next(path for path in audited.values("lq_suspects.detections.mask_path", unwind=True) if path)
    Path(gone).unlink()
    with pytest.raises(LabelQualityError, match="Expected the masks of the suspects of run 'lq' as `leave_out`"):
        audit.audit_labels(audited, "ground_truth", key="second", leave_out="lq", **CROSS_VALIDATION)
    with pytest.raises(LabelQualityError, match="Unknown parameter 'leave_out'"):
        audit.audit_labels(audited, "ground_truth", key="second", leave_out="lq", **WITH_FILES)
    assert "second" not in [record.key for record in audit.list_runs(audited)]
