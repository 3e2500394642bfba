"""The last stage of a run: its record, fields and views, and the removal of what they replace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import fiftyone as fo

from ..base.errors import LabelQualityError
from ..base.timing import StageTimes
from ..dataset import verdicts
from ..dataset.fields import delete_fields, indexed_scores, write_results
from ..dataset.lint_fields import lint_names
from ..dataset.sample_fields import sample_name
from ..dataset.suspect_fields import indexed_paths, suspect_field_types, suspect_names, write_suspects
from ..dataset.views import (
    LINT,
    delete_suspect_views,
    delete_views,
    other_views,
    own_views,
    restore_views,
    save_suspect_views,
    save_worst_first,
    view_name,
)
from ..documents.indexes import missing_note
from ..documents.ownership import own_fields
from ..documents.schema import FieldTypes
from ..documents.shown_files import check_shown
from ..passes.search_suspects import SuspectSearch
from ..records.evaluations import delete_evaluations
from ..records.record_parts import (
    COMPLETE,
    PREDICTED,
    WRITING,
    Overview,
    PredictionPart,
    ScorePart,
    SuspectPart,
)
from ..records.run_record import RunRecord, load_record, save_record
from ..records.sample_parts import SamplePart
from ..samples.instance_samples import InstanceSamples
from ..samples.slices import images_of, slices_of
from ..scores.results import ResultRows
from ..store.sets import PredictionSet, ScoreSet, SuspectSet
from ..store.stored_set import StoredSet
from ..suspects.image_suspects import ImageSuspects
from ..suspects.regions import leading_kind
from .collect_edits import edits_of
from .housekeeping import dataset_id, find_record, own_folder, remove_replaced, run_folder, tidy
from .overview import ScoreOverview, SuspectOverview
from .published import recorded_corrections, recorded_objects, recorded_suspects
from .record_findings import record_findings
from .results import NEEDS_PROBABILITIES, joined
from .run import Run
from .score import Scores
from .turns import writing

_CORRECTIONS_GONE = (
    "The corrected masks that had been loaded were compared with what is replaced now, and are removed with it: load "
    "them again."
)


def publish(run: Run, scores: Scores | None, found: SuspectSearch | SuspectPart | None = None) -> RunRecord:
    """Writes a run's record, fields and views, and removes what they replace.

    Started again after a kill, it does the same once more. What is on the dataset already stays as it is.

    Args:
        run: the run
        scores: what `score.score` or `score.draw_masks` gave
        found: what `search.search` gave

    Returns:
        the record as it was saved

    Raises:
        LabelQualityError: files that the fields show are gone
    """
    if scores is None:
        return run.finished
    search = found if isinstance(found, SuspectSearch) else None
    if scores.published:
        record, suspects = _replace_suspects(run, search)
    else:
        with writing(run.dataset, run.folder.root):
            record = _record(run, scores, found if isinstance(found, SuspectPart) else None)
            _write(run, record, scores, search)
            _finish(run, record, scores.store)
        suspects = [search.store] if search is not None else []
    own = scores.predictions.origin.own
    others = [*recorded_objects(run.folder, record), *recorded_corrections(run.folder, record)]
    kept = [scores.store, *suspects, *others, *([own] if own is not None else [])]
    return _remove_earlier(run, kept)


def publish_suspects(run: Run, search: SuspectSearch | None) -> RunRecord:
    """Writes the suspects of a run that was opened again, and removes those that they replace; all else stays.

    Args:
        run: the run
        search: what `search.search_again` gave

    Returns:
        the record as it was saved
    """
    _, kept = _replace_suspects(run, search)
    # All else may belong to a run that is to replace this one and was interrupted
    others = [one for one in run.folder.sets() if not isinstance(one, SuspectSet)]
    note = remove_replaced(run.dataset, run.folder, keep=[*kept, *others])
    record = load_record(run.dataset, run.key)
    if note and record.suspects is not None and note not in record.suspects.notes:
        record.suspects.notes.append(note)
        save_record(run.dataset, record)
    return record


def _record(run: Run, scores: Scores, suspects: SuspectPart | None) -> RunRecord:
    """The run's record, without fields, views and timings."""
    if run.existing is not None and run.existing.corrections is not None:
        run.notes.append(_CORRECTIONS_GONE)
    origin, reduction = scores.predictions.origin, scores.reduction
    stored, source = origin.stored, origin.config
    config = scores.config.to_dict() if scores.config is not None else {}
    return RunRecord(
        key=run.key,
        label_field=run.samples.label_field,
        source=source.source,
        config={"predictions": source.to_dict(), "scores": config},
        seed=getattr(source, "seed", None),
        fingerprint=run.fingerprint,
        class_table=run.table.to_dict(),
        out_of_sample=getattr(source, "out_of_sample", True),
        note=" ".join(run.notes),
        samples=len(run.failures.asked),
        scored=len(set(run.samples.ids) - run.failures.ids),
        thresholds=[] if reduction is None else reduction.thresholds.tolist(),
        confident_joint=[] if reduction is None else reduction.joint.tolist(),
        noise_matrix=[] if reduction is None else reduction.noise.tolist(),
        failures=run.failures.to_dicts(),
        scores_missing=dict.fromkeys(scores.missing, NEEDS_PROBABILITIES),
        folder=str(run.folder.root),
        dataset=dataset_id(run.dataset),
        slices=slices_of(run.samples.collection),
        unknown=run.request.unknown,
        notes=run.notes,
        predictions=PredictionPart(
            digest=origin.digest,
            set=origin.own.path.name if origin.own is not None else None,
            folder=str(stored.path.parent) if stored is not None else None,
            run=origin.run,
            model=stored.results.get("model") if stored is not None else None,
        ),
        scores=ScorePart(
            digest=scores.digest,
            set=scores.store.path.name,
            flagged_pixels=reduction.flagged if reduction is not None else None,
            pooled_pixels=reduction.pixels if reduction is not None else None,
        ),
        suspects=suspects,
        sample=_sample_before(run),
    )


