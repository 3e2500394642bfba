"""A dataset's saved views as FiftyOne keeps them: a document each, and a list of references in the dataset's document.

FiftyOne deletes a view's document first and its reference after: a kill in between leaves a reference to nothing, with
which later views open as one another and the App lists none. It also writes the whole list, so that of two processes
which save views at once one loses its own. Here every change of the list is one atomic step, in the order in which a
kill leaves at most a document that nothing refers to: nobody sees it, and `delete` takes it along.

All of this relies on what FiftyOne keeps private, the collections ``datasets`` and ``views`` among it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
from bson import DBRef, ObjectId, json_util
from fiftyone.core.utils import to_slug

from ..samples.private_fiftyone import (
    copy_of,
    database,
    document_of,
    id_of,
    is_generated,
    save_view_documents,
    stages_of,
)

_LIST = "saved_views"
#: Fields of the dataset's document with references to documents of runs, by key
_RUNS = ("runs", "evaluations")


@dataclass(frozen=True)
class SavedView:
    """What is known of a saved view.

    Args:
        id: of its document
        name: its name
        slug: its address in the App, which no two views of a dataset may share
        description: what whoever saved it says of it
        stages: its stages, as FiftyOne describes them
        listed: whether the dataset refers to it
    """

    id: ObjectId
    name: str
    slug: str
    description: str
    stages: tuple[Mapping[str, Any], ...]
    listed: bool = True


def repair(dataset: fo.Dataset) -> None:
    """Takes references to views and runs that are gone out of the dataset's document; deletes nothing.

    Runs are custom ones and evaluations.

    Args:
        dataset: the dataset; the object follows the database where they differ
    """
    stored = _stored(dataset)
    listed = stored.get(_LIST) or []
    gone = set(listed) - _existing("views", listed)
    if gone:
        _change(dataset, {"$pull": {_LIST: {"$in": list(gone)}}})
    known = [one.id for one in document_of(dataset).saved_views]
    if known != [one for one in listed if one not in gone] or any(map(_is_bare, document_of(dataset).saved_views)):
        document_of(dataset).reload(_LIST)
    for name in _RUNS:
        _repair_runs(dataset, name, stored.get(name) or {})


def _repair_runs(dataset: fo.Dataset, name: str, runs: Mapping[str, ObjectId]) -> None:
    there = _existing("runs", list(runs.values()))
    # Only if it is still the same: a run of that name may have been registered meanwhile
    for key, reference in runs.items():
        if reference not in there:
            path = f"{name}.{key}"
            _datasets().update_one({"_id": id_of(dataset), path: reference}, {"$unset": {path: 1}})
    if any(map(_is_bare, getattr(document_of(dataset), name).values())):
        document_of(dataset).reload(name)


def listed(dataset: fo.Dataset) -> list[SavedView]:
    """The dataset's saved views, in the order in which it lists them; the references are repaired first."""
    repair(dataset)
    ids = _stored(dataset).get(_LIST) or []
    found = {one["_id"]: one for one in _views().find({"_id": {"$in": ids}})}
    return [_view(found[one]) for one in ids if one in found]


def unlisted(dataset: fo.Dataset, names: Collection[str] | None = None) -> list[SavedView]:
    """Views of the dataset, of these names if there are any, that it does not refer to: a kill leaves such.

    A view that is being saved at this moment is one of them: ask for those of a run only while its folder is held.
    """
    wanted: dict[str, Any] = {"_dataset_id": id_of(dataset), "_id": {"$nin": _stored(dataset).get(_LIST) or []}}
    if names is not None:
        wanted["name"] = {"$in": list(names)}
    return [_view(one, listed=False) for one in _views().find(wanted)]


def save(dataset: fo.Dataset, views: Sequence[tuple[str, fo.DatasetView, str]]) -> None:
    """Saves views of names that the dataset does not have, all together: FiftyOne takes as long for one as for ten.

    Args:
        dataset: the dataset
        views: the name of each, which like its slug is that of no other saved view, what to save, and what it shows
    """
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    ids = save_view_documents(
        {
            "dataset_id": id_of(dataset),
            "name": name,
            "slug": to_slug(name),
            "description": description,
            "view_stages": [json_util.dumps(stage) for stage in stages_of(view)],
            "created_at": now,
            "last_modified_at": now,
        }
        for name, view, description in views
    )
    refer(dataset, ids)
    # FiftyOne deletes the copies that views of patches are of, unless they are persistent
    for made in [copy_of(view) for _, view, _ in views if is_generated(view)]:
        if not made.persistent:
            made.persistent = True


def refer(dataset: fo.Dataset, ids: Sequence[ObjectId]) -> None:
    """Lists these views with the dataset, each once."""
    _change(dataset, {"$addToSet": {_LIST: {"$each": list(ids)}}})
    document_of(dataset).reload(_LIST)


def delete(dataset: fo.Dataset, views: Sequence[SavedView]) -> None:
    """Deletes views, first their references and then their documents, so that it can be repeated after a kill."""
    if not views:
        return
    ids = [one.id for one in views]
    _change(dataset, {"$pull": {_LIST: {"$in": ids}}})
    document_of(dataset).reload(_LIST)
    for name in sorted(set().union(*(copies(one) for one in views))):
        if fo.dataset_exists(name):
            fo.load_dataset(name).persistent = False
    _views().delete_many({"_id": {"$in": ids}})


def copies(view: SavedView, field: str | None = None) -> set[str]:
    """The names of the datasets that FiftyOne has made for a view of patches; with a field, of its patches only."""
    arguments = [dict(stage["kwargs"]) for stage in view.stages]
    of_field = [one for one in arguments if field is None or one.get("field") == field]
    return {one["_state"]["name"] for one in of_field if one.get("_state")}


def _view(document: Mapping[str, Any], listed: bool = True) -> SavedView:
    return SavedView(
        id=document["_id"],
        name=document.get("name") or "",
        slug=document.get("slug") or "",
        description=document.get("description") or "",
        stages=tuple(json.loads(stage) for stage in document.get("view_stages") or ()),
        listed=listed,
    )


def _stored(dataset: fo.Dataset) -> Mapping[str, Any]:
    return _datasets().find_one({"_id": id_of(dataset)}, {_LIST: True, **dict.fromkeys(_RUNS, True)}) or {}


def _existing(collection: str, ids: Sequence[ObjectId]) -> set[ObjectId]:
    found = database()[collection].find({"_id": {"$in": list(ids)}}, {"_id": True})
    return {one["_id"] for one in found}


def _change(dataset: fo.Dataset, change: Mapping[str, Any]) -> None:
    now = datetime.now(timezone.utc)
    _datasets().update_one({"_id": id_of(dataset)}, {**change, "$set": {"last_modified_at": now}})


def _is_bare(document: Any) -> bool:
    """Whether FiftyOne has found nothing under a reference."""
    return isinstance(document, DBRef)


def _datasets() -> Any:
    return database()["datasets"]


def _views() -> Any:
    return database()["views"]
