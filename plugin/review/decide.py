"""Review of suspects: a person confirms or rejects them, or says which class is right instead.

A confirmed region stays among the run's suspects. A rejected one moves to a field of its own, ``<key>_rejected``, which
the App does not show until asked: so it is gone from images, patches, views and counts at once.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
from bson import ObjectId
from bson.errors import InvalidId
from pymongo import UpdateOne

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..dataset.fields import field_name, owner
from ..dataset.run_record import load_record
from ..dataset.saved_views import copies
from ..dataset.suspect_fields import ERROR_TYPE, SUSPECTS, leading_type
from ..dataset.verdicts import CONFIRMED, REJECTED, create_rejected, declare, has_rejected, rejected_name
from ..dataset.views import own_saved_views
from ..labels.class_table import ClassTable
from ..samples.private_fiftyone import copy_of, id_of, is_patches, patched_fields, stored_samples

VERDICTS = (CONFIRMED, REJECTED)
#: What FiftyOne copies from a sample to its patches beside the label
_COPIED = ("_media_type", "filepath", "metadata", "tags", "created_at", "last_modified_at")


@dataclass(frozen=True)
class ReviewProgress:
    """How far the review of a run is, in regions.

    Args:
        total: all suspects, rejected ones among them
        confirmed: the given mask is wrong there
        rejected: it is right
    """

    total: int
    confirmed: int
    rejected: int

    @property
    def reviewed(self) -> int:
        """Regions with a verdict."""
        return self.confirmed + self.rejected


@database_errors()
def set_verdict(
    dataset: fo.Dataset,
    key: str,
    region_ids: Sequence[str],
    verdict: str | None,
    *,
    corrected_to: str | None = None,
    reviewer: str | None = None,
    view: fo.DatasetView | None = None,
) -> None:
    """Gives suspects a verdict, or takes it back.

    Args:
        dataset: the dataset
        key: the run's key
        region_ids: ids of the regions' labels; of patches, those are the ids of the patches too
        verdict: ``confirmed``, ``rejected``, or None for none
        corrected_to: name of the class that confirmed regions should be, where it is not the suggested one
        reviewer: who says so; by default the user of this computer
        view: patches of suspects that are on show, to be kept up to date beside the run's own

    Raises:
        LabelQualityError: the run has no suspects, or not these; or the class is none, or the given one
    """
    _check(verdict, corrected_to)
    suspects, rejected = _fields(dataset, key)
    ids = [_object_id(one) for one in region_ids]
    regions = _find(dataset, key, ids)
    if corrected_to is not None:
        _check_correction(dataset, key, corrected_to, regions)
    if verdict == REJECTED:
        rejected = create_rejected(dataset, key)
    values: dict[str, Any] = {
        "verdict": verdict,
        "corrected_to": corrected_to,
        "reviewed_by": None,
        "reviewed_at": None,
        "verdict_from": None,
    }
    now = datetime.now(timezone.utc)
    if verdict is not None:
        values |= {"reviewed_by": reviewer or getpass.getuser(), "reviewed_at": now}
    declare(dataset, f"{suspects}.detections")
    samples = {"_id": {"$in": list({region["sample"] for region in regions})}}
    stored_samples(dataset).update_many(samples, _update(ids, values, suspects, rejected, now))
    update_error_types(dataset, key, samples)
    refresh_patches(dataset, key, samples, ids, view)


def refresh_patches(
    dataset: fo.Dataset,
    key: str,
    samples: dict[str, Any],
    ids: Sequence[ObjectId],
    view: fo.DatasetView | None = None,
) -> None:
    """Has the patches that FiftyOne has made of regions follow these: changed, rejected or put back.

    Args:
        dataset: the dataset
        key: the run's key
        samples: MongoDB's query of the samples that have the regions
        ids: of the regions
        view: patches of suspects that are on show, to be kept up to date beside the run's own
    """
    suspects = field_name(key, SUSPECTS)
    for patches in _patches(dataset, key, suspects, view):
        _update_patches(dataset, patches, samples, ids, suspects)


@database_errors()
def progress(dataset: fo.Dataset, key: str) -> ReviewProgress:
    """How many of a run's suspects have a verdict.

    Raises:
        LabelQualityError: the run has no suspects
    """
    suspects, rejected = _fields(dataset, key)
    samples = stored_samples(dataset)
    sizes = {
        name: {"$sum": {"$size": {"$ifNull": [f"${name}.detections", []]}}} for name in (suspects, rejected) if name
    }
    counted: dict[str, int] = next(samples.aggregate([{"$group": {"_id": None, **sizes}}]), {})
    removed = counted.get(rejected or "", 0)
    path = f"{suspects}.detections"
    one_a_region = [{"$match": {f"{path}.verdict": CONFIRMED}}, {"$unwind": f"${path}"}]
    pipeline = [*one_a_region, {"$match": {f"{path}.verdict": CONFIRMED}}, {"$count": "regions"}]
    confirmed = next(samples.aggregate(pipeline), {"regions": 0})["regions"]
    return ReviewProgress(counted.get(suspects, 0) + removed, confirmed, removed)


@database_errors()
def find_region(dataset: fo.Dataset, key: str, region_id: str) -> dict[str, Any]:
    """What is kept of a region, rejected or not.

    Raises:
        LabelQualityError: it is not among the run's suspects
    """
    return _find(dataset, key, [_object_id(region_id)])[0]


@database_errors()
def corrections(dataset: fo.Dataset, key: str) -> tuple[str, ...]:
    """Names of the classes that a suspect of the run may be corrected to.

    Raises:
        LabelQualityError: there is no such run
    """
    return tuple(ClassTable.from_dict(load_record(dataset, key).class_table).names)


def suspects_owner(dataset: fo.Dataset, field: str) -> str | None:
    """The key of the run whose suspects, rejected ones or not, are in this field; None for any other field."""
    key = owner(dataset, field)
    return key if key is not None and field in (field_name(key, SUSPECTS), rejected_name(key)) else None


def _fields(dataset: fo.Dataset, key: str) -> tuple[str, str | None]:
    """The fields of a run's suspects and of the rejected ones, None where there are none yet."""
    suspects, rejected = field_name(key, SUSPECTS), rejected_name(key)
    if owner(dataset, suspects) != key:
        raise LabelQualityError(
            f"Dataset '{dataset.name}' has no suspects of a run '{key}' to review. Find suspects first."
        )
    return suspects, rejected if has_rejected(dataset, key) else None


