"""The suspects of a run on the samples: one detection a region, and each image's leading type of error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import fiftyone as fo
import numpy as np

from ..base.executor import map_shards
from ..base.progress import Progress, silent
from ..documents import annotation_schema, display
from ..documents.documents import Document, clear_fields, detection, detections, write_samples
from ..documents.indexes import create_indexes
from ..documents.ownership import field_name, own_fields
from ..documents.schema import FieldTypes, described
from ..labels.class_table import ClassTable
from ..samples.instance_samples import InstanceSamples
from ..suspects.image_suspects import ImageSuspects
from ..suspects.regions import OTHER, leading_kind
from . import verdicts
from .fields import check_names, create_fields
from .given_instances import instances_below

SUSPECTS = "suspects"
ERROR_TYPE = "error_type"
#: Images a bulk write: bounds the memory of the documents that are built for it
_IMAGES_A_WRITE = 500

#: Attributes of a suspect beside those that every detection has: type and description
_ATTRIBUTES = {
    "given": (fo.StringField, "Class in the given mask"),
    "suggested": (fo.StringField, "Class that the predictions see instead"),
    "error_type": (fo.StringField, "drop: an object left out; swap: a wrong class; shift: a displaced edge; or other"),
    "evidence": (fo.FloatField, "Evidence for the suggested over the given class, summed over the region, in nats"),
    "area": (fo.IntField, "Pixels of the region"),
    **verdicts.ATTRIBUTES,
}
_PROBABILITY = "probability"
_RATED = {_PROBABILITY: (fo.FloatField, "Probability that the mask is wrong there, and not the predictions, in [0, 1]")}
_INSTANCE = "given_instance"
_TIED = {
    _INSTANCE: (fo.StringField, "Id of the given instance that covers most of the region; None where there is none")
}
_SUSPECTS_TEXT = "Regions where the given class is probably wrong, labelled with the suggested class; strongest first."
_ERROR_TYPE_TEXT = "Type of the most probable suspect in the image: drop, swap, shift or other; none without a suspect."


def suspect_names(key: str) -> list[str]:
    """The names of a run's fields about suspects."""
    return [field_name(key, ERROR_TYPE), field_name(key, SUSPECTS)]


def strength_name(dataset: fo.Dataset, key: str) -> str:
    """The attribute by which a run's suspects are sorted: ``probability`` where they are rated, else ``evidence``."""
    return _PROBABILITY if _is_rated(dataset, key) else "evidence"


def indexed_paths(dataset: fo.Dataset, key: str) -> list[str]:
    """Paths to sort a run's suspects, and images by their suspects."""
    error_type, suspects = suspect_names(key)
    return [f"{suspects}.detections.{strength_name(dataset, key)}", error_type]


