"""The record of a run, kept with the dataset as a FiftyOne custom run: what was asked, found, and made."""

from __future__ import annotations

import contextlib
import dataclasses
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import fiftyone as fo

from ..base.errors import LabelQualityError
from ..base.json_values import from_json, to_json
from ..documents.custom_runs import (
    AUDIT,
    check_key,
    delete_content,
    how_to_replace,
    load_content,
    load_header,
    save_content,
)
from ..documents.saved_views import repair
from ..samples.failures import LeftOut
from ..samples.private_fiftyone import root_of
from ..suspects.class_effects import ClassEffect
from ..suspects.issues import Group
from .comparison import Comparison
from .record_parts import (
    COMPLETE,
    CorrectionPart,
    GainPart,
    ObjectPart,
    Overview,
    PredictionPart,
    ScorePart,
    SuspectPart,
)
from .sample_parts import SamplePart

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


#: Layout of the stored record. The first, of version 0.1.0, has no number, and is this one without it
VERSION = 2
#: Where the stored record has an attribute that is not at its top: the places are those of version 0.1.0
_PLACES = {
    "dataset": "dataset",
    "slices": "slices",
    "unknown": "unknown",
    "notes": "notes",
    "predictions.digest": "prediction_digest",
    "predictions.set": "prediction_set",
    "predictions.folder": "prediction_folder",
    "predictions.run": "predictions_from",
    "predictions.model": "model",
    "scores.digest": "score_digest",
    "scores.set": "score_set",
    "scores.flagged_pixels": "flagged_pixels",
    "scores.pooled_pixels": "pooled_pixels",
    "overview": "overview",
    "suspects": "suspects",
    "objects": "objects",
    "gain": "gain",
    "sample": "sample",
    "corrections": "corrections",
    "comparison": "comparison",
    "issues": "groups",
    "classes": "classes",
    "label_miou": "label_miou",
}
_NESTED = "extra"


