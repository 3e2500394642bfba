"""Suspects that were edited in the App, back as the run has found them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
from pymongo import UpdateOne

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..dataset.region_patches import update_some_patches
from ..dataset.region_writes import changed_regions, update_error_types
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import has_rejected, rejected_name
from ..documents.ownership import field_name
from ..records.run_record import load_record
from ..runs.collect_edits import found_again
from ..samples.private_fiftyone import root_of, stored_samples
from .decide import by_images, find_regions

#: What a restored suspect keeps
_KEPT = ("_id", "tags", "probability")


@database_errors()
def restore_suspects(
    dataset: fo.Dataset, key: str, region_ids: Sequence[str], *, view: fo.DatasetView | None = None
) -> None:
    """Gives suspects that were redrawn, moved, renamed or deleted in the App the shape and class that they had.

    They then have no verdict. `set_verdict` with None takes a verdict back and leaves what was drawn: that counts as
    edited for as long as it is there.

    Args:
        dataset: the dataset
        key: the run's key
        region_ids: ids of the regions' labels, or one; of patches, those are the ids of the patches too
        view: patches of suspects that are on show, to be kept up to date beside the run's own

    Raises:
        LabelQualityError: the run has no suspects, or not these; one was added by hand, or the run's files are gone
    """
    dataset = root_of(dataset)
    regions = find_regions(dataset, key, region_ids)
    if any(one.get("suggested") is None for one in regions):
        raise LabelQualityError(
            "A region that was added by hand has nothing to go back to. Delete it in the tab Annotate, or reject it."
        )
    wanted: dict[str, set[float]] = defaultdict(set)
    for one in regions:
        wanted[str(one["sample"])].add(float(one.get("evidence") or 0.0))
    found = {
        (sample_id, one["evidence"]): one
        for sample_id, several in found_again(dataset, load_record(dataset, key), wanted).items()
        for one in several
        if os.path.exists(one["mask_path"])
    }
    missing = [one for one in regions if (str(one["sample"]), one.get("evidence")) not in found]
    if missing:
        raise LabelQualityError(
            f"The shape of {len(missing)} of the {len(regions)} is no longer among the files of run '{key}'. Find "
            "suspects again, or redraw it."
        )
    suspects = field_name(key, SUSPECTS)
    rejected = rejected_name(key) if has_rejected(dataset, key) else None
    now = datetime.now(timezone.utc)
    branches: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for one in regions:
        kept = {name: one[name] for name in _KEPT if name in one}
        as_found = {**found[str(one["sample"]), one["evidence"]], **kept}
        branches[one["sample"]].append({"case": {"$eq": ["$$one._id", one["_id"]]}, "then": {"$literal": as_found}})
    changes = [
        UpdateOne(
            {"_id": sample},
            changed_regions(suspects, rejected, {"$switch": {"branches": cases, "default": "$$one"}}, now),
        )
        for sample, cases in branches.items()
    ]
    stored_samples(dataset).bulk_write(changes, ordered=False)
    for samples, ids in by_images(regions):
        update_error_types(dataset, key, samples)
        update_some_patches(dataset, key, samples, ids, view)
