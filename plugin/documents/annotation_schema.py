"""What the App's Annotate tab needs to know to edit suspects: FiftyOne's label schema of their field.

FiftyOne would make one that lists the file of every mask. As of saved views, each change is one atomic step: FiftyOne
itself writes the schemas of all fields as it has read them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import fiftyone as fo

from ..samples.private_fiftyone import database, document_of, id_of

_SCHEMAS, _ACTIVE = "label_schemas", "active_label_schemas"
#: Attributes of a suspect that are shown while it is edited, and stay as they are
_SHOWN = ("given", "suggested", "error_type", "verdict")


def can_edit() -> bool:
    """Whether this FiftyOne's App can edit labels."""
    return hasattr(fo.Dataset, "update_label_schema")


def offer(dataset: fo.Dataset, field: str, names: Sequence[str]) -> None:
    """Lets the App edit the suspects of a field, unless it, or the user, knows how to already.

    Args:
        dataset: the dataset
        field: of suspects
        names: of the classes that they may have
    """
    if not can_edit():
        return
    unknown = {"_id": id_of(dataset), f"{_SCHEMAS}.{field}": {"$exists": False}}
    _datasets().update_one({"_id": id_of(dataset), _SCHEMAS: None}, {"$set": {_SCHEMAS: {}}})
    change = {"$set": {f"{_SCHEMAS}.{field}": schema_of(names)}, "$addToSet": {_ACTIVE: field}}
    _datasets().update_one({**unknown, _ACTIVE: None}, {"$set": {_ACTIVE: []}})
    if _datasets().update_one(unknown, change).modified_count:
        document_of(dataset).reload(_SCHEMAS, _ACTIVE)


def withdraw(dataset: fo.Dataset, fields: Collection[str]) -> None:
    """Takes the schemas of fields back that are to be deleted; those of other fields stay."""
    if not can_edit() or not fields:
        return
    gone = {"$unset": {f"{_SCHEMAS}.{name}": 1 for name in fields}}
    known = {"$or": [{f"{_SCHEMAS}.{name}": {"$exists": True}} for name in fields]}
    changed = _datasets().update_one({"_id": id_of(dataset), **known}, gone).modified_count
    active = {"_id": id_of(dataset), _ACTIVE: {"$in": list(fields)}}
    changed += _datasets().update_one(active, {"$pull": {_ACTIVE: {"$in": list(fields)}}}).modified_count
    if changed:
        document_of(dataset).reload(_SCHEMAS, _ACTIVE)


def schema_of(names: Sequence[str]) -> dict[str, Any]:
    """The label schema of suspects of these classes."""
    shown = [{"name": name, "type": "str", "component": "text", "read_only": True} for name in _SHOWN]
    return {"type": "detections", "classes": list(names), "component": "dropdown", "attributes": shown}


def _datasets() -> Any:
    return database()["datasets"]