def check_suspects(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if a field of one of the names exists and is not the run's."""
    check_names(dataset, key, suspect_names(key))


def write_suspects(
    dataset: fo.Dataset,
    key: str,
    images: Iterable[ImageSuspects],
    *,
    class_table: ClassTable,
    label_field: str,
    rated: bool = False,
    instances: InstanceSamples | None = None,
    total: int = 0,
    progress: Progress = silent,
) -> list[str]:
    """Writes suspects in place of the run's earlier ones; can be repeated after it was interrupted.

    Samples that are not among ``images`` have no value afterwards; those without a region have an empty list and the
    type `regions.NO_ERROR`. Verdicts of a review go to the regions that are found again, and are kept where none is.

    Args:
        dataset: the dataset, not a view
        key: the run's key
        images: the suspects, taken some hundred images at a time
        class_table: names the classes
        label_field: the given masks' field, named in the fields' descriptions
        rated: whether they have a probability
        instances: the given instances; None where the given labels are masks
        total: number of images, for ``progress``
        progress: told after every portion

    Returns:
        names of the two fields

    Raises:
        LabelQualityError: a field of such a name is not the run's
    """
    check_suspects(dataset, key)
    _create_fields(dataset, key, label_field, rated, instances is not None)
    verdicts.set_aside(dataset, key)
    clear_fields(dataset, suspect_names(key))
    remaining, done = iter(images), 0
    while portion := list(islice(remaining, _IMAGES_A_WRITE)):
        ids, documents = [image.sample_id for image in portion], partial(_documents, class_table.names, instances)
        found = dict(zip(ids, map_shards(documents, portion), strict=True))
        _write_portion(dataset, key, found)
        done += len(portion)
        progress("Writing suspects", done, max(done, total))
    _create_indexes(dataset, key)
    display.show_suspects(dataset, key, own_fields(dataset, key))
    annotation_schema.offer(dataset, field_name(key, SUSPECTS), class_table.names)
    return suspect_names(key)


def suspect_attributes(path: str, rated: bool, tied: bool = False) -> FieldTypes:
    """The attributes of the suspects at a path, as `create_fields` takes them.

    Args:
        path: of the suspects
        rated: whether they have a probability
        tied: whether they have the given instance that they lie on
    """
    return described(path, {**_ATTRIBUTES, **(_RATED if rated else {}), **(_TIED if tied else {})})


def _is_rated(dataset: fo.Dataset, key: str) -> bool:
    return dataset.get_field(f"{field_name(key, SUSPECTS)}.detections.{_PROBABILITY}") is not None


def suspect_field_types(key: str, label_field: str, rated: bool, tied: bool = False) -> tuple[FieldTypes, FieldTypes]:
    """A run's fields about suspects, and the attributes of a suspect, as `create_fields` takes them.

    Args:
        key: the run's key
        label_field: the given masks' field
        rated: whether suspects have a probability
        tied: whether they have the given instance that they lie on
    """
    error_type, suspects = suspect_names(key)
    given = f"Given masks: {label_field}."
    detections = {"ftype": fo.EmbeddedDocumentField, "embedded_doc_type": fo.Detections}
    fields = {
        error_type: {"ftype": fo.StringField, "description": f"{_ERROR_TYPE_TEXT} {given}"},
        suspects: {**detections, "description": f"{_SUSPECTS_TEXT} {given}"},
    }
    return fields, suspect_attributes(f"{suspects}.detections", rated, tied)


def _create_fields(dataset: fo.Dataset, key: str, label_field: str, rated: bool, tied: bool) -> None:
    create_fields(dataset, key, *suspect_field_types(key, label_field, rated, tied))
    suspects = field_name(key, SUSPECTS)
    if not rated and _is_rated(dataset, key):
        dataset.delete_sample_field(f"{suspects}.detections.{_PROBABILITY}")


def _create_indexes(dataset: fo.Dataset, key: str) -> None:
    """By strength first: views of patches take over the index of theirs."""
    create_indexes(dataset, indexed_paths(dataset, key))


def _write_portion(dataset: fo.Dataset, key: str, regions: dict[str, list[Document]]) -> None:
    """Writes the regions of some samples, with the verdicts that earlier ones have."""
    error_type, suspects = suspect_names(key)
    values: dict[str, dict[str, Any]] = {sample_id: {} for sample_id in regions}
    for sample_id, earlier in verdicts.aside(dataset, key, regions).items():
        regions[sample_id], rejected = verdicts.carry(regions[sample_id], earlier)
        # In the same write: a verdict that was set aside is never in two places
        values[sample_id][verdicts.rejected_name(key)] = detections(rejected) if rejected else None
    for sample_id, found in regions.items():
        values[sample_id] |= {error_type: leading_type(found), suspects: detections(found)}
    write_samples(dataset, values)


def leading_type(regions: Sequence[Document]) -> str:
    """The leading type of an image's regions; one that a person has added has no type and no strength."""
    kinds = [one.get("error_type") or OTHER for one in regions]
    evidence, probability = ([one.get(name) or 0.0 for one in regions] for name in ("evidence", _PROBABILITY))
    return leading_kind(kinds, evidence, probability if any(probability) else None)


def suspect_documents(
    image: ImageSuspects, names: Sequence[str], instances: InstanceSamples | None = None
) -> Iterator[Document]:
    """The image's regions, the most probable first, or those of the most evidence where they are not rated.

    Args:
        image: the suspects
        names: of the classes
        instances: the given instances; None where the given labels are masks
    """
    height, width = image.size
    boxes = np.asarray(image.box, dtype=float).reshape(-1, 4) / (width, height, width, height)
    strength = image.evidence if image.probability is None else image.probability
    below = None if instances is None else instances_below(instances, image)
    for row in np.argsort(-np.asarray(strength, dtype=float), kind="stable"):
        suggested = names[int(image.suggested[row])]
        rating = {} if image.probability is None else {_PROBABILITY: float(image.probability[row])}
        tie = {} if below is None else {_INSTANCE: below[row]}
        yield detection(
            suggested,
            boxes[row].tolist(),
            float(image.confidence[row]),
            str(image.masks[row]),
            given=names[int(image.given[row])],
            suggested=suggested,
            error_type=str(image.kind[row]),
            evidence=float(image.evidence[row]),
            area=int(image.area[row]),
            **rating,
            **tie,
        )


def _documents(names: Sequence[str], instances: InstanceSamples | None, image: ImageSuspects) -> list[Document]:
    return list(suspect_documents(image, names, instances))
