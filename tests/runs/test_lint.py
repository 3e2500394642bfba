"""The lint as the first stage of an audit: when it is written, what it keeps, and that it never keeps a run from it."""

from __future__ import annotations

import signal
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import pytest
from label_quality.plugin.base.errors import LabelQualityError

from ..conftest import Interrupt
from ..predicted_files import predict
from ..test_lint_masks import kinds_of

LINT = ["lq_lint", "lq_lint_kinds", "lq_lint_count"]
STAGES = ["Lint: Reading masks", "Lint: Comparing images", "Lint: Writing findings"]


def change(dataset: Any, index: int, value: int) -> None:
    """Gives a few pixels of a mask another value."""
    path = dataset.values("ground_truth.mask_path")[index]
    mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    mask[20:24, 1:5] = value
    cv2.imwrite(path, mask)


@pytest.fixture
def predicted(make_dataset: Any, tmp_path: Path) -> Any:
    """Six images with files of probabilities; the first mask has a value outside the class table."""
    dataset = make_dataset(count=6, sizes=((48, 64),))
    change(dataset, 0, 99)
    predict(dataset, tmp_path)
    return dataset


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    """Audits, and returns the summary and the names of the stages."""
    from label_quality import audit_labels

    def run(dataset: Any, **more: Any) -> tuple[Any, list[str]]:
        stages: list[str] = []
        parameters = {"source": "files", "field": "probabilities", "unknown": "ignore", **more}
        told = audit_labels(dataset, "ground_truth", progress=lambda one, *_: stages.append(one), **parameters)
        return told, list(dict.fromkeys(stages))

    return run


def lint_stages(stages: list[str]) -> list[str]:
    return [one for one in stages if one.startswith("Lint")]


def own(dataset: Any) -> list[str]:
    dataset.reload()
    return [name for name in dataset.get_field_schema() if name.startswith("lq")]


def test_an_audit_lints_first_and_its_findings_go_with_it(predicted: Any, audit: Any) -> None:
    from label_quality import delete_run, lint_masks, list_runs

    found, stages = audit(predicted)
    assert [one for one in stages if "Compiling" not in one][:3] == STAGES
    assert kinds_of(predicted) == {0: ["unknown_value"]}
    assert (found.lint.images, found.lint.affected, found.lint.findings, found.lint.of_run) == (6, 1, 1, True)
    assert [one.kind for one in found.lint.kinds] == ["unknown_value"]
    (record,) = list_runs(predicted)
    assert set(LINT) <= set(record.fields) and "lq: lint" in record.views and record.note == ""
    assert set(STAGES) <= set(record.timings)
    assert predicted.load_saved_view("lq: lint").values("index") == [0]
    # The grid shows the run's suspects, and not two kinds of boxes over one another
    active = predicted.app_config.active_fields.paths
    assert "lq_lint" not in active and "lq_suspects" in active
    # As a lint by itself finds it
    details = predicted.first().lq_lint.detections[0]
    lint_masks(predicted, "ground_truth", key="alone")
    predicted.reload()
    alone = predicted.first().alone_lint.detections[0]
    assert (alone.reason, alone.bounding_box) == (details.reason, details.bounding_box)
    lint_masks(predicted, "ground_truth", key="alone", clear=True)
    delete_run(predicted, "lq")
    assert own(predicted) == [] and predicted.list_saved_views() == []
    assert predicted.app_config.sidebar_groups is None and predicted.app_config.active_fields is None


def test_it_can_be_left_out(predicted: Any, audit: Any) -> None:
    found, stages = audit(predicted, lint=False)
    assert found.lint is None and not lint_stages(stages)
    assert not set(LINT) & set(own(predicted)) and "lq: lint" not in predicted.list_saved_views()


def test_masks_that_are_as_they_were_are_not_linted_again(predicted: Any, audit: Any) -> None:
    first, _ = audit(predicted)
    again, stages = audit(predicted)
    assert not lint_stages(stages) and again.lint == first.lint
    # Other scores of the same masks
    other, stages = audit(predicted, temperature=0.2, overwrite=False, key="lq2")
    assert lint_stages(stages) and other.lint.kinds == first.lint.kinds
    change(predicted, 1, 98)
    changed, stages = audit(predicted, overwrite=True)
    assert lint_stages(stages) and changed.lint.findings == 2
    assert kinds_of(predicted) == {0: ["unknown_value"], 1: ["unknown_value"]}


def test_a_run_that_may_not_be_is_refused_before_it_lints(predicted: Any, audit: Any) -> None:
    audit(predicted)
    change(predicted, 1, 98)
    with pytest.raises(LabelQualityError, match=r"has a run 'lq' of .* Pass overwrite=True to replace it"):
        audit(predicted)
    assert kinds_of(predicted) == {0: ["unknown_value"]}
    with pytest.raises(LabelQualityError, match="has no field 'nowhere'"):
        audit(predicted, key="other", field="nowhere")
    assert not [name for name in predicted.get_field_schema() if name.startswith("other")]


def test_a_run_whose_field_is_the_users_is_refused_before_it_lints(predicted: Any, audit: Any, fiftyone: Any) -> None:
    predicted.add_sample_field("lq_quality", fiftyone.FloatField)
    with pytest.raises(LabelQualityError, match="already has a field 'lq_quality' that no run of this plugin"):
        audit(predicted)
    assert own(predicted) == ["lq_quality"] and predicted.list_saved_views() == []