@dataclass
class RunRecord:
    """One run, as it is kept with the dataset.

    Args:
        key: the run's key, the prefix of its fields
        label_field: the field with the given masks
        source: where the predictions come from: ``cross_validation``, ``model`` or ``files``
        status: how far it is: ``predicted``, ``writing`` or ``complete``
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
        dataset: id of the dataset; None where it is not known
        slices: names of the slices that took part, of a dataset with slices
        unknown: what a mask value outside the classes was: an ``error``, or ignored with ``ignore``
        notes: the sentences of ``note``
        predictions: what was predicted
        scores: what was scored
        overview: the run at a glance; None where it has no scores
        suspects: what was found; None where suspects were not asked for
        objects: scores of annotated objects; None where they were not asked for
        gain: what clean masks are worth; None where it was not measured
        sample: what was drawn to estimate how many errors there are; None where nothing was
        corrections: corrected masks that were loaded; None where there are none
        comparison: what has changed from another run to this one; None where that was not asked
        issues: suspects by given and suggested class, in the order of `issues.find_groups`
        classes: each class before and after all suggestions
        label_miou: mean IoU of the given labels with the suggested ones; None where suspects were not looked for
    """

    key: str
    label_field: str
    source: str = ""
    status: str = COMPLETE
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
    failures: list[LeftOut] = field(default_factory=list)
    scores_missing: dict[str, str] = field(default_factory=dict)
    fields: list[str] = field(default_factory=list)
    views: list[str] = field(default_factory=list)
    folder: str | None = None
    versions: dict[str, str] = field(default_factory=lambda: versions())
    created: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))
    dataset: str | None = None
    slices: list[str] | None = None
    unknown: str = "error"
    notes: list[str] = field(default_factory=list)
    predictions: PredictionPart = field(default_factory=PredictionPart)
    scores: ScorePart = field(default_factory=ScorePart)
    overview: Overview | None = None
    suspects: SuspectPart | None = None
    objects: ObjectPart | None = None
    gain: GainPart | None = None
    sample: SamplePart | None = None
    corrections: CorrectionPart | None = None
    comparison: Comparison | None = None
    issues: list[Group] = field(default_factory=list)
    classes: list[ClassEffect] = field(default_factory=list)
    label_miou: float | None = None

    @property
    def sets(self) -> frozenset[str]:
        """Names of the sets in the folder that hold the run's files."""
        parts = (self.scores, self.predictions, self.suspects, self.objects, self.corrections)
        return frozenset(part.set for part in parts if part is not None and part.set)

    def to_dict(self) -> dict[str, Any]:
        """The record as it is stored, strict JSON: arrays become lists; NaN and infinities, 'NaN' and '±Infinity'."""
        content = {item.name: to_json(getattr(self, item.name)) for item in dataclasses.fields(self)}
        nested = {place: _take(content, attribute) for attribute, place in _PLACES.items()}
        if self.suspects is not None:
            nested["suspects"]["groups"] = nested["suspects"].pop("issues")
        own = content.keys() - {attribute.partition(".")[0] for attribute in _PLACES}
        return {
            "version": VERSION,
            **{name: value for name, value in content.items() if name in own},
            _NESTED: {place: value for place, value in nested.items() if value is not None},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> RunRecord:
        """The record that `to_dict` described; entries that it does not know are left out.

        Raises:
            LabelQualityError: a later version has written it, or a part of it is not what it should be
        """
        _check_version(content)
        name = f"the record of run '{content.get('key')}'"
        stored = from_json(dict[str, Any], content.get(_NESTED, {}), f"`{_NESTED}` of {name}")
        parts: dict[str, Any] = {}
        for attribute, place in _PLACES.items():
            if stored.get(place) is not None:
                _put(parts, attribute, stored[place])
        suspects = parts.get("suspects")
        if isinstance(suspects, dict):
            parts["suspects"] = {**suspects, "issues": suspects.get("groups", 0)}
        return from_json(cls, {**content, **parts}, name)


def _check_version(content: Mapping[str, Any]) -> None:
    version = content.get("version", 1)
    if not isinstance(version, int) or version > VERSION:
        raise LabelQualityError(
            f"Expected the record of run '{content.get('key')}' to be of layout {VERSION} or before, but it is of "
            f"{version!r}: a later version of this plugin has written it. Update the plugin."
        )


def _take(content: Mapping[str, Any], attribute: str) -> Any:
    """The value of an attribute such as ``scores.set``; None where there is none."""
    part, _, name = attribute.partition(".")
    return content[part].get(name) if name else content[part]


def _put(content: dict[str, Any], attribute: str, value: Any) -> None:
    """Sets the value of an attribute such as ``scores.set``."""
    part, _, name = attribute.partition(".")
    if name:
        content.setdefault(part, {})[name] = value
    else:
        content[part] = value


def validate_key(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` unless the key can name a run and its fields, and is not another kind of run's."""
    check_key(dataset, key, AUDIT)


def save_record(dataset: fo.Dataset, record: RunRecord) -> None:
    """Saves a run's record, in place of an earlier one with its key; can be repeated after it was interrupted.

    Args:
        dataset: the dataset
        record: the record

    Raises:
        LabelQualityError: the key is no key, or belongs to another kind of run, or a part is not what it should be
    """
    content = record.to_dict()
    # What cannot be read again is not written
    RunRecord.from_dict(content)
    save_content(dataset, record.key, AUDIT, {name: content[name] for name in _HEADER}, content)


def load_record(dataset: fo.Dataset, key: str) -> RunRecord:
    """The record of a run.

    If it was interrupted while its record was replaced, only what `_HEADER` lists is known.

    Raises:
        LabelQualityError: there is no such run of this plugin
    """
    dataset = root_of(dataset)
    repair(dataset)
    record = _read(dataset, key)
    if record is None:
        keys = [record.key for record in list_records(dataset)]
        there = f"Its runs are: {', '.join(keys)}." if keys else "It has no runs."
        raise LabelQualityError(f"Dataset '{dataset.name}' has no label quality run '{key}'. {there}")
    return record


def check_given_field(dataset: fo.Dataset, record: RunRecord) -> None:
    """Raises `LabelQualityError` where the dataset no longer has the field with the masks that a run has judged."""
    if not dataset.has_sample_field(record.label_field):
        raise LabelQualityError(
            f"Run '{record.key}' judges the masks in '{record.label_field}', and dataset '{dataset.name}' has no such "
            f"field any more. Give it its name back, dataset.rename_sample_field(name, '{record.label_field}'), or run "
            "audit_labels with the field that has the masks now."
        )


def list_records(dataset: fo.Dataset) -> list[RunRecord]:
    """The records of all runs of this plugin on the dataset, the oldest first.

    What runs, forms and panels do with a dataset begins here or with `load_record`: both repair what FiftyOne leaves of
    a dataset's references when it is killed.
    """
    dataset = root_of(dataset)
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


def _read(dataset: fo.Dataset, key: str) -> RunRecord | None:
    header = _header(dataset, key)
    if header is None:
        return None
    content = {**header, **load_content(dataset, key), "key": key}
    _check_version(content)
    try:
        return RunRecord.from_dict(content)
    except LabelQualityError as error:
        raise LabelQualityError(f"{error} {how_to_replace(key)}") from error


def _header(dataset: fo.Dataset, key: str) -> dict[str, Any] | None:
    """What the custom run's config says, or None if it is not this plugin's."""
    return load_header(dataset, key, AUDIT, _HEADER)
