"""What is kept with a dataset as FiftyOne custom runs: a header that the App lists, and JSON of any size."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Mapping
from typing import Any

import fiftyone as fo
from bson import json_util
from gridfs.errors import CorruptGridFile, NoFile
from mongoengine.errors import DoesNotExist

from ..base.errors import LabelQualityError
from ..samples.private_fiftyone import document_of, mark_changed

#: The custom runs' methods: tell this plugin's records from others, and audits from benchmarks
AUDIT, BENCHMARK = "label_quality", "label_quality_benchmark"
_CALLED = {AUDIT: "a label quality run", BENCHMARK: "a benchmark"}
#: Version of how a record is kept: a header, and the rest as JSON, which has a version of its own
FORMAT = 1
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


def check_key(dataset: fo.Dataset, key: str, method: str) -> None:
    """Raises `LabelQualityError` unless a record of the method can have the key: it is a key, and nobody else's."""
    if not isinstance(key, str) or not _KEY.fullmatch(key) or keyword.iskeyword(key):
        raise LabelQualityError(
            f"Expected `key` to be a letter followed by up to 63 letters, digits or underscores (it becomes the prefix "
            f"of field names), but got {key!r}."
        )
    found = _method(dataset, key)
    if key not in dataset.list_runs() or found == method:
        return
    kind = _CALLED.get(found)
    taken = f"{kind} '{key}'" if kind else f"a custom run '{key}' that this plugin did not make"
    raise LabelQualityError(f"Dataset '{dataset.name}' already has {taken}. Use another `key`.")


def save_content(
    dataset: fo.Dataset, key: str, method: str, header: Mapping[str, Any], content: Mapping[str, Any]
) -> None:
    """Saves a record, in place of an earlier one with its key, which is there until the new one is.

    Args:
        dataset: the dataset
        key: of the record
        method: `AUDIT` or `BENCHMARK`
        header: what the App's list of runs shows
        content: strict JSON

    Raises:
        LabelQualityError: the key is no key, or belongs to another kind of run
    """
    check_key(dataset, key, method)
    config = dataset.init_run(method=method, format=FORMAT, **header)
    if key not in dataset.list_runs():
        dataset.register_run(key, config)
    # As one string: the names of classes and parameters may be anything, also what MongoDB has a meaning for
    results = dataset.init_run_results(key, record=json.dumps(content, allow_nan=False))
    _replace(document_of(dataset).runs[key], config.serialize(), json_util.dumps(results.serialize()).encode())


def load_content(dataset: fo.Dataset, key: str) -> dict[str, Any]:
    """A record's content; empty if it was interrupted before it was saved for the first time, or deleted since.

    Raises:
        LabelQualityError: it is there and cannot be read
    """
    run = document_of(dataset).runs[key]
    try:
        data = _read(run)
        if data is None:
            # Another process has replaced it since, or was killed while it did as version 0.1.0: deleting the old first
            run.reload()
            data = _read(run)
        if data is None:
            return {}
        content: dict[str, Any] = json.loads(json_util.loads(data.decode())["record"])
    except DoesNotExist:
        return {}
    except (CorruptGridFile, ValueError, KeyError, TypeError) as error:
        raise LabelQualityError(
            f"The record of the custom run '{key}' of dataset '{dataset.name}' is damaged: {error}. "
            f"{how_to_replace(key)}"
        ) from error
    return content


def how_to_replace(key: str) -> str:
    """What to do about a record that cannot be read, in a sentence."""
    return (
        f"Delete it with dataset.delete_run('{key}') in Python, then run again with the same `key`: files that are "
        "still whole are used."
    )


def delete_content(dataset: fo.Dataset, key: str) -> None:
    """Deletes a record; at no moment does the dataset refer to what is no longer there."""
    run = document_of(dataset).runs[key]
    # Not by `delete_run`, which deletes before it takes the reference away: killed in between, the key could not be
    # used or deleted any more
    del document_of(dataset).runs[key]
    dataset.save()
    if run.results:
        run.results.delete()
    run.delete()


def _replace(run: Any, config: Mapping[str, Any], data: bytes) -> None:
    """Saves a custom run's config and results in one write; what it had is there until then.

    FiftyOne's own functions delete the old results before they write the new ones.
    """
    old = run.results.grid_id
    run.results.grid_id = run.results.gridout = None
    run.results.put(data, content_type="application/json")
    run.config, run.results_meta = dict(config), {}
    # Of a document that was loaded without results, MongoEngine does not notice that it has some now
    mark_changed(run, "results")
    run.save()
    if old is not None:
        run.results.fs.delete(old)


def _read(run: Any) -> bytes | None:
    """A custom run's results, or None where there are none.

    By GridFS itself: FiftyOne's way there takes every error, also a lost connection, for results that are not there.
    """
    grid_id = run.results.grid_id
    if grid_id is None:
        return None
    try:
        data: bytes = run.results.fs.get(grid_id).read()
    except NoFile:
        return None
    return data


def load_header(dataset: fo.Dataset, key: str, method: str, names: tuple[str, ...]) -> dict[str, Any] | None:
    """What the custom run's config says of these names, or None if there is no record of this method."""
    if _method(dataset, key) != method:
        return None
    config = dataset.get_run_info(key).config
    return {name: getattr(config, name) for name in names if hasattr(config, name)}


def _method(dataset: fo.Dataset, key: str) -> str:
    """The method of the custom run of a key, empty where there is none or it says none."""
    config = dataset.get_run_info(key).config if key in dataset.list_runs() else None
    return config.method if config is not None else ""
