"""Other datasets that show a run's files: clones, whose fields and records name the files of the original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import fiftyone as fo

from ..base.errors import LabelQualityError
from ..samples.private_fiftyone import database, id_of
from .run_record import load_record


@dataclass(frozen=True)
class Clone:
    """Another dataset with a record of files in a run's folder.

    Args:
        name: of the dataset
        key: of its run
    """

    name: str
    key: str


def clones_of(dataset: fo.Dataset, folder: Path | None) -> list[Clone]:
    """The other datasets of this database whose records say that a run's files are in the folder, by name."""
    if folder is None:
        return []
    stored = database()
    runs = list(stored.runs.find({"config.folder": str(folder)}, {"_dataset_id": True, "key": True}))
    others = {run["_dataset_id"]: run["key"] for run in runs if run["_dataset_id"] != id_of(dataset)}
    found = stored.datasets.find({"_id": {"$in": list(others)}}, {"name": True})
    return sorted((Clone(one["name"], others[one["_id"]]) for one in found), key=lambda one: one.name)


def named(clones: Sequence[Clone]) -> str:
    """The clones in words: ``dataset 'a'`` or ``datasets 'a', 'b'``."""
    return f"dataset{'s' * (len(clones) > 1)} {', '.join(repr(one.name) for one in clones)}"


def check_uncloned(dataset: fo.Dataset, key: str, folder: Path | None) -> None:
    """Raises `LabelQualityError` if other datasets show the files of a run.

    Args:
        dataset: the dataset
        key: the run's key
        folder: of its files, or None where it has none of its own
    """
    clones = clones_of(dataset, folder)
    if clones:
        raise LabelQualityError(
            f"The files of run '{key}' of dataset '{dataset.name}' are shown by {named(clones)} too, whose images "
            "would lose their heatmaps and masks. Delete the run there first, or pass break_clones=True to delete it "
            "all the same."
        )


def needed_sets(clones: Sequence[Clone]) -> set[str]:
    """Names of the sets of files that the records of clones name."""
    return {name for one in clones for name in load_record(fo.load_dataset(one.name), one.key).sets}
