"""Grouped datasets seen flat: FiftyOne's own methods see one slice of them, or refuse."""

from __future__ import annotations

import fiftyone as fo

from .private_fiftyone import is_dynamic_groups, root_of


def images_of(collection: fo.Dataset | fo.DatasetView) -> fo.Dataset | fo.DatasetView:
    """All images of a collection: of a grouped one those of every slice, of another one itself.

    Args:
        collection: a dataset, or a view of whole samples, slices or groups
    """
    if collection.media_type != "group":
        return collection
    if isinstance(collection, fo.DatasetView) and is_dynamic_groups(collection):
        return images_of(collection.flatten())
    return collection.select_group_slices(media_type="image")


def slices_of(collection: fo.Dataset | fo.DatasetView) -> list[str]:
    """Names of the slices of a grouped dataset that a collection's samples are from, sorted; none of another one."""
    dataset = root_of(collection)
    return sorted(collection.distinct(f"{dataset.group_field}.name")) if dataset.media_type == "group" else []
