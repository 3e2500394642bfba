"""The list of a dataset's saved views on a real dataset: with references to nothing, and changed by others at once."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def saved_views(fiftyone: Any) -> Any:
    from label_quality.plugin.documents import saved_views

    return saved_views


@pytest.fixture
def views(fiftyone: Any) -> Any:
    from label_quality.plugin.dataset import views

    return views


def documents(collection: str) -> Any:
    import fiftyone.core.odm as odm

    return odm.get_db_conn()[collection]


@pytest.fixture
def broken(dataset: Any, views: Any, fiftyone: Any) -> Any:
    """A run's view between two of the user's, as FiftyOne leaves it if it is killed while it deletes it."""
    from label_quality.plugin.records.run_record import RunRecord, save_record

    dataset.add_sample_field("lq_quality", fiftyone.FloatField)
    dataset.set_values("lq_quality", [0.9, 0.8, 0.5, 0.1])
    save_record(dataset, RunRecord("lq", "ground_truth"))
    dataset.save_view("one", dataset.limit(1))
    views.save_worst_first(dataset, "lq")
    dataset.save_view("two", dataset.limit(2))
    documents("views").delete_one({"_dataset_id": dataset._doc.id, "name": "lq: worst first"})
    dataset.reload()
    # What must not be: the user's second view is none
    with pytest.raises(AttributeError):
        dataset.load_saved_view("two")
    return dataset


def entries() -> dict[str, Any]:
    """The ways into a dataset: each repairs its references."""
    from label_quality.operators.output import run_table
    from label_quality.operators.panel import runs as panel_runs
    from label_quality.plugin import audit
    from label_quality.plugin.benchmark import records as benchmark_records
    from label_quality.plugin.cli import app_server
    from label_quality.plugin.dataset import views
    from label_quality.plugin.records import run_record as runs
    from label_quality.plugin.runs import housekeeping

    return {
        "list_runs": audit.list_runs,
        "load_record": lambda dataset: runs.load_record(dataset, "lq"),
        "find_record": lambda dataset: housekeeping.find_record(dataset, "lq"),
        "delete_run": lambda dataset: audit.delete_run(dataset, "lq"),
        "list_benchmarks": benchmark_records.list_benchmarks,
        "check_views": lambda dataset: views.check_views(dataset, "lq"),
        "own_views": lambda dataset: views.own_views(dataset, "lq"),
        "save_worst_first": lambda dataset: views.save_worst_first(dataset, "lq"),
        "worst_first": views.worst_first,
        "ranking_view": lambda dataset: app_server.ranking_view(dataset, "lq"),
        "panel": panel_runs.headers,
        "forms": run_table.rows,
    }


ENTRIES = (
    *("list_runs", "load_record", "find_record", "delete_run", "list_benchmarks", "check_views", "own_views"),
    *("save_worst_first", "worst_first", "ranking_view", "panel", "forms"),
)


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_repairs_references_to_views_that_are_gone(broken: Any, entry: str) -> None:
    entries()[entry](broken)
    assert [len(broken.load_saved_view(name)) for name in ("one", "two")] == [1, 2]
    broken.reload()
    assert [name for name in broken.list_saved_views() if name != "lq: worst first"] == ["one", "two"]
    assert [len(broken.load_saved_view(name)) for name in ("one", "two")] == [1, 2]


def test_repair_deletes_no_view(broken: Any, saved_views: Any) -> None:
    before = list(documents("views").find({"_dataset_id": broken._doc.id}))
    saved_views.repair(broken)
    assert list(documents("views").find({"_dataset_id": broken._doc.id})) == before
    assert [one.name for one in saved_views.listed(broken)] == ["one", "two"]


def test_a_custom_run_whose_document_is_gone_is_forgotten(dataset: Any, saved_views: Any) -> None:
    from label_quality.plugin.records.run_record import RunRecord, list_records, save_record

    for key in ("a", "b"):
        save_record(dataset, RunRecord(key, "ground_truth"))
    documents("runs").delete_one({"_dataset_id": dataset._doc.id, "key": "a"})
    dataset.reload()
    assert [record.key for record in list_records(dataset)] == ["b"]
    assert list(documents("datasets").find_one({"_id": dataset._doc.id})["runs"]) == ["b"]
    assert list(dataset._doc.runs) == ["b"]


def test_what_a_kill_left_of_a_runs_views_goes_with_the_next_ones(broken: Any, saved_views: Any, views: Any) -> None:
    views.save_worst_first(broken, "lq")
    documents("datasets").update_one(
        {"_id": broken._doc.id}, {"$pull": {"saved_views": saved_views.listed(broken)[-1].id}}
    )
    broken.reload()
    assert views.own_views(broken, "lq") == [] and len(saved_views.unlisted(broken)) == 1
    views.save_worst_first(broken, "lq")
    assert views.own_views(broken, "lq") == ["lq: worst first"] and saved_views.unlisted(broken) == []
    documents("datasets").update_one(
        {"_id": broken._doc.id}, {"$pull": {"saved_views": saved_views.listed(broken)[-1].id}}
    )
    assert views.delete_views(broken, "lq") == [] and saved_views.unlisted(broken) == []
    assert [one.name for one in saved_views.listed(broken)] == ["one", "two"]


def test_a_view_that_another_process_dropped_is_listed_again(broken: Any, saved_views: Any, views: Any) -> None:
    views.save_worst_first(broken, "lq")
    ids = [one.id for one in saved_views.listed(broken)]
    documents("datasets").update_one({"_id": broken._doc.id}, {"$set": {"saved_views": ids[:-1]}})
    views.restore_views(broken, "lq", ["lq: worst first"])
    assert [one.id for one in saved_views.listed(broken)] == ids
    assert broken.load_saved_view("lq: worst first").values("lq_quality") == [0.1, 0.5, 0.8, 0.9]
    views.restore_views(broken, "lq", ["lq: worst first"])
    assert [one.id for one in saved_views.listed(broken)] == ids


def test_an_object_that_does_not_know_of_a_change_follows_it(broken: Any, saved_views: Any) -> None:
    saved_views.repair(broken)
    last = saved_views.listed(broken)[-1]
    documents("datasets").update_one({"_id": broken._doc.id}, {"$pull": {"saved_views": last.id}})
    documents("views").delete_one({"_id": last.id})
    saved_views.repair(broken)
    assert broken.list_saved_views() == ["one"]
