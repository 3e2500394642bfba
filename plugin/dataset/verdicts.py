"""What people have decided about suspects, kept through new searches: see `review` for how they decide."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import fiftyone as fo
import fiftyone.core.utils as fou
import numpy as np
from bson import Binary, ObjectId

from ..documents import display
from ..documents.ownership import field_name, own_fields, owner
from ..documents.schema import add_fields, described
from ..labels.images import read_mask
from ..samples.private_fiftyone import database, id_of, stored_samples
from .fields import check_names, create_fields

CONFIRMED = "confirmed"
#: Redrawn, or moved, in the App
EDITED = "edited"
#: Drawn in the App where the run has found nothing
ADDED = "added"
REJECTED = "rejected"
#: Deleted in the App: the given class stays, but nobody has said that it is right
DELETED = "deleted"
#: Verdicts by which the mask has to be changed there, and those by which it stays
WRONG, KEPT = (CONFIRMED, EDITED, ADDED), (REJECTED, DELETED)
#: What corrected masks did to a suspect; the last is of suspects that are found in them
RESOLVED, STILL_SUSPECT, NEWLY_WRONG = "resolved", "still suspect", "newly wrong"
#: Where a verdict is from that no reviewer gave
CORRECTIONS = "corrections"
#: Attributes of a region that somebody has reviewed: type and description
ATTRIBUTES = {
    "verdict": (
        fo.StringField,
        "A reviewer's: confirmed, the given mask is wrong here; edited or added, and drawn in the App; rejected, it is "
        "right; deleted in the App",
    ),
    "corrected_to": (fo.StringField, "Class that a confirmed suspect should be, where it is not the suggested one"),
    "reviewed_by": (fo.StringField, "Who gave the verdict"),
    "reviewed_at": (fo.DateTimeField, "When, in UTC"),
    "verdict_from": (fo.StringField, "corrections, where corrected masks that were loaded say so and no reviewer"),
    "outcome": (fo.StringField, "What corrected masks that were loaded did: resolved, or still suspect"),
}
#: Overlap of the boxes from which two regions of one class pair are the same, whatever they were found with
SAME_REGION = 0.5
#: Value of a region's pixels in a mask that was moved from its file to the database, as in the file
_IN_FILES = 255
_REJECTED_TEXT = "Suspects that a reviewer has rejected: the given masks are right there."

Document = dict[str, Any]


def signed(verdict: str | None, reviewer: str | None, when: datetime) -> Document:
    """Who gave a verdict, by default the user of this computer, and when; nothing where there is none."""
    if verdict is None:
        return {"reviewed_by": None, "reviewed_at": None}
    return {"reviewed_by": reviewer or getpass.getuser(), "reviewed_at": when}


def real(region: str) -> Document:
    """How probably a suspect is a mistake, as MongoDB computes it: 1 where people say so, else its probability.

    What a person has added counts 0: the run has not found it.

    Args:
        region: what stands for the suspect, such as ``$$one``
    """
    verdict = {"$ifNull": [f"{region}.verdict", None]}
    known = [{"case": {"$eq": [verdict, ADDED]}, "then": 0.0}, {"case": {"$in": [verdict, list(WRONG)]}, "then": 1.0}]
    return {"$switch": {"branches": known, "default": {"$ifNull": [f"{region}.probability", 0.0]}}}


def rejected_name(key: str) -> str:
    """The name of the field with a run's rejected regions; it is there from the first one on."""
    return field_name(key, REJECTED)


def has_rejected(dataset: fo.Dataset, key: str) -> bool:
    """Whether the run has a field of rejected regions, also if another process has just made it."""
    name = rejected_name(key)
    if owner(dataset, name) is None and database()["datasets"].find_one(
        {"_id": id_of(dataset), "sample_fields.name": name}, {"_id": True}
    ):
        # This process has the dataset as it was before: without the field it would not find what is in it
        dataset.reload()
    return owner(dataset, name) == key


def declare(dataset: fo.Dataset, path: str) -> None:
    """Adds the attributes of verdicts to the schema of the regions at a path; doing it again changes nothing."""
    if any(dataset.get_field(f"{path}.{name}") is None for name in ATTRIBUTES):
        add_fields(dataset, described(path, ATTRIBUTES))


