"""A database that is lost, read-only or full, and the records in it: real servers, and what the user is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from label_quality.plugin.base.database_errors import database_errors, explain
from label_quality.plugin.base.errors import LabelQualityError, SampleError

TESTS = Path(__file__).resolve().parents[1]
READINGS = ("list runs", "review progress", "last tagging", "choose", "count corrections", "list benchmarks")
ENTRANCES = ("command line", "operator", "form", "panel")
WRITINGS = ("review", "tag", "correct", "delete run", "delete benchmark")


@pytest.fixture(scope="module")
def broken(fiftyone: Any, tmp_path_factory: Any) -> dict[str, Any]:
    """What `broken_database.py` has found."""
    command = [sys.executable, str(TESTS / "broken_database.py"), str(tmp_path_factory.mktemp("broken"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_a_save_that_is_killed_leaves_the_old_record_or_the_new_one(broken: dict[str, Any]) -> None:
    old, new = {"note": "old", "text": "old"}, {"note": "new", "text": "new"}
    found = broken["saves"]
    assert found[0] == old and found[-1] == new and len(found) > 2
    assert all(one in (old, new) for one in found), found


@pytest.mark.slow
def test_a_deletion_that_is_killed_leaves_no_reference_to_nothing(broken: dict[str, Any]) -> None:
    found = broken["deletions"]
    assert found[0] == [["lq", "old", "test"], True] and found[-1] == [["lq", "test"], True]
    assert all(whole for _, whole in found), found


@pytest.mark.parametrize("entry", [*READINGS, *ENTRANCES, *WRITINGS])
def test_without_a_database_every_entry_says_how_to_go_on(broken: dict[str, Any], entry: str) -> None:
    kind, text = broken["gone"][entry]
    assert kind == "LabelQualityError", text
    assert text.startswith("The connection to FiftyOne's database (MongoDB) was lost: 127.0.0.1:"), text
    assert text.endswith(
        ". Once the database is back, start the same again: what a run had computed is kept in its files, and it "
        "continues from there."
    )
    assert "Topology" not in text and "Timeout" not in text


@pytest.mark.parametrize("entry", WRITINGS)
def test_a_user_who_may_only_read_is_told_so(broken: dict[str, Any], entry: str) -> None:
    kind, text = broken["read-only"][entry]
    assert kind == "LabelQualityError", text
    assert "FiftyOne's database (MongoDB) may not be written to or read with the user that FiftyOne logs in as" in text
    assert "not authorized on fiftyone to execute command" in text
    assert "Give that user the role readWrite on FiftyOne's database, and start the same again" in text


def test_a_full_disk_is_named() -> None:
    from pymongo.errors import BulkWriteError, OperationFailure

    single = OperationFailure("available disk space of 3 bytes is less than", 14031, {"errmsg": "too little"})
    several = BulkWriteError({"writeErrors": [{"code": 14031, "errmsg": "no space left"}], "writeConcernErrors": []})
    for error in (single, several):
        assert str(explain(error)).startswith("The disk of FiftyOne's database (MongoDB) is full: ")


def test_any_other_refusal_is_passed_on_with_its_cause() -> None:
    from pymongo.errors import OperationFailure

    told = r"refused what it was asked for: bad \(OperationFailure\)"
    with pytest.raises(LabelQualityError, match=told) as caught, database_errors():
        # As FiftyOne and mongoengine do: an error of their own
        try:
            raise OperationFailure("bad", 2, {"errmsg": "bad"})
        except OperationFailure as error:
            raise ValueError("cannot be written") from error
    assert isinstance(caught.value.__cause__, ValueError)


def test_other_errors_pass_through() -> None:
    assert explain(ConnectionResetError("a socket of someone else's")) is None
    with pytest.raises(SampleError, match=r"^truncated$"), database_errors():
        raise SampleError("truncated")
    with pytest.raises(KeyError), database_errors():
        raise KeyError("x")


def test_a_damaged_record_is_an_error_that_says_what_to_do(fiftyone: Any, dataset: Any) -> None:
    import fiftyone.core.odm as odm
    from label_quality.plugin.records.run_record import RunRecord, list_records, load_record, save_record

    save_record(dataset, RunRecord("lq", "ground_truth", config={"a": 1}))
    chunks = {"files_id": dataset._doc.runs["lq"].results.grid_id}
    odm.get_db_conn()["fs.chunks"].update_one(chunks, {"$set": {"data": b"{"}})
    told = rf"record of the custom run 'lq' of dataset '{dataset.name}' is damaged: .*dataset\.delete_run\('lq'\)"
    with pytest.raises(LabelQualityError, match=told):
        load_record(dataset, "lq")
    odm.get_db_conn()["fs.chunks"].delete_one(chunks)
    with pytest.raises(LabelQualityError, match=told):
        list_records(dataset)
    dataset.delete_run("lq")
    save_record(dataset, RunRecord("lq", "ground_truth", config={"a": 2}))
    assert load_record(dataset, "lq").config == {"a": 2}


def test_a_record_that_another_process_has_replaced_is_read(fiftyone: Any, dataset: Any) -> None:
    import fiftyone.core.odm as odm
    from label_quality.plugin.records.run_record import RunRecord, load_record, save_record

    save_record(dataset, RunRecord("lq", "ground_truth", config={"a": 1}))
    run = dataset._doc.runs["lq"]
    before = run.results.grid_id
    save_record(dataset, RunRecord("lq", "ground_truth", config={"a": 2}))
    assert odm.get_db_conn()["fs.files"].find_one({"_id": before}) is None
    run.results.grid_id, run.results.gridout = before, None
    assert load_record(dataset, "lq").config == {"a": 2}


def test_a_record_that_was_killed_before_it_had_content_gets_some(fiftyone: Any, dataset: Any) -> None:
    from label_quality.plugin.documents.custom_runs import BENCHMARK, load_content, save_content

    dataset.register_run("killed", dataset.init_run(method=BENCHMARK, format=1))
    # As another process loads it
    dataset._doc.runs["killed"] = type(dataset._doc.runs["killed"]).objects.get(id=dataset._doc.runs["killed"].id)
    assert load_content(dataset, "killed") == {}
    for number in range(3):
        save_content(dataset, "killed", BENCHMARK, {}, {"a": number})
        saved = type(dataset._doc.runs["killed"]).objects.get(id=dataset._doc.runs["killed"].id)
        assert json.loads(json.loads(saved.results.read())["record"]) == {"a": number}
