"""Sends images to an annotation service, with their masks to correct and the suspects to look at.

What annotators change comes back to a field of its own, in the database, never to the given masks:
`load_corrections.load_corrections` fetches it, and compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import fiftyone as fo
import numpy as np

from ..base.errors import LabelQualityError
from ..base.progress import Progress, showing
from ..documents.ownership import MARKER
from ..labels.class_table import ClassTable
from ..labels.masks import as_rgb
from ..records.run_record import load_record
from ..review.choose_images import Chosen
from ..samples.checks import check_label_field, class_targets, has_instances
from ..samples.inputs import SegmentationSamples, open_samples
from ..samples.private_fiftyone import root_of
from ..samples.slices import images_of
from . import backends, label_studio
from .undo import Made, reason

DEFAULT_KEY = "relabel"
#: Key of a field's ``info`` under which it says of which masks it is a copy
COPY_OF = "copy_of"
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
        field: where the corrected masks will be
    """

    anno_key: str
    backend: str
    images: int
    regions: int
    field: str


def result_field(label_field: str) -> str:
    """The field that corrections of given masks come back to."""
    return f"{label_field}_relabelled"


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


def check_result_field(dataset: fo.Dataset, label_field: str) -> None:
    """Raises `LabelQualityError` if the field for the corrections exists and was not made for them."""
    name = result_field(label_field)
    field = dataset.get_field(name)
    marker = (field.info or {}).get(MARKER, {}) if field is not None else {}
    if field is not None and marker.get(COPY_OF) != label_field:
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
    progress: Progress | bool | None = False,
) -> Sent:
    """Sends images to an annotation service.

    Annotators get the given masks to correct, in Label Studio as a region of brush labels for each class; and the
    suspects as boxes that are named after the suggested class.

    Args:
        chosen: the images and regions, from `choose_images.choose`
        label_field: the given masks
        anno_key: the key of the annotation run, by which `load_corrections` loads what was corrected
        backend: one of ``fo.annotation_config.backends``, or None for the first that is set up
        regions: send the suspects too, where there are any
        options: of the backend, such as ``{"project_name": "streets"}``
        progress: True for bars in the terminal or notebook; or a `Progress`, told how many masks are copied

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
    check_result_field(dataset, label_field)
    if not len(chosen.samples):
        raise LabelQualityError(f"There is nothing to send: no image is among {chosen.words}.")
    with showing(progress) as progress:
        samples = _samples(chosen, label_field)
        field = make_copy_field(dataset, label_field, samples.class_table)
        shown = chosen.field if regions else None
        view, count = chosen.samples, 0
        if shown is not None:
            view = view.filter_labels(shown, chosen.region, only_matches=False)
            count = view.count(f"{shown}.detections")
        progress("Sending", 0, 1)
        if backend == label_studio.BACKEND:
            boxes = sorted(view.distinct(f"{shown}.detections.label")) if shown is not None and count else []
            schema = label_studio.label_schema(dataset, label_field, samples.class_table.names, boxes)
            suspects = (shown, chosen.region) if shown is not None and count else None
            send = partial(
                label_studio.send_masks, samples=samples, label_field=label_field, suspects=suspects, progress=progress
            )
        else:
            _copy_masks(samples, field, progress)
            schema = {field: {"type": "segmentation", "mask_targets": samples.class_table.mask_targets()}}
            schema |= {shown: _context(view, shown)} if shown is not None and count else {}
            send = None
        _annotate(view, anno_key, backend, schema, dict(options or {}), send)
        progress("Sending", 1, 1)
        return Sent(anno_key, backend, len(view), count, field)


def _samples(chosen: Chosen, label_field: str) -> SegmentationSamples:
    dataset = root_of(chosen.samples)
    classes = _classes(dataset, label_field, chosen.key)
    if not has_instances(dataset, label_field) or chosen.key is None:
        return open_samples(chosen.samples, label_field, classes=classes)
    record = load_record(dataset, chosen.key)
    if record.label_field != label_field:
        return open_samples(chosen.samples, label_field)
    # Instances have no values but those that the run has given them, by which the corrections are compared
    table = ClassTable.from_dict(record.class_table)
    samples = open_samples(chosen.samples, label_field, classes=table.mask_targets(), unknown=record.unknown)
    samples.class_table = table
    return samples


def _classes(dataset: fo.Dataset, label_field: str, key: str | None) -> Mapping[Any, str] | None:
    """The names of the masks' values where the dataset has none but the run was told: None otherwise."""
    if key is None or class_targets(dataset, label_field)[1] is not None:
        return None
    table = load_record(dataset, key).class_table
    return ClassTable.from_dict(table).mask_targets() if table else None


def _copy_masks(masks: SegmentationSamples, field: str, progress: Progress) -> None:
    """Copies masks to the field where samples have none there yet."""
    dataset = masks.dataset
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


def _plain(mask: np.ndarray, table: ClassTable) -> np.ndarray:
    """The mask as FiftyOne knows them: (H, W) values, or (H, W, 3) colours where the classes have colours."""
    if table.colors is not None:
        return np.ascontiguousarray(as_rgb(mask))
    return mask[..., 0] if mask.ndim == 3 else mask


def make_copy_field(dataset: fo.Dataset, label_field: str, table: ClassTable) -> str:
    """Makes the field that corrections come back to, or leaves it where it is; returns its name."""
    name = result_field(label_field)
    if dataset.get_field(name) is None:
        dataset.add_sample_field(
            name,
            fo.EmbeddedDocumentField,
            embedded_doc_type=fo.Segmentation,
            description=f"Copy of '{label_field}' for annotators to correct.",
            info={MARKER: {COPY_OF: label_field}},
        )
    dataset.mask_targets = {**dataset.mask_targets, name: table.mask_targets()}
    dataset.save()
    return name


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
    view: fo.DatasetView,
    anno_key: str,
    backend: str,
    schema: dict[str, Any],
    options: dict[str, Any],
    send: Callable[[Any], None] | None,
) -> None:
    """Sends images; ``send`` is told of the annotation run, and may refuse it as the service may."""
    dataset = root_of(view)
    made = Made()
    try:
        # Services need the images' sizes
        images_of(dataset).select(view.values("id")).compute_metadata(num_workers=1, progress=False)
        options = {**options, "config_cls": made.config_of(backend)}
        results = view.annotate(anno_key, label_schema=schema, backend=backend, launch_editor=False, **options)
        if send is not None:
            send(results)
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
