"""The files that a run's fields show, and which of them are gone: nobody else says when files are removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice

import fiftyone as fo

from ..base.errors import LabelQualityError
from ..samples.private_fiftyone import stored_samples
from .ownership import field_name, own_fields

_IMAGES = {"heatmap": "map_path", "flags": "map_path", "prediction": "mask_path"}
_SUSPECTS = "suspects"


def missing_images(dataset: fo.Dataset, key: str) -> Iterator[str]:
    """The heatmaps, flags and predicted masks that a run's fields name and that are not there, as they are found."""
    own = own_fields(dataset, key)
    fields = {field_name(key, suffix): name for suffix, name in _IMAGES.items() if field_name(key, suffix) in own}
    if not fields:
        return
    for sample in stored_samples(dataset).find({}, {f"{field}.{name}": True for field, name in fields.items()}):
        for field, name in fields.items():
            path = (sample.get(field) or {}).get(name)
            if path and not os.path.exists(path):
                yield path


def missing_regions(dataset: fo.Dataset, key: str) -> Iterator[str]:
    """The masks of a run's suspects that their field names and that are not there, as they are found."""
    field = field_name(key, _SUSPECTS)
    if field not in own_fields(dataset, key):
        return
    for sample in stored_samples(dataset).find({}, {f"{field}.detections.mask_path": True}):
        for region in (sample.get(field) or {}).get("detections", []):
            path = region.get("mask_path")
            if path and not os.path.exists(path):
                yield path


def check_shown(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if files that a run's fields show are gone."""
    missing = [path for find in (missing_images, missing_regions) for path in islice(find(dataset, key), 2)]
    if missing:
        others = " and others were" if len(missing) > 1 else " was"
        raise LabelQualityError(
            f"{missing[0]}{others} removed while run '{key}' was under way. Start the same run again: it makes what is "
            "missing anew."
        )
