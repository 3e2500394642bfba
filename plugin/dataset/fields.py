"""Everything a run writes to the samples of a dataset, and its deletion; no field of the user's is ever touched."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import fiftyone as fo
import numpy as np

from ..base.errors import LabelQualityError
from ..base.progress import Progress, silent
from ..documents import annotation_schema, display
from ..documents.documents import Document, classification, classifications, heatmap, segmentation, write_samples
from ..documents.indexes import create_indexes, drop_indexes
from ..documents.ownership import MARKER, field_name, own_fields, owner
from ..documents.schema import FieldTypes, add_fields
from ..labels.masks import ClassTable
from ..scores.config import PER_CLASS_SCORES, SCORES
from ..scores.results import QUALITY_ORDER, Columns, ResultRows

#: Suspicion that the App draws, of 0..255: it leaves out what is below the range, so that the photo shows through where
#: nothing is wrong
SHOWN = (64, 255)
#: Fields with indexes beside those of scores
_INDEXED = ("quality", "error_type", "suspects", "objects", "lint_count")
#: Rows a bulk write: bounds the memory of the documents that are built for it
_ROWS_A_WRITE = 200

_SCORE_TEXTS = {
    "ccp": "Correctly classified pixels: share of pixels where the predicted class is the given class",
    "tccp": "Thresholded CCP: agreement of thresholded probabilities with the given mask, best threshold a class",
    "cil": "Confidence in label: mean probability of the given class",
    "clc": "Confident learning counts: share of pixels that confident learning does not flag",
    "iou": "Mean IoU of the predicted mask and the given mask over the classes in either",
    "coco": "Connected components: mean over segments of the probability of the given class",
    "softmin": "Softmin: probability of the given class, averaged with most weight on the lowest pixels",
    "evidence": "Class-pair evidence: how strongly one class is seen where another is given, beyond what is usual",
}
_LOW_IS_BAD = " In [0, 1]; low: the mask is probably wrong."
_OTHER_TEXTS = {
    "fold": "Cross-validation fold that held this image out.",
    "prediction": "Out-of-sample predicted mask.",
    "heatmap": "Suspicion: 255 x (1 - probability of the given class); 0 where ignored. The App draws it from 64 up.",
    "flags": "Pixels that confident learning flags as mislabelled.",
    "per_class": "Scores of each class in the given mask; confidence is the class's softmin. Low: probably wrong.",
}
_PER_CLASS_ATTRIBUTES = {
    **{name: fo.FloatField for name in PER_CLASS_SCORES if name != "softmin"},
    "pixels": fo.IntField,
}


def check_fields(dataset: fo.Dataset, key: str, columns: Columns) -> None:
    """Raises `LabelQualityError` if a field that the run would write exists and is not its own.

    Args:
        dataset: the dataset
        key: the run's key
        columns: what it would write
    """
    check_names(dataset, key, [field_name(key, suffix) for suffix in columns.suffixes()])


def check_names(dataset: fo.Dataset, key: str, names: Sequence[str]) -> None:
    """Raises `LabelQualityError` if one of these fields exists and is not the run's.

    Args:
        dataset: the dataset
        key: the run's key
        names: of fields that the run would write
    """
    schema = dataset.get_field_schema()
    taken = [name for name in names if name in schema and owner(dataset, name) != key]
    if taken:
        raise LabelQualityError(
            f"Dataset '{dataset.name}' already has {_these_fields(taken)} that no run of this plugin with key '{key}' "
            "made, and that would be overwritten. Use another `key`, or rename or delete them."
        )


def write_results(
    dataset: fo.Dataset,
    key: str,
    rows: Iterable[ResultRows],
    columns: Columns,
    *,
    class_table: ClassTable,
    label_field: str,
    more: tuple[FieldTypes, FieldTypes] | None = None,
    total: int = 0,
    progress: Progress = silent,
) -> list[str]:
    """Writes a run's results to the samples and shows them in the App; can be repeated after it was interrupted.

    The fields are made first, each marked as the run's in the same write, so that whatever a killed run leaves is
    found by `delete_fields`; then the values in bulk, then indexes and the App's settings.

    Args:
        dataset: the dataset, not a view
        key: the run's key
        rows: results in portions that fit in memory
        columns: which fields to write
        class_table: the classes, which become the predicted masks' targets and the labels of ``per_class``
        label_field: the given masks' field, named in the fields' descriptions
        more: fields of the run that are written later, and attributes of their labels, as `create_fields` takes them:
            all in one change of the schema take half as long
        total: number of samples, for ``progress``
        progress: told after every portion

    Returns:
        names of the run's fields

    Raises:
        LabelQualityError: a field of such a name is not the run's
    """
    check_fields(dataset, key, columns)
    _create_fields(dataset, key, columns, label_field, *(more or ({}, {})))
    done = 0
    for portion in _portions(rows):
        _write_portion(dataset, key, portion, columns, class_table)
        done += len(portion.ids)
        progress("Writing fields", done, max(done, total))
    _create_indexes(dataset, key, columns)
    fields = own_fields(dataset, key)
    targets = class_table.mask_targets() if "prediction" in columns.others else None
    display.show(dataset, key, fields, targets)
    return fields


def delete_fields(dataset: fo.Dataset, key: str, keep: Sequence[str] = ()) -> list[str]:
    """Deletes a run's fields with their indexes, and its traces in the App's settings; nothing else.

    Args:
        dataset: the dataset
        key: the run's key
        keep: names of fields that stay

    Returns:
        names of the deleted fields
    """
    fields = [name for name in own_fields(dataset, key) if name not in keep]
    others = [one for name in dataset.get_field_schema() if name not in fields and (one := owner(dataset, name))]
    restore = [dataset.get_field(name).info[MARKER].get("before", {}) for name in fields]
    successor = others[-1] if others and key not in others else None
    display.hide(dataset, key, fields, restore[0] if restore and not others else {}, successor)
    # First, and those of fields that are gone: FiftyOne drops them last, so that a kill would leave them for good
    gone = [field_name(key, suffix) for suffix in (*_INDEXED, *SCORES)]
    drop_indexes(dataset, [*fields, *(name for name in gone if not dataset.has_sample_field(name))])
    annotation_schema.withdraw(dataset, fields)
    if fields:
        dataset.delete_sample_fields(fields)
    return fields


def _create_fields(
    dataset: fo.Dataset, key: str, columns: Columns, label_field: str, others: FieldTypes, attributes: FieldTypes
) -> None:
    fields = {
        field_name(key, suffix): {**_type_of(suffix), "description": _description(suffix, columns, label_field)}
        for suffix in columns.suffixes()
    }
    labels = f"{field_name(key, 'per_class')}.classifications"
    per_class = _PER_CLASS_ATTRIBUTES if "per_class" in columns.others else {}
    described = {f"{labels}.{name}": {"ftype": kind} for name, kind in per_class.items()}
    create_fields(dataset, key, {**fields, **others}, {**described, **attributes})


def _create_indexes(dataset: fo.Dataset, key: str, columns: Columns) -> None:
    """Made after the values, they need not follow each write."""
    scores = indexed_scores(key, columns)
    create_indexes(dataset, scores[:1], scores[1:])


def indexed_scores(key: str, columns: Columns) -> list[str]:
    """Names of a run's fields to sort images by, the most useful first: ``quality``, then the scores in its order."""
    scores = [field_name(key, score) for score in QUALITY_ORDER if score in columns.scores]
    return [field_name(key, "quality"), *scores] if scores else []


