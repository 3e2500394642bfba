"""The last stage of a run: its fields, views and record, and the removal of what they replace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import fiftyone as fo

from ..base.errors import LabelQualityError
from ..base.timing import StageTimes
from ..dataset import verdicts
from ..dataset.fields import Columns, ResultRows, delete_fields, indexed_scores, own_fields, write_results
from ..dataset.indexes import missing_note
from ..dataset.record_parts import COMPLETE, PREDICTED, WRITING, Overview, SuspectPart
from ..dataset.run_record import RunRecord, save_record
from ..dataset.shown_files import check_shown, missing_images, missing_regions
from ..dataset.suspect_fields import ImageSuspects, indexed_paths, suspect_names, write_suspects
from ..dataset.views import (
    WORST_FIRST,
    delete_suspect_views,
    delete_views,
    own_views,
    restore_views,
    save_suspect_views,
    save_worst_first,
    view_name,
)
from ..labels.class_table import ClassTable
from ..samples.slices import images_of
from ..store.run_folder import RunFolder
from ..store.sets import PredictionSet, ScoreSet, StoredSet, SuspectSet
from ..suspects.regions import leading_kind
from .housekeeping import own_folder, remove_replaced, run_folder, tidy
from .overview import ScoreOverview, SuspectOverview
from .search_suspects import SuspectSearch
from .turns import writing


def is_published(dataset: fo.Dataset, record: RunRecord | None, store: ScoreSet) -> bool:
    """Whether all that a run with this store would write is on the dataset already, and its files are there."""
    return (
        record is not None
        and record.status in (PREDICTED, COMPLETE)
        and store.complete
        and record.scores.set == store.path.name
        and record.folder == str(store.path.parent)
        and all(dataset.has_sample_field(name) for name in record.fields)
        and set(record.views) <= set(own_views(dataset, record.key))
        and next(missing_images(dataset, record.key), None) is None
    )


def suspects_published(dataset: fo.Dataset, record: RunRecord) -> bool:
    """Whether the run's suspects are on the dataset with their masks, whatever they were found with."""
    return (
        record.suspects is not None
        and record.suspects.status == COMPLETE
        and all(dataset.has_sample_field(name) for name in suspect_names(record.key))
        and set(record.views) <= set(own_views(dataset, record.key))
        and next(missing_regions(dataset, record.key), None) is None
    )


