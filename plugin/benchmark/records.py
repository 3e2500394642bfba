"""The records of benchmarks of the scores, kept with a dataset, and what a benchmark has beside its record."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fiftyone as fo

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..base.json_values import to_json
from ..documents.custom_runs import BENCHMARK, check_key, delete_content, load_content, load_header, save_content
from ..documents.saved_views import repair
from ..records.clones import clones_of
from ..runs.housekeeping import dataset_id
from ..store.locks import LOCK_NAME
from ..store.run_folder import RunFolder, content_digest
from ..store.stored_set import files_under
from .config import DEFAULT_KEY
from .noisy_dataset import delete_masks

RUNNING, COMPLETE = "running", "complete"
#: Below a benchmark's folder: the copies of masks, and the folders of the audits
MASKS, RUNS = "masks", "runs"
#: What the App's list of runs shows, and what is known of a record whose saving was interrupted
_HEADER = ("label_field", "mode", "truth_field", "created", "status", "images", "folder", "dataset_id")
_PREFIX = "lq-benchmark"


def save_benchmark(dataset: fo.Dataset, key: str, content: Mapping[str, Any]) -> None:
    """Saves a benchmark's record with the dataset, in place of an earlier one with its key.

    Args:
        dataset: the dataset
        key: of the benchmark
        content: ``key``, ``label_field``, ``mode`` (`INJECTED` or `TRUTH`), ``truth_field``, ``created`` (UTC, ISO
            8601), ``status`` (`RUNNING` or `COMPLETE`), ``images``, ``classes``, ``config``, ``results``, ``left_out``
            (kind to the reason), ``notes`` (sentences), ``folder`` and ``dataset_id``; values as `to_json` takes

    Raises:
        LabelQualityError: the key is no key, or belongs to another kind of run
    """
    whole = to_json({**content, "key": key})
    save_content(dataset, key, BENCHMARK, {name: whole.get(name) for name in _HEADER}, whole)


@database_errors()
def load_benchmark(dataset: fo.Dataset, key: str = DEFAULT_KEY) -> dict[str, Any]:
    """The record of a benchmark, as `save_benchmark` takes it.

    Raises:
        LabelQualityError: there is no such benchmark
    """
    header = load_header(dataset, key, BENCHMARK, _HEADER)
    if header is None:
        keys = [one["key"] for one in list_benchmarks(dataset)]
        there = f"Its benchmarks are: {', '.join(keys)}." if keys else "It has no benchmarks."
        raise LabelQualityError(f"Dataset '{dataset.name}' has no benchmark '{key}'. {there}")
    empty: dict[str, Any] = {"classes": [], "config": {}, "results": [], "left_out": {}, "notes": []}
    return {**empty, **header, **load_content(dataset, key), "key": key}


@database_errors()
def list_benchmarks(dataset: fo.Dataset) -> list[dict[str, Any]]:
    """The records of all benchmarks on the dataset, the oldest first."""
    repair(dataset)
    keys = [key for key in dataset.list_runs() if load_header(dataset, key, BENCHMARK, ()) is not None]
    return sorted((load_benchmark(dataset, key) for key in keys), key=lambda one: (one["created"] or "", one["key"]))


@database_errors()
def delete_benchmark(dataset: fo.Dataset, key: str = DEFAULT_KEY) -> list[str]:
    """Deletes a benchmark: its datasets, files and record; can be repeated after it was interrupted.

    Args:
        dataset: the dataset
        key: of the benchmark

    Returns:
        files in the benchmark's folder that it did not make, and that are still there

    Raises:
        LabelQualityError: there is no such benchmark, or it is under way
    """
    record = load_benchmark(dataset, key)
    # A clone has the same record, but the files and datasets are those of the dataset that it was cloned from
    own = record.get("dataset_id") == dataset_id(dataset) and record.get("folder")
    left = clear_benchmark(dataset, key, Path(record["folder"])) if own else []
    delete_content(dataset, key)
    return [str(path) for path in left]


def clear_benchmark(dataset: fo.Dataset, key: str, folder: Path) -> list[Path]:
    """Deletes the datasets and files of a benchmark and leaves its record.

    Args:
        dataset: the dataset that is benchmarked
        key: of the benchmark
        folder: its folder

    Returns:
        files in the folder that the benchmark did not make, and that are still there

    Raises:
        LabelQualityError: the benchmark is under way
    """
    with RunFolder(folder):
        clear_audits(dataset, key, folder)
        clear_masks(dataset, folder)
        left = sorted(path for path in files_under(folder) if path != folder / LOCK_NAME)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()
    return left


def clear_audits(dataset: fo.Dataset, key: str, folder: Path) -> None:
    """Deletes a benchmark's own datasets and its audits' files; the caller holds the folder's lock.

    Args:
        dataset: the dataset that is benchmarked
        key: of the benchmark
        folder: its folder
    """
    for name in own_datasets(dataset, key):
        fo.delete_dataset(name)
    for audit in sorted((folder / RUNS).glob(f"{dataset_prefix(dataset, key)}*/*")):
        RunFolder(audit).delete()
    _remove_empty(folder / RUNS)


def clear_masks(dataset: fo.Dataset, folder: Path) -> None:
    """Deletes a benchmark's copies of masks; the caller holds the folder's lock.

    Version 0.1.0 named folders after the dataset alone: where another one of that name has used the same, nobody can
    tell whose the masks in it are, and they stay.

    Args:
        dataset: the dataset that is benchmarked
        folder: of the benchmark
    """
    if folder.parent.name.endswith(dataset_id(dataset)) or not clones_of(dataset, folder):
        delete_masks(folder / MASKS)


def dataset_prefix(dataset: fo.Dataset, key: str) -> str:
    """What the names of a benchmark's own datasets begin with."""
    return f"{_PREFIX}-{content_digest(dataset_id(dataset), key)}-"


def own_datasets(dataset: fo.Dataset, key: str) -> list[str]:
    """The names of the datasets that a benchmark has made and not deleted yet."""
    return fo.list_datasets(glob_patt=f"{dataset_prefix(dataset, key)}*")


def is_own_dataset(name: str) -> bool:
    """Whether a dataset is one that a benchmark has made for itself."""
    return re.fullmatch(rf"{_PREFIX}-[0-9a-f]{{12}}-.+", name) is not None


def check_benchmark_key(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` unless the key can name a benchmark and is not another kind of run's."""
    check_key(dataset, key, BENCHMARK)


def _remove_empty(folder: Path) -> None:
    for path in sorted(folder.glob("*"), reverse=True) if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            path.rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()
