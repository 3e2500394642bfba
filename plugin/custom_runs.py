"""What is kept with a dataset as FiftyOne custom runs: a header that the App lists, and JSON of any size."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Mapping
from typing import Any

import fiftyone as fo

from .errors import LabelQualityError

#: The custom runs' methods: tell this plugin's records from others, and audits from benchmarks
AUDIT, BENCHMARK = "label_quality", "label_quality_benchmark"
_CALLED = {AUDIT: "a label quality run", BENCHMARK: "a benchmark"}
#: Version of the records' layout
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
    """Saves a record, in place of an earlier one with its key; can be repeated after it was interrupted.

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
    # Not registered anew when it exists: deleting and inserting would lose the record if killed in between
    if key in dataset.list_runs():
        dataset.update_run_config(key, config)
    else:
        dataset.register_run(key, config)
    # As one string: the names of classes and parameters may be anything, also what MongoDB has a meaning for
    results = dataset.init_run_results(key, record=json.dumps(content, allow_nan=False))
    dataset.save_run_results(key, results, overwrite=True, cache=False)


def load_content(dataset: fo.Dataset, key: str) -> dict[str, Any]:
    """A record's content; empty if it was interrupted while it was replaced."""
    try:
        results = dataset.load_run_results(key, cache=False, load_view=False)
        content: dict[str, Any] = json.loads(results.record)
    except (AttributeError, ValueError, OSError):
        return {}
    except Exception as error:
        # GridFS raises NoFile where the old results are gone and the new ones are not there yet
        if type(error).__name__ != "NoFile":
            raise
        return {}
    return content


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
