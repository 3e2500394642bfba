"""What a dataset must be like for a run, and the class names it brings: checks that read no image and no mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo

from ..base.errors import LabelQualityError
from .private_fiftyone import is_generated, root_of

#: What a user may give as classes: mask value or '#rrggbb' to name, or the names of the values 0, 1, 2, …
Classes = Mapping[Any, str] | Sequence[str]

_INSTEAD = {
    "video": "Sample its frames into an image dataset with `dataset.to_frames(sample_frames=True).clone()` and use "
    "that one.",
    "group": "Select its slices of images, for example with `dataset.select_group_slices('left')`, or flatten a view "
    "that is grouped by a field with `view.flatten()`.",
}
_INSTEAD_OF_OTHERS = "Use a dataset whose samples are images."


def check_collection(collection: fo.Dataset | fo.DatasetView) -> None:
    """Raises `LabelQualityError` unless the collection is a non-empty image dataset or a view of one."""
    name = root_of(collection).name
    # Counted, not estimated: after a crash of MongoDB its estimate may be 0 until it has checkpointed
    if not len(collection.limit(1)):
        kind = "dataset" if isinstance(collection, fo.Dataset) else "view of dataset"
        raise LabelQualityError(f"The {kind} '{name}' has no samples. Choose a view that has at least one.")
    if collection.media_type != "image":
        instead = _INSTEAD.get(collection.media_type, _INSTEAD_OF_OTHERS)
        raise LabelQualityError(
            f"Expected a dataset of images, but '{name}' holds samples of media type '{collection.media_type}', which "
            f"is not supported. {instead}"
        )
    if is_generated(collection):
        raise LabelQualityError(
            f"Expected a view of whole samples, but this view of '{name}' shows patches or frames, which is not "
            "supported. Use the dataset itself, or a copy of the view made with `view.clone()`."
        )


def check_label_field(collection: fo.Dataset | fo.DatasetView, label_field: str) -> None:
    """Raises `LabelQualityError` unless the collection has such a field of `fo.Segmentation` labels."""
    schema = collection.get_field_schema()
    if label_field not in schema:
        fields = segmentation_fields(collection)
        there = f"Its segmentation fields are: {', '.join(fields)}." if fields else "It has no segmentation field."
        raise LabelQualityError(f"Dataset '{root_of(collection).name}' has no field '{label_field}'. {there}")
    if not _is_segmentation(schema[label_field]):
        kind = getattr(schema[label_field], "document_type", type(schema[label_field])).__name__
        fields = segmentation_fields(collection)
        there = f" The dataset's segmentation fields are: {', '.join(fields)}." if fields else ""
        raise LabelQualityError(f"Expected field '{label_field}' to hold Segmentation labels, but it is {kind}.{there}")


def segmentation_fields(collection: fo.Dataset | fo.DatasetView) -> list[str]:
    """Names of the collection's `fo.Segmentation` fields, in the order of its schema."""
    return [name for name, field in collection.get_field_schema().items() if _is_segmentation(field)]


def class_targets(
    collection: fo.Dataset | fo.DatasetView, label_field: str, classes: Classes | None = None
) -> tuple[str, dict[Any, str] | None]:
    """The mask targets that apply to a field, and where they come from; None where there are none but the values.

    Args:
        collection: the dataset or view
        label_field: the segmentation field
        classes: the user's own, which come first

    Returns:
        the source (``argument``, ``mask_targets``, ``default_mask_targets`` or ``values seen``) and the targets
    """
    if classes is not None:
        if isinstance(classes, str):
            raise LabelQualityError(f"Expected `classes` to be names or a mapping of values to names, not {classes!r}.")
        return "argument", dict(classes) if isinstance(classes, Mapping) else dict(enumerate(classes))
    dataset = root_of(collection)
    if dataset.mask_targets.get(label_field):
        return "mask_targets", dict(dataset.mask_targets[label_field])
    if dataset.default_mask_targets:
        return "default_mask_targets", dict(dataset.default_mask_targets)
    return "values seen", None


def _is_segmentation(field: fo.Field) -> bool:
    return isinstance(field, fo.EmbeddedDocumentField) and issubclass(field.document_type, fo.Segmentation)
