"""Indexes of a run's fields: the App's grid sorts by indexed fields only, and MongoDB allows a dataset only so many."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import fiftyone as fo
from pymongo import IndexModel
from pymongo.errors import OperationFailure

from ..samples.private_fiftyone import stored_samples

#: Indexes that MongoDB allows a collection, and its code of the error for one more
LIMIT, _TOO_MANY = 64, 67
#: Kept free of what is rarely sorted by, for what always is, of some ten runs, and for the user's own
RESERVE = LIMIT // 2


def create_indexes(dataset: fo.Dataset, paths: Sequence[str], others: Sequence[str] = ()) -> None:
    """Makes indexes, the first ones first, as long as there is room for them; `missing_note` says which are missing.

    Args:
        dataset: the dataset
        paths: of the fields, those that are most sorted by first; what is indexed already stays so
        others: of more fields, for which `RESERVE` is kept free
    """
    # In one command, which reads all samples once
    samples = stored_samples(dataset)
    have = samples.index_information()
    room, there = LIMIT - len(have), _single(have)
    new = [path for path in paths if path not in there][: max(0, room)]
    new += [path for path in others if path not in there][: max(0, room - len(new) - RESERVE)]
    try:
        if new:
            samples.create_indexes([IndexModel([(path, 1)]) for path in new])
    except OperationFailure as error:
        if error.code != _TOO_MANY:
            raise
        # Someone else has made some meanwhile, and of several all or none are made
        if len(new) > 1:
            for path in paths:
                create_indexes(dataset, [path])
            for path in others:
                create_indexes(dataset, [], [path])


def drop_indexes(dataset: fo.Dataset, fields: Collection[str]) -> None:
    """Drops the indexes that have to do with these fields, which need not be there any more."""
    for name, index in stored_samples(dataset).index_information().items():
        if any(path.split(".")[0] in fields for path, _ in index["key"]):
            stored_samples(dataset).drop_index(name)


def missing_note(dataset: fo.Dataset, paths: Sequence[str]) -> str:
    """What a user must know of those of these fields that have no index; empty where all have one."""
    have = stored_samples(dataset).index_information()
    missing = [path for path in paths if path not in _single(have)]
    if not missing:
        return ""
    used = len(have)
    reserved = f", and {RESERVE} are kept for what is sorted by most" if used < LIMIT else ""
    return (
        f"The App's grid cannot sort by {', '.join(missing)}: a dataset can have {LIMIT} indexes and this one has "
        f"{used}{reserved}. Delete runs that are no longer needed, or other indexes by dataset.drop_index(), and then "
        f"dataset.create_index('{missing[0]}') makes it possible."
    )


def _single(have: Mapping[str, Any]) -> set[str]:
    """Paths with an index of their own, of a collection's indexes."""
    keys = [index["key"] for index in have.values()]
    return {key[0][0] for key in keys if len(key) == 1}