def _sample_before(run: Run) -> SamplePart | None:
    """What was drawn of the same masks to estimate how many errors there are: its verdicts stay true.

    As it is now: more of it may have been shown since the run began.
    """
    before = find_record(run.dataset, run.key) if run.existing is not None else None
    return before.sample if before is not None and before.label_field == run.samples.label_field else None


def _write(run: Run, record: RunRecord, scores: Scores, search: SuspectSearch | None) -> None:
    """Writes record, fields and views, in that order: whatever a kill leaves, the record is there to delete it by."""
    dataset, columns, before = run.dataset, scores.columns, run.existing
    searched = dataset.has_sample_field(suspect_names(record.key)[-1])
    if before is not None and before.label_field == record.label_field and searched:
        # While the run's record is still that of the suspects that may have been edited
        edits_of(dataset, before)
    record.status = WRITING
    save_record(dataset, record)
    if before is not None:
        # Samples that have no value any more, and columns that this run does not have, must not keep the old ones
        delete_evaluations(dataset, record.key)
        delete_fields(dataset, record.key, keep=[*_verdicts(dataset, record, before), *lint_names(record.key)])
        delete_views(dataset, record.key, keep=[view_name(record.key, LINT)])
    overview = ScoreOverview(columns.quality)
    record.fields = write_results(
        dataset,
        record.key,
        _counted(joined(scores.rows), overview),
        columns,
        class_table=run.table,
        label_field=record.label_field,
        more=None if search is None else _suspect_field_types(record, search),
        total=record.scored,
        progress=run.times,
    )
    record.views = [name for name in own_views(dataset, record.key) if name == view_name(record.key, LINT)]
    if columns.quality is not None:
        record.views = [save_worst_first(dataset, record.key), *record.views]
    if columns.quality is not None:
        record.overview = overview.overview(_filepaths(dataset, [one for one, _ in overview.worst]))
    unsorted = missing_note(dataset, indexed_scores(record.key, columns))
    if unsorted:
        record.note = f"{record.note} {unsorted}".lstrip()
        record.notes = [*record.notes, unsorted]
    run.times.count("Writing fields")
    if search is not None:
        _write_suspects(dataset, record, search, run.times)
    record.timings = dict(run.times.seconds)


def _verdicts(dataset: fo.Dataset, record: RunRecord, before: RunRecord) -> list[str]:
    """The fields of what people have decided about the same masks, all of it: they would not do so twice."""
    if before.label_field != record.label_field:
        return []
    # Where an earlier call was killed after it had deleted the suspects, the verdicts are aside already
    if dataset.has_sample_field(suspect_names(record.key)[-1]):
        verdicts.set_aside(dataset, record.key)
    return [verdicts.rejected_name(record.key), sample_name(record.key)]


