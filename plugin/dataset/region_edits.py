"""What people do to suspects in the App's Annotate tab, as verdicts: they redraw, move, rename, add or delete them.

The App says neither that a label was edited nor by whom, so an edit is known by what it leaves: a mask in the database
in place of a file, another class than the run's, a label without what runs write, or no label where the run has found
one. An edit becomes a verdict as soon as anything asks for verdicts, which then is what is read and counted:

- *edited*: its shape was changed;
- *added*: there is a mask where the run has found nothing;
- *confirmed* with another class: only its class was changed; where that is the given one it is *rejected*;
- *deleted*: it is gone. Its place is kept beside the rejected ones: the given class stays, but nobody has said that it
  is right, as somebody may have drawn another region there.

It depends on what is stored alone, and each change is made only where nobody has changed the region since: to do it
again, or two at a time, changes nothing more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
import fiftyone.core.utils as fou
import numpy as np
from bson import ObjectId
from pymongo import UpdateOne

from ..base.errors import SampleError
from ..base.portions import portions
from ..documents.ownership import field_name
from ..labels.class_table import ClassTable
from ..labels.images import image_size, read_mask
from ..records.run_record import load_record
from ..samples.private_fiftyone import stored_samples
from .region_patches import update_some_patches
from .region_writes import changed_regions, update_error_types
from .suspect_fields import SUSPECTS
from .verdicts import (
    ADDED,
    CONFIRMED,
    DELETED,
    EDITED,
    KEPT,
    REJECTED,
    create_rejected,
    declare,
    has_rejected,
    is_drawn_mask,
    rejected_name,
    signed,
)

Document = dict[str, Any]
#: What is read of a region, beside the type of its mask
_READ = ("_id", "label", "given", "suggested", "corrected_to", "verdict", "bounding_box", "mask_path")
#: Images a write: MongoDB compares each region with every id that it is given
_IMAGES_A_WRITE = 100
#: Of a region's mask, where it is in the database
_IN_DATABASE = "binData"


@dataclass(frozen=True)
class Edits:
    """What was edited in the App since verdicts were asked for the last time.

    Args:
        edited: suspects whose shape was changed
        added: regions that were drawn where nothing was found
        renamed: suspects that were given another class
        rejected: suspects that were given the class that the mask has
        deleted: suspects that were deleted
        unclear: a sentence for each region that says nothing yet: it has no mask, or no class of the run
    """

    edited: int = 0
    added: int = 0
    renamed: int = 0
    rejected: int = 0
    deleted: int = 0
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statement:
    """What a region says as it is now.

    Args:
        verdict: of `verdicts`
        corrected_to: the class that it should be, where it is not the suggested one
    """

    verdict: str
    corrected_to: str | None = None


@dataclass
class _Said:
    """What regions of one image say, beyond the verdicts that they have."""

    sample_id: ObjectId
    when: datetime
    new: list[tuple[Document, Statement, int | None]] = field(default_factory=list)


def statement(region: Mapping[str, Any], names: Collection[str], drawn: bool) -> Statement | None:
    """What an edit of a region says that its verdict does not.

    Args:
        region: as MongoDB keeps it; of its ``mask`` only whether there is one is looked at
        names: of the run's classes
        drawn: whether its shape is a person's

    Returns:
        None where it was not edited, or it is not clear what is meant: see `unclear`
    """
    verdict, label, suggested = (region.get(name) for name in ("verdict", "label", "suggested"))
    if verdict in KEPT or unclear(region, names):
        return None
    right = label if label != suggested else None
    if suggested is None:
        said = Statement(ADDED)
    elif drawn:
        said = Statement(EDITED, right)
    elif verdict is None and right is None:
        return None
    elif label == region.get("given"):
        return Statement(REJECTED)
    else:
        said = Statement(verdict or CONFIRMED, right)
    known = Statement(str(verdict), region.get("corrected_to") if suggested is not None else None)
    return None if said == known else said


def unclear(region: Mapping[str, Any], names: Collection[str]) -> str | None:
    """Why it is not clear what a region says, as the end of a sentence; None where it is."""
    label = region.get("label")
    if region.get("verdict") in KEPT:
        return None
    if label is None:
        return "has no class. Choose one for it in the tab Annotate, or delete it"
    if label not in names:
        return f"is of the class {label!r}, but the run has {', '.join(names)}. Choose one of these, or delete it"
    if region.get("mask") is None and not region.get("mask_path"):
        return "has no mask. Draw one in the tab Annotate, or delete it"
    return None


def settle_edits(
    dataset: fo.Dataset,
    key: str,
    names: Sequence[str] = (),
    *,
    moved: Collection[ObjectId] = (),
    reviewer: str | None = None,
    view: fo.DatasetView | None = None,
) -> Edits:
    """Gives regions that were edited in the App the verdict that the edit stands for.

    What was deleted is not seen here, see `record_deleted`.

    Args:
        dataset: the dataset
        key: the key of a run with suspects
        names: of the run's classes; read from its record where there are none
        moved: ids of suspects that are known to be elsewhere than the run has found them
        reviewer: who has edited; by default the user of this computer, as the App does not say who it was
        view: patches of suspects that are on show, to be kept up to date beside the run's own
    """
    counts: dict[str, int] = defaultdict(int)
    doubts, said = [], []
    suspects = field_name(key, SUSPECTS)
    for sample in stored_samples(dataset).aggregate(_edited(suspects, moved)):
        names = names or ClassTable.from_dict(load_record(dataset, key).class_table).names
        found = _Said(sample["_id"], sample.get("last_modified_at") or datetime.now(timezone.utc))
        for region in sample["regions"]:
            doubt = unclear(region, names)
            if doubt:
                doubts.append(
                    f"Sample {sample['_id']} ({sample['filepath']}): the region {region.get('label')!r} {doubt}."
                )
            drawn = region["_id"] in moved or _is_drawn(dataset, suspects, sample["_id"], region)
            new = statement(region, names, drawn)
            if new is not None:
                counts[_kind(new)] += 1
                found.new.append((region, new, _pixels(dataset, suspects, sample, region) if drawn else None))
        if found.new:
            said.append(found)
    if said:
        declare(dataset, f"{suspects}.detections")
        rejects = any(new.verdict == REJECTED for one in said for _, new, _ in one.new)
        rejected = (
            create_rejected(dataset, key) if rejects else rejected_name(key) if has_rejected(dataset, key) else None
        )
        for some in portions(said, _IMAGES_A_WRITE):
            changes = [UpdateOne({"_id": one.sample_id}, _written(one, suspects, rejected, reviewer)) for one in some]
            stored_samples(dataset).bulk_write(changes, ordered=False)
            samples = {"_id": {"$in": [one.sample_id for one in some]}}
            update_error_types(dataset, key, samples)
            ids = [region["_id"] for one in some for region, _, _ in one.new]
            update_some_patches(dataset, key, samples, ids, view)
    return Edits(**counts, unclear=tuple(doubts))


def record_deleted(
    dataset: fo.Dataset, key: str, missing: Mapping[str, Sequence[Document]], reviewer: str | None = None
) -> None:
    """Keeps suspects that were deleted in the App beside the rejected ones, unless that was done already.

    Args:
        dataset: the dataset
        key: the key of a run with suspects
        missing: sample id to the suspects that the run has found there and that are gone, as it would write them
        reviewer: as of `settle_edits`
    """
    if not missing:
        return
    suspects, rejected = field_name(key, SUSPECTS), create_rejected(dataset, key)
    now = datetime.now(timezone.utc)
    changes = []
    for sample_id, regions in missing.items():
        gone = [{**one, "verdict": DELETED, "corrected_to": None, **signed(DELETED, reviewer, now)} for one in regions]
        there = {
            "$concatArrays": [{"$ifNull": [f"${name}.detections.evidence", []]} for name in (suspects, rejected)],
        }
        new = {
            "$filter": {
                "input": {"$literal": gone},
                "as": "one",
                "cond": {"$not": [{"$in": ["$$one.evidence", there]}]},
            }
        }
        update = changed_regions(suspects, rejected, "$$one", now, more=new)
        changes.append(UpdateOne({"_id": ObjectId(sample_id), f"{suspects}.detections": {"$type": "array"}}, update))
    stored_samples(dataset).bulk_write(changes, ordered=False)
    update_error_types(dataset, key, {"_id": {"$in": [ObjectId(one) for one in missing]}})


def _kind(new: Statement) -> str:
    return "renamed" if new.verdict == CONFIRMED else new.verdict


def _edited(suspects: str, moved: Collection[ObjectId]) -> list[Document]:
    """The samples with regions that may have been edited, with those regions and the type of their masks."""
    verdict, mask = {"$ifNull": ["$$one.verdict", None]}, {"$type": "$$one.mask"}
    suggested = {"$ifNull": ["$$one.suggested", None]}
    found, is_open = {"$ne": [suggested, None]}, {"$in": [verdict, [None, CONFIRMED]]}
    label = {"$ifNull": ["$$one.label", None]}
    expected = {"$ifNull": ["$$one.corrected_to", "$$one.suggested", None]}
    renamed = {"$and": [found, {"$ne": [label, expected]}]}
    drawn = {"$and": [is_open, {"$eq": [mask, _IN_DATABASE]}]}
    added = {"$and": [is_open, {"$not": [found]}]}
    elsewhere = {"$in": ["$$one._id", list(moved)]}
    some = {"$or": [renamed, drawn, added, elsewhere]}
    regions = {"$ifNull": [f"${suspects}.detections", []]}
    read = {**{name: f"$$one.{name}" for name in _READ}, "mask": {"$cond": [{"$eq": [mask, _IN_DATABASE]}, True, None]}}
    chosen = {"$filter": {"input": regions, "as": "one", "cond": some}}
    kept = {"filepath": True, "last_modified_at": True, "metadata.width": True, "metadata.height": True}
    return [
        {"$match": {f"{suspects}.detections.0": {"$exists": True}}},
        {"$project": {**kept, "regions": {"$map": {"input": chosen, "as": "one", "in": read}}}},
        {"$match": {"regions.0": {"$exists": True}}},
    ]


def _is_drawn(dataset: fo.Dataset, suspects: str, sample_id: ObjectId, region: Mapping[str, Any]) -> bool:
    if region.get("verdict") in (EDITED, ADDED):
        return True
    mask = _mask(dataset, suspects, sample_id, region)
    return mask is not None and is_drawn_mask(mask)


def _mask(dataset: fo.Dataset, suspects: str, sample_id: ObjectId, region: Mapping[str, Any]) -> np.ndarray | None:
    """The region's mask in the database, None where it has none there."""
    if not region.get("mask"):
        return None
    wanted = {"_id": sample_id, f"{suspects}.detections._id": region["_id"]}
    found = stored_samples(dataset).find_one(wanted, {f"{suspects}.detections.$": True})
    stored = None if found is None else found[suspects]["detections"][0].get("mask")
    return None if stored is None else np.asarray(fou.deserialize_numpy_array(stored))


