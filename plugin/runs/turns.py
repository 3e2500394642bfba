"""One run at a time writes to a dataset's document: FiftyOne saves its lists, such as that of the fields, whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import fiftyone as fo

from ..store.locks import locked

#: Seconds that a run waits for the others: they write as long as it takes for all of their samples
PATIENCE = 3600.0


@contextlib.contextmanager
def writing(dataset: fo.Dataset, folder: Path) -> Iterator[None]:
    """Waits until no other run writes to the dataset, and knows then what they have written.

    Args:
        dataset: the dataset
        folder: of the run's files, whose parent has those of all of the dataset's runs and cannot be removed meanwhile

    Raises:
        LabelQualityError: another one still writes after `PATIENCE`
    """
    with locked(folder.parent, PATIENCE):
        # What the user has changed and not saved is not to be lost
        dataset.save()
        dataset.reload()
        yield
