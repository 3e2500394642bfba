"""Which images of a run a person has reviewed, and what was decided there."""

from __future__ import annotations

import hashlib
import zlib

import fiftyone as fo
from bson import ObjectId

from ..clean.clean_dataset import is_verified
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import has_rejected, rejected_name
from ..documents.ownership import field_name
from ..records.run_record import RunRecord
from ..regions.reviewed import PORTION, Regions
from ..samples.inputs import SegmentationSamples
from ..samples.private_fiftyone import stored_samples


def reviewed_samples(dataset: fo.Dataset, record: RunRecord) -> set[str]:
    """Ids of the samples with suspects, all of which a person has reviewed."""
    field = f"{field_name(record.key, SUSPECTS)}.detections"
    regions, found = Regions(dataset, record), set()
    ids = [str(one["_id"]) for one in stored_samples(dataset).find({f"{field}.0": {"$exists": True}}, {"_id": True})]
    for first in range(0, len(ids), PORTION):
        for sample_id, here in regions.of(ids[first : first + PORTION]).items():
            if all(map(is_verified, here)):
                found.add(sample_id)
    if has_rejected(dataset, record.key):
        none = {f"{field}.0": {"$exists": False}, f"{rejected_name(record.key)}.detections.0": {"$exists": True}}
        found |= {str(one["_id"]) for one in stored_samples(dataset).find(none, {"_id": True})}
    return found


def state_of_regions(samples: SegmentationSamples, record: RunRecord) -> str:
    """Changes whenever a suspect, a verdict or a shape does."""
    field, state = field_name(record.key, SUSPECTS), hashlib.sha256()
    for first in range(0, len(samples), PORTION):
        ids = [ObjectId(one) for one in samples.ids[first : first + PORTION]]
        wanted = {"_id": {"$in": ids}, f"{field}.detections.0": {"$exists": True}}
        for one in stored_samples(samples.dataset).find(wanted, {field: True}).sort("_id", 1):
            for region in one[field]["detections"]:
                shown = [region.get(name) for name in ("_id", "label", "verdict", "mask_path", "bounding_box")]
                drawn = zlib.crc32(region["mask"]) if region.get("mask") is not None else None
                state.update(f"{one['_id']} {shown} {drawn}\n".encode())
    return state.hexdigest()