def _pixels(dataset: fo.Dataset, suspects: str, sample: Mapping[str, Any], region: Mapping[str, Any]) -> int | None:
    """Pixels of the image that a drawn region covers, by those of the screen; None where that is not known."""
    metadata = sample.get("metadata") or {}
    try:
        size = metadata.get("height"), metadata.get("width")
        height, width = size if all(size) else image_size(sample["filepath"], str(sample["_id"]))
        mask = _mask(dataset, suspects, sample["_id"], region)
        if mask is None:
            mask = read_mask(region["mask_path"], str(sample["_id"]))
    except SampleError:
        return None
    _, _, across, down = region["bounding_box"]
    return round(float((mask > 0).mean()) * across * width * down * height)


def _written(said: _Said, suspects: str, rejected: str | None, reviewer: str | None) -> list[Document]:
    """The change of a sample: of each region only where nobody has changed its verdict or its class meanwhile."""
    branches = []
    for region, new, pixels in said.new:
        values = {"verdict": new.verdict, "corrected_to": new.corrected_to, **signed(new.verdict, reviewer, said.when)}
        values |= {"area": pixels} if pixels is not None else {}
        # As all that is rejected has it, so that it is the run's again where that is taken back
        values |= {"label": region["suggested"]} if new.verdict == REJECTED else {}
        as_seen = [
            {"$eq": [{"$ifNull": [f"$$one.{name}", None]}, {"$literal": region.get(name)}]}
            for name in ("verdict", "label")
        ]
        literal = {name: {"$literal": value} for name, value in values.items()}
        same = {"$and": [{"$eq": ["$$one._id", region["_id"]]}, *as_seen]}
        branches.append({"case": same, "then": {"$mergeObjects": ["$$one", literal]}})
    change = {"$switch": {"branches": branches, "default": "$$one"}}
    return changed_regions(suspects, rejected, change, datetime.now(timezone.utc))


def published_regions(dataset: fo.Dataset, key: str, sample_ids: Sequence[str]) -> Iterator[tuple[str, list[Document]]]:
    """The regions of samples, those that are set aside among them, with what tells whether they were moved or deleted.

    Args:
        dataset: the dataset
        key: the key of a run with suspects
        sample_ids: of the samples; such as have no list of suspects are left out
    """
    fields = [field_name(key, SUSPECTS), *([rejected_name(key)] if has_rejected(dataset, key) else [])]
    read = {
        f"{name}.detections.{of}": True
        for name in fields
        for of in ("evidence", "bounding_box", "mask_path", "verdict")
    }
    ids = {f"{name}.detections._id": True for name in fields}
    wanted = {"_id": {"$in": [ObjectId(one) for one in sample_ids]}, f"{fields[0]}.detections": {"$type": "array"}}
    for sample in stored_samples(dataset).find(wanted, {**read, **ids}):
        yield str(sample["_id"]), [one for name in fields for one in (sample.get(name) or {}).get("detections") or []]