def _replace_suspects(run: Run, search: SuspectSearch | None) -> tuple[RunRecord, list[SuspectSet]]:
    """Writes suspects to a finished run in place of those that it has; all else stays as it is.

    Started again after a kill, it does the same once more. Until the record is saved at the end, the files of the
    earlier suspects are there.

    Args:
        run: the run
        search: its new suspects; None where it keeps those that it has

    Returns:
        the record as it was saved, and the set of the run's suspects, if it has any
    """
    dataset = run.dataset
    if search is None:
        record = load_record(dataset, run.key)
        return record, recorded_suspects(run.folder, record)
    with writing(dataset, run.folder.root):
        # Anew: what is not of the search may have been written to it since the run began
        record = load_record(dataset, run.key)
        if dataset.has_sample_field(suspect_names(record.key)[-1]):
            edits_of(dataset, record)
        record.suspects = replace(record.suspects or SuspectPart(), status=WRITING)
        save_record(dataset, record)
        delete_suspect_views(dataset, record.key)
        # Not by what was deleted just now: an earlier call may have been killed after it had deleted some
        record.views = [name for name in record.views if name in other_views(record.key)]
        found = _write_suspects(dataset, record, search, run.times)
        restore_views(dataset, record.key, record.views)
        found.status = WRITING
        _check_files(dataset, record)
        found.status = COMPLETE
        record.timings = {**record.timings, **run.times.seconds}
        save_record(dataset, record)
    return record, [search.store]


def _write_suspects(dataset: fo.Dataset, record: RunRecord, search: SuspectSearch, times: StageTimes) -> SuspectPart:
    """Writes the fields and views of suspects, and what the record says of them, which it returns."""
    overview = record.overview or Overview()
    suspects = SuspectOverview(search.samples.class_table.names, [one.id for one in overview.worst])
    write_suspects(
        dataset,
        record.key,
        _counted_suspects(search.images(), suspects),
        class_table=search.samples.class_table,
        label_field=record.label_field,
        total=len(search.samples),
        rated=search.config.probability,
        instances=_instances(search),
        progress=times,
    )
    unsorted = missing_note(dataset, indexed_paths(dataset, record.key))
    found = record_findings(search, record)
    found.notes += [unsorted] if unsorted else []
    suspects.add_to(overview)
    record.overview = overview
    record.fields = own_fields(dataset, record.key)
    record.views = [*record.views, *save_suspect_views(dataset, record.key, record.issues)]
    times.count("Writing suspects")
    return found


def _suspect_field_types(record: RunRecord, search: SuspectSearch) -> tuple[FieldTypes, FieldTypes]:
    rated, tied = search.config.probability, _instances(search) is not None
    return suspect_field_types(record.key, record.label_field, rated, tied)


def _instances(search: SuspectSearch) -> InstanceSamples | None:
    """The given labels of the samples that were searched, where they are instances."""
    return search.samples if isinstance(search.samples, InstanceSamples) else None


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
        kind = leading_kind(image.kind, image.evidence, image.probability)
        strength = image.evidence if image.probability is None else image.probability
        overview.update(image.sample_id, kind, image.given, image.suggested, strength)
        yield image


def _filepaths(dataset: fo.Dataset, ids: Sequence[str]) -> Mapping[str, str]:
    return dict(zip(*images_of(dataset).select(ids).values(["id", "filepath"]), strict=True))


def _finish(run: Run, record: RunRecord, store: ScoreSet) -> None:
    """Marks a run whose fields are written as finished; raises `LabelQualityError` if files that they show are gone."""
    _check_files(run.dataset, record)
    if not store.complete:
        store.finish()
    record.status = COMPLETE if record.config.get("scores") else PREDICTED
    restore_views(run.dataset, record.key, record.views)
    save_record(run.dataset, record)


def _remove_earlier(run: Run, kept: Sequence[StoredSet]) -> RunRecord:
    """Removes the files of what a run replaces.

    Args:
        run: the run
        kept: its sets of files: scores and images, suspects, its own predictions

    Returns:
        the record as it was saved
    """
    dataset = run.dataset
    notes = [remove_replaced(dataset, run.folder, kept)]
    for one in kept:
        # Only the second pass reads these; and what trained is removed when it is done, unless it was killed just then
        if isinstance(one, ScoreSet):
            one.discard("pooled")
        elif isinstance(one, PredictionSet) and one.complete:
            one.discard("work")
    old = own_folder(dataset, run.existing) if run.existing is not None else None
    if old is not None and old != run.folder.root and old.is_dir():
        with run_folder(dataset, old, run.existing) as elsewhere:
            notes.append(remove_replaced(dataset, elsewhere))
        tidy(old)
    record = load_record(dataset, run.key)
    new = [note for note in notes if note and note not in record.note]
    if new:
        record.note = " ".join([record.note, *new]).strip()
        save_record(dataset, record)
    return record
