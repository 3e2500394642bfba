"""The annotated objects of a run on the samples: one detection each, with a quality to sort and filter by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import fiftyone as fo
import numpy as np

from ..base.progress import Progress, silent
from ..documents import display
from ..documents.documents import Document, clear_fields, detection, detections, write_samples
from ..documents.indexes import create_indexes
from ..documents.ownership import field_name, own_fields
from ..documents.schema import described
from ..labels.class_table import ClassTable
from ..passes.score_objects import ImageObjects
from .fields import check_names, create_fields

OBJECTS = "objects"
#: Images a bulk write: bounds the memory of the documents that are built for it
_IMAGES_A_WRITE = 500
#: Attributes of an object beside those that every detection has: type and description
_ATTRIBUTES = {
    "quality": (fo.FloatField, "In [0, 1]; low: the object is probably mislabelled"),
    "looks_like": (fo.StringField, "Class of the largest mean probability over the object"),
    "looks_like_confidence": (fo.FloatField, "Mean probability of that class over the object, in [0, 1]"),
    "area": (fo.IntField, "Pixels of the object"),
}
_TEXT = (
    "Annotated objects, the connected parts of each class, with the mean probability of their class as confidence; the "
    "worst first."
)


def objects_name(key: str) -> str:
    """The name of a run's field of objects."""
    return field_name(key, OBJECTS)


def indexed_path(key: str) -> str:
    """The path to sort a run's objects by."""
    return f"{objects_name(key)}.detections.quality"


def check_objects(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if a field of the name exists and is not the run's."""
    check_names(dataset, key, [objects_name(key)])


def write_objects(
    dataset: fo.Dataset,
    key: str,
    images: Iterable[ImageObjects],
    *,
    class_table: ClassTable,
    label_field: str,
    total: int = 0,
    progress: Progress = silent,
) -> None:
    """Writes objects in place of the run's earlier ones; can be repeated after it was interrupted.

    Samples that are not among ``images`` have no value afterwards, those without an object an empty list.

    Args:
        dataset: the dataset, not a view
        key: the run's key
        images: the objects, taken some hundred images at a time
        class_table: names the classes
        label_field: the given masks' field, named in the field's description
        total: number of images, for ``progress``
        progress: told after every portion

    Raises:
        LabelQualityError: a field of that name is not the run's
    """
    check_objects(dataset, key)
    name = objects_name(key)
    kind = {"ftype": fo.EmbeddedDocumentField, "embedded_doc_type": fo.Detections}
    description = {"description": f"{_TEXT} Given masks: {label_field}."}
    create_fields(dataset, key, {name: {**kind, **description}}, described(f"{name}.detections", _ATTRIBUTES))
    clear_fields(dataset, [name])
    remaining, done = iter(images), 0
    while portion := list(islice(remaining, _IMAGES_A_WRITE)):
        found = {image.sample_id: detections(list(_documents(image, class_table.names))) for image in portion}
        write_samples(dataset, {sample_id: {name: objects} for sample_id, objects in found.items()})
        done += len(portion)
        progress("Writing objects", done, max(done, total))
    create_indexes(dataset, [indexed_path(key)])
    display.show_objects(dataset, key, own_fields(dataset, key))


def _documents(image: ImageObjects, names: Sequence[str]) -> Iterator[Document]:
    """The image's objects, in their order."""
    height, width = image.size
    found = image.objects
    boxes = np.asarray(found.box, dtype=float).reshape(-1, 4) / (width, height, width, height)
    quality = found.quality
    for row in range(len(quality)):
        yield detection(
            names[int(found.given[row])],
            boxes[row].tolist(),
            float(found.given_confidence[row]),
            quality=float(quality[row]),
            looks_like=names[int(found.looks_like[row])],
            looks_like_confidence=float(found.confidence[row]),
            area=int(found.area[row]),
        )
