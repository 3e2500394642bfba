"""The copies of suspects that FiftyOne makes for views of patches: it copies by itself from a patch to its sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import fiftyone as fo
from bson import ObjectId

from ..documents.ownership import field_name
from ..documents.saved_views import copies
from ..samples.private_fiftyone import copy_of, id_of, is_patches, patched_fields, stored_samples
from .suspect_fields import SUSPECTS
from .verdicts import declare
from .views import own_saved_views

#: What FiftyOne copies from a sample to its patches beside the label
_COPIED = ("_media_type", "filepath", "metadata", "tags", "created_at", "last_modified_at")


def update_patches(dataset: fo.Dataset, key: str, view: fo.DatasetView | None = None) -> None:
    """Copies all suspects of a run to the patches that FiftyOne has made of them.

    Args:
        dataset: the dataset
        key: the run's key
        view: patches of suspects that are on show, to be kept up to date beside the run's own
    """
    suspects = field_name(key, SUSPECTS)
    region = f"{suspects}.detections"
    for patches in copies_of(dataset, key, suspects, view):
        merged = {
            "into": stored_samples(patches).name,
            "whenMatched": [{"$set": {suspects: f"$$new.{suspects}"}}],
            "whenNotMatched": "discard",
        }
        live = [{"$match": {f"{region}.0": {"$exists": True}}}, {"$unwind": f"${region}"}]
        patch = {"_id": f"${region}._id", suspects: f"${region}"}
        stored_samples(dataset).aggregate([*live, {"$replaceWith": patch}, {"$merge": merged}])


def update_some_patches(
    dataset: fo.Dataset,
    key: str,
    samples: Mapping[str, Any],
    ids: Sequence[ObjectId],
    view: fo.DatasetView | None = None,
) -> None:
    """Copies regions to their patches, puts back those that have none, and takes out the patches of what is set aside.

    Args:
        dataset: the dataset
        key: the run's key
        samples: MongoDB's filter of the samples that have the regions
        ids: of the regions
        view: patches of suspects that are on show, to be kept up to date beside the run's own
    """
    suspects = field_name(key, SUSPECTS)
    for patches in copies_of(dataset, key, suspects, view):
        _update(dataset, patches, samples, ids, suspects)


def copies_of(dataset: fo.Dataset, key: str, field: str, view: fo.DatasetView | None) -> Iterator[fo.Dataset]:
    """The copies that FiftyOne has made of a field's regions for the run's saved views, and for the one on show."""
    names: set[str] = set()
    for one in own_saved_views(dataset, key):
        names |= copies(one, field)
    if view is not None and is_patches(view) and field in patched_fields(view):
        names.add(copy_of(view).name)
    return (fo.load_dataset(name) for name in sorted(names) if fo.dataset_exists(name))


def _update(
    dataset: fo.Dataset, patches: fo.Dataset, samples: Mapping[str, Any], ids: Sequence[ObjectId], suspects: str
) -> None:
    declare(patches, suspects)
    region = f"{suspects}.detections"
    patch = {
        **{name: f"${name}" for name in _COPIED},
        "_id": f"${region}._id",
        "_sample_id": "$_id",
        "_dataset_id": id_of(patches),
        "_rand": {"$rand": {}},
        suspects: f"${region}",
    }
    changed = {name: f"$$new.{name}" for name in (suspects, "last_modified_at")}
    merged = {
        "into": stored_samples(patches).name,
        "whenMatched": [{"$set": changed}],
        "whenNotMatched": "insert",
    }
    live = [{"$match": samples}, {"$unwind": f"${region}"}, {"$match": {f"{region}._id": {"$in": list(ids)}}}]
    stored_samples(dataset).aggregate([*live, {"$replaceWith": patch}, {"$merge": merged}])
    left = {one["_id"] for one in stored_samples(dataset).aggregate([*live, {"$project": {"_id": f"${region}._id"}}])}
    gone = [one for one in ids if one not in left]
    if gone:
        stored_samples(patches).delete_many({"_id": {"$in": gone}})
