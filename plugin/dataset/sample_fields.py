"""What is drawn to be judged, on the samples: a detection for each pixel, suspect or image, with its verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
import fiftyone.core.utils as fou
import numpy as np
from bson import Binary, ObjectId
from pymongo import UpdateOne

from ..documents import display
from ..documents.documents import Document, clear_fields, detection
from ..documents.ownership import field_name, own_fields, owner
from ..documents.schema import described
from ..samples.private_fiftyone import reload_samples, stored_samples
from . import verdicts
from .fields import check_names, create_fields

SAMPLE = "sample"
#: What is judged
PLACE, SUSPECT, IMAGE = "place", "suspect", "image"
KINDS = (PLACE, SUSPECT, IMAGE)
#: Where the numbers of each kind begin: pixels are judged first
_FIRST = {PLACE: 0, SUSPECT: 1_000_000, IMAGE: 2_000_000}
_ATTRIBUTES = {
    "unit": (fo.StringField, "What is judged: a place, a pixel in the middle of a ring; a suspect; or a whole image"),
    "number": (fo.IntField, "In which order it is judged"),
    "given": (fo.StringField, "Class in the given mask"),
    "suggested": (fo.StringField, "Class that is seen instead, if any"),
    "suspect": (fo.StringField, "Id of the suspect that is judged"),
    "least": (fo.FloatField, "Share of the image's pixels from which on an error counts"),
    **verdicts.ATTRIBUTES,
}
_TEXT = "What was drawn at random to estimate how many errors there are. Given masks: {label_field}."
#: Side of what is shown around a place, as a share of the image's shorter side, and in pixels at least
_WINDOW, _LEAST_WINDOW = 0.15, 48
#: Radius of the ring around a place, and its width, as shares of that side
_RING, _STROKE = 0.12, 0.03
#: What whole images are labelled with
_WHOLE = "the whole mask"


def sample_name(key: str) -> str:
    """The name of a run's field of what is to be judged."""
    return field_name(key, SAMPLE)


def has_sample(dataset: fo.Dataset, key: str) -> bool:
    """Whether anything was drawn for a run."""
    return owner(dataset, sample_name(key)) == key


