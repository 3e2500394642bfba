"""Review of suspects: a person confirms or rejects them, or says which class is right instead.

A confirmed region stays among the run's suspects. A rejected one moves to a field of its own, ``<key>_rejected``, which
the App does not show until asked: so it is gone from images, patches, views and counts at once.
"""

from __future__ import annotations

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
from ..base.portions import queries
from ..dataset.region_edits import settle_edits
from ..dataset.region_patches import copies_of, update_some_patches
from ..dataset.region_writes import changed_regions, strongest_first, update_error_types
from ..dataset.sample_fields import read_units, sample_name, set_verdicts
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import (
    CONFIRMED,
    REJECTED,
    WRONG,
    create_rejected,
    declare,
    has_rejected,
    rejected_name,
    signed,
)
from ..documents.ownership import field_name, owner
from ..labels.class_table import ClassTable
from ..records.run_record import load_record
from ..samples.private_fiftyone import root_of, stored_samples
from ..survey.drawn_units import drawn_units, suspects_of

VERDICTS = (CONFIRMED, REJECTED)
#: Images a write, and regions, unless one image has more: MongoDB compares each with every id that it is given
_IMAGES_A_WRITE, _REGIONS_A_WRITE = 100, 5000
_FOUND_ANEW = "they may have been found anew since. Open the saved view again."


