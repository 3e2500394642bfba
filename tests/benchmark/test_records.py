"""Benchmarks' records on a real dataset, apart from audits' records, and what is deleted with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def records(fiftyone: Any) -> Any:
    from label_quality.plugin.benchmark import records as benchmark_records

    return benchmark_records


def content(**changed: Any) -> dict[str, Any]:
    estimate = {"value": np.float64(0.9), "low": 0.8, "high": 1.0}
    result = {
        "kind": "drop",
        "architecture": None,
        "errors": np.int64(2),
        "images": 4,
        "seconds": 1.5,
        "scores": {"softmin": {"auroc": estimate}},
        "curves": {"softmin": {"recall": np.array([0.0, 1.0]), "precision": (1.0, 0.5)}},
    }
    return {
        "label_field": "ground_truth",
        "mode": "injected",
        "truth_field": None,
        "created": "2026-01-01T00:00:00+00:00",
        "status": "complete",
        "images": 4,
        "classes": ["a.b", "$c"],
        "config": {"rates": {"drop": 0.2}},
        "results": [result],
        "left_out": {"swap": "one class"},
        "notes": ["Fewer than 100 images."],
        **changed,
    }


def test_a_record_comes_back_as_json(records: Any, dataset: Any) -> None:
    records.save_benchmark(dataset, "lq_benchmark", content())
    dataset.reload()
    found = records.load_benchmark(dataset, "lq_benchmark")
    assert found["results"] == [
        {
            "kind": "drop",
            "architecture": None,
            "errors": 2,
            "images": 4,
            "seconds": 1.5,
            "scores": {"softmin": {"auroc": {"value": 0.9, "low": 0.8, "high": 1.0}}},
            "curves": {"softmin": {"recall": [0.0, 1.0], "precision": [1.0, 0.5]}},
        }
    ]
    rest = {name: value for name, value in content().items() if name != "results"}
    assert {name: found[name] for name in rest} == rest and found["key"] == "lq_benchmark"


def test_a_record_is_replaced_and_the_oldest_is_listed_first(records: Any, dataset: Any) -> None:
    records.save_benchmark(dataset, "a", content(created="2026-01-02T00:00:00+00:00", status="running"))
    records.save_benchmark(dataset, "b", content())
    records.save_benchmark(dataset, "a", content(created="2026-01-02T00:00:00+00:00"))
    found = records.list_benchmarks(dataset)
    assert [(one["key"], one["status"]) for one in found] == [("b", "complete"), ("a", "complete")]


def test_a_missing_benchmark_is_said(records: Any, dataset: Any) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    with pytest.raises(LabelQualityError) as caught:
        records.load_benchmark(dataset, "mine")
    assert str(caught.value) == f"Dataset '{dataset.name}' has no benchmark 'mine'. It has no benchmarks."
    records.save_benchmark(dataset, "other", content())
    with pytest.raises(LabelQualityError, match=r"has no benchmark 'mine'\. Its benchmarks are: other\.$"):
        records.delete_benchmark(dataset, "mine")


def test_benchmarks_and_audits_are_told_apart(records: Any, dataset: Any) -> None:
    from label_quality.plugin.base.errors import LabelQualityError
    from label_quality.plugin.records import run_record as runs

    runs.save_record(dataset, runs.RunRecord("lq", "ground_truth"))
    records.save_benchmark(dataset, "bench", content())
    assert [one.key for one in runs.list_records(dataset)] == ["lq"]
    assert [one["key"] for one in records.list_benchmarks(dataset)] == ["bench"]
    with pytest.raises(LabelQualityError, match=r"already has a label quality run 'lq'\. Use another `key`\.$"):
        records.save_benchmark(dataset, "lq", content())
    with pytest.raises(LabelQualityError, match=r"already has a benchmark 'bench'\. Use another `key`\.$"):
        runs.validate_key(dataset, "bench")
    with pytest.raises(LabelQualityError, match="Expected `key` to be a letter followed by"):
        records.save_benchmark(dataset, "no key", content())


def test_a_record_whose_saving_was_interrupted_can_still_be_read(records: Any, dataset: Any) -> None:
    records.save_benchmark(dataset, "lq_benchmark", content(folder="/files"))
    dataset._doc.runs["lq_benchmark"].results.delete()
    found = records.load_benchmark(dataset, "lq_benchmark")
    assert (found["label_field"], found["folder"], found["results"]) == ("ground_truth", "/files", [])


@pytest.fixture
def benchmarked(records: Any, dataset: Any, fiftyone: Any, tmp_path: Path) -> Any:
    """A dataset with a benchmark's record, masks, and a dataset of its own."""
    from label_quality.plugin.benchmark.noisy_dataset import plant_errors
    from label_quality.plugin.runs.housekeeping import dataset_id
    from label_quality.plugin.samples.inputs import open_samples

    folder = tmp_path / "files" / "lq_benchmark"
    plant_errors(open_samples(dataset, "ground_truth"), "swap", 0.5, folder / "masks", seed=1)
    fiftyone.Dataset(f"{records.dataset_prefix(dataset, 'lq_benchmark')}swap", persistent=True)
    records.save_benchmark(
        dataset, "lq_benchmark", content(folder=str(folder), dataset_id=dataset_id(dataset), status="running")
    )
    yield dataset
    for name in records.own_datasets(dataset, "lq_benchmark"):
        fiftyone.delete_dataset(name)


