"""What a report says of a run: its suspects and verdicts, counted and read from the dataset as they are now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fiftyone as fo
from bson import ObjectId

from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import WRONG, has_rejected, rejected_name
from ..documents.ownership import field_name
from ..records.run_record import RunRecord
from ..samples.private_fiftyone import stored_samples

#: A suspect as MongoDB keeps it
Region = Mapping[str, Any]


@dataclass
class Reviewed:
    """The suspects of a run and what people have decided, counted.

    Args:
        suspects: all, rejected ones among them
        images: with at least one that is not rejected
        confirmed: the given mask is wrong there; what was redrawn or added in the App is confirmed by that
        rejected: it is right, or the suspect was deleted in the App
        expected: of those that nobody has reviewed, how many are probably real; None where none has a probability
        reviewers: name to the verdicts given
        last: when the last verdict was given, ISO 8601; None without any
    """

    suspects: int = 0
    images: int = 0
    confirmed: int = 0
    rejected: int = 0
    expected: float | None = None
    reviewers: dict[str, int] = field(default_factory=dict)
    last: str | None = None

    @property
    def left(self) -> int:
        """Suspects that nobody has reviewed."""
        return self.suspects - self.confirmed - self.rejected


def count_reviewed(dataset: fo.Dataset, key: str) -> Reviewed:
    """Counts the suspects of a run and the verdicts on them; the database does it."""
    found = Reviewed()
    if not dataset.has_sample_field(field_name(key, SUSPECTS)):
        return found
    fields = [field_name(key, SUSPECTS), *([rejected_name(key)] if has_rejected(dataset, key) else [])]
    found.images = stored_samples(dataset).count_documents({f"{fields[0]}.detections.0": {"$exists": True}})
    for name in fields:
        for row in _by_verdict(dataset, f"{name}.detections"):
            verdict, reviewer = row["_id"]["verdict"], row["_id"]["reviewer"]
            found.suspects += row["regions"]
            if verdict is None:
                rated = row["expected"] if row["rated"] else None
                found.expected = rated if found.expected is None else found.expected + (rated or 0.0)
                continue
            found.confirmed += row["regions"] * (verdict in WRONG)
            found.rejected += row["regions"] * (verdict not in WRONG)
            found.reviewers[str(reviewer)] = found.reviewers.get(str(reviewer), 0) + row["regions"]
            last = row["last"].isoformat(timespec="minutes") if row["last"] is not None else None
            found.last = max(filter(None, (found.last, last)), default=None)
    return found


def regions_of(dataset: fo.Dataset, key: str, sample_ids: Sequence[str]) -> dict[str, list[Region]]:
    """The suspects of some images that are not rejected, the strongest first."""
    name = field_name(key, SUSPECTS)
    wanted = {"_id": {"$in": [ObjectId(one) for one in sample_ids]}, f"{name}.detections.0": {"$exists": True}}
    found = stored_samples(dataset).find(wanted, {name: True}) if dataset.has_sample_field(name) else ()
    return {str(one["_id"]): one[name]["detections"] for one in found}


def examples_of(dataset: fo.Dataset, key: str, given: str, suggested: str, number: int) -> list[tuple[str, Region]]:
    """The most probable suspects of an issue, at most one an image, each with its image's id."""
    if not number:
        return []
    name = field_name(key, SUSPECTS)
    pair = {"given": given, "suggested": suggested}
    strength = {"$ifNull": [f"${name}.detections.probability", f"${name}.detections.evidence"]}
    stages: list[dict[str, Any]] = [
        {"$match": {f"{name}.detections": {"$elemMatch": pair}}},
        {"$project": {name: True}},
        {"$unwind": f"${name}.detections"},
        {"$match": {f"{name}.detections.{part}": value for part, value in pair.items()}},
        {"$project": {"region": f"${name}.detections", "strength": strength}},
        {"$sort": {"strength": -1}},
        {"$group": {"_id": "$_id", "region": {"$first": "$region"}, "strength": {"$first": "$strength"}}},
        {"$sort": {"strength": -1, "_id": 1}},
        {"$limit": number},
    ]
    found = stored_samples(dataset).aggregate(stages, allowDiskUse=True)
    return [(str(one["_id"]), one["region"]) for one in found]


def note_lines(record: RunRecord) -> list[str]:
    """Sentences that whoever reads the figures must know."""
    suspects = record.suspects.notes if record.suspects is not None else []
    gain = record.gain.notes if record.gain is not None else []
    return list(dict.fromkeys([*record.notes, *suspects, *gain]))


def _by_verdict(dataset: fo.Dataset, path: str) -> Iterator[Mapping[str, Any]]:
    """By verdict and reviewer: how many ``regions``, the ``expected`` number of real ones, and the ``last`` verdict."""
    place = f"${path}"
    group = {
        "_id": {
            "verdict": {"$ifNull": [f"{place}.verdict", None]},
            "reviewer": {"$ifNull": [f"{place}.reviewed_by", None]},
        },
        "regions": {"$sum": 1},
        "expected": {"$sum": f"{place}.probability"},
        "rated": {"$max": {"$cond": [{"$isNumber": f"{place}.probability"}, True, False]}},
        "last": {"$max": f"{place}.reviewed_at"},
    }
    stages = [
        {"$match": {f"{path}.0": {"$exists": True}}},
        {"$project": {path: True}},
        {"$unwind": place},
        {"$group": group},
    ]
    yield from stored_samples(dataset).aggregate(stages, allowDiskUse=True)