@dataclass(frozen=True)
class ReviewProgress:
    """How far the review of a run is, in regions.

    Args:
        total: all suspects, rejected ones among them
        confirmed: the given mask is wrong there; what was redrawn or added in the App is confirmed by that
        rejected: it is right, or the suspect was deleted in the App
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
    open_only: bool = False,
    when: datetime | None = None,
) -> None:
    """Gives suspects, or places that were drawn to be judged, a verdict, or takes it back.

    A drawn suspect that is judged has the verdict as a suspect, too.

    Args:
        dataset: the dataset
        key: the run's key
        region_ids: ids of the regions' labels, or one; of patches, those are the ids of the patches too
        verdict: ``confirmed``, ``rejected``, or None for none
        corrected_to: name of the class that confirmed regions should be, where it is not the suggested one
        reviewer: who says so; by default the user of this computer
        view: patches of suspects that are on show, to be kept up to date beside the run's own
        open_only: leave those alone that have a verdict, also if somebody gives it at this moment
        when: the verdict was given; by default now

    Raises:
        LabelQualityError: the run has no suspects, or not these; or the class is none, or the given one
    """
    dataset = root_of(dataset)
    _check(verdict, corrected_to)
    now = datetime.now(timezone.utc)
    values = {"verdict": verdict, "corrected_to": corrected_to, **signed(verdict, reviewer, when or now)}
    of_person = {**values, "verdict_from": None}
    drawn = drawn_units(dataset, key, _object_ids(region_ids))
    if drawn:
        if corrected_to is not None:
            _check_correction(dataset, key, corrected_to, drawn)
        set_verdicts(dataset, key, drawn, values, copies_of(dataset, key, sample_name(key), view))
        # Of a drawn suspect it is the suspect's, too
        region_ids = [str(one["_id"]) for one in suspects_of(dataset, key, drawn).values()]
        if not region_ids:
            return
    suspects, rejected = _fields(dataset, key)
    regions = find_regions(dataset, key, region_ids)
    if corrected_to is not None:
        _check_correction(dataset, key, corrected_to, regions)
    if verdict == REJECTED:
        rejected = create_rejected(dataset, key)
    declare(dataset, f"{suspects}.detections")
    for samples, ids in by_images(regions):
        change = _verdict(ids, of_person, open_only)
        there = {"$or": [{f"{name}.detections._id": {"$in": ids}} for name in (suspects, rejected_name(key))]}
        done = stored_samples(dataset).update_many(
            {**samples, **there}, changed_regions(suspects, rejected, change, now)
        )
        if done.matched_count < len(samples["_id"]["$in"]):
            # A new search has just taken them off
            raise LabelQualityError(f"Some of the suspects are no longer among those of run '{key}': {_FOUND_ANEW}")
        update_error_types(dataset, key, samples)
        update_some_patches(dataset, key, samples, ids, view)


@database_errors()
def progress(dataset: fo.Dataset, key: str, region_ids: Sequence[str] = ()) -> ReviewProgress:
    """How many of a run's suspects have a verdict, or of what was drawn to be judged, if these regions are of that.

    Raises:
        LabelQualityError: the run has no suspects
    """
    if are_drawn(dataset, key, region_ids):
        given = [one.get("verdict") for one in read_units(dataset, key)]
        return ReviewProgress(len(given), given.count(CONFIRMED), given.count(REJECTED))
    _fields(dataset, key)
    settle_edits(dataset, key)
    suspects, rejected = _fields(dataset, key)
    samples = stored_samples(dataset)
    sizes = {
        name: {"$sum": {"$size": {"$ifNull": [f"${name}.detections", []]}}} for name in (suspects, rejected) if name
    }
    counted: dict[str, int] = next(samples.aggregate([{"$group": {"_id": None, **sizes}}]), {})
    removed = counted.get(rejected or "", 0)
    path = f"{suspects}.detections"
    wrong = {"$match": {f"{path}.verdict": {"$in": list(WRONG)}}}
    pipeline = [wrong, {"$unwind": f"${path}"}, wrong, {"$count": "regions"}]
    confirmed = next(samples.aggregate(pipeline), {"regions": 0})["regions"]
    return ReviewProgress(counted.get(suspects, 0) + removed, confirmed, removed)


@database_errors()
def find_region(dataset: fo.Dataset, key: str, region_id: str) -> dict[str, Any]:
    """What is kept of a region, rejected or not, or of what was drawn to be judged.

    Raises:
        LabelQualityError: it is not among the run's suspects
    """
    for unit in drawn_units(dataset, key, [_object_id(region_id)]):
        return {**unit, "sample": ObjectId(unit["sample"])}
    return find_regions(dataset, key, [region_id])[0]


def find_regions(dataset: fo.Dataset, key: str, region_ids: Sequence[str]) -> list[dict[str, Any]]:
    """What is kept of regions, rejected or not, each with the id of its ``sample``.

    Raises:
        LabelQualityError: some are not among the run's suspects
    """
    return _find(dataset, key, _object_ids(region_ids))


@database_errors()
def are_drawn(dataset: fo.Dataset, key: str, region_ids: Sequence[str]) -> bool:
    """Whether these are of what was drawn to be judged, and not suspects; raises `LabelQualityError` for a mixture."""
    return bool(drawn_units(dataset, key, _object_ids(region_ids)))


@database_errors()
def corrections(dataset: fo.Dataset, key: str) -> tuple[str, ...]:
    """Names of the classes that a suspect of the run may be corrected to.

    Raises:
        LabelQualityError: there is no such run
    """
    return tuple(ClassTable.from_dict(load_record(dataset, key).class_table).names)


def suspects_owner(dataset: fo.Dataset, field: str) -> str | None:
    """The key of the run whose suspects, rejected or drawn to be judged or not, are in this field; None for others."""
    key = owner(dataset, field)
    names = () if key is None else (field_name(key, SUSPECTS), rejected_name(key), sample_name(key))
    return key if field in names else None


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


def _object_ids(region_ids: Sequence[str]) -> list[ObjectId]:
    """The ids as MongoDB has them; a string is one id, and not a sequence of letters."""
    return [_object_id(one) for one in ([region_ids] if isinstance(region_ids, str) else region_ids)]


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
    found: dict[ObjectId, dict[str, Any]] = {}
    for portion in queries(ids):
        wanted = set(portion)
        there = {"$or": [{f"{name}.detections._id": {"$in": portion}} for name in fields]}
        for sample in stored_samples(dataset).find(there, dict.fromkeys(fields, True)):
            regions = [region for name in fields for region in (sample.get(name) or {}).get("detections", [])]
            found |= {one["_id"]: {**one, "sample": sample["_id"]} for one in regions if one["_id"] in wanted}
    wanted = set(ids)
    missing = len(wanted) - len(found)
    if missing:
        raise LabelQualityError(
            f"{missing} of the {len(wanted)} {'is' if missing == 1 else 'are'} not among the suspects of run "
            f"'{key}': {_FOUND_ANEW}"
        )
    return list(found.values())


def by_images(regions: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], list[ObjectId]]]:
    """Regions of some images at a time: MongoDB's filter of the samples, and the regions' ids."""
    images: dict[ObjectId, list[ObjectId]] = {}
    for region in regions:
        images.setdefault(region["sample"], []).append(region["_id"])
    samples: list[ObjectId] = []
    together: list[ObjectId] = []
    for sample, ids in images.items():
        if samples and (len(samples) >= _IMAGES_A_WRITE or len(together) + len(ids) > _REGIONS_A_WRITE):
            yield {"_id": {"$in": samples}}, together
            samples, together = [], []
        samples.append(sample)
        together.extend(ids)
    if samples:
        yield {"_id": {"$in": samples}}, together


def _verdict(ids: Sequence[ObjectId], values: dict[str, Any], open_only: bool) -> dict[str, Any]:
    """What a region is after the verdict on the regions of these ids."""
    label = {"$literal": values["corrected_to"]} if values["corrected_to"] else "$$one.suggested"
    new = {**{name: {"$literal": value} for name, value in values.items()}, "label": label}
    chosen: dict[str, Any] = {"$in": ["$$one._id", list(ids)]}
    if open_only:
        chosen = {"$and": [chosen, {"$eq": [{"$ifNull": ["$$one.verdict", None]}, None]}]}
    return {"$cond": [chosen, {"$mergeObjects": ["$$one", new]}, "$$one"]}


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


def _rating(rated: Mapping[str, float], suspects: str, now: datetime) -> list[dict[str, Any]]:
    """The change of a sample whose suspects get other probabilities, as one atomic step."""
    paths, values = {"$literal": list(rated)}, {"$literal": list(rated.values())}
    place = {"$indexOfArray": [paths, "$$one.mask_path"]}
    open_one = {"$and": [{"$gte": ["$$place", 0]}, {"$eq": [{"$ifNull": ["$$one.verdict", None]}, None]}]}
    new = {"$mergeObjects": ["$$one", {"probability": {"$arrayElemAt": [values, "$$place"]}}]}
    changed = {"$let": {"vars": {"place": place}, "in": {"$cond": [open_one, new, "$$one"]}}}
    regions = {"$map": {"input": f"${suspects}.detections", "as": "one", "in": changed}}
    return [{"$set": {f"{suspects}.detections": strongest_first(regions), "last_modified_at": now}}]
