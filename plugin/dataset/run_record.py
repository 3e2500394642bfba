"""The record of a run, kept with the dataset as a FiftyOne custom run: what was asked, found, and made."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np

from ..base.errors import LabelQualityError
from .custom_runs import AUDIT, check_key, delete_content, load_content, load_header, save_content
from .saved_views import repair

_PACKAGES = {
    "fiftyone": "fiftyone",
    "torch": "torch",
    "segmentation_models_pytorch": "segmentation-models-pytorch",
    "numpy": "numpy",
    "numba": "numba",
}
#: What the App's list of runs shows; all else is in the run's results, which may be large
_HEADER = (
    *("label_field", "source", "status", "out_of_sample", "note", "scored", "fields", "views", "folder", "created"),
    "scores_missing",
)


@dataclass
class RunRecord:
    """One run, as it is kept with the dataset.

    Args:
        key: the run's key, the prefix of its fields
        label_field: the field with the given masks
        source: where the predictions come from: ``cross_validation``, ``model`` or ``files``
        status: how far it is, in a word, such as ``predicted`` or ``complete``
        config: parameters by group, such as ``predictions`` and ``scores``
        seed: of the cross-validation
        fingerprint: of the input
        class_table: as `ClassTable.to_dict` gives it
        out_of_sample: whether no prediction comes from a model trained on that same sample
        note: what a user must know about the run, such as why it may not be out-of-sample
        samples: number of samples asked for
        scored: number of samples with results
        thresholds: confidence threshold of each class, K floats
        confident_joint: (K, K) counts, [given, confident]
        noise_matrix: (K, K) P(given | true)
        timings: seconds by stage
        failures: samples left out: ``sample_id``, ``path``, ``problem``
        scores_missing: score to the reason why it was not computed
        fields: names of the fields it made
        views: names of the saved views it made
        folder: where its files are
        versions: of Python and the packages that decide the results
        created: UTC time, ISO 8601
        extra: anything else worth keeping, JSON values
    """

    key: str
    label_field: str
    source: str = ""
    status: str = "complete"
    config: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    fingerprint: str = ""
    class_table: dict[str, Any] = field(default_factory=dict)
    out_of_sample: bool = True
    note: str = ""
    samples: int = 0
    scored: int = 0
    thresholds: list[float] = field(default_factory=list)
    confident_joint: list[list[int]] = field(default_factory=list)
    noise_matrix: list[list[float]] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    scores_missing: dict[str, str] = field(default_factory=dict)
    fields: list[str] = field(default_factory=list)
    views: list[str] = field(default_factory=list)
    folder: str | None = None
    versions: dict[str, str] = field(default_factory=lambda: versions())
    created: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def sets(self) -> frozenset[str]:
        """Names of the sets in the folder that hold the run's files."""
        suspects = self.extra.get("suspects", {})
        names = (self.extra.get("score_set"), self.extra.get("prediction_set"), suspects.get("set"))
        return frozenset(name for name in names if name)

    def to_dict(self) -> dict[str, Any]:
        """The record as strict JSON values: arrays become lists; NaN and infinities, 'NaN' and '±Infinity'."""
        return {item.name: to_json(getattr(self, item.name)) for item in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> RunRecord:
        """The record that `to_dict` described; parts it does not know, of a later version, are left out."""
        names = {item.name for item in dataclasses.fields(cls)}
        record = cls(**{name: value for name, value in content.items() if name in names})
        record.thresholds = [float(value) for value in record.thresholds]
        record.noise_matrix = [[float(value) for value in row] for row in record.noise_matrix]
        record.timings = {stage: float(seconds) for stage, seconds in record.timings.items()}
        return record


def validate_key(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` unless the key can name a run and its fields, and is not another kind of run's."""
    check_key(dataset, key, AUDIT)


def save_record(dataset: fo.Dataset, record: RunRecord) -> None:
    """Saves a run's record, in place of an earlier one with its key; can be repeated after it was interrupted.

    Args:
        dataset: the dataset
        record: the record

    Raises:
        LabelQualityError: the key is no key, or belongs to another kind of run
    """
    content = record.to_dict()
    save_content(dataset, record.key, AUDIT, {name: content[name] for name in _HEADER}, content)


def load_record(dataset: fo.Dataset, key: str) -> RunRecord:
    """The record of a run.

    If it was interrupted while its record was replaced, only what `_HEADER` lists is known.

    Raises:
        LabelQualityError: there is no such run of this plugin
    """
    repair(dataset)
    record = _read(dataset, key)
    if record is None:
        keys = [record.key for record in list_records(dataset)]
        there = f"Its runs are: {', '.join(keys)}." if keys else "It has no runs."
        raise LabelQualityError(f"Dataset '{dataset.name}' has no label quality run '{key}'. {there}")
    return record


def list_records(dataset: fo.Dataset) -> list[RunRecord]:
    """The records of all runs of this plugin on the dataset, the oldest first.

    What runs, forms and panels do with a dataset begins here or with `load_record`: both repair what FiftyOne leaves of
    a dataset's references when it is killed.
    """
    repair(dataset)
    records = [record for key in dataset.list_runs() if (record := _read(dataset, key)) is not None]
    return sorted(records, key=lambda record: (record.created, record.key))


def delete_record(dataset: fo.Dataset, key: str) -> None:
    """Deletes the record of a run; does nothing if there is none."""
    if _header(dataset, key) is not None:
        delete_content(dataset, key)


def versions() -> dict[str, str]:
    """Versions of Python, this plugin and the packages that decide a run's results; missing packages are left out."""
    # From the manifest: where FiftyOne loads the plugin from its folder, no package of that name is installed
    manifest = (Path(__file__).resolve().parents[2] / "fiftyone.yml").read_text()
    own = re.search(r"^version: (\S+)", manifest, re.MULTILINE)
    found = {"python": platform.python_version(), "label_quality": own.group(1) if own else "unknown"}
    for name, distribution in _PACKAGES.items():
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(distribution)
    return found


def to_json(value: Any) -> Any:
    """A value as strict JSON: NumPy types and arrays, tuples, sets, dataclasses, NaN and infinities included.

    Args:
        value: what to convert; anything unknown becomes its text

    Returns:
        dicts with string keys, lists, strings, numbers, booleans and None
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else "NaN" if math.isnan(value) else f"{'-' * (value < 0)}Infinity"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {str(name): to_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((to_json(item) for item in value), key=str)
    return str(value)


def _read(dataset: fo.Dataset, key: str) -> RunRecord | None:
    header = _header(dataset, key)
    return None if header is None else RunRecord.from_dict({**header, **load_content(dataset, key), "key": key})


def _header(dataset: fo.Dataset, key: str) -> dict[str, Any] | None:
    """What the custom run's config says, or None if it is not this plugin's."""
    return load_header(dataset, key, AUDIT, _HEADER)
