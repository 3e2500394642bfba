"""What the ordinary review says of a run's suspects, beside the verdicts on what was drawn to be judged."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any, TypeAlias

import fiftyone as fo

from ..dataset.sample_fields import SUSPECT
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import ADDED, KEPT, WRONG
from ..dataset.verdicts import CONFIRMED as IS_CONFIRMED
from ..dataset.verdicts import REJECTED as IS_REJECTED
from ..documents.ownership import field_name
from ..records.sample_parts import SamplePart
from ..samples.private_fiftyone import stored_samples
from .drawn_units import suspects_of

Document = dict[str, Any]
#: Given and suggested class
Issue: TypeAlias = tuple[str, str]


class Review:
    """What the ordinary review says of what was drawn, and since then.

    Args:
        dataset: the dataset
        key: the run's key
        sample: what was drawn
    """

    def __init__(self, dataset: fo.Dataset, key: str, sample: SamplePart) -> None:
        self._dataset, self._key = dataset, key
        self._drawn = datetime.fromisoformat(sample.created).astimezone(timezone.utc).replace(tzinfo=None)
        self._there = dataset.has_sample_field(field_name(key, SUSPECTS))

    def with_own_verdicts(self, units: Iterable[Document]) -> list[Document]:
        """The units, in which suspects that were judged where they are suspects have that verdict."""
        every = list(units)
        asked = [one for one in every if one["unit"] == SUSPECT and not one.get("verdict")]
        known = suspects_of(self._dataset, self._key, asked)
        return [{**one, "verdict": _told(known[one["_id"]])} if one["_id"] in known else one for one in every]

    def confirmed_since(self) -> tuple[int, int]:
        """How many suspects were confirmed after the draw, and how many pixels they and what was added by hand have."""
        if not self._there:
            return 0, 0
        path = f"{field_name(self._key, SUSPECTS)}.detections"
        wrong = {f"{path}.verdict": {"$in": list(WRONG)}}
        since = {**wrong, f"{path}.reviewed_at": {"$gt": self._drawn}}
        suspect = {"$cond": [{"$eq": [f"${path}.verdict", ADDED]}, 0, 1]}
        total = {"_id": None, "regions": {"$sum": suspect}, "pixels": {"$sum": f"${path}.area"}}
        pipeline = [{"$match": wrong}, {"$unwind": f"${path}"}, {"$match": since}]
        found = next(stored_samples(self._dataset).aggregate([*pipeline, {"$group": total}]), None)
        return (int(found["regions"]), int(found["pixels"])) if found else (0, 0)

    def open_suspects(self) -> int:
        """How many suspects nobody has reviewed."""
        if not self._there:
            return 0
        path = f"{field_name(self._key, SUSPECTS)}.detections"
        pipeline = [
            {"$match": {f"{path}.0": {"$exists": True}}},
            {"$unwind": f"${path}"},
            {"$match": {f"{path}.verdict": {"$nin": [*WRONG, *KEPT]}}},
            {"$count": "regions"},
        ]
        return int(next(stored_samples(self._dataset).aggregate(pipeline), {"regions": 0})["regions"])

    def issues(self) -> dict[Issue, tuple[int, int]]:
        """Of each issue how many suspects nobody has reviewed, and how many were confirmed after the draw."""
        if not self._there:
            return {}
        path = f"{field_name(self._key, SUSPECTS)}.detections"
        verdict = {"$ifNull": [f"${path}.verdict", None]}
        is_open = {"$not": [{"$in": [verdict, [*WRONG, *KEPT]]}]}
        since = {"$gt": [f"${path}.reviewed_at", self._drawn]}
        confirmed = {"$and": [{"$in": [verdict, [one for one in WRONG if one != ADDED]]}, since]}
        numbers = {name: {"$sum": {"$cond": [test, 1, 0]}} for name, test in (("open", is_open), ("wrong", confirmed))}
        pipeline = [
            {"$match": {f"{path}.0": {"$exists": True}}},
            {"$unwind": f"${path}"},
            {"$group": {"_id": [f"${path}.given", f"${path}.suggested"], **numbers}},
        ]
        found = stored_samples(self._dataset).aggregate(pipeline)
        return {(str(one["_id"][0]), str(one["_id"][1])): (one["open"], one["wrong"]) for one in found}


def _told(suspect: Document) -> str | None:
    """What a suspect's verdict says to whether it is a mistake; one that was deleted says nothing."""
    verdict = suspect.get("verdict")
    return IS_CONFIRMED if verdict in WRONG else IS_REJECTED if verdict == IS_REJECTED else None