def create_rejected(dataset: fo.Dataset, key: str) -> str:
    """Makes the field of rejected regions, which the App does not show until asked; leaves it where it exists.

    Raises:
        LabelQualityError: the user has a field of that name
    """
    name, suspects = rejected_name(key), field_name(key, "suspects")
    has_rejected(dataset, key)
    check_names(dataset, key, [name])
    schema = dataset.get_field(f"{suspects}.detections").field.get_field_schema()
    like = {name: (type(known), known.description) for name, known in schema.items() if known.description}
    attributes = described(f"{name}.detections", {**like, **ATTRIBUTES})
    # The field may be there without them: what a kill leaves
    new = any(dataset.get_field(path) is None for path in attributes)
    if new:
        kind = {"ftype": fo.EmbeddedDocumentField, "embedded_doc_type": fo.Detections}
        create_fields(dataset, key, {name: {**kind, "description": _REJECTED_TEXT}}, attributes)
    if new or display.is_missing(dataset, key, name):
        display.show_suspects(dataset, key, own_fields(dataset, key))
    return name


def set_aside(dataset: fo.Dataset, key: str) -> None:
    """Takes all regions off, and keeps those that a person has reviewed or drawn in the field of rejected ones.

    In one step an image: a verdict is given before it and kept, or after it and finds no suspect.
    """
    suspects = field_name(key, "suspects")
    path = f"{suspects}.detections"
    reviewed = {"$or": [{f"{path}.verdict": {"$in": [*WRONG, *KEPT]}}, {f"{path}.mask": {"$type": "binData"}}]}
    samples = stored_samples(dataset)
    samples.update_many({f"{path}.0": {"$exists": True}, "$nor": [reviewed]}, {"$set": {suspects: None}})
    if samples.find_one(reviewed, {"_id": True}) is None:
        return
    kept, aside = f"${suspects}.detections", f"${create_rejected(dataset, key)}.detections"
    none = {"$eq": [{"$ifNull": ["$$one.verdict", "$$one.mask", None]}, None]}
    moved = {"$filter": {"input": kept, "as": "one", "cond": {"$not": none}}}
    change = {
        suspects: None,
        rejected_name(key): {
            "_cls": "Detections",
            "detections": {"$concatArrays": [{"$ifNull": [aside, []]}, moved]},
        },
    }
    samples.update_many(reviewed, [{"$set": change}])


def aside(dataset: fo.Dataset, key: str, sample_ids: Iterable[str]) -> dict[str, list[Document]]:
    """The regions that are set aside, by sample; only samples that have some.

    Args:
        dataset: the dataset
        key: the run's key
        sample_ids: of the samples to look at
    """
    name = rejected_name(key)
    if not has_rejected(dataset, key):
        return {}
    wanted = {"_id": {"$in": [ObjectId(one) for one in sample_ids]}, f"{name}.detections.0": {"$exists": True}}
    found = stored_samples(dataset).find(wanted, {name: True})
    return {str(one["_id"]): one[name]["detections"] for one in found}


def rejected_suspects(dataset: fo.Dataset, key: str) -> Iterator[tuple[str, float]]:
    """Sample and evidence of each suspect that a reviewer has rejected, by which it is known among those of its search.

    Those that were only deleted in the App are none: nobody has said that the mask is right there.
    """
    name = rejected_name(key)
    if not has_rejected(dataset, key):
        return
    path = f"{name}.detections"
    rejected: Mapping[str, Any] = {"$match": {f"{path}.verdict": REJECTED}}
    shown = {"$project": {"evidence": f"${path}.evidence"}}
    for one in stored_samples(dataset).aggregate([rejected, {"$unwind": f"${path}"}, rejected, shown]):
        if one.get("evidence") is not None:
            yield str(one["_id"]), one["evidence"]


