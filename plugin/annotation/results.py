"""What annotators have drawn, as masks in the field that was made for them when the images were sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import fiftyone as fo
import numpy as np

from ..base.errors import LabelQualityError, SampleError
from ..base.progress import Progress
from ..documents.ownership import MARKER
from ..labels.class_table import ClassTable
from ..records.run_record import RunRecord
from ..regions.reviewed import given_mask, mask_value, stored_values
from ..samples.inputs import SegmentationSamples, open_samples
from ..samples.slices import images_of
from . import label_studio
from .send import COPY_OF, make_copy_field, result_field
from .undo import reason

#: Masks in memory at a time
_MASKS_A_WRITE = 50
#: Of the coordinates of a polygon's points, in bits
_FRACTION = 8


def fetch_corrections(
    dataset: fo.Dataset, record: RunRecord, anno_key: str, failures: list[SampleError], progress: Progress
) -> tuple[str, list[str]]:
    """Gets what annotators have drawn on images that `annotation.send_to_annotation` has sent.

    Args:
        dataset: the dataset
        record: of the run
        anno_key: the name of the annotation run
        failures: gets what is wrong with samples of which nothing can be had
        progress: told after every image

    Returns:
        the field of the masks, and ids of the samples that somebody has looked at

    Raises:
        LabelQualityError: the service does not answer, has nothing of it any more, or nothing was submitted
    """
    try:
        # Not as they were read before: the service may have another address by now
        results = dataset.load_annotation_results(anno_key, cache=False)
    except Exception as error:
        raise LabelQualityError(f"Annotation run '{anno_key}' cannot be read: {reason(error)}") from error
    schema, field = results.config.label_schema, result_field(record.label_field)
    brush = label_studio.brush_field(record.label_field)
    if brush in schema:
        return field, _from_label_studio(dataset, record, results, anno_key, failures, progress)
    drawn = [name for name in schema if _copy_of(dataset, name) == record.label_field]
    if not drawn:
        raise LabelQualityError(
            f"The images of annotation run '{anno_key}' were not sent with the masks in '{record.label_field}' to "
            "correct, so there are no corrected masks to load. Send them with send_to_annotation."
        )
    try:
        dataset.load_annotations(anno_key, unexpected="ignore", progress=False)
    except Exception as error:
        raise LabelQualityError(f"The annotations of '{anno_key}' cannot be had: {reason(error)}") from error
    if schema[drawn[0]]["type"] == "segmentation":
        return drawn[0], [str(one) for one in results.id_map[drawn[0]]]
    return field, _from_polygons(dataset, record, drawn[0], progress)


def _copy_of(dataset: fo.Dataset, field: str) -> str | None:
    """The given masks that a field was made to have corrections of."""
    found = dataset.get_field(field)
    marker = (found.info or {}).get(MARKER, {}) if found is not None else {}
    return marker.get(COPY_OF)


def _given(dataset: fo.Dataset, record: RunRecord, ids: list[str]) -> SegmentationSamples:
    table = ClassTable.from_dict(record.class_table)
    view = images_of(dataset).select(ids)
    samples = open_samples(view, record.label_field, classes=table.mask_targets(), unknown=record.unknown)
    samples.class_table = table
    return samples


def _from_label_studio(
    dataset: fo.Dataset, record: RunRecord, results: Any, anno_key: str, failures: list[SampleError], progress: Progress
) -> list[str]:
    samples = _given(dataset, record, list(results.uploaded_tasks.values()))
    index_of = {one: index for index, one in enumerate(samples.ids)}
    name = label_studio.brush_field(record.label_field)

    def masks() -> Iterator[tuple[str, np.ndarray]]:
        for done, (sample_id, found) in enumerate(label_studio.submitted_tasks(results, anno_key), start=1):
            progress("Loading annotations", done, len(results.uploaded_tasks))
            if isinstance(found, SampleError):
                failures.append(found)
            elif found is not None and sample_id in index_of:
                labels = samples.load_labels(index_of[sample_id])
                try:
                    after = label_studio.drawn_labels(found, labels, samples, name, sample_id)
                except SampleError as error:
                    failures.append(error)
                else:
                    yield sample_id, _painted(samples, index_of[sample_id], labels, after)

    ids = _write(dataset, record, samples, masks())
    if not ids:
        raise LabelQualityError(
            f"None of the {len(results.uploaded_tasks)} images of '{anno_key}' has been submitted in Label Studio: "
            "annotators submit each image that they have looked at, also one that is right."
        )
    return ids


def _from_polygons(dataset: fo.Dataset, record: RunRecord, field: str, progress: Progress) -> list[str]:
    """Paints polygons over the given masks; of images that have none there is nothing to say."""
    view = images_of(dataset).exists(f"{field}.polylines.0")
    if not len(view):
        raise LabelQualityError(f"No image has a polygon in '{field}' that somebody has drawn.")
    samples = _given(dataset, record, view.values("id"))

    def masks() -> Iterator[tuple[str, np.ndarray]]:
        for index, sample_id in enumerate(samples.ids):
            labels = samples.load_labels(index)
            shapes = dataset[sample_id][field].polylines
            yield sample_id, _painted(samples, index, labels, paint_polygons(labels, shapes, samples.class_table))
            progress("Painting polygons", index + 1, len(samples))

    return _write(dataset, record, samples, masks())


def paint_polygons(labels: np.ndarray, shapes: Any, table: ClassTable) -> np.ndarray:
    """Labels with polygons painted over them, in their order.

    Args:
        labels: (H, W) int16 class indices
        shapes: `fo.Polyline` labels, whose points are in [0, 1]; those of other classes are left out
        table: the classes
    """
    painted, (height, width) = labels.copy(), labels.shape
    for shape in shapes:
        if shape.label in table.names:
            rings = [
                np.rint((np.array(ring) * (width, height) - 0.5) * 2**_FRACTION).astype(np.int32)
                for ring in shape.points
            ]
            cv2.fillPoly(painted, rings, table.names.index(shape.label), shift=_FRACTION)
    return painted


def _painted(samples: SegmentationSamples, index: int, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The given mask, with the values of the classes that pixels have now; ignored ones keep theirs."""
    mask, table = given_mask(samples, index), samples.class_table
    for place in np.unique(after[before != after]).tolist():
        mask[(before != after) & (after == place)] = mask_value(table, table.ids[place])
    return mask


def _write(
    dataset: fo.Dataset, record: RunRecord, samples: SegmentationSamples, masks: Iterator[tuple[str, np.ndarray]]
) -> list[str]:
    """Puts masks into the field that has the annotators' copies; returns the samples' ids."""
    field = make_copy_field(dataset, record.label_field, samples.class_table)
    ids: list[str] = []
    portion: dict[str, fo.Segmentation] = {}
    for sample_id, mask in masks:
        ids.append(sample_id)
        portion[sample_id] = fo.Segmentation(mask=stored_values(mask))
        if len(portion) == _MASKS_A_WRITE:
            dataset.set_values(field, portion, key_field="id")
            portion = {}
    if portion:
        dataset.set_values(field, portion, key_field="id")
    return ids
