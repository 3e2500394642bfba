"""Sends images to an annotation service, with their masks to correct and the suspects to look at.

The given masks are copied to a field of their own, in the database, which is what annotators change:
`fo.Dataset.load_annotations` writes to that copy, never to the given masks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import numpy as np

from ..base.errors import LabelQualityError
from ..base.progress import Progress, silent
from ..dataset.fields import MARKER
from ..dataset.run_record import load_record
from ..labels.class_table import ClassTable
from ..samples.checks import check_label_field, class_targets
from ..samples.inputs import open_samples
from ..samples.private_fiftyone import root_of
from ..samples.slices import images_of
from . import annotation_backends as backends
from .annotation_undo import Made, reason
from .choose_images import Chosen

DEFAULT_KEY = "relabel"
#: Key of a field's ``info`` under which it says of which masks it is a copy
_COPY_OF = "copy_of"
_ANNO_KEY = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)
#: Masks in memory at a time
_MASKS_A_WRITE = 50


@dataclass(frozen=True)
class Sent:
    """What was sent.

    Args:
        anno_key: under which FiftyOne knows it
        backend: where to
        images: how many
        regions: suspects that are shown with them
        field: where the corrected masks, or polygons, will be
    """

    anno_key: str
    backend: str
    images: int
    regions: int
    field: str


def result_field(label_field: str, backend: str) -> str:
    """The field that corrections of given masks come back to."""
    return f"{label_field}_{'relabelled' if backends.takes_masks(backend) else 'polygons'}"


def check_key(dataset: fo.Dataset, anno_key: str) -> None:
    """Raises `LabelQualityError` unless an annotation run of the dataset can have this key."""
    if not isinstance(anno_key, str) or not _ANNO_KEY.fullmatch(anno_key):
        raise LabelQualityError(
            "Expected parameter `anno_key` to be a letter followed by up to 63 letters, digits or underscores, but got "
            f"{anno_key!r}."
        )
    if anno_key in dataset.list_annotation_runs():
        raise LabelQualityError(
            f"Images were sent as '{anno_key}' already. Give another `anno_key`, or delete that annotation run: "
            f"dataset.delete_annotation_run('{anno_key}')."
        )


def check_result_field(dataset: fo.Dataset, label_field: str, backend: str) -> None:
    """Raises `LabelQualityError` if the field for the corrections exists and was not made for them."""
    name = result_field(label_field, backend)
    field = dataset.get_field(name)
    marker = (field.info or {}).get(MARKER, {}) if field is not None else {}
    if field is not None and marker.get(_COPY_OF) != label_field:
        raise LabelQualityError(
            f"Dataset '{dataset.name}' already has a field '{name}', where the corrected masks would go, and it was "
            "not made for that. Rename or delete it."
        )


def send_to_annotation(
    chosen: Chosen,
    label_field: str,
    *,
    anno_key: str = DEFAULT_KEY,
    backend: str | None = None,
    regions: bool = True,
    options: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Sent:
    """Sends images to an annotation service.

    Where the service takes masks, annotators get a copy of the given ones to correct; else they draw polygons. With
    either come the suspects as boxes that are named after the suggested class and cannot be changed.

    Args:
        chosen: the images and regions, from `choose_images.choose`
        label_field: the given masks
        anno_key: the key of the annotation run, which loads the corrections: ``dataset.load_annotations(anno_key)``
        backend: one of ``fo.annotation_config.backends``, or None for the first that is set up
        regions: send the suspects too, where there are any
        options: of the backend, such as ``{"project_name": "streets"}``
        progress: told how many masks are copied

    Returns:
        what was sent

    Raises:
        LabelQualityError: no such service is set up, or it refuses; then the project that was made there is deleted
            again, and nothing is left of the annotation run
    """
    dataset = root_of(chosen.samples)
    backend = backends.check(backend)
    check_label_field(dataset, label_field)
    check_key(dataset, anno_key)
    check_result_field(dataset, label_field, backend)
    if not len(chosen.samples):
        raise LabelQualityError(f"There is nothing to send: no image is among {chosen.words}.")
    table = _classes(dataset, label_field, chosen.key)
    field = result_field(label_field, backend)
    schema: dict[str, Any]
    if backends.takes_masks(backend):
        targets = _copy_masks(chosen.samples, label_field, field, table, progress)
        schema = {field: {"type": "segmentation", "mask_targets": targets}}
    else:
        names = open_samples(chosen.samples, label_field, classes=table).class_table.names
        _make_field(dataset, label_field, field, fo.Polylines)
        schema = {field: {"type": "polygons", "classes": list(names), "attributes": {}}}
    shown = chosen.field if regions else None
    view, count = chosen.samples, 0
    if shown is not None:
        view = view.filter_labels(shown, chosen.region, only_matches=False)
        count = view.count(f"{shown}.detections")
    if shown is not None and count:
        schema[shown] = _context(view, shown)
    progress("Sending", 0, 1)
    _annotate(view, anno_key, backend, schema, dict(options or {}))
    progress("Sending", 1, 1)
    return Sent(anno_key, backend, len(view), count, field)


def _classes(dataset: fo.Dataset, label_field: str, key: str | None) -> Mapping[Any, str] | None:
    """The names of the masks' values where the dataset has none but the run was told: None otherwise."""
    if key is None or class_targets(dataset, label_field)[1] is not None:
        return None
    table = load_record(dataset, key).class_table
    return ClassTable.from_dict(table).mask_targets() if table else None


