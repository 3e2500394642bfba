"""What a lint has found in the samples of a view alone: counted in the database, in one pass, without reading masks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import fiftyone as fo

from ..base.database_errors import database_errors
from ..dataset.lint_fields import lint_names
from ..records.lint_part import LintPart
from ..samples.private_fiftyone import filtered_fields, root_of, stored_samples
from .on_show import shown_stages

_MORE = "Images with more findings than they show count with those that they show."


@database_errors()
def lint_on_show(view: fo.DatasetView | fo.Dataset, key: str, part: LintPart) -> LintPart:
    """What a lint has found, as it would be of the samples of a view.

    Of a view that shows only some of the findings, only these count. Of an image that has more than its field keeps,
    those that it keeps count.

    Args:
        view: of the dataset that was linted, or of patches of it, of which the images count
        key: the prefix of the lint's fields
        part: what is kept of the lint

    Returns:
        a copy with the counts of the view, the kinds in the same order, without those that the view has not
    """
    findings = lint_names(key)[0]
    found = next(iter(stored_samples(root_of(view)).aggregate(_pipeline(view, key))))
    counts: Mapping[str, int] = found["all"][0] if found["all"] else {"images": 0, "affected": 0, "more": 0}
    by_kind = {row["_id"]: row for row in found["kinds"]}
    kinds = [
        dataclasses.replace(one, findings=by_kind[one.kind]["findings"], images=by_kind[one.kind]["images"])
        for one in part.kinds
        if one.kind in by_kind
    ]
    capped = counts["more"] and findings not in filtered_fields(view)
    notes = [*part.notes, _MORE] if capped else part.notes
    return dataclasses.replace(part, images=counts["images"], affected=counts["affected"], kinds=kinds, notes=notes)


def _pipeline(view: Any, key: str) -> list[dict[str, Any]]:
    findings, _, count = lint_names(key)
    shown = {"$ifNull": [f"${findings}.detections.label", []]}
    every = {
        "_id": None,
        "images": {"$sum": 1},
        "affected": {"$sum": {"$cond": [{"$gt": [{"$size": "$kinds"}, 0]}, 1, 0]}},
        "more": {"$sum": {"$cond": [{"$gt": ["$count", {"$size": "$kinds"}]}, 1, 0]}},
    }
    of_image = {"_id": {"kind": "$kinds", "image": "$_id"}, "findings": {"$sum": 1}}
    of_kind = {"_id": "$_id.kind", "findings": {"$sum": "$findings"}, "images": {"$sum": 1}}
    facets: dict[str, Any] = {
        "all": [{"$group": every}],
        "kinds": [{"$unwind": "$kinds"}, {"$group": of_image}, {"$group": of_kind}],
    }
    # Samples that were not linted have no count
    linted = {"$match": {count: {"$ne": None}}}
    return [*shown_stages(view), linted, {"$project": {"kinds": shown, "count": f"${count}"}}, {"$facet": facets}]
