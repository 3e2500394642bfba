"""The first stage of a run: its predictions, made or found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ..base.errors import LabelQualityError
from ..dataset.fields import check_fields
from ..engine.engine import current_engine
from ..labels.class_table import ClassTable
from ..predictions.config import PREDICTION_SOURCES, FilesSource, PredictionConfig
from ..predictions.open_files import open_files, state_of
from ..predictions.readers import FileReader, PredictionReader, StoredReader
from ..predictions.sources import Origin, Source, open_source, without_prediction
from ..records.run_record import RunRecord, load_record
from ..scores.config import ScoreConfig
from ..store.sets import PredictionSet
from ..training.config import CrossValidation
from .housekeeping import check_unused
from .left_out import find_left_out
from .made_before import find_predictions, made_before
from .results import columns_of
from .run import Run


@dataclass(frozen=True)
class Predictions:
    """The predictions of a run.

    Args:
        origin: where they come from
        reader: reads them
    """

    origin: Origin
    reader: PredictionReader

    @property
    def has_folds(self) -> bool:
        """Whether they are cross-validated."""
        return isinstance(self.origin.config, CrossValidation)


def predict(
    run: Run, config: PredictionConfig, scores: ScoreConfig | None = None, first: Callable[[], None] | None = None
) -> Predictions:
    """Makes the predictions that the run's folder does not hold yet.

    Args:
        run: the run
        config: the source and its parameters
        scores: the scores that they are for, or None where the run ends with the predictions
        first: what comes before them, once it is known that there may be such a run

    Raises:
        LabelQualityError: a run of this key with other predictions exists, or the source cannot be used
        SampleError: a sample cannot be predicted, unless ``skip_failures``
    """
    if isinstance(config, FilesSource):
        predictions = _use_files(run, config)
        columns = columns_of(scores, labels_only=predictions.reader.labels_only, has_folds=False)
        check_fields(run.dataset, run.key, columns)
        run.check_replaceable("predictions", predictions.origin.digest)
        _check_unused(run, None)
        if first is not None:
            first()
        return predictions
    earlier = config.leave_out if isinstance(config, CrossValidation) else None
    known = None if run.request.overwrite else made_before(run.existing, config)
    if known is None:
        # Whoever looked before this run had its turn may have found some, and so have checked nothing
        config.check()
    left_out = find_left_out(run, earlier) if earlier else None
    source = open_source(known or config, left_out, filled_in=known is not None)
    config = source.config
    columns = columns_of(scores, labels_only=False, has_folds=isinstance(config, CrossValidation))
    check_fields(run.dataset, run.key, columns)
    digest = _digest(run, source)
    if known is not None and digest != run.finished.predictions.digest:
        # What cannot be any more, such as a model whose file is gone, is said in its own words
        config.check()
    run.check_replaceable("predictions", digest)
    _check_unused(run, digest)
    if first is not None:
        first()
    content = {"source": config.source, "config": config.to_dict(), "class_table": run.table.to_dict()}
    stored = _open_set(run, digest, content, scores)
    if not stored.complete:
        source.make(run.samples, stored, run.failures, run.times)
        stored.update(timings=run.times.seconds)
    run.times.recall(stored.results.get("timings", {}))
    return _use_stored(run, stored, Origin(config, digest, stored))


def use_predictions(run: Run, record: RunRecord) -> Predictions:
    """The predictions of an earlier run of this dataset, its class table and its notes.

    Args:
        run: the run
        record: of the run that made them, or that used them itself

    Raises:
        LabelQualityError: its files are gone, or were made for other classes or samples
        SampleError: a sample has no prediction, unless ``skip_failures``
    """
    if record.predictions.run:
        record = load_record(run.dataset, record.predictions.run)
    digest, own = record.predictions.digest, record.key == run.key
    if not digest:
        raise LabelQualityError(f"Run '{record.key}' was interrupted. Start it again, so that it is finished.")
    _use_table(run, ClassTable.from_dict(record.class_table), record.key)
    config = PREDICTION_SOURCES[record.source].from_params(record.config["predictions"])
    if isinstance(config, FilesSource):
        predictions = _use_files(run, config)
        _check_unused(run, None)
        return predictions
    _check_unused(run, digest if own else None)
    stored = find_predictions(record)
    return _use_stored(run, stored, Origin(config, digest, stored, None if own else record.key))


def _use_files(run: Run, config: FilesSource) -> Predictions:
    reader = open_files(run.samples, config)
    if isinstance(reader, FileReader):
        current_engine().check(chain(run.samples.files(), reader.paths()))
    origin = Origin(config, run.digest("predictions", "files", config.digest(), state_of(reader)))
    run.notes += origin.notes()
    return Predictions(origin, reader)


def _use_stored(run: Run, stored: PredictionSet, origin: Origin) -> Predictions:
    """The predictions in a set; samples that have none are failures, unless their fold was left for later."""
    ids = set(run.samples.ids)
    run.failures.recall(one for one in stored.results.get("failures", ()) if one["sample_id"] in ids)
    run.notes += origin.notes()
    for sample_id, path in _unpredicted(run, stored):
        run.failures.add(without_prediction(sample_id, path, origin.run or run.key))
    predicted = stored.ids()
    usable = [index for index, sample_id in enumerate(run.samples.ids) if sample_id in predicted]
    run.failures.require(len(usable))
    run.samples = run.samples.subset(usable)
    return Predictions(origin, StoredReader(stored))


def _use_table(run: Run, table: ClassTable, key: str) -> None:
    """The predictions' class table; the samples' own must be the same where the user has described it."""
    own = run.table
    same = (own.ids, own.names, own.ignored) == (table.ids, table.names, table.ignored)
    if run.request.describes_classes and not same:
        raise LabelQualityError(
            f"Expected the classes that the predictions of run '{key}' were made for, {table.mask_targets()} "
            f"without {list(table.ignored)}, but got {own.mask_targets()} without {list(own.ignored)}. Leave "
            "`classes`, `ignored` and `unlabelled` out, or compute predictions for these."
        )
    run.samples.class_table = table


def _check_unused(run: Run, kept: str | None) -> None:
    """Raises if the run's own predictions would go, all but those of a digest, while other runs use them."""
    before = run.existing.predictions if run.existing is not None else None
    if before is not None and before.set and before.digest != kept:
        check_unused(run.dataset, run.key)


