"""Indexes of runs on a real dataset, up to the number that MongoDB allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ..predicted_files import predict

#: Of FiftyOne's own: id, filepath, and the times of creation and change
OWN = 4
SCORES = ("lq_evidence", "lq_softmin", "lq_ccp")


@pytest.fixture
def indexes(fiftyone: Any) -> Any:
    from label_quality.plugin.documents import indexes

    return indexes


@pytest.fixture
def scored(dataset: Any, fiftyone: Any) -> Any:
    for name in ("lq_quality", *SCORES):
        dataset.add_sample_field(name, fiftyone.FloatField)
    return dataset


def occupy(dataset: Any, count: int) -> None:
    """Makes indexes of the user's, as many."""
    for number in range(count):
        dataset._sample_collection.create_index([(f"mine_{number}", 1)])


def made(dataset: Any) -> set[str]:
    return {name for name in dataset.list_indexes() if name.startswith("lq_")}


@pytest.mark.parametrize(
    ("others", "first"), [(10, ("lq_quality", *SCORES)), (26, ("lq_quality", SCORES[0])), (58, ("lq_quality",))]
)
def test_the_most_useful_are_made_while_there_is_room(
    scored: Any, indexes: Any, others: int, first: tuple[str, ...]
) -> None:
    occupy(scored, others)
    indexes.create_indexes(scored, ["lq_quality"], SCORES)
    assert made(scored) == set(first)
    note = indexes.missing_note(scored, ["lq_quality", *SCORES])
    missing = [name for name in SCORES if name not in first]
    assert note == (
        (
            missing
            and f"The App's grid cannot sort by {', '.join(missing)}: a dataset can have 64 indexes and this one has "
            f"{OWN + others + len(first)}, and 32 are kept for what is sorted by most. Delete runs that are no longer "
            f"needed, or other indexes by dataset.drop_index(), and then dataset.create_index('{missing[0]}') makes it "
            "possible."
        )
        or ""
    )


def test_none_is_made_where_there_is_no_room(scored: Any, indexes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    occupy(scored, 60)
    indexes.create_indexes(scored, ["lq_quality"])
    assert made(scored) == set()
    assert "can have 64 indexes and this one has 64. Delete runs" in indexes.missing_note(scored, ["lq_quality"])
    # As when another process makes the last one just before
    monkeypatch.setattr(indexes, "LIMIT", 65)
    indexes.create_indexes(scored, ["lq_quality"])
    assert made(scored) == set()


def test_dropped_are_those_of_the_fields_alone(scored: Any, indexes: Any) -> None:
    indexes.create_indexes(scored, ["lq_quality", *SCORES])
    scored.create_index([("lq_ccp", 1), ("index", -1)])
    before = set(scored.list_indexes())
    # Also where the field is gone
    scored._doc.sample_fields = [one for one in scored._doc.sample_fields if one.name != "lq_ccp"]
    scored.save()
    scored.reload()
    indexes.drop_indexes(scored, ["lq_ccp", "lq"])
    assert before - set(scored.list_indexes()) == {"lq_ccp", "lq_ccp_1_index_-1"}


def test_an_audit_goes_on_without_indexes_and_says_so(dataset: Any, tmp_path: Path) -> None:
    from label_quality.operators.output import outputs
    from label_quality.plugin import audit

    occupy(dataset, 60)
    summary = audit.audit_labels(dataset, "ground_truth", **predict(dataset, tmp_path))
    assert (summary.status, summary.scored) == ("complete", 4)
    assert summary.note.startswith("The App's grid cannot sort by lq_quality, lq_evidence, lq_softmin, ")
    assert summary.suspects.notes[-1].startswith(
        "The App's grid cannot sort by lq_suspects.detections.probability, lq_error_type: a dataset can have 64 indexes"
    )
    assert outputs.summarise(summary)["note"] == summary.note == audit.list_runs(dataset)[0].note
    assert made(dataset) == set()
    assert dataset.load_saved_view("lq: worst first").values("lq_quality") == sorted(dataset.values("lq_quality"))
    # With room again, a run that is replaced has them
    for number in range(11):
        dataset._sample_collection.drop_index(f"mine_{number}_1")
    again = audit.audit_labels(dataset, "ground_truth", **predict(dataset, tmp_path), overwrite=True)
    assert made(dataset) == {"lq_quality", "lq_suspects.detections.probability", "lq_error_type"}
    assert again.note.startswith("The App's grid cannot sort by lq_evidence, ") and not again.suspects.notes


@pytest.mark.slow
def test_seven_runs_have_what_is_sorted_by_most(dataset: Any, tmp_path: Path) -> None:
    from label_quality.plugin import audit

    parameters = predict(dataset, tmp_path)
    for number in range(7):
        summary = audit.audit_labels(dataset, "ground_truth", key=f"r{number}", **parameters)
        assert (summary.status, bool(summary.note)) == ("complete", number > 1)
    names = dataset.list_indexes()
    for number in range(7):
        assert {f"r{number}_quality", f"r{number}_error_type", f"r{number}_suspects.detections.probability"} <= set(
            names
        )
    assert len(names) <= 64
