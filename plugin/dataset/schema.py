"""Fields added to a dataset's schema together: FiftyOne takes as long for one as for twenty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import fiftyone as fo

from ..samples.private_fiftyone import new_field

#: Name or path of fields to what `fo.Dataset.add_sample_field` takes: ``ftype``, ``description``, ``info`` …
FieldTypes: TypeAlias = Mapping[str, Mapping[str, Any]]


def add_fields(dataset: fo.Dataset, fields: FieldTypes) -> None:
    """Adds the fields that are not there yet, in one write, and attributes of their labels in a second.

    Args:
        dataset: the dataset
        fields: to add
    """
    known = dataset.get_field_schema(flat=True)
    new = {path: new_field(path.rpartition(".")[2], **kind) for path, kind in fields.items() if path not in known}
    if new:
        dataset.add_dynamic_sample_fields(fields=new)


def described(path: str, attributes: Mapping[str, tuple[type[fo.Field], str]]) -> dict[str, dict[str, Any]]:
    """Attributes of the labels at a path, by name with type and description, as `add_fields` takes them."""
    return {f"{path}.{name}": {"ftype": kind, "description": text} for name, (kind, text) in attributes.items()}