def _check(verdict: str | None, corrected_to: str | None) -> None:
    if verdict not in (*VERDICTS, None):
        raise LabelQualityError(
            f"Expected `verdict` to be one of {', '.join(map(repr, VERDICTS))} or None, which takes it back, but got "
            f"{verdict!r}."
        )
    if corrected_to is not None and verdict != CONFIRMED:
        raise LabelQualityError("Only a confirmed suspect can have another class: `corrected_to` needs 'confirmed'.")


def _check_correction(dataset: fo.Dataset, key: str, corrected_to: str, regions: Sequence[dict[str, Any]]) -> None:
    names = corrections(dataset, key)
    if corrected_to not in names:
        raise LabelQualityError(
            f"Expected `corrected_to` to be a class of run '{key}' ({', '.join(names)}), but got {corrected_to!r}."
        )
    if any(region.get("given") == corrected_to for region in regions):
        raise LabelQualityError(
            f"'{corrected_to}' is the given class: reject the suspect instead, if the given mask is right."
        )


def _object_id(region_id: str) -> ObjectId:
    try:
        return ObjectId(region_id)
    except InvalidId as error:
        raise LabelQualityError(f"Expected ids of suspects, but got {region_id!r}.") from error


def _find(dataset: fo.Dataset, key: str, ids: Sequence[ObjectId]) -> list[dict[str, Any]]:
    """The regions of these ids as they are kept, each with its ``sample``.

    Raises:
        LabelQualityError: some are not there
    """
    fields = [name for name in _fields(dataset, key) if name]
    wanted, found = set(ids), []
    there = {"$or": [{f"{name}.detections._id": {"$in": list(ids)}} for name in fields]}
    for sample in stored_samples(dataset).find(there, dict.fromkeys(fields, True)):
        regions = [region for name in fields for region in (sample.get(name) or {}).get("detections", [])]
        found += [{**one, "sample": sample["_id"]} for one in regions if one["_id"] in wanted]
    missing = len(wanted) - len(found)
    if missing:
        raise LabelQualityError(
            f"{missing} of the {len(wanted)} {'is' if missing == 1 else 'are'} not among the suspects of run "
            f"'{key}': they may have been found anew since. Open the saved view again."
        )
    return found


def _update(
    ids: Sequence[ObjectId], values: dict[str, Any], suspects: str, rejected: str | None, now: datetime
) -> list[dict[str, Any]]:
    """The change of the samples that have these regions, as one atomic step for each."""
    label = {"$literal": values["corrected_to"]} if values["corrected_to"] else "$$one.suggested"
    new = {**{name: {"$literal": value} for name, value in values.items()}, "label": label}
    chosen = {"$cond": [{"$in": ["$$one._id", list(ids)]}, {"$mergeObjects": ["$$one", new]}, "$$one"]}
    return [{"$set": change_regions(chosen, suspects, rejected) | {"last_modified_at": now}}]


