"""Fields added to a dataset's schema together: FiftyOne takes as long for one as for twenty."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, TypeAlias

import fiftyone as fo

from ..samples.private_fiftyone import new_field

#: Name or path of fields to what `fo.Dataset.add_sample_field` takes: ``ftype``, ``description``, ``info`` …
FieldTypes: TypeAlias = Mapping[str, Mapping[str, Any]]


def add_fields(dataset: fo.Dataset, fields: FieldTypes) -> None:
    """Adds the fields that are not there yet in one write, with the attributes of their labels.

    Attributes of labels that are there follow in a second one.

    Args:
        dataset: the dataset
        fields: to add
    """
    known = dataset.get_field_schema(flat=True)
    wanted = {path: kind for path, kind in fields.items() if path not in known}
    attributes: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    # FiftyOne does not say of what a new field brings along when it was made
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    for path in [path for path in wanted if path.count(".") == 2 and path.split(".")[0] in wanted]:
        root, place, name = path.split(".")
        attributes[root][place].append(new_field(name, **wanted.pop(path), created_at=now))
    if wanted:
        new = {path: new_field(path.rpartition(".")[2], attributes.get(path), **kind) for path, kind in wanted.items()}
        dataset.add_dynamic_sample_fields(fields=new)


def described(path: str, attributes: Mapping[str, tuple[type[fo.Field], str]]) -> dict[str, dict[str, Any]]:
    """Attributes of the labels at a path, by name with type and description, as `add_fields` takes them."""
    return {f"{path}.{name}": {"ftype": kind, "description": text} for name, (kind, text) in attributes.items()}