def publish(
    dataset: fo.Dataset,
    record: RunRecord,
    before: RunRecord | None,
    rows: Iterable[ResultRows],
    columns: Columns,
    table: ClassTable,
    times: StageTimes,
    search: SuspectSearch | None = None,
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
        search: the suspects, where they were searched for

    Returns:
        the record as it was saved
    """
    with writing(dataset, Path(str(record.folder))):
        _publish(dataset, record, before, rows, columns, table, times, search)
    return record


def _publish(
    dataset: fo.Dataset,
    record: RunRecord,
    before: RunRecord | None,
    rows: Iterable[ResultRows],
    columns: Columns,
    table: ClassTable,
    times: StageTimes,
    search: SuspectSearch | None,
) -> None:
    record.status = WRITING
    save_record(dataset, record)
    if before is not None:
        # Samples that have no value any more, and columns that this run does not have, must not keep the old ones
        delete_fields(dataset, record.key, keep=_verdicts(dataset, record, before))
        delete_views(dataset, record.key)
    overview = ScoreOverview(columns.quality)
    record.fields = write_results(
        dataset,
        record.key,
        _counted(rows, overview),
        columns,
        class_table=table,
        label_field=record.label_field,
        total=record.scored,
        progress=times,
    )
    record.views = [save_worst_first(dataset, record.key)] if columns.quality is not None else []
    if columns.quality is not None:
        record.overview = overview.overview(_filepaths(dataset, [one for one, _ in overview.worst]))
    unsorted = missing_note(dataset, indexed_scores(record.key, columns))
    if unsorted:
        record.note = f"{record.note} {unsorted}".lstrip()
        record.notes = [*record.notes, unsorted]
    times.count("Writing fields")
    if search is not None:
        _write_suspects(dataset, record, search, times)
    record.timings = dict(times.seconds)


def _verdicts(dataset: fo.Dataset, record: RunRecord, before: RunRecord) -> list[str]:
    """The field of what people have decided about the same masks' suspects, all of it: they would not do so twice."""
    if before.label_field != record.label_field:
        return []
    # Where an earlier call was killed after it had deleted the suspects, the verdicts are aside already
    if dataset.has_sample_field(suspect_names(record.key)[-1]):
        verdicts.set_aside(dataset, record.key)
    return [verdicts.rejected_name(record.key)]


def publish_suspects(dataset: fo.Dataset, record: RunRecord, search: SuspectSearch, times: StageTimes) -> RunRecord:
    """Writes suspects to a finished run in place of those that it has; all else stays as it is.

    Started again after a kill, it does the same once more. Until the record is saved at the end, the files of the
    earlier suspects are there.

    Args:
        dataset: the dataset
        record: of the run
        search: its new suspects
        times: told of the writing, and asked for the timings

    Returns:
        the record as it was saved
    """
    with writing(dataset, Path(str(record.folder))):
        record.suspects = replace(record.suspects or SuspectPart(), status=WRITING)
        save_record(dataset, record)
        delete_suspect_views(dataset, record.key)
        # Not by what was deleted just now: an earlier call may have been killed after it had deleted some
        record.views = [name for name in record.views if name == view_name(record.key, WORST_FIRST)]
        _write_suspects(dataset, record, search, times)
        restore_views(dataset, record.key, record.views)
        record.suspects.status = WRITING
        _check_files(dataset, record)
        record.suspects.status = COMPLETE
        record.timings = {**record.timings, **times.seconds}
        save_record(dataset, record)
    return record


def _write_suspects(dataset: fo.Dataset, record: RunRecord, search: SuspectSearch, times: StageTimes) -> None:
    """Writes the fields and views of suspects, and what the record says of them."""
    found, overview = search.findings(), record.overview or Overview()
    suspects = SuspectOverview(search.samples.class_table.names, [one.id for one in overview.worst])
    write_suspects(
        dataset,
        record.key,
        _counted_suspects(search.images(), suspects),
        class_table=search.samples.class_table,
        label_field=record.label_field,
        total=len(search.samples),
        progress=times,
    )
    unsorted = missing_note(dataset, indexed_paths(record.key))
    found.write_to(record, search.config, search.store.path.name)
    if unsorted and record.suspects is not None:
        record.suspects.notes.append(unsorted)
    suspects.add_to(overview)
    record.overview = overview
    record.fields = own_fields(dataset, record.key)
    record.views = [*record.views, *save_suspect_views(dataset, record.key, record.issues)]
    times.count("Writing suspects")


def _check_files(dataset: fo.Dataset, record: RunRecord) -> None:
    """Raises `LabelQualityError` if files are gone; the record then names the sets that lack them, to be made anew."""
    try:
        check_shown(dataset, record.key)
    except LabelQualityError:
        save_record(dataset, record)
        raise


def _counted(rows: Iterable[ResultRows], overview: ScoreOverview) -> Iterator[ResultRows]:
    for portion in rows:
        overview.update(portion.ids, portion.scores)
        yield portion


def _counted_suspects(images: Iterable[ImageSuspects], overview: SuspectOverview) -> Iterator[ImageSuspects]:
    for image in images:
        kind = leading_kind(image.kind, image.evidence)
        overview.update(image.sample_id, kind, image.given, image.suggested, image.evidence)
        yield image


def _filepaths(dataset: fo.Dataset, ids: Sequence[str]) -> Mapping[str, str]:
    return dict(zip(*images_of(dataset).select(ids).values(["id", "filepath"]), strict=True))


def conclude(
    dataset: fo.Dataset,
    record: RunRecord,
    before: RunRecord | None,
    folder: RunFolder,
    kept: Sequence[StoredSet],
) -> None:
    """Marks a run whose fields are written as finished, and removes the files of what it replaces.

    Args:
        dataset: the dataset
        record: of the run
        before: the key's earlier record, if there is one
        folder: the run's folder
        kept: its sets of files: scores and images, its own predictions, suspects

    Raises:
        LabelQualityError: files that its fields show are gone
    """
    if record.status == WRITING:
        _check_files(dataset, record)
    for one in kept:
        # Predictions are finished by their source: those of folds that are left for later are not
        if isinstance(one, ScoreSet) and not one.complete:
            one.finish()
    if record.status == WRITING:
        record.status = COMPLETE if record.config.get("scores") else PREDICTED
        restore_views(dataset, record.key, record.views)
        save_record(dataset, record)
    notes = [remove_replaced(dataset, folder, kept)]
    for one in kept:
        # Only the second pass reads these; and what trained is removed when it is done, unless it was killed just then
        if isinstance(one, ScoreSet):
            one.discard("pooled")
        elif isinstance(one, PredictionSet) and one.complete:
            one.discard("work")
    old = own_folder(dataset, before) if before is not None else None
    if old is not None and old != folder.root and old.is_dir():
        with run_folder(dataset, old, before) as elsewhere:
            notes.append(remove_replaced(dataset, elsewhere))
        tidy(old)
    new = [note for note in notes if note and note not in record.note]
    if new:
        record.note = " ".join([record.note, *new]).strip()
        save_record(dataset, record)


def recorded_scores(folder: RunFolder, record: RunRecord) -> ScoreSet:
    """The set of the run's scores; raises `LabelQualityError` if it is gone."""
    scores = next((one for one in folder.sets() if one.path.name == record.scores.set), None)
    if not isinstance(scores, ScoreSet):
        raise LabelQualityError(
            f"The scores of run '{record.key}' are no longer in {folder.root}. Score again: score_label_quality with "
            "overwrite=True."
        )
    return scores


def recorded_suspects(folder: RunFolder, record: RunRecord) -> list[SuspectSet]:
    """The set of the run's suspects, if it has one."""
    name = record.suspects.set if record.suspects is not None else None
    return [one for one in folder.sets() if isinstance(one, SuspectSet) and one.path.name == name]
