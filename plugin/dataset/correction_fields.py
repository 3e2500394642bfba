"""Corrected masks on the samples, and what they did to the suspects; new suspects in them have a field of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo

from ..documents import display
from ..documents.documents import Document, clear_fields, detections, segmentation
from ..documents.ownership import field_name, own_fields
from ..documents.schema import described
from ..suspects.image_suspects import ImageSuspects
from .fields import check_names, create_fields
from .suspect_fields import suspect_attributes, suspect_documents
from .verdicts import NEWLY_WRONG

CORRECTIONS = "corrections"
NEW_SUSPECTS = "newly_wrong"

_ATTRIBUTES = {
    "pixels": (fo.IntField, "Pixels in which the corrected mask differs from the given one"),
    "quality": (fo.FloatField, "The run's quality of the corrected mask, where it was changed. In [0, 1]"),
}
_TEXTS = {
    CORRECTIONS: "Corrected masks that were loaded; `pixels` of each differ from the given mask.",
    NEW_SUSPECTS: "Suspects in the corrected masks, where these were changed: they are probably wrong there.",
}


def correction_names(key: str) -> list[str]:
    """The names of a run's fields of corrected masks and of suspects in them."""
    return [field_name(key, CORRECTIONS), field_name(key, NEW_SUSPECTS)]


def check_corrections(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if a field of one of the names exists and is not the run's."""
    check_names(dataset, key, correction_names(key))


def create_correction_fields(
    dataset: fo.Dataset, key: str, label_field: str, targets: Mapping[Any, str], rated: bool
) -> None:
    """Makes the two fields, or empties them where they are there, and shows them in the App.

    Args:
        dataset: the dataset
        key: the run's key
        label_field: the given masks' field
        targets: mask targets of the corrected masks
        rated: whether suspects have a probability
    """
    masks, suspects = correction_names(key)
    kinds = {masks: fo.Segmentation, suspects: fo.Detections}
    fields = {
        name: {
            "ftype": fo.EmbeddedDocumentField,
            "embedded_doc_type": kind,
            "description": f"{_TEXTS[name.removeprefix(f'{key}_')]} Given masks: {label_field}.",
        }
        for name, kind in kinds.items()
    }
    attributes = {**described(masks, _ATTRIBUTES), **suspect_attributes(f"{suspects}.detections", rated)}
    create_fields(dataset, key, fields, attributes)
    clear_fields(dataset, [masks, suspects])
    dataset.mask_targets = {**dataset.mask_targets, masks: dict(targets)}
    display.show_corrections(dataset, key, own_fields(dataset, key))


def corrected_mask(path: str, pixels: int, quality: float | None) -> Document:
    """The value of a sample's corrected mask: its file, the pixels that differ, and its quality where that is known."""
    return segmentation(path, pixels=pixels, quality=quality)


def new_suspects(image: ImageSuspects, names: Sequence[str]) -> Document:
    """The value of a sample's suspects in its corrected mask."""
    return detections([{**one, "outcome": NEWLY_WRONG} for one in suspect_documents(image, names)])