def test_what_a_lint_by_itself_has_found_is_not_lost(predicted: Any, audit: Any) -> None:
    from label_quality import delete_run, lint_masks, load_record

    lint_masks(predicted, "ground_truth", only_kinds=["empty"])
    found, stages = audit(predicted)
    assert not lint_stages(stages) and kinds_of(predicted) == {}
    assert found.note == (
        "What a lint by itself has found as 'lq' is kept, and the audit has not linted anew. Lint the masks again to "
        "have what there is now."
    )
    delete_run(predicted, "lq")
    assert own(predicted) == LINT and predicted.list_saved_views() == ["lq: lint"]
    # The same lint is nothing to tell of
    lint_masks(predicted, "ground_truth")
    found, stages = audit(predicted)
    assert not lint_stages(stages) and found.note == "" and found.lint.findings == 1
    # A lint of the key by itself takes the place of the run's, and does not go with it
    audit(predicted, key="other")
    lint_masks(predicted, "ground_truth", key="other", only_kinds=["unknown_value"])
    delete_run(predicted, "other")
    assert kinds_of(predicted, "other") == {0: ["unknown_value"]}
    # And once it is deleted, the next audit of the key lints, but a finished one is still there
    lint_masks(predicted, "ground_truth", clear=True)
    _, stages = audit(predicted)
    assert lint_stages(stages) == STAGES and "Scoring" not in stages
    assert load_record(predicted, "lq").status == "complete"


def test_findings_of_a_version_that_kept_no_counts_stay(predicted: Any, audit: Any) -> None:
    from label_quality import delete_run, lint_masks

    lint_masks(predicted, "ground_truth")
    field = predicted.get_field("lq_lint")
    marker = {name: value for name, value in field.info["label_quality"].items() if name != "lint"}
    field.info = {"label_quality": marker}
    field.save()
    found, stages = audit(predicted)
    assert not lint_stages(stages) and found.lint is None and "is kept" in found.note
    delete_run(predicted, "lq")
    assert own(predicted) == LINT


def test_an_error_of_the_lint_does_not_lose_the_audit(
    predicted: Any, audit: Any, monkeypatch: pytest.MonkeyPatch, fiftyone: Any
) -> None:
    from label_quality.plugin.runs import lint

    predicted.add_sample_field("lq_lint_count", fiftyone.IntField)
    found, _ = audit(predicted)
    assert found.scored == 6 and found.status == "complete" and found.lint is None
    assert found.note.startswith("The masks were not linted: Dataset ")
    assert "already has a field 'lq_lint_count' that no run of this plugin with key 'lq' made" in found.note
    assert predicted.get_field("lq_lint_count").info is None and "lq_lint" not in own(predicted)

    def fail(*_: Any) -> None:
        raise IndexError("of the lint's own")

    monkeypatch.setattr(lint, "lint", fail)
    found, _ = audit(predicted, key="other")
    assert found.status == "complete" and found.note == "The masks were not linted: IndexError: of the lint's own"


def test_whoever_ends_the_run_while_it_lints_ends_it(predicted: Any, fiftyone: Any) -> None:
    from label_quality import audit_labels

    class Stopped(Exception):
        pass

    def progress(stage: str, done: int, total: int) -> None:
        if stage == STAGES[0]:
            raise Stopped

    source = {"source": "files", "field": "probabilities", "unknown": "ignore"}
    with pytest.raises(Stopped):
        audit_labels(predicted, "ground_truth", progress=progress, **source)
    assert own(predicted) == []


def test_samples_that_are_left_out_are_findings(predicted: Any, audit: Any) -> None:
    last = predicted.last()
    last.ground_truth = None
    last.save()
    Path(predicted.values("ground_truth.mask_path")[1]).write_bytes(b"no image")
    found, _ = audit(predicted, skip_failures=True)
    assert len(found.failures) == 2 and found.lint.images == 6
    assert kinds_of(predicted) == {0: ["unknown_value"], 1: ["unreadable"], 5: ["missing"]}


def test_where_an_audit_fails_what_it_found_stays_and_says_why(predicted: Any, audit: Any) -> None:
    from label_quality import delete_run

    for number in (1, 3):
        path = Path(predicted.values("ground_truth.mask_path")[number])
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(LabelQualityError, match="The mask file is truncated or damaged"):
        audit(predicted)
    # All of them, where the error is of the first
    assert kinds_of(predicted) == {0: ["unknown_value"], 1: ["unreadable"], 3: ["unreadable"]}
    delete_run(predicted, "lq")
    assert own(predicted) == [] and predicted.list_saved_views() == []


@pytest.mark.slow
def test_an_audit_that_was_killed_at_any_write_of_its_lint_goes_on_and_can_be_deleted(
    predicted: Any, audit: Any, interrupt: Interrupt
) -> None:
    from label_quality import delete_run

    source = {"source": "files", "field": "probabilities", "unknown": "ignore"}
    for number in count(1, 2):
        died = interrupt(predicted, kill_at=number, **source)
        assert died["signal"] == signal.SIGKILL
        if any(stage == "Scoring" for stage, _, _ in died["reports"]):
            break
        if number % 4 == 1 and own(predicted):
            delete_run(predicted, "lq")
            assert own(predicted) == [] and predicted.list_saved_views() == [], number
        found, _ = audit(predicted)
        assert found.lint.findings == 1 and kinds_of(predicted) == {0: ["unknown_value"]}, number
        delete_run(predicted, "lq")
        assert own(predicted) == [] and predicted.list_saved_views() == [], number
    assert number > 5
