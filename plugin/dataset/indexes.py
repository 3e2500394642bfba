"""Indexes of a run's fields: the App's grid sorts by indexed fields only, and MongoDB allows a dataset only so many."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import fiftyone as fo
from pymongo.errors import OperationFailure

from ..samples.private_fiftyone import stored_samples

#: Indexes that MongoDB allows a collection, and its code of the error for one more
LIMIT, _TOO_MANY = 64, 67
#: Kept free of what is rarely sorted by, for what always is, of some ten runs, and for the user's own
RESERVE = LIMIT // 2


def create_indexes(dataset: fo.Dataset, paths: Sequence[str], keep_free: int = 0) -> None:
    """Makes indexes, the first ones first, as long as there is room for them; `missing_note` says which are missing.

    Args:
        dataset: the dataset
        paths: of the fields, those that are most sorted by first; what is indexed already stays so
        keep_free: how many indexes of `LIMIT` are left for others
    """
    for path in paths:
        have = stored_samples(dataset).index_information()
        if path in _single(dataset):
            continue
        if len(have) >= LIMIT - keep_free:
            return
        try:
            dataset.create_index(path)
        except OperationFailure as error:
            if error.code != _TOO_MANY:
                raise
            return


def drop_indexes(dataset: fo.Dataset, fields: Collection[str]) -> None:
    """Drops the indexes that have to do with these fields, which need not be there any more."""
    for name, index in stored_samples(dataset).index_information().items():
        if any(path.split(".")[0] in fields for path, _ in index["key"]):
            stored_samples(dataset).drop_index(name)


def missing_note(dataset: fo.Dataset, paths: Sequence[str]) -> str:
    """What a user must know of those of these fields that have no index; empty where all have one."""
    missing = [path for path in paths if path not in _single(dataset)]
    if not missing:
        return ""
    used = len(stored_samples(dataset).index_information())
    reserved = f", and {RESERVE} are kept for what is sorted by most" if used < LIMIT else ""
    return (
        f"The App's grid cannot sort by {', '.join(missing)}: a dataset can have {LIMIT} indexes and this one has "
        f"{used}{reserved}. Delete runs that are no longer needed, or other indexes by dataset.drop_index(), and then "
        f"dataset.create_index('{missing[0]}') makes it possible."
    )


def _single(dataset: fo.Dataset) -> set[str]:
    """Paths with an index of their own."""
    keys = [index["key"] for index in stored_samples(dataset).index_information().values()]
    return {key[0][0] for key in keys if len(key) == 1}