def test_deleting_removes_the_datasets_files_and_record_and_nothing_else(
    records: Any, benchmarked: Any, fiftyone: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "files" / "lq_benchmark"
    own = records.own_datasets(benchmarked, "lq_benchmark")
    assert [records.is_own_dataset(name) for name in (*own, "lq-benchmark-mine")] == [True, False]
    assert list(folder.rglob("errors.json")) and list(folder.rglob("00000*.png"))
    mine = folder / "masks" / "mine.png"
    mine.write_bytes(b"")
    assert records.delete_benchmark(benchmarked, "lq_benchmark") == [str(mine)]
    assert [path for path in folder.rglob("*") if path.is_file()] == [mine]
    assert records.list_benchmarks(benchmarked) == [] and not fiftyone.dataset_exists(own[0])
    assert len(benchmarked) == 4 and all(Path(path).exists() for path in benchmarked.values("filepath"))


def test_of_a_folder_of_version_0_1_that_two_datasets_share_only_what_is_ones_own_is_deleted(
    records: Any, benchmarked: Any, make_dataset: Any, tmp_path: Path
) -> None:
    from label_quality.plugin.runs.housekeeping import dataset_id
    from label_quality.plugin.store.run_folder import RunFolder

    other, folder = make_dataset(), tmp_path / "files" / "lq_benchmark"
    records.save_benchmark(other, "lq_benchmark", content(folder=str(folder), dataset_id=dataset_id(other)))
    runs = [folder / "runs" / f"{records.dataset_prefix(one, 'lq_benchmark')}swap" for one in (benchmarked, other)]
    for run in runs:
        with RunFolder(run / "run_1") as opened:
            opened.open_scores("0123")
    left = records.delete_benchmark(benchmarked, "lq_benchmark")
    # Nobody can tell whose the copies of masks are
    assert {Path(path).suffix for path in left if "/masks/" in path} == {".png", ".json"}
    assert [run.exists() for run in runs] == [False, True]
    assert records.delete_benchmark(other, "lq_benchmark") == [] and not folder.exists()


def test_nothing_is_left_where_the_folder_held_only_the_benchmarks_files(
    records: Any, benchmarked: Any, tmp_path: Path
) -> None:
    assert records.delete_benchmark(benchmarked, "lq_benchmark") == []
    assert not (tmp_path / "files").exists()


def test_a_clones_record_is_deleted_without_the_originals_files(
    records: Any, benchmarked: Any, fiftyone: Any, tmp_path: Path
) -> None:
    clone = benchmarked.clone()
    try:
        assert records.delete_benchmark(clone, "lq_benchmark") == []
        assert list((tmp_path / "files").rglob("errors.json"))
        assert records.own_datasets(benchmarked, "lq_benchmark") and not records.list_benchmarks(clone)
        assert len(records.list_benchmarks(benchmarked)) == 1
    finally:
        fiftyone.delete_dataset(clone.name)


def test_a_benchmark_that_is_under_way_is_not_deleted(records: Any, benchmarked: Any, tmp_path: Path) -> None:
    from label_quality.plugin.base.errors import LabelQualityError
    from label_quality.plugin.store.run_folder import RunFolder

    with (
        RunFolder(tmp_path / "files" / "lq_benchmark"),
        pytest.raises(LabelQualityError, match="Another run is using"),
    ):
        records.delete_benchmark(benchmarked, "lq_benchmark")
    assert len(records.list_benchmarks(benchmarked)) == 1