def create_fields(
    dataset: fo.Dataset,
    key: str,
    fields: FieldTypes,
    attributes: FieldTypes | None = None,
    marks: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Makes fields and marks them as the run's in the same write; leaves those that exist as they are.

    Args:
        dataset: the dataset
        key: the run's key
        fields: name to type and description, as `schema.add_fields` takes them
        attributes: path of an attribute of the fields' labels to the same
        marks: name to more that the mark of a field is to say
    """
    if not fields.keys() <= dataset.get_field_schema().keys():
        mark, more = {"key": key, "before": _state_before(dataset)}, marks or {}
        fields = {name: {**kind, "info": {MARKER: {**mark, **more.get(name, {})}}} for name, kind in fields.items()}
    add_fields(dataset, {**fields, **(attributes or {})})


def _state_before(dataset: fo.Dataset) -> dict[str, Any]:
    """What the App's settings were before any run, so that the last deletion can put them back."""
    for name, existing in dataset.get_field_schema().items():
        if owner(dataset, name) is not None:
            # A copy: of what was read from the database it is of a type that FiftyOne cannot send to the App in a dict
            return dict(existing.info[MARKER]["before"])
    return display.state(dataset)


def _type_of(suffix: str) -> dict[str, Any]:
    labels = {
        "prediction": fo.Segmentation,
        "heatmap": fo.Heatmap,
        "flags": fo.Heatmap,
        "per_class": fo.Classifications,
    }
    if suffix in labels:
        return {"ftype": fo.EmbeddedDocumentField, "embedded_doc_type": labels[suffix]}
    return {"ftype": fo.IntField if suffix == "fold" else fo.FloatField}


def _description(suffix: str, columns: Columns, label_field: str) -> str:
    text = _OTHER_TEXTS.get(suffix) or f"{_SCORE_TEXTS.get(suffix, '')}.{_LOW_IS_BAD}"
    if suffix == "quality":
        text = f"The score to sort by; equals {columns.quality}.{_LOW_IS_BAD}"
    return f"{text} Given masks: {label_field}."


def _portions(rows: Iterable[ResultRows]) -> Iterator[ResultRows]:
    """The same rows in portions of at most `_ROWS_A_WRITE`."""
    for portion in rows:
        for first in range(0, len(portion.ids), _ROWS_A_WRITE):
            part = slice(first, first + _ROWS_A_WRITE)
            yield ResultRows(
                ids=portion.ids[part],
                scores={name: values[part] for name, values in portion.scores.items()},
                others={name: values[part] for name, values in portion.others.items()},
                per_class={name: values[part] for name, values in portion.per_class.items()},
                class_pixels=None if portion.class_pixels is None else portion.class_pixels[part],
            )


def _write_portion(
    dataset: fo.Dataset, key: str, portion: ResultRows, columns: Columns, class_table: ClassTable
) -> None:
    suffixes = columns.suffixes()
    names = [field_name(key, suffix) for suffix in suffixes]
    rows = zip(*(_values_of(suffix, portion, columns, class_table) for suffix in suffixes), strict=True)
    samples = zip(portion.ids, rows, strict=True)
    write_samples(dataset, {sample_id: dict(zip(names, row, strict=True)) for sample_id, row in samples})


def _values_of(suffix: str, portion: ResultRows, columns: Columns, class_table: ClassTable) -> list[Any]:
    if suffix == "quality":
        return _finite(portion.scores[str(columns.quality)])
    if suffix in SCORES:
        return _finite(portion.scores[suffix])
    if suffix == "per_class":
        return _class_scores(portion, class_table)
    if suffix == "fold":
        return [None if fold is None else int(fold) for fold in portion.others[suffix]]
    return [None if path is None else _image(suffix, str(path)) for path in portion.others[suffix]]


def _image(suffix: str, path: str) -> Document:
    return segmentation(path) if suffix == "prediction" else heatmap(path, *SHOWN)


def _class_scores(portion: ResultRows, class_table: ClassTable) -> list[Document]:
    if portion.class_pixels is None:
        raise LabelQualityError("Expected `class_pixels` with the scores per class, but got none.")
    images, found = np.nonzero(portion.class_pixels)
    pixels = portion.class_pixels[images, found].tolist()
    scores = {name: _finite(values[images, found]) for name, values in portion.per_class.items()}
    confidence = scores.pop("softmin", [None] * len(pixels))
    labels: list[list[Document]] = [[] for _ in portion.ids]
    for place, (image, index) in enumerate(zip(images.tolist(), found.tolist(), strict=True)):
        others = {name: values[place] for name, values in scores.items()}
        one = classification(class_table.names[index], confidence[place], pixels=pixels[place], **others)
        labels[image].append(one)
    return [classifications(one) for one in labels]


def _finite(values: np.ndarray) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _these_fields(names: list[str]) -> str:
    return f"a field '{names[0]}'" if len(names) == 1 else "fields " + ", ".join(f"'{name}'" for name in names)
