"""How many suspects are expected to be mistakes, before and after people have reviewed some of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ..predicted import WITH_FILES, add_predictions
from ..snapshots import Snapshot


@pytest.fixture(scope="module")
def twelve(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    from label_quality.plugin.audit import audit_labels

    dataset = make_module_dataset(count=12)
    add_predictions(dataset, module_folder / dataset.name)
    audit_labels(dataset, "ground_truth", **WITH_FILES)
    return Snapshot(dataset, module_folder / dataset.name)


@pytest.fixture
def audited(twelve: Snapshot) -> Any:
    return twelve.put_back()


def suspects(dataset: Any) -> list[Any]:
    dataset.reload()
    return [one for sample in dataset for one in sample.lq_suspects.detections]


def counted(dataset: Any) -> tuple[float, dict[tuple[str, str], float]]:
    """What is expected in all, and of each issue; the same of the view of all samples."""
    from label_quality import load_record
    from label_quality.plugin.runs.after_review import after_review
    from label_quality.plugin.runs.on_show import on_show

    dataset.reload()
    record = load_record(dataset, "lq")
    found = after_review(dataset, record)
    shown = on_show(dataset, record, "softmin")
    assert shown.suspects.expected == pytest.approx(found.suspects.expected)
    by_issue = {(one.given_name, one.suggested_name): one.expected for one in found.issues}
    for one in shown.issues:
        assert one.expected == pytest.approx(by_issue[one.given_name, one.suggested_name], abs=1e-4)
    return found.suspects.expected, by_issue


def test_confirmed_suspects_count_one_rejected_ones_nothing_and_others_their_probability(audited: Any) -> None:
    from label_quality import load_record, set_verdict
    from label_quality.plugin.runs.after_review import after_review

    record = load_record(audited, "lq")
    # Nobody has reviewed: as the search has said
    assert after_review(audited, record) is record
    assert record.suspects.expected > 0
    every = suspects(audited)
    before, by_issue = counted(audited)
    assert before == pytest.approx(sum(one.probability for one in every)) == record.suspects.expected
    confirmed, rejected = every[0], every[-1]
    set_verdict(audited, "lq", [confirmed.id], "confirmed")
    set_verdict(audited, "lq", [rejected.id], "rejected")
    after, of_issue = counted(audited)
    assert after == pytest.approx(before + 1 - confirmed.probability - rejected.probability)
    expected = dict(by_issue)
    expected[confirmed.given, confirmed.suggested] += 1 - confirmed.probability
    expected[rejected.given, rejected.suggested] -= rejected.probability
    assert of_issue == pytest.approx(expected, abs=1e-4)
    # Taken back, it is as before; all rejected, nothing is
    set_verdict(audited, "lq", [confirmed.id, rejected.id], None)
    assert counted(audited)[0] == pytest.approx(before)
    set_verdict(audited, "lq", [one.id for one in every], "rejected")
    nothing, none_of_any = counted(audited)
    assert nothing == 0 and set(none_of_any.values()) == {0.0}


def test_what_was_redrawn_counts_as_a_mistake(audited: Any) -> None:
    import numpy as np

    before, every = counted(audited)[0], suspects(audited)
    sample = next(one for one in audited if one.lq_suspects.detections)
    region = sample.lq_suspects.detections[0]
    mask = np.ones((9, 9), np.uint8)
    region.mask, region.mask_path = mask, None
    sample.save()
    from label_quality import collect_edits

    assert collect_edits(audited, "lq").edited == 1
    assert every[0].id == region.id
    assert counted(audited)[0] == pytest.approx(before + 1 - region.probability)


def test_suspects_without_a_probability_have_no_such_number(audited: Any) -> None:
    from label_quality import find_suspects, load_record, set_verdict
    from label_quality.plugin.runs.after_review import after_review

    find_suspects(audited, key="lq", probability=False)
    set_verdict(audited, "lq", [suspects(audited)[0].id], "confirmed")
    record = load_record(audited, "lq")
    assert record.suspects.expected is None
    assert after_review(audited, record) is record