def carry(regions: Sequence[Document], earlier: Sequence[Document]) -> tuple[list[Document], list[Document]]:
    """Gives the verdicts on earlier regions to the same ones of a new search.

    Regions are the same if they are of one class pair, and of one evidence or in boxes that overlap by `SAME_REGION`;
    each is the same as one other at most, the one that it is most like.
    Reviewed ones that are not found any more stay as they were, with their mask in the database, as its file goes with
    the old search. So do those that a person has drawn in the App, whose mask and box also stay where they are found
    again.

    Args:
        regions: of an image's new search, as MongoDB keeps detections
        earlier: its regions of before that a person has reviewed or drawn

    Returns:
        the image's suspects, and its rejected regions
    """
    all_regions = [dict(region) for region in regions]
    said = [one for one in earlier if one.get("verdict") or is_drawn(one)]
    places = _places(said, all_regions)
    for place, before in enumerate(said):
        if place not in places:
            all_regions.append(with_mask(before))
            continue
        same = all_regions[places[place]]
        same.update({name: before.get(name) for name in ATTRIBUTES})
        same["label"] = before.get("label") or same["suggested"]
        if is_drawn(before):
            shape = with_mask(before)
            same |= {"mask": shape.get("mask"), "mask_path": None, "bounding_box": before["bounding_box"]}
    all_regions.sort(key=strength, reverse=True)
    kept = [one for one in all_regions if one.get("verdict") in KEPT]
    return [one for one in all_regions if one.get("verdict") not in KEPT], kept


def _places(earlier: Sequence[Document], regions: Sequence[Document]) -> dict[int, int]:
    """The place of each earlier region to that of the same one of a new search, those first that are most alike."""
    pairs = [
        (likeness, place, found)
        for place, before in enumerate(earlier)
        for found, region in enumerate(regions)
        if (likeness := _likeness(before, region)) is not None
    ]
    places: dict[int, int] = {}
    for _, place, found in sorted(pairs, key=lambda pair: pair[0], reverse=True):
        if place not in places and found not in places.values():
            places[place] = found
    return places


def strength(region: Mapping[str, Any]) -> tuple[float, float]:
    """What regions are sorted by: probability, where they are rated, then evidence; drawn ones have neither."""
    return region.get("probability") or 0.0, region.get("evidence") or 0.0


def same_region(before: Mapping[str, Any], regions: Sequence[Document]) -> Document | None:
    """The region that is most like another one, if it is the same."""
    alike = [
        (likeness, -place) for place, one in enumerate(regions) if (likeness := _likeness(before, one)) is not None
    ]
    return regions[-max(alike)[1]] if alike else None


def _likeness(before: Mapping[str, Any], region: Mapping[str, Any]) -> tuple[bool, float] | None:
    """Whether two regions are of one evidence, and the overlap of their boxes; None where they are not the same."""
    pair = (before.get("given"), before.get("suggested"))
    if None in pair or (region.get("given"), region.get("suggested")) != pair:
        # What somebody has added by hand is the same as nothing
        return None
    # Of one evidence it is what was found before, wherever a person has moved it
    found_so = region.get("evidence") == before.get("evidence")
    overlap = _overlap(before["bounding_box"], region["bounding_box"])
    return (found_so, overlap) if found_so or overlap >= SAME_REGION else None


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes (left, top, width, height)."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def with_mask(region: Mapping[str, Any]) -> Document:
    """The region with its mask in the database in place of a file, where the file is still there."""
    kept = dict(region)
    path = kept.pop("mask_path", None)
    if path and os.path.exists(path) and kept.get("mask") is None:
        kept["mask"] = Binary(fou.serialize_numpy_array((np.asarray(read_mask(path)) > 0) * np.uint8(_IN_FILES)))
    return kept


def is_drawn_mask(mask: np.ndarray) -> bool:
    """Whether a region's mask in the database is a person's: it is of 0 and 1 then, unlike those that are kept."""
    return bool(mask.max(initial=0) < _IN_FILES)


def is_drawn(region: Mapping[str, Any]) -> bool:
    """Whether the shape of a region, as MongoDB keeps it, is a person's."""
    if region.get("verdict") in (EDITED, ADDED):
        return True
    return region.get("mask") is not None and is_drawn_mask(fou.deserialize_numpy_array(region["mask"]))
