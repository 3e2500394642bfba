"""What the App's Annotate tab leaves in the database when a person edits suspects, as FiftyOne 1.22 writes it.

It replaces the sample's document: what has no value is left out, a mask is bytes of 0 and 1 at the resolution of the
screen with a box that fits it, and attributes such as the area stay as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import numpy as np
from bson import ObjectId

Document = dict[str, Any]


def redraw(dataset: Any, region_id: str, mask: np.ndarray, box: list[float], field: str = "lq_suspects") -> None:
    """A stroke of the brush: the mask in the database, no file, and another box."""

    def change(regions: list[Document]) -> None:
        region = of(regions, region_id)
        region.pop("mask_path", None)
        region |= {"mask": stored(mask), "bounding_box": [float(one) for one in box]}

    edit(dataset, change, region_id, field)


def move(dataset: Any, region_id: str, box: list[float], field: str = "lq_suspects") -> None:
    """Other numbers typed for the position: the mask's file stays."""
    edit(dataset, lambda regions: of(regions, region_id).update(bounding_box=box), region_id, field)


def rename(dataset: Any, region_id: str, label: str, field: str = "lq_suspects") -> None:
    """Another class chosen."""
    edit(dataset, lambda regions: of(regions, region_id).update(label=label), region_id, field)


def delete(dataset: Any, region_id: str, field: str = "lq_suspects") -> None:
    """The label deleted."""
    edit(dataset, lambda regions: regions.remove(of(regions, region_id)), region_id, field)


def add(dataset: Any, sample_id: str, label: str | None, box: list[float], mask: np.ndarray | None = None) -> str:
    """A new mask, or a new box; returns its id."""
    made: Document = {"_id": ObjectId(), "_cls": "Detection", "attributes": {}, "tags": [], "bounding_box": box}
    made |= {"label": label} if label is not None else {}
    made |= {"mask": stored(mask)} if mask is not None else {}
    samples = dataset._sample_collection
    sample = samples.find_one({"_id": ObjectId(sample_id)})
    sample["lq_suspects"]["detections"].append(made)
    samples.replace_one({"_id": sample["_id"]}, {**sample, "last_modified_at": datetime.now(timezone.utc)})
    return str(made["_id"])


def edit(dataset: Any, change: Callable[[list[Document]], Any], region_id: str, field: str) -> None:
    samples = dataset._sample_collection
    sample = samples.find_one({f"{field}.detections._id": ObjectId(region_id)})
    change(sample[field]["detections"])
    now = datetime.now(timezone.utc)
    samples.replace_one({"_id": sample["_id"]}, {**sample, "last_modified_at": now})


def of(regions: list[Document], region_id: str) -> Document:
    return next(one for one in regions if str(one["_id"]) == region_id)


def stored(mask: np.ndarray) -> bytes:
    import fiftyone.core.utils as fou

    return bytes(fou.serialize_numpy_array(mask.astype(np.uint8)))
