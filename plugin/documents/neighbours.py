"""The samples before and after one in a view, for those who page through it from a sample that no grid has opened."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Any

import fiftyone as fo

from ..samples.private_fiftyone import copy_of, pipeline_of, stored_samples

#: Samples that are told on each side at once
_REACH = 200


@dataclass(frozen=True)
class Neighbours:
    """A stretch of a view.

    Args:
        ids: of the samples, or patches, in the view's order; the one that was asked for is among them
        before: whether the view has others before these
        after: whether it has others after these
    """

    ids: list[str]
    before: bool
    after: bool


def neighbours(view: fo.DatasetView | fo.Dataset, sample_id: str, reach: int = _REACH) -> Neighbours | None:
    """A sample of a view with those around it.

    Only ids are read, one after another up to the last that is told, so that memory does not grow with the view.

    Args:
        view: of samples or patches
        sample_id: the sample's or patch's
        reach: how many are told on each side, at least 1

    Returns:
        them; None where the view does not have the sample, or is of groups, in which one sample stands for several
    """
    if view.media_type == "group":
        return None
    stages: list[dict[str, Any]] = [*pipeline_of(view), {"$project": {"_id": True}}]
    ids = (str(one["_id"]) for one in stored_samples(copy_of(view)).aggregate(stages, allowDiskUse=True))
    # One more than is told, to know whether there are any; and the sample itself
    before: deque[str] = deque(maxlen=reach + 2)
    for one in ids:
        before.append(one)
        if one == sample_id:
            after = list(islice(ids, reach + 1))
            told = [*before, *after][max(0, len(before) - reach - 1) : len(before) + reach]
            return Neighbours(told, len(before) > reach + 1, len(after) > reach)
    return None
