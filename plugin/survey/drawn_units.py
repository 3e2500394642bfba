"""What was drawn to be judged, as the review finds it: by ids, and how far judging is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import fiftyone as fo
from bson import ObjectId

from ..base.errors import LabelQualityError
from ..base.portions import queries
from ..dataset.sample_fields import has_sample, read_units, sample_name
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import has_rejected, rejected_name, same_region
from ..documents.ownership import field_name
from ..samples.private_fiftyone import stored_samples

Document = dict[str, Any]


def drawn_units(dataset: fo.Dataset, key: str, ids: Sequence[ObjectId]) -> list[Document]:
    """What of these ids was drawn to be judged: all of them, or none.

    Raises:
        LabelQualityError: some are, and others are not
    """
    if not ids or not has_sample(dataset, key):
        return []
    path, wanted = f"{sample_name(key)}.detections._id", set(ids)
    holders = {
        str(one["_id"])
        for portion in queries(ids)
        for one in stored_samples(dataset).find({path: {"$in": portion}}, {"_id": True})
    }
    found = [one for one in read_units(dataset, key, sorted(holders)) if one["_id"] in wanted] if holders else []
    if found and len(found) < len(wanted):
        raise LabelQualityError("Choose either suspects or places that were drawn to be judged, not both.")
    return found


def find_suspects_by_id(dataset: fo.Dataset, key: str, region_ids: Collection[str]) -> dict[str, Document]:
    """The run's suspects of these ids that are still there, rejected or not, as MongoDB keeps them."""
    ids = {ObjectId(one) for one in region_ids if one}
    found: dict[str, Document] = {}
    for name in _fields(dataset, key) if ids else ():
        for sample in stored_samples(dataset).find({f"{name}.detections._id": {"$in": list(ids)}}, {name: True}):
            found |= {str(one["_id"]): one for one in sample[name]["detections"] if one["_id"] in ids}
    return found


def suspects_of(dataset: fo.Dataset, key: str, units: Iterable[Document]) -> dict[ObjectId, Document]:
    """The run's suspects that drawn ones are now: of the same id, or in the same place where they were found anew.

    Args:
        dataset: the dataset
        key: the run's key
        units: of `read_units`; only suspects are looked at

    Returns:
        id of the unit to the suspect, rejected or not, as MongoDB keeps it; those that are gone are left out
    """
    drawn = [one for one in units if one.get("suspect")]
    same = find_suspects_by_id(dataset, key, {one["suspect"] for one in drawn})
    found = {one["_id"]: same[one["suspect"]] for one in drawn if one["suspect"] in same}
    lost = [one for one in drawn if one["_id"] not in found]
    there = defaultdict[str, list[Document]](list)
    wanted = {"_id": {"$in": [ObjectId(one["sample"]) for one in lost]}}
    for name in _fields(dataset, key) if lost else ():
        for sample in stored_samples(dataset).find(wanted, {f"{name}.detections": True}):
            there[str(sample["_id"])] += (sample.get(name) or {}).get("detections") or []
    for one in lost:
        anew = same_region(one, there[one["sample"]])
        if anew is not None:
            found[one["_id"]] = anew
    return found


def _fields(dataset: fo.Dataset, key: str) -> list[str]:
    """The fields of the run's suspects and of the rejected ones, as far as they are there."""
    fields = [field_name(key, SUSPECTS)] if dataset.has_sample_field(field_name(key, SUSPECTS)) else []
    return [*fields, *([rejected_name(key)] if has_rejected(dataset, key) else [])]
