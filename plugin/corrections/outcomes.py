"""What corrected masks did to suspects, on the suspects: their outcome, and a verdict where no person has given one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import fiftyone as fo
from bson import ObjectId
from pymongo import UpdateOne

from ..dataset.region_patches import update_some_patches
from ..dataset.region_writes import changed_regions, update_error_types
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import CONFIRMED, CORRECTIONS, create_rejected, declare, has_rejected, rejected_name
from ..documents.ownership import field_name
from ..samples.private_fiftyone import stored_samples, update_samples

#: Samples whose suspects are looked up at a time
_PORTION = 500
#: What a verdict leaves where it is taken back
_NONE = dict.fromkeys(("verdict", "corrected_to", "reviewed_by", "reviewed_at", "verdict_from"))


@dataclass(frozen=True)
class Outcome:
    """What corrected masks did to a suspect.

    Args:
        outcome: ``resolved`` or ``still suspect``
        verdict: what that says of it: ``confirmed``, ``rejected``, or None for nothing
        label: class that it has now; None where it keeps the suggested one
    """

    outcome: str
    verdict: str | None = None
    label: str | None = None


class OutcomeWriter:
    """Writes the outcomes of a run's suspects.

    Args:
        dataset: the dataset
        key: the run's key
        reviewer: who has corrected
        now: when, UTC
        rejects: whether suspects may be rejected
    """

    def __init__(self, dataset: fo.Dataset, key: str, reviewer: str, now: datetime, rejects: bool) -> None:
        self._dataset, self._key = dataset, key
        self._said = {"reviewed_by": reviewer, "reviewed_at": now, "verdict_from": CORRECTIONS}
        self._now = now
        self._suspects = field_name(key, SUSPECTS)
        declare(dataset, f"{self._suspects}.detections")
        self._rejected = create_rejected(dataset, key) if rejects else None
        if self._rejected is None and has_rejected(dataset, key):
            self._rejected = rejected_name(key)
            declare(dataset, f"{self._rejected}.detections")

    def clear(self) -> None:
        """Takes back what corrections of before have said, also in images that are corrected no more."""
        fields = [name for name in (self._suspects, self._rejected) if name]
        paths = [f"{name}.detections" for name in fields]
        # Of any of an image's regions; others may have been found or drawn since
        said = [{name: {"$nin": [None]}} for name in ("outcome", "verdict_from")]
        marked = {"$or": [{path: {"$elemMatch": {"$or": said}}} for path in paths]}
        shown = {f"{path}.{name}": True for path in paths for name in ("_id", "outcome", "verdict_from")}
        found = stored_samples(self._dataset).find(marked, shown)
        while portion := list(islice(found, _PORTION)):
            several = [(sample.get(name) or {}).get("detections") or [] for sample in portion for name in fields]
            regions = [one for regions in several for one in regions]
            ids = [one["_id"] for one in regions if one.get("outcome") or one.get("verdict_from")]
            samples = {"_id": {"$in": [sample["_id"] for sample in portion]}}
            stored_samples(self._dataset).update_many(samples, self._change(self._taken_back()))
            self._follow(samples, ids)

    def write(self, values: Mapping[str, Mapping[str, Any]], found: Mapping[str, Mapping[str, Outcome]]) -> None:
        """Sets fields of samples and the outcomes of their suspects, all of a sample's in one atomic step.

        Args:
            values: sample id to fields and their values as MongoDB keeps them
            found: sample id to id of a suspect to its outcome
        """
        updates = [
            UpdateOne({"_id": ObjectId(one)}, self._change(self._outcomes(found.get(one, {})), fields))
            for one, fields in values.items()
        ]
        if updates:
            update_samples(self._dataset, updates, list(values))
        ids = [ObjectId(region) for regions in found.values() for region in regions]
        self._follow({"_id": {"$in": [ObjectId(one) for one in found]}}, ids)

    def _change(self, region: Any, fields: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        written = {name: {"$literal": value} for name, value in (fields or {}).items()}
        if region is not None:
            written |= changed_regions(self._suspects, self._rejected, region, self._now)[0]["$set"]
        return [{"$set": {**written, "last_modified_at": self._now}}]

    def _taken_back(self) -> dict[str, Any]:
        """A region without what corrections of before have said of it."""
        undecided = {"$mergeObjects": ["$$one", {**_NONE, "outcome": None, "label": "$$one.suggested"}]}
        is_ours = {"$eq": [{"$ifNull": ["$$one.verdict_from", None]}, CORRECTIONS]}
        has_outcome = {"$ne": [{"$ifNull": ["$$one.outcome", None]}, None]}
        others = {"$cond": [has_outcome, {"$mergeObjects": ["$$one", {"outcome": None}]}, "$$one"]}
        return {"$cond": [is_ours, undecided, others]}

    def _outcomes(self, found: Mapping[str, Outcome]) -> dict[str, Any] | None:
        """A region with its outcome; with the verdict, too, unless a person has given one."""
        if not found:
            return None
        open_one = {"$eq": [{"$ifNull": ["$$one.verdict", None]}, None]}
        branches = []
        for region_id, one in found.items():
            said = {"outcome": one.outcome}
            new: dict[str, Any] = {"$mergeObjects": ["$$one", {"$literal": said}]}
            if one.verdict is not None:
                new = {"$cond": [open_one, {"$mergeObjects": ["$$one", *self._verdict(one, said)]}, new]}
            branches.append({"case": {"$eq": ["$$one._id", ObjectId(region_id)]}, "then": new})
        return {"$switch": {"branches": branches, "default": "$$one"}}

    def _verdict(self, one: Outcome, said: Mapping[str, Any]) -> list[dict[str, Any]]:
        values = [{"$literal": {**said, **self._said, "verdict": one.verdict, "corrected_to": None}}]
        if one.verdict != CONFIRMED or one.label is None:
            return values
        literal = {"$literal": one.label}
        other = {"$cond": [{"$eq": ["$$one.suggested", literal]}, None, literal]}
        return [*values, {"label": literal, "corrected_to": other}]

    def _follow(self, samples: dict[str, Any], ids: list[ObjectId]) -> None:
        """Has the leading types of the samples and the patches of the regions follow."""
        if ids:
            update_error_types(self._dataset, self._key, samples)
            update_some_patches(self._dataset, self._key, samples, ids)