def _copy_masks(
    samples: fo.DatasetView, label_field: str, field: str, classes: Mapping[Any, str] | None, progress: Progress
) -> dict[Any, str]:
    """Copies masks to the field where samples have none there yet, and returns its mask targets."""
    dataset = root_of(samples)
    masks = open_samples(samples, label_field, classes=classes)
    targets = masks.class_table.mask_targets()
    _make_field(dataset, label_field, field, fo.Segmentation)
    dataset.mask_targets = {**dataset.mask_targets, field: targets}
    dataset.save()
    there = set(images_of(dataset).exists(field).values("id"))
    missing = [index for index, sample_id in enumerate(masks.ids) if sample_id not in there]
    for first in range(0, len(missing), _MASKS_A_WRITE):
        portion = missing[first : first + _MASKS_A_WRITE]
        copies = {
            masks.ids[index]: fo.Segmentation(mask=_plain(masks.load_mask(index), masks.class_table))
            for index in portion
        }
        dataset.set_values(field, copies, key_field="id")
        progress("Copying masks", first + len(portion), len(missing))
    return targets


def _plain(mask: np.ndarray, table: ClassTable) -> np.ndarray:
    """The mask as FiftyOne knows them: (H, W) values, or (H, W, 3) colours where the classes have colours."""
    if table.colors is not None:
        return np.ascontiguousarray(mask[..., :3])
    return mask[..., 0] if mask.ndim == 3 else mask


def _make_field(dataset: fo.Dataset, label_field: str, name: str, kind: type[fo.Label]) -> None:
    if dataset.get_field(name) is None:
        dataset.add_sample_field(
            name,
            fo.EmbeddedDocumentField,
            embedded_doc_type=kind,
            description=f"Copy of '{label_field}' for annotators to correct.",
            info={MARKER: {_COPY_OF: label_field}},
        )


def _context(view: fo.DatasetView, field: str) -> dict[str, Any]:
    """The schema of suspects: boxes to look at, which stay as they are."""
    attributes = ("given", "suggested", "error_type")
    fixed = dict.fromkeys(
        ("allow_additions", "allow_deletions", "allow_label_edits", "allow_index_edits", "allow_spatial_edits"), False
    )
    return {
        "type": "detections",
        "classes": sorted(view.distinct(f"{field}.detections.label")),
        "attributes": {name: {"type": "text", "read_only": True} for name in attributes},
        **fixed,
    }


def _annotate(
    view: fo.DatasetView, anno_key: str, backend: str, schema: dict[str, Any], options: dict[str, Any]
) -> None:
    dataset = root_of(view)
    made = Made()
    try:
        # Services need the images' sizes
        images_of(dataset).select(view.values("id")).compute_metadata(num_workers=1, progress=False)
        options = {**options, "config_cls": made.config_of(backend)}
        view.annotate(anno_key, label_schema=schema, backend=backend, launch_editor=False, **options)
    except BaseException as error:
        left = made.delete()
        if anno_key in dataset.list_annotation_runs():
            dataset.delete_annotation_run(anno_key)
        if not isinstance(error, Exception):
            raise
        title = backends.title_of(backend)
        text = f"{title} did not take the images: {reason(error)}"
        hint = backends.hint(backend, text)
        still = f"What was made there is still there, delete it: {left}." if left else ""
        raise LabelQualityError(" ".join(filter(None, (_ended(text), hint, still)))) from error


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
