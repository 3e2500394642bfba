"""What was drawn to be judged, as the review finds it: by ids, and how far judging is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import fiftyone as fo
from bson import ObjectId

from ..base.errors import LabelQualityError
from ..dataset.ownership import field_name
from ..dataset.sample_fields import has_sample, read_units, sample_name
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import has_rejected, rejected_name
from ..samples.private_fiftyone import stored_samples

Document = dict[str, Any]


def drawn_units(dataset: fo.Dataset, key: str, ids: Sequence[ObjectId]) -> list[Document]:
    """What of these ids was drawn to be judged: all of them, or none.

    Raises:
        LabelQualityError: some are, and others are not
    """
    if not ids or not has_sample(dataset, key):
        return []
    there = {f"{sample_name(key)}.detections._id": {"$in": list(ids)}}
    holders = [str(one["_id"]) for one in stored_samples(dataset).find(there, {"_id": True})]
    found = [one for one in read_units(dataset, key, holders) if one["_id"] in set(ids)] if holders else []
    if found and len(found) < len(set(ids)):
        raise LabelQualityError("Choose either suspects or places that were drawn to be judged, not both.")
    return found


def find_suspects_by_id(dataset: fo.Dataset, key: str, region_ids: Collection[str]) -> dict[str, Document]:
    """The run's suspects of these ids that are still there, rejected or not, as MongoDB keeps them."""
    fields = [field_name(key, SUSPECTS)] if dataset.has_sample_field(field_name(key, SUSPECTS)) else []
    fields += [rejected_name(key)] if has_rejected(dataset, key) else []
    ids = {ObjectId(one) for one in region_ids if one}
    found: dict[str, Document] = {}
    for name in fields if ids else ():
        for sample in stored_samples(dataset).find({f"{name}.detections._id": {"$in": list(ids)}}, {name: True}):
            found |= {str(one["_id"]): one for one in sample[name]["detections"] if one["_id"] in ids}
    return found
