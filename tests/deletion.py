"""Deletion of datasets that no test needs any more."""

from __future__ import annotations

import gc
from collections.abc import Iterable


def drop_datasets(names: Iterable[str]) -> None:
    """Deletes the datasets of these names that are there.

    Their saved views go first, as documents: FiftyOne opens the dataset of each one's patches, which takes as long as
    many a test.
    """
    import fiftyone as fo
    import fiftyone.core.odm as odm

    # A video's sample and its frames hold one another: of one that is still there FiftyOne reads the frames meanwhile
    gc.collect()
    for name in names:
        if fo.dataset_exists(name):
            dataset = fo.load_dataset(name)
            odm.get_db_conn().views.delete_many({"_dataset_id": dataset._doc.id})
            dataset._doc.saved_views = []
            dataset.delete()