def change_regions(change: Mapping[str, Any], suspects: str, rejected: str | None) -> dict[str, Any]:
    """What a ``$set`` of MongoDB's makes of a sample's fields of regions.

    Args:
        change: expression of what becomes of a region, which is ``$$one``
        suspects: field of the suspects
        rejected: field of the rejected ones, None where there is none

    Returns:
        each field to its new content, in which those that are rejected now are apart
    """
    fields = [suspects, rejected] if rejected else [suspects]
    every = {"$concatArrays": [{"$ifNull": [f"${name}.detections", []]} for name in fields]}
    regions = {"$map": {"input": every, "as": "one", "in": change}}
    live, removed = (
        {"$filter": {"input": regions, "as": "one", "cond": {test: ["$$one.verdict", REJECTED]}}}
        for test in ("$ne", "$eq")
    )
    written: dict[str, Any] = {f"{suspects}.detections": _strongest_first(live)}
    if rejected:
        some = {"$gt": [{"$size": removed}, 0]}
        written[rejected] = {"$cond": [some, {"_cls": "Detections", "detections": removed}, "$$REMOVE"]}
    return written


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


@database_errors()
def update_probabilities(dataset: fo.Dataset, key: str, found: Mapping[str, Mapping[str, float]]) -> None:
    """Gives suspects without a verdict another probability, and sorts each image's by it.

    Args:
        dataset: the dataset
        key: the run's key
        found: sample id to the file of a region's mask to its probability
    """
    suspects = field_name(key, SUSPECTS)
    now = datetime.now(timezone.utc)
    changes = [
        UpdateOne(
            {"_id": ObjectId(sample_id), f"{suspects}.detections.0": {"$exists": True}}, _rating(rated, suspects, now)
        )
        for sample_id, rated in found.items()
    ]
    if changes:
        stored_samples(dataset).bulk_write(changes, ordered=False)
        update_error_types(dataset, key, {"_id": {"$in": [ObjectId(one) for one in found]}})


@database_errors()
def update_patches(dataset: fo.Dataset, key: str, view: fo.DatasetView | None = None) -> None:
    """Copies all suspects of a run to the patches that FiftyOne has made of them.

    Args:
        dataset: the dataset
        key: the run's key
        view: patches of suspects that are on show, to be kept up to date beside the run's own
    """
    suspects = field_name(key, SUSPECTS)
    region = f"{suspects}.detections"
    for patches in _patches(dataset, key, suspects, view):
        merged = {
            "into": stored_samples(patches).name,
            "whenMatched": [{"$set": {suspects: f"$$new.{suspects}"}}],
            "whenNotMatched": "discard",
        }
        live = [{"$match": {f"{region}.0": {"$exists": True}}}, {"$unwind": f"${region}"}]
        patch = {"_id": f"${region}._id", suspects: f"${region}"}
        stored_samples(dataset).aggregate([*live, {"$replaceWith": patch}, {"$merge": merged}])


def _rating(rated: Mapping[str, float], suspects: str, now: datetime) -> list[dict[str, Any]]:
    """The change of a sample whose suspects get other probabilities, as one atomic step."""
    paths, values = {"$literal": list(rated)}, {"$literal": list(rated.values())}
    place = {"$indexOfArray": [paths, "$$one.mask_path"]}
    open_one = {"$and": [{"$gte": ["$$place", 0]}, {"$eq": [{"$ifNull": ["$$one.verdict", None]}, None]}]}
    new = {"$mergeObjects": ["$$one", {"probability": {"$arrayElemAt": [values, "$$place"]}}]}
    changed = {"$let": {"vars": {"place": place}, "in": {"$cond": [open_one, new, "$$one"]}}}
    regions = {"$map": {"input": f"${suspects}.detections", "as": "one", "in": changed}}
    return [{"$set": {f"{suspects}.detections": _strongest_first(regions), "last_modified_at": now}}]


def _strongest_first(regions: Mapping[str, Any]) -> dict[str, Any]:
    return {"$sortArray": {"input": regions, "sortBy": {"probability": -1, "evidence": -1}}}


def _patches(dataset: fo.Dataset, key: str, suspects: str, view: fo.DatasetView | None) -> Iterator[fo.Dataset]:
    """The copies that FiftyOne has made of the regions for the run's saved views, and for the one on show."""
    names: set[str] = set()
    for one in own_saved_views(dataset, key):
        names |= copies(one, suspects)
    if view is not None and is_patches(view) and suspects in patched_fields(view):
        names.add(copy_of(view).name)
    return (fo.load_dataset(name) for name in sorted(names) if fo.dataset_exists(name))


def _update_patches(
    dataset: fo.Dataset, patches: fo.Dataset, samples: dict[str, Any], ids: Sequence[ObjectId], suspects: str
) -> None:
    """Copies the reviewed regions to their patches, puts back those of an undo, and takes the rejected ones out.

    The patches are what FiftyOne makes of a sample; by itself it only copies changes from a patch to its sample.
    """
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
