"""A run at a glance for the samples of a view alone: counted in the database, in one pass, without reading samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import fiftyone as fo
from bson import ObjectId

from ..base.database_errors import database_errors
from ..dataset.suspect_fields import ERROR_TYPE, SUSPECTS
from ..dataset.verdicts import real
from ..documents.ownership import field_name
from ..records.record_parts import Distribution, Overview, SuspectPart, WorstImage
from ..records.run_record import RunRecord
from ..samples.private_fiftyone import is_generated, pipeline_of, root_of, stored_samples
from ..samples.slices import images_of
from ..suspects.issues import Group
from .overview import BINS, bin_range

_EDGES = [*(bin_range(place)[0] for place in range(BINS)), float("inf")]
#: Of an image's suspects, what is counted
_TAKEN = {
    **{name: f"$$one.{name}" for name in ("given", "suggested", "probability", "evidence")},
    "real": real("$$one"),
}


@database_errors()
def on_show(view: fo.DatasetView | fo.Dataset, record: RunRecord, score: str, worst: int = 10) -> RunRecord:
    """A run's record as it would be of the samples of a view.

    Of a view that shows only some of the suspects, only these count. What the record has of the pixels of classes is
    left out, as the samples do not say it.

    Args:
        view: of the run's dataset, or of patches of it, of which the images count
        record: the run's
        score: whose distribution is counted, beside that of the ranking score
        worst: how many of the worst images are named

    Returns:
        a copy of the record with the view's images, suspects, issues and distributions; the record itself where it has
        no overview to count again
    """
    before = record.overview
    if before is None or before.quality is None:
        return record
    names = dict.fromkeys((before.quality, score if score in before.scores else before.quality))
    found = next(iter(stored_samples(root_of(view)).aggregate(_pipeline(view, record, list(names), worst))))
    counts: dict[str, Any] = (
        found["all"][0] if found["all"] else {"images": 0, "regions": 0, "with_suspects": 0, "expected": 0.0}
    )
    types = None if before.images_by_type is None else {one["_id"]: one["n"] for one in found["types"] if one["_id"]}
    overview = Overview(
        quality=before.quality,
        # The others as they were: which there are to choose from
        scores=before.scores | {name: _distribution(found[f"score_{place}"]) for place, name in enumerate(names)},
        worst=[_worst(one) for one in found["worst"]],
        images_by_type=types,
    )
    return dataclasses.replace(
        record,
        overview=overview,
        scored=int(counts["images"]),
        scores=dataclasses.replace(record.scores, flagged_pixels=None, pooled_pixels=None),
        suspects=_suspects(record.suspects, counts),
        issues=_issues(record.issues, found["pairs"]),
        classes=[],
    )


def _pipeline(view: Any, record: RunRecord, names: list[str], worst: int) -> list[dict[str, Any]]:
    key = record.key
    quality, regions = field_name(key, "quality"), f"${field_name(key, SUSPECTS)}.detections"
    wanted = {
        "filepath": True,
        "quality": f"${quality}",
        "type": f"${field_name(key, ERROR_TYPE)}",
        "regions": {"$map": {"input": {"$ifNull": [regions, []]}, "as": "one", "in": _TAKEN}},
        **{f"score_{place}": f"${field_name(key, name)}" for place, name in enumerate(names)},
    }
    has = {"$cond": [{"$gt": [{"$size": "$regions"}, 0]}, 1, 0]}
    every = {
        "_id": None,
        "images": {"$sum": 1},
        "regions": {"$sum": {"$size": "$regions"}},
        "with_suspects": {"$sum": has},
        "expected": {"$sum": {"$sum": "$regions.real"}},
    }
    pair = {"given": "$regions.given", "suggested": "$regions.suggested"}
    of_image = {"_id": {**pair, "image": "$_id"}, "regions": {"$sum": 1}, "expected": {"$sum": "$regions.real"}}
    of_pair = {
        "_id": {"given": "$_id.given", "suggested": "$_id.suggested"},
        "images": {"$sum": 1},
        "regions": {"$sum": "$regions"},
        "expected": {"$sum": "$expected"},
    }
    facets: dict[str, Any] = {
        "all": [{"$group": every}],
        "types": [{"$group": {"_id": "$type", "n": {"$sum": 1}}}],
        "worst": [{"$sort": {"quality": 1, "_id": 1}}, {"$limit": worst}],
        "pairs": [{"$unwind": "$regions"}, {"$group": of_image}, {"$group": of_pair}],
        **{f"score_{place}": _histogram(f"score_{place}") for place in range(len(names))},
    }
    return [*shown_stages(view), {"$match": {quality: {"$ne": None}}}, {"$project": wanted}, {"$facet": facets}]


def shown_stages(view: Any) -> list[dict[str, Any]]:
    """The stages that leave the documents of the samples that a dataset or view shows."""
    if isinstance(view, fo.Dataset):
        return []
    if is_generated(view):
        return [{"$match": {"_id": {"$in": [ObjectId(one) for one in view.distinct("sample_id")]}}}]
    return pipeline_of(images_of(view))


def _histogram(name: str) -> list[dict[str, Any]]:
    output = {"n": {"$sum": 1}, "total": {"$sum": f"${name}"}, "lowest": {"$min": f"${name}"}}
    known = {"$match": {name: {"$gte": 0.0}}}
    return [known, {"$bucket": {"groupBy": f"${name}", "boundaries": _EDGES, "output": output}}]


def _distribution(rows: list[Mapping[str, Any]]) -> Distribution:
    counts = dict.fromkeys(_EDGES[:-1], 0) | {row["_id"]: row["n"] for row in rows}
    images = sum(counts.values())
    mean = sum(row["total"] for row in rows) / images if images else None
    return Distribution(images, mean, min((row["lowest"] for row in rows), default=None), list(counts.values()))


def _worst(image: Mapping[str, Any]) -> WorstImage:
    def strength(one: Mapping[str, Any]) -> float:
        return float(one.get("probability") or one.get("evidence") or 0.0)

    leading: Mapping[str, Any] = max(image["regions"], key=strength, default={})
    pair = (leading["given"], leading["suggested"]) if leading.get("suggested") else ()
    kind = image.get("type")
    return WorstImage(str(image["_id"]), image["filepath"], image["quality"], *((kind, *pair) if kind else ()))


def _suspects(before: SuspectPart | None, counts: Mapping[str, Any]) -> SuspectPart | None:
    if before is None:
        return None
    expected = None if before.expected is None else counts["expected"]
    return dataclasses.replace(before, regions=counts["regions"], images=counts["with_suspects"], expected=expected)


def _issues(groups: list[Group], pairs: list[Mapping[str, Any]]) -> list[Group]:
    """The run's issues that the view has, with what it has of them; the most probable mistakes first."""
    there = {(row["_id"].get("given"), row["_id"].get("suggested")): row for row in pairs}
    left = []
    for group in groups:
        row = there.get((group.given_name, group.suggested_name))
        if row is not None:
            expected = None if group.expected is None else row["expected"]
            left.append(dataclasses.replace(group, regions=row["regions"], images=row["images"], expected=expected))
    return sorted(left, key=lambda group: -(group.expected or 0.0)) if left and left[0].expected is not None else left
