"""The last stage of a run: its fields, views and record, and the removal of what they replace."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import fiftyone as fo

from .class_table import ClassTable
from .fields import Columns, ResultRows, delete_fields, write_results
from .housekeeping import own_folder, remove_folder
from .runs import RunRecord, save_record
from .store import RunFolder
from .stored_sets import PredictionSet, ScoreSet
from .timing import StageTimes
from .views import delete_views, own_views, save_worst_first

#: What a record's status says of a run: it has predictions only, its fields are being written, or it has everything
PREDICTED = "predicted"
WRITING = "writing"
COMPLETE = "complete"


def is_published(dataset: fo.Dataset, record: RunRecord | None, store: ScoreSet) -> bool:
    """Whether all that a run with this store would write is on the dataset already."""
    return (
        record is not None
        and record.status in (PREDICTED, COMPLETE)
        and store.complete
        and record.extra.get("score_set") == store.path.name
        and record.folder == str(store.path.parent)
        and all(dataset.has_sample_field(name) for name in record.fields)
        and set(record.views) <= set(own_views(dataset, record.key))
    )


def publish(
    dataset: fo.Dataset,
    record: RunRecord,
    before: RunRecord | None,
    rows: Iterable[ResultRows],
    columns: Columns,
    table: ClassTable,
    times: StageTimes,
) -> RunRecord:
    """Writes record, fields and views; started again after a kill, it does the same once more.

    Args:
        dataset: the dataset
        record: of the run, without fields, views and timings
        before: the key's earlier record, if there is one
        rows: the fields' values
        columns: which fields
        table: the classes
        times: told of the writing, and asked for the timings

    Returns:
        the record as it was saved
    """
    record.status = WRITING
    save_record(dataset, record)
    if before is not None:
        # Samples that have no value any more, and columns that this run does not have, must not keep the old ones
        delete_fields(dataset, record.key)
        delete_views(dataset, record.key)
    record.fields = write_results(
        dataset,
        record.key,
        rows,
        columns,
        class_table=table,
        label_field=record.label_field,
        total=record.scored,
        progress=times,
    )
    record.views = [save_worst_first(dataset, record.key)] if columns.quality is not None else []
    times.count("Writing fields")
    record.timings = dict(times.seconds)
    return record


def conclude(
    dataset: fo.Dataset,
    record: RunRecord,
    before: RunRecord | None,
    folder: RunFolder,
    store: ScoreSet,
    predictions: PredictionSet | None,
) -> None:
    """Marks a run whose fields are written as finished, and removes the files of what it replaces.

    Args:
        dataset: the dataset
        record: of the run
        before: the key's earlier record, if there is one
        folder: the run's folder
        store: its scores and images
        predictions: its own predictions, where there are any
    """
    if not store.complete:
        store.finish()
    if record.status == WRITING:
        record.status = COMPLETE if record.config.get("scores") else PREDICTED
        save_record(dataset, record)
    folder.remove_sets(keep=[store] if predictions is None else [store, predictions])
    # Only the second pass reads these
    store.discard("pooled")
    old = own_folder(dataset, before) if before is not None else None
    if old is not None and old != Path(folder.root):
        remove_folder(old)
