"""Changes of a run's regions on the samples: one atomic step an image, so that people who review at once lose nothing.

What is decided about a region is written where it is then, by its id, and never a list of regions that was read before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import fiftyone as fo
from pymongo import UpdateOne

from ..documents.ownership import field_name
from ..samples.private_fiftyone import stored_samples
from .suspect_fields import ERROR_TYPE, SUSPECTS, leading_type
from .verdicts import KEPT

#: An expression of MongoDB's
Expression = Mapping[str, Any]


def changed_regions(
    suspects: str, rejected: str | None, change: Expression | str, now: datetime, more: Expression | None = None
) -> list[dict[str, Any]]:
    """The change of a sample's regions, as the pipeline of an update: each goes to the field that its verdict says.

    Args:
        suspects: the field of the run's suspects
        rejected: that of those that are set aside, where there is one
        change: what a region, ``$$one``, is afterwards
        now: time of the change
        more: a list of regions to add
    """
    fields = [suspects, rejected] if rejected else [suspects]
    lists = [{"$ifNull": [f"${name}.detections", []]} for name in fields]
    every = {"$concatArrays": [*lists, *([more] if more is not None else [])]}
    regions = {"$map": {"input": every, "as": "one", "in": change}}
    aside = {"$in": [{"$ifNull": ["$$one.verdict", None]}, list(KEPT)]}
    live, removed = ({"$filter": {"input": regions, "as": "one", "cond": test}} for test in ({"$not": [aside]}, aside))
    written: dict[str, Any] = {f"{suspects}.detections": strongest_first(live), "last_modified_at": now}
    if rejected:
        some = {"$gt": [{"$size": removed}, 0]}
        written[rejected] = {"$cond": [some, {"_cls": "Detections", "detections": removed}, "$$REMOVE"]}
    return [{"$set": written}]


def strongest_first(regions: Expression) -> dict[str, Any]:
    """A list of regions in the order in which an image has them."""
    return {"$sortArray": {"input": regions, "sortBy": {"probability": -1, "evidence": -1}}}


def update_error_types(dataset: fo.Dataset, key: str, samples: dict[str, Any]) -> None:
    """The leading type of these images, of the suspects that are left."""
    error_type, path = field_name(key, ERROR_TYPE), f"{field_name(key, SUSPECTS)}.detections"
    shown = {error_type: True, **{f"{path}.{name}": True for name in ("error_type", "evidence", "probability")}}
    changes = []
    for sample in stored_samples(dataset).find(samples, shown):
        leading = leading_type(sample[field_name(key, SUSPECTS)]["detections"])
        if leading != sample.get(error_type):
            changes.append(UpdateOne({"_id": sample["_id"]}, {"$set": {error_type: leading}}))
    if changes:
        stored_samples(dataset).bulk_write(changes)
