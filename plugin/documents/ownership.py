"""Which field of a dataset is which run's: its name begins with the run's key, and its ``info`` says so."""

from __future__ import annotations

from collections.abc import Mapping

import fiftyone as fo

#: Key of a field's ``info`` under which it says which run made it
MARKER = "label_quality"


def field_name(key: str, suffix: str) -> str:
    """The name of a run's field: ``<key>_<suffix>``."""
    return f"{key}_{suffix}"


def owner(dataset: fo.Dataset, name: str) -> str | None:
    """The key of the run that made this field, or None if no run did or there is no such field."""
    existing = dataset.get_field(name)
    marker = (existing.info or {}).get(MARKER) if existing is not None else None
    return marker.get("key") if isinstance(marker, Mapping) else None


def own_fields(dataset: fo.Dataset, key: str) -> list[str]:
    """Names of the fields that the run made, in the order of the schema."""
    return [name for name in dataset.get_field_schema() if owner(dataset, name) == key]
