"""The second stage of a run: the scores of its samples, or, where none are asked for, their predicted masks alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..dataset.fields import check_fields
from ..documents.shown_files import missing_images
from ..labels.class_table import ClassTable
from ..passes.compile_ahead import wait_for_kernels
from ..passes.score_samples import Reduction, Scoring
from ..predictions.masks import PredictionMasks
from ..records.record_parts import COMPLETE, WRITING
from ..records.run_record import RunRecord
from ..scores.class_order import seeming_order
from ..scores.config import ScoreConfig
from ..scores.results import Columns, ResultRows
from ..store.run_folder import content_digest
from ..store.sets import ScoreSet
from ..training.config import CrossValidation
from .predict import Predictions
from .published import fields_there, is_published
from .results import columns_of
from .run import Run

#: Classes named where the order of the predictions' is in doubt
_SHOWN_PAIRS = 5


@dataclass(frozen=True)
class Scores:
    """What a run has to write to its samples.

    Args:
        predictions: that it was made from
        config: which scores; None where it has predicted masks alone
        digest: of all that the scores depend on, or ""
        store: has the images and the shards' results
        columns: which fields there are
        rows: their values, once
        reduction: what the whole dataset says of its classes, where that was asked for
        missing: scores that the predictions do not allow
        published: whether all of this is on the dataset already; then the rows are not needed
    """

    predictions: Predictions
    config: ScoreConfig | None
    digest: str
    store: ScoreSet
    columns: Columns
    rows: Iterable[ResultRows] = ()
    reduction: Reduction | None = None
    missing: tuple[str, ...] = ()
    published: bool = False


def score(run: Run, predictions: Predictions, config: ScoreConfig) -> Scores:
    """Scores what is not in the run's folder yet.

    Args:
        run: the run
        predictions: its predictions
        config: which scores

    Raises:
        LabelQualityError: a run of this key with other scores exists
        SampleError: a sample cannot be scored, unless ``skip_failures``
    """
    digest = run.score_digest(config, predictions.origin.digest)
    run.check_replaceable("scores", digest)
    columns = columns_of(config, labels_only=predictions.reader.labels_only, has_folds=predictions.has_folds)
    check_fields(run.dataset, run.key, columns)
    store = _open_set(run, predictions, digest, {"config": config.to_dict()})
    if is_published(run.dataset, run.existing, store):
        run.failures.recall(run.finished.failures)
        return Scores(predictions, config, digest, store, columns, published=True)
    wait_for_kernels(run.times)
    scoring = Scoring(run.samples, predictions.reader, config, store, run.request.skip_failures)
    reduction = scoring.run(run.times)
    _leave_out(run, scoring)
    # Models that are trained here have the classes of the masks that they are trained on
    if reduction is not None and predictions.origin.config.source != CrossValidation.source:
        run.notes += _order_doubt(run.table, reduction)
    return Scores(predictions, config, digest, store, columns, scoring.rows(), reduction, scoring.missing_scores)


def draw_masks(run: Run, predictions: Predictions) -> Scores | None:
    """Makes the predicted masks, for a run without scores; None where a run has them on the dataset already.

    Raises:
        LabelQualityError: a field of the name is not the run's
        SampleError: a sample cannot be read, unless ``skip_failures``
    """
    if run.existing is not None and _has_predictions(run, run.existing, predictions):
        run.failures.recall(run.existing.failures)
        return None
    columns = columns_of(None, labels_only=predictions.reader.labels_only, has_folds=predictions.has_folds)
    check_fields(run.dataset, run.key, columns)
    store = _open_set(run, predictions, run.digest("masks", predictions.origin.digest), {})
    masks = PredictionMasks(run.samples, predictions.reader, store, run.request.skip_failures)
    masks.run(run.times)
    _leave_out(run, masks)
    return Scores(predictions, None, "", store, columns, masks.rows())


def _open_set(run: Run, predictions: Predictions, digest: str, content: Mapping[str, Any]) -> ScoreSet:
    stored = predictions.origin.stored
    content = {**content, "class_table": run.table.to_dict()}
    # Of which samples, and of which predictions where they were made anew
    digest = content_digest(digest, run.samples.ids, stored.created if stored is not None else "")
    found = run.folder.open_scores(digest, content)
    shown = run.existing is not None and run.existing.scores.set == found.path.name
    lost = shown and next(missing_images(run.dataset, run.key), None) is not None
    if lost and not found.complete:
        # Its shards say that they are done, and are not
        found.discard("shards")
    replaced = run.request.overwrite and run.is_recorded(found)
    return run.folder.open_scores(digest, content, overwrite=True) if found.complete and (lost or replaced) else found


def _has_predictions(run: Run, record: RunRecord, predictions: Predictions) -> bool:
    """Whether a finished run was made from these very predictions."""
    own = predictions.origin.own
    same_set = own is None or record.predictions.set == own.path.name
    same = record.predictions.digest == predictions.origin.digest
    replaced = run.request.overwrite and own is None
    written = fields_there(run.dataset, record)
    if record.status == WRITING or not (same and same_set and written) or replaced:
        return False
    return record.status == COMPLETE or next(missing_images(run.dataset, record.key), None) is None


def _order_doubt(table: ClassTable, reduction: Reduction) -> list[str]:
    """A sentence where predictions seem to have the classes in another order, for the run's record."""
    order = seeming_order(reduction.joint)
    if not order:
        return []
    pairs = [f"'{table.names[given]}' as '{table.names[seen]}'" for given, seen in order.items()]
    more = f" and {len(pairs) - _SHOWN_PAIRS} more" if len(pairs) > _SHOWN_PAIRS else ""
    return [
        f"Most of what is given as some classes is predicted as others: {', '.join(pairs[:_SHOWN_PAIRS])}{more}. Where "
        "the predictions have the classes in another order, say which is which with `class_map`."
    ]


def _leave_out(run: Run, done: Scoring | PredictionMasks) -> None:
    usable, failures = done.outcome()
    run.failures.recall(failures)
    run.failures.require(usable)
