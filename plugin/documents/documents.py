"""Values of samples as MongoDB keeps them, and their writing in bulk.

A label is made as the document that FiftyOne would store for it: to build the label object first takes some ten times
as long. All fields of a sample go into one update, which so is whole or not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, TypeAlias

import fiftyone as fo
from bson import ObjectId
from pymongo import UpdateOne

from ..samples.private_fiftyone import forget_deleted, update_samples

Document: TypeAlias = dict[str, Any]


def segmentation(path: str, **attributes: Any) -> Document:
    """A `fo.Segmentation` with its mask in a file, and other attributes."""
    return _label("Segmentation", mask_path=path, **attributes)


def heatmap(path: str, low: float, high: float) -> Document:
    """A `fo.Heatmap` with its map in a file, whose values are in [low, high]."""
    return _label("Heatmap", map_path=path, range=[float(low), float(high)])


def classification(label: str, confidence: float | None, **attributes: Any) -> Document:
    """A `fo.Classification`; what is None is left out, and so is None where FiftyOne reads it."""
    values = {"confidence": confidence, **attributes}
    return _label("Classification", label=label, **{name: one for name, one in values.items() if one is not None})


def classifications(labels: Sequence[Document]) -> Document:
    """A `fo.Classifications` of these labels."""
    return {"_cls": "Classifications", "classifications": list(labels)}


def detection(
    label: str, box: Sequence[float], confidence: float | None, mask_path: str | None = None, **attributes: Any
) -> Document:
    """A `fo.Detection` with its mask in a file, or without one.

    Args:
        label: its class
        box: left, top, width and height in [0, 1]
        confidence: in [0, 1]; None where it has none
        mask_path: of an image inside the box, 0 or 255; None where it has no mask
        **attributes: others
    """
    mask = {} if mask_path is None else {"mask_path": mask_path}
    values = {"label": label, "bounding_box": list(box), **mask, "confidence": confidence}
    return _label("Detection", attributes={}, **values, **attributes)


def detections(labels: Sequence[Document]) -> Document:
    """A `fo.Detections` of these labels."""
    return {"_cls": "Detections", "detections": list(labels)}


def write_samples(dataset: fo.Dataset, values: Mapping[str, Mapping[str, Any]]) -> None:
    """Sets fields of samples, all of a sample's at once; a sample that is gone is passed over.

    As `fo.Dataset.set_values` does, it notes the time of the change and updates the samples that are in memory.

    Args:
        dataset: the dataset
        values: sample id to the sample's fields, which the dataset has, and their values as MongoDB keeps them
    """
    now = datetime.now(timezone.utc)
    updates = [
        UpdateOne({"_id": ObjectId(sample_id)}, {"$set": {**fields, "last_modified_at": now}})
        for sample_id, fields in values.items()
    ]
    if updates:
        update_samples(dataset, updates, list(values))


def clear_fields(dataset: fo.Dataset, names: Sequence[str]) -> None:
    """Sets fields of all samples to None."""
    forget_deleted(dataset)
    dataset.clear_sample_fields(list(names))


def _label(kind: str, **values: Any) -> Document:
    return {"_id": ObjectId(), "_cls": kind, "tags": [], **values}
