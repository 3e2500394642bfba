"""One run on one key: from the samples to the written fields, in stages that a killed run continues."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import fiftyone as fo
import numpy as np

from .class_table import ClassTable
from .config import CrossValidation, FilesSource, ModelSource, PredictionConfig, ScoreConfig
from .errors import LabelQualityError, SampleError
from .fields import Columns, ResultRows, check_fields, delete_fields, write_results
from .housekeeping import dependents, find_record, run_root
from .inputs import SegmentationSamples, open_samples
from .prediction import (
    PredictionReader,
    StoredReader,
    assign,
    files_state,
    open_files,
    predict_cross_validated,
    predict_with_model,
    unseen_classes,
)
from .prediction_masks import PredictionMasks
from .progress import Progress
from .request import Request
from .results import NEEDS_PROBABILITIES, columns_of, result_rows
from .runs import RunRecord, save_record, validate_key
from .scoring import Reduction, Scoring
from .store import RunFolder, content_digest
from .stored_sets import PredictionSet, ScoreSet
from .views import check_views, delete_views, save_worst_first

PREDICTED = "predicted"
WRITING = "writing"
COMPLETE = "complete"
_MAYBE_IN_SAMPLE = (
    "These predictions may not be out-of-sample: if the model was trained on these very labels, it repeats their "
    "errors and the scores miss them. Pass out_of_sample=True if it was not."
)


@dataclass
class Session:
    """A run under way. Make it with `opened`, which holds the run folder's lock.

    Args:
        samples: the samples that take part; bad ones leave it as they are found
        request: what was asked
        progress: told of every stage
        folder: the key's folder
        existing: the record of an earlier run of this key, if there is one
    """

    samples: SegmentationSamples
    request: Request
    progress: Progress
    folder: RunFolder
    existing: RunRecord | None
    fingerprint: str
    asked: int
    failures: list[SampleError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    prediction_config: PredictionConfig | None = None
    prediction_digest: str = ""
    predictions: PredictionSet | None = None
    predictions_from: str | None = None
    model: dict[str, Any] | None = None

    @property
    def dataset(self) -> fo.Dataset:
        """The dataset, whole."""
        return self.samples.dataset

    @property
    def table(self) -> ClassTable:
        """The classes."""
        return self.samples.class_table

    @classmethod
    @contextlib.contextmanager
    def opened(cls, collection: Any, label_field: str, request: Request, progress: Progress) -> Iterator[Session]:
        """Opens the samples and the run's folder, which no other run can use until the block is left.

        Raises:
            LabelQualityError: bad input, or another run of this key is under way
        """
        samples = open_samples(
            collection,
            label_field,
            classes=request.classes,
            ignored=request.ignored,
            unlabelled=request.unlabelled,
            unknown=request.unknown,
            skip_failures=request.skip_failures,
            progress=progress,
        )
        dataset = samples.dataset
        validate_key(dataset, request.key)
        check_views(dataset, request.key)
        existing = find_record(dataset, request.key)
        with RunFolder(run_root(dataset, request, existing)) as folder:
            yield cls(
                samples=samples,
                request=request,
                progress=progress,
                folder=folder,
                existing=existing,
                fingerprint=samples.fingerprint(),
                asked=len(collection),
                failures=list(samples.failures),
            )

    def predict(self, config: PredictionConfig) -> PredictionReader:
        """Makes the predictions that the store does not hold yet.

        Raises:
            LabelQualityError: a run of this key with other predictions exists, or the source cannot be used
            SampleError: a sample cannot be predicted, unless ``skip_failures``
        """
        if isinstance(config, FilesSource):
            return self._use_files(config)
        model = None
        if isinstance(config, CrossValidation):
            config = self._resolved(config)
        else:
            model = self._load_model(config)
        self.prediction_config = config
        self.prediction_digest = self._digest("predictions", config.source, config.digest(), self.model)
        self._check_replaceable("prediction_digest", self.prediction_digest)
        content = {"source": config.source, "config": config.to_dict(), "class_table": self.table.to_dict()}
        self.predictions = self.folder.open_predictions(self.prediction_digest, content)
        with self._timed("predictions"):
            if isinstance(config, CrossValidation):
                self._cross_validate(config)
            elif not self.predictions.complete:
                predict_with_model(
                    self.samples, model, config.batch_size, self.predictions, self.progress, self._on_failure
                )
                self.predictions.finish(failures=_as_dicts(self.failures))
        self._recall_failures(self.predictions.results.get("failures", ()))
        self._keep(self.predictions.ids())
        return StoredReader(self.samples, self.predictions)

    def use_predictions(self, record: RunRecord) -> PredictionReader:
        """The predictions of an earlier run of this dataset, its class table and its notes.

        Args:
            record: of the run that made them

        Raises:
            LabelQualityError: its files are gone, or were made for other classes or samples
        """
        self._use_table(ClassTable.from_dict(record.class_table), record.key)
        from .config import PREDICTION_SOURCES

        config = PREDICTION_SOURCES[record.source].from_params(record.config["predictions"])
        if isinstance(config, FilesSource):
            return self._use_files(config)
        self.prediction_config = config
        self.prediction_digest = record.extra["prediction_digest"]
        self.model = record.extra.get("model")
        self.predictions_from = None if record.key == self.request.key else record.key
        self.notes += [note for note in record.extra.get("notes", []) if note not in self.notes]
        found = [
            one
            for one in RunFolder(record.folder or "").sets()
            if isinstance(one, PredictionSet) and one.digest == self.prediction_digest
        ]
        if not found:
            raise LabelQualityError(
                f"The predictions of run '{record.key}' are no longer in {record.folder}. Run compute_predictions "
                "again."
            )
        self.predictions = found[-1]
        self._keep(self.predictions.ids())
        return StoredReader(self.samples, self.predictions)

    def score(self, reader: PredictionReader, config: ScoreConfig) -> RunRecord:
        """Scores what is not in the store yet and writes everything to the dataset.

        Raises:
            LabelQualityError: a run of this key with other scores exists
            SampleError: a sample cannot be scored, unless ``skip_failures``
        """
        digest = self._digest("scores", config.digest(), self.prediction_digest, len(self.samples))
        self._check_replaceable("score_digest", digest)
        columns = columns_of(reader, config, self._has_folds)
        check_fields(self.dataset, self.request.key, columns)
        store = self.folder.open_scores(digest, {"config": config.to_dict(), "class_table": self.table.to_dict()})
        scoring = Scoring(self.samples, reader, config, store, self.request.skip_failures)
        with self._timed("scores"):
            reduction = scoring.run(self.progress)
        for row in scoring.rows():
            self._recall_failures(row["failures"])
        record = self._record(config, reduction, digest, scoring.missing_scores)
        return self._write(record, store, result_rows(scoring, columns), columns)

    def write_predictions(self, reader: PredictionReader) -> RunRecord:
        """Writes predicted masks and folds to the dataset, without scores; a run that has scores already keeps them."""
        if self.existing is not None and self.existing.extra.get("prediction_digest") == self.prediction_digest:
            return self.existing
        columns = Columns(others=("fold", "prediction") if self._has_folds else ("prediction",))
        check_fields(self.dataset, self.request.key, columns)
        digest = self._digest("masks", self.prediction_digest, len(self.samples))
        store = self.folder.open_scores(digest, {"class_table": self.table.to_dict()})
        masks = PredictionMasks(self.samples, reader, store, self.request.skip_failures)
        with self._timed("masks"):
            masks.run(self.progress)
        self.failures += masks.failures
        record = self._record(None, None, "", ())
        return self._write(record, store, masks.rows(with_folds=self._has_folds), columns)

    @property
    def _has_folds(self) -> bool:
        return isinstance(self.prediction_config, CrossValidation)

    def _resolved(self, config: CrossValidation) -> CrossValidation:
        from .cross_validation import resolve_preset

        return resolve_preset(config)

    def _load_model(self, config: ModelSource) -> Any:
        from .user_models import load_model

        model = load_model(config, self.table)
        self.model = model.description
        if not config.out_of_sample:
            self.notes.append(_MAYBE_IN_SAMPLE)
        if model.mapping.missing:
            missing = ", ".join(model.mapping.missing)
            self.notes.append(f"The model has no output for {missing}: pixels of these classes look suspicious.")
        return model

    def _cross_validate(self, config: CrossValidation) -> None:
        assert self.predictions is not None
        presence = self.samples.presence(self.progress, self._on_failure)
        usable = np.flatnonzero(presence.any(axis=1))
        self._require_samples(len(usable))
        self.samples, presence = self.samples.subset(usable), presence[usable]
        fold_of = assign(self.samples, config, presence)
        self.notes += unseen_classes(self.table, presence, fold_of)
        if self.predictions.complete:
            return
        if predict_cross_validated(self.samples, fold_of, config, self.predictions, self.progress, self._on_failure):
            self.predictions.finish(failures=_as_dicts(self.failures))
            self.predictions.discard("work")
        else:
            self.notes.append(
                f"Only the folds {', '.join(map(str, config.only_folds or ()))} of {config.folds} were run in the last "
                "call; samples of folds that were never run have no results."
            )

    def _use_files(self, config: FilesSource) -> PredictionReader:
        reader = open_files(self.samples, config)
        self.prediction_config = config
        self.prediction_digest = self._digest("predictions", "files", config.digest(), files_state(reader))
        if not config.out_of_sample:
            self.notes.append(_MAYBE_IN_SAMPLE)
        return reader

    def _use_table(self, table: ClassTable, key: str) -> None:
        """The predictions' class table; the samples' own must be the same where the user gave one."""
        if self.request.classes is not None and self.table.mask_targets() != table.mask_targets():
            raise LabelQualityError(
                f"Expected the classes that the predictions of run '{key}' were made for, {table.mask_targets()}, but "
                f"got {self.table.mask_targets()}. Leave `classes` out, or compute predictions for these."
            )
        self.samples.class_table = table
        self.fingerprint = self.samples.fingerprint()

    def _keep(self, ids: set[str]) -> None:
        """Leaves the samples without a prediction out."""
        usable = [index for index, sample_id in enumerate(self.samples.ids) if sample_id in ids]
        self._require_samples(len(usable))
        if len(usable) < len(self.samples):
            self.samples = self.samples.subset(usable)

    def _require_samples(self, count: int) -> None:
        if not count:
            first = f" The first: {self.failures[0]}" if self.failures else ""
            raise LabelQualityError(f"None of the {self.asked} samples can be used.{first}")

    @property
    def _on_failure(self) -> Any:
        return self.failures.append if self.request.skip_failures else None

    def _digest(self, *parts: Any) -> str:
        return content_digest(*parts, self.table.to_dict(), self.fingerprint)

    def _check_replaceable(self, name: str, digest: str) -> None:
        """Raises unless the key is free, or its run is the same one, or may be overwritten."""
        before = self.existing.extra.get(name) if self.existing is not None else None
        if not before or before == digest:
            return
        users = dependents(self.dataset, self.request.key)
        if users and name == "prediction_digest":
            raise LabelQualityError(
                f"The predictions of run '{self.request.key}' are used by {', '.join(users)}. Delete these runs first, "
                "or use another `key`."
            )
        if not self.request.overwrite:
            assert self.existing is not None
            raise LabelQualityError(
                f"Dataset '{self.dataset.name}' has a run '{self.request.key}' of {self.existing.created} with other "
                "parameters, or its images or masks have changed since. Pass overwrite=True to replace it, or use "
                "another `key` to keep both."
            )

    def _recall_failures(self, failures: Iterable[Mapping[str, Any]]) -> None:
        """Adds failures that an earlier stage, or this one before it was interrupted, has noted."""
        known = {failure.sample_id for failure in self.failures}
        self.failures += [
            SampleError(one["problem"], sample_id=one["sample_id"], path=one["path"])
            for one in failures
            if one["sample_id"] not in known
        ]

    def _record(
        self, config: ScoreConfig | None, reduction: Reduction | None, digest: str, missing: tuple[str, ...]
    ) -> RunRecord:
        assert self.prediction_config is not None
        source = self.prediction_config
        extra: dict[str, Any] = {
            "prediction_digest": self.prediction_digest,
            "score_digest": digest,
            "predictions_from": self.predictions_from,
            "notes": self.notes,
            "model": self.model,
        }
        if reduction is not None:
            extra |= {"flagged_pixels": reduction.flagged, "pooled_pixels": reduction.pixels}
        return RunRecord(
            key=self.request.key,
            label_field=self.samples.label_field,
            source=source.source,
            status=WRITING,
            config={"predictions": source.to_dict(), "scores": config.to_dict() if config else {}},
            seed=getattr(source, "seed", None),
            fingerprint=self.fingerprint,
            class_table=self.table.to_dict(),
            out_of_sample=getattr(source, "out_of_sample", True),
            note=" ".join(self.notes),
            samples=self.asked,
            scored=len(self.samples) - len({f.sample_id for f in self.failures} & set(self.samples.ids)),
            thresholds=[] if reduction is None else reduction.thresholds.tolist(),
            confident_joint=[] if reduction is None else reduction.joint.tolist(),
            noise_matrix=[] if reduction is None else reduction.noise.tolist(),
            failures=_as_dicts(self.failures),
            scores_missing=dict.fromkeys(missing, NEEDS_PROBABILITIES),
            folder=str(self.folder.root),
            extra=extra,
        )

    def _write(self, record: RunRecord, store: ScoreSet, rows: Iterator[ResultRows], columns: Columns) -> RunRecord:
        """Writes record, fields and views; what it replaces is removed when the new is complete."""
        before = self.existing
        stale = before is not None and (
            before.status == WRITING or before.extra.get("score_digest") != record.extra["score_digest"]
        )
        started = time.monotonic()
        save_record(self.dataset, record)
        if stale:
            delete_fields(self.dataset, self.request.key)
            delete_views(self.dataset, self.request.key)
        record.fields = write_results(
            self.dataset,
            self.request.key,
            rows,
            columns,
            class_table=self.table,
            label_field=self.samples.label_field,
            total=record.scored,
            progress=self.progress,
        )
        if columns.quality is not None:
            record.views = [save_worst_first(self.dataset, self.request.key)]
        store.finish()
        kept = [store] if self.predictions is None or self.predictions_from else [store, self.predictions]
        self.folder.remove_sets(keep=kept)
        self.timings["writing"] = time.monotonic() - started
        record.timings = dict(self.timings)
        record.status = COMPLETE if columns.quality is not None else PREDICTED
        save_record(self.dataset, record)
        return record

    @contextlib.contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.timings[stage] = time.monotonic() - started


def _as_dicts(failures: list[SampleError]) -> list[dict[str, Any]]:
    return [{"sample_id": one.sample_id, "path": one.path, "problem": one.problem} for one in failures]