def _digest(run: Run, source: Source) -> str:
    """Of all that the predictions depend on; that of an earlier version where the run has such ones of the same."""
    config = source.config

    def of(state: str) -> str:
        return run.digest("predictions", config.source, config.digest(), state)

    digest = of(source.state(run.samples))
    sets = [one for one in run.folder.sets() if isinstance(one, PredictionSet)]
    if all(one.digest != digest for one in sets):
        for one in reversed(sets):
            state = source.earlier_state(one)
            if state is not None and of(state) == one.digest:
                return one.digest
    return digest


def _open_set(run: Run, digest: str, content: Mapping[str, Any], scores: ScoreConfig | None) -> PredictionSet:
    """The predictions of a digest, to read or to continue.

    Where a run is to be overwritten by one that is the same in all, or lacks files, they are made anew: with other
    scores only the scores are.
    """
    found = run.folder.open_predictions(digest, content)
    before = run.existing.scores.digest if run.existing is not None else ""
    same_scores = scores is None or before == run.score_digest(scores, digest)
    repeated = run.is_recorded(found) and same_scores
    if not (run.request.overwrite and found.complete and (repeated or _unpredicted(run, found))):
        return found
    _check_unused(run, None)
    return run.folder.open_predictions(digest, content, overwrite=True)


def _unpredicted(run: Run, stored: PredictionSet) -> list[tuple[str, str]]:
    """Id and image of the samples that a finished set should have a prediction for, but has not."""
    known = stored.ids() | {one["sample_id"] for one in stored.results.get("failures", ())}
    samples = zip(run.samples.ids, run.samples.image_paths, strict=True)
    return [sample for sample in samples if sample[0] not in known] if stored.complete else []
