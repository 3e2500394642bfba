"""The scores of a run's annotated objects on the dataset: field, saved view and the record's part."""

from __future__ import annotations

from dataclasses import replace

from ..dataset.object_fields import indexed_path, write_objects
from ..dataset.views import WORST_OBJECTS, delete_object_view, restore_views, save_worst_objects, view_name
from ..documents.indexes import missing_note
from ..documents.ownership import own_fields
from ..passes.score_objects import ObjectScoring
from ..records.record_parts import COMPLETE, WRITING, ObjectPart
from ..records.run_record import RunRecord, load_record, save_record
from ..store.sets import ObjectSet
from .housekeeping import remove_replaced
from .object_counts import SHOWN, ObjectCounts
from .published import recorded_objects
from .run import Run
from .turns import writing


def publish_objects(run: Run, scoring: ObjectScoring | None) -> RunRecord:
    """Writes the scores of a run's objects in place of those that it had; all else stays.

    Started again after a kill, it does the same once more.

    Args:
        run: the run, opened again
        scoring: what `score_objects.score_again` gave

    Returns:
        the record as it was saved
    """
    if scoring is not None:
        with writing(run.dataset, run.folder.root):
            # Anew: what is not of the objects may have been written to it since the run began
            _write(run, load_record(run.dataset, run.key), scoring)
    record = load_record(run.dataset, run.key)
    # All else may belong to a run that is to replace this one and was interrupted
    others = [one for one in run.folder.sets() if not isinstance(one, ObjectSet)]
    note = remove_replaced(run.dataset, run.folder, keep=[*others, *recorded_objects(run.folder, record)])
    if note and record.objects is not None and note not in record.objects.notes:
        record.objects.notes.append(note)
        save_record(run.dataset, record)
    return record


def _write(run: Run, record: RunRecord, scoring: ObjectScoring) -> None:
    dataset, key = run.dataset, record.key
    record.objects = replace(record.objects or ObjectPart(), status=WRITING)
    # A view that is not there would have all else count as unfinished
    record.views = [name for name in record.views if name != view_name(key, WORST_OBJECTS)]
    save_record(dataset, record)
    delete_object_view(dataset, key)
    counts = ObjectCounts(run.table.names)
    write_objects(
        dataset,
        key,
        counts.counted(scoring.images()),
        class_table=run.table,
        label_field=record.label_field,
        total=len(scoring.samples),
        progress=run.times,
    )
    below = counts.lowest()
    view = save_worst_objects(dataset, key, below)
    record.fields = own_fields(dataset, key)
    record.views = [*record.views, view]
    restore_views(dataset, key, record.views)
    run.times.count("Writing objects")
    found = counts.part()
    unsorted = missing_note(dataset, [indexed_path(key)])
    shown = f"The saved view '{view}' has the {SHOWN:,} worst of them." if below is not None else ""
    record.objects = replace(
        found,
        notes=[note for note in (shown, unsorted) if note],
        failures=run.failures.to_dicts(),
        config=scoring.config.to_dict(),
        set=scoring.store.path.name,
        status=COMPLETE,
    )
    record.timings = {**record.timings, **run.times.seconds}
    save_record(dataset, record)