def check_sample(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if a field of the name exists and is not the run's."""
    check_names(dataset, key, [sample_name(key)])


def create_sample(dataset: fo.Dataset, key: str, label_field: str) -> None:
    """Makes the field of what is to be judged; leaves it where it is.

    Raises:
        LabelQualityError: the user has a field of that name
    """
    check_sample(dataset, key)
    name = sample_name(key)
    kind = {"ftype": fo.EmbeddedDocumentField, "embedded_doc_type": fo.Detections}
    text = {"description": _TEXT.format(label_field=label_field)}
    create_fields(dataset, key, {name: {**kind, **text}}, described(f"{name}.detections", _ATTRIBUTES))
    display.show_sample(dataset, key, own_fields(dataset, key))


def number_of(kind: str, place: int) -> int:
    """The number of the place-th unit of a kind, from 0."""
    return _FIRST[kind] + place


def place_unit(place: int, row: int, column: int, size: tuple[int, int], given: str, suggested: str | None) -> Document:
    """A pixel to judge: a box around it, and a ring in the box as its mask.

    Args:
        place: its position among the drawn pixels
        row: of the pixel
        column: of the pixel
        size: (height, width) of the image
        given: its given class
        suggested: the class that is seen there, if it is another
    """
    side = max(_LEAST_WINDOW, round(_WINDOW * min(size)))
    top, height = _span(row, side, size[0])
    left, width = _span(column, side, size[1])
    rows, columns = np.mgrid[top : top + height, left : left + width]
    distance = np.abs(np.hypot(rows - row, columns - column) - max(3.0, _RING * side))
    ring = distance <= max(0.75, _STROKE * side / 2)
    box = [left / size[1], top / size[0], width / size[1], height / size[0]]
    return _unit(PLACE, place, box, ring, suggested or f"{given}?", given=given, suggested=suggested)


def suspect_unit(place: int, region: Mapping[str, Any]) -> Document:
    """A suspect to judge, as MongoDB keeps it, with its mask: a new search may remove the file."""
    unit = verdicts.with_mask(region)
    names = ("bounding_box", "mask", "mask_path", "confidence", "given", "suggested")
    known = {name: unit[name] for name in names if unit.get(name) is not None}
    number = number_of(SUSPECT, place)
    ids = {"_id": ObjectId(), "_cls": "Detection", "tags": [], "attributes": {}, "suspect": str(region["_id"])}
    return {**ids, **known, "label": region.get("label"), "unit": SUSPECT, "number": number}


def image_unit(place: int, least: float) -> Document:
    """A whole image to judge, wrong from that share of its pixels on; its mask is empty, so that nothing covers it."""
    return _unit(IMAGE, place, [0.0, 0.0, 1.0, 1.0], np.zeros((1, 1), bool), _WHOLE, least=least)


def add_units(dataset: fo.Dataset, key: str, units: Mapping[str, Sequence[Document]]) -> None:
    """Adds what is to be judged to the samples; numbers that are there already stay as they are.

    Args:
        dataset: the dataset
        key: the run's key
        units: sample id to its new units; a sample that is gone is passed over
    """
    field = sample_name(key)
    there = {(one["sample"], one["number"]) for one in read_units(dataset, key, list(units))}
    changes = []
    for sample_id, every in units.items():
        new = [one for one in every if (sample_id, one["number"]) not in there]
        if new:
            before = {"$ifNull": [f"${field}.detections", []]}
            value = {"_cls": "Detections", "detections": {"$concatArrays": [before, {"$literal": new}]}}
            changes.append(UpdateOne({"_id": ObjectId(sample_id)}, [{"$set": {field: value}}]))
    if changes:
        stored_samples(dataset).bulk_write(changes, ordered=False)
        reload_samples(dataset, list(units))


def read_units(dataset: fo.Dataset, key: str, sample_ids: Iterable[str] | None = None) -> list[Document]:
    """What is to be judged, without masks, each with its ``sample`` and in its order.

    Args:
        dataset: the dataset
        key: the run's key
        sample_ids: of samples to look at; None for all
    """
    field = sample_name(key)
    wanted: dict[str, Any] = {f"{field}.detections.0": {"$exists": True}}
    if sample_ids is not None:
        wanted["_id"] = {"$in": [ObjectId(one) for one in sample_ids]}
    found = stored_samples(dataset).find(wanted, {f"{field}.detections": True})
    every = [
        {**{name: value for name, value in unit.items() if name != "mask"}, "sample": str(one["_id"])}
        for one in found
        for unit in one[field]["detections"]
        # What somebody may have added by hand
        if unit.get("unit") in KINDS
    ]
    return sorted(every, key=lambda one: int(one["number"]))


def set_verdicts(
    dataset: fo.Dataset, key: str, units: Sequence[Document], values: Mapping[str, Any], patches: Iterable[fo.Dataset]
) -> None:
    """Gives units a verdict, or takes it back, also in the patches that show them.

    Args:
        dataset: the dataset
        key: the run's key
        units: of `read_units`
        values: ``verdict``, ``corrected_to``, ``reviewed_by`` and ``reviewed_at``
        patches: datasets of patches that FiftyOne has made of the units
    """
    field, now = sample_name(key), datetime.now(timezone.utc)
    on_samples, on_patches = [], []
    for unit in units:
        new = {**values, "label": values["corrected_to"] or _asked(unit)}
        here: list[Mapping[str, Any]] = [{"one._id": unit["_id"]}]
        change = _change(f"{field}.detections.$[one]", new, now)
        on_samples.append(UpdateOne({"_id": ObjectId(unit["sample"])}, change, array_filters=here))
        on_patches.append(UpdateOne({"_id": unit["_id"]}, _change(field, new, now)))
    stored_samples(dataset).bulk_write(on_samples, ordered=False)
    reload_samples(dataset, [unit["sample"] for unit in units])
    for one in patches:
        verdicts.declare(one, field)
        stored_samples(one).bulk_write(on_patches, ordered=False)


def clear_units(dataset: fo.Dataset, key: str) -> None:
    """Takes all units off the samples, and their verdicts with them."""
    if has_sample(dataset, key):
        clear_fields(dataset, [sample_name(key)])


def _unit(kind: str, place: int, box: Sequence[float], mask: np.ndarray, label: str, **attributes: Any) -> Document:
    stored = Binary(fou.serialize_numpy_array(mask * np.uint8(255)))
    known = {name: value for name, value in attributes.items() if value is not None}
    return detection(label, box, 1.0, mask=stored, unit=kind, number=number_of(kind, place), **known)


def _asked(unit: Mapping[str, Any]) -> str:
    """What a unit is labelled with before anything is decided: the class that is seen, or a question."""
    if unit["unit"] == IMAGE:
        return _WHOLE
    return str(unit.get("suggested") or f"{unit['given']}?")


def _change(path: str, values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The change of a document in which a unit is; what is None is taken away."""
    new = {f"{path}.{name}": value for name, value in values.items() if value is not None}
    gone = {f"{path}.{name}": "" for name, value in values.items() if value is None}
    return {"$set": {**new, "last_modified_at": now}, **({"$unset": gone} if gone else {})}


def _span(middle: int, side: int, length: int) -> tuple[int, int]:
    """Where a part of an axis begins that has a pixel in its middle as far as it can, and how long it is."""
    wanted = min(side, length)
    return min(max(middle - wanted // 2, 0), length - wanted), wanted
