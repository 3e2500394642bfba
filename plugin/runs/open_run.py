"""The first half of a run on one key: its samples, its folder, and its predictions, made or found."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import fiftyone as fo

from ..base.errors import LabelQualityError
from ..base.progress import Progress
from ..base.timing import StageTimes
from ..dataset.fields import check_fields
from ..dataset.record_parts import WRITING
from ..dataset.run_record import RunRecord, load_record, validate_key
from ..dataset.suspect_fields import check_suspects
from ..dataset.views import check_views
from ..labels.class_table import ClassTable
from ..labels.file_doubts import file_notes
from ..predictions.config import PREDICTION_SOURCES, FilesSource, PredictionConfig
from ..predictions.readers import PredictionReader, StoredReader, open_files
from ..predictions.sources import Origin, open_source, without_prediction
from ..samples.failures import Failures
from ..samples.inputs import SegmentationSamples
from ..scores.config import ScoreConfig
from ..store.run_folder import RunFolder, content_digest
from ..store.sets import PredictionSet, StoredSet
from ..training.config import CrossValidation
from .housekeeping import check_unused, drop_empty, find_record, run_folder, run_root, tidy
from .request import Request
from .results import columns_of

S = TypeVar("S", bound="PredictionSession")


@dataclass
class PredictionSession:
    """A run under way. Make it with `opened`, which holds the run folder's lock.

    Args:
        samples: the samples that take part; bad ones leave it as they are found
        request: what was asked
        times: told of every stage
        folder: the key's folder
        existing: the record of an earlier run of this key, if there is one
        fingerprint: of the samples' files
        failures: the samples that were left out
        notes: what the user must know about the run
        origin: of the predictions, once they are known
    """

    samples: SegmentationSamples
    request: Request
    times: StageTimes
    folder: RunFolder
    existing: RunRecord | None
    fingerprint: str
    failures: Failures
    notes: list[str] = field(default_factory=list)
    origin: Origin | None = None

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
    def opened(cls: type[S], collection: Any, label_field: str, request: Request, progress: Progress) -> Iterator[S]:
        """Opens the samples and the run's folder, which no other run can use until the block is left.

        Raises:
            LabelQualityError: bad input, or another run of this key is under way
        """
        times = StageTimes(progress)
        samples = _open(collection, label_field, request, times)
        dataset = samples.dataset
        validate_key(dataset, request.key)
        check_views(dataset, request.key)
        check_suspects(dataset, request.key)
        existing = find_record(dataset, request.key)
        root = run_root(dataset, request, existing)
        fingerprint = samples.fingerprint()
        notes = file_notes(samples.ids, samples.image_paths, samples.mask_paths)
        times.count("Opening samples")
        failures = Failures(request.skip_failures, collection.values("id"), samples.failures)
        try:
            with run_folder(dataset, root, existing) as folder:
                try:
                    yield cls(samples, request, times, folder, existing, fingerprint, failures, notes)
                except LabelQualityError:
                    if existing is None:
                        drop_empty(folder)
                    raise
        finally:
            tidy(root)

    def predict(self, config: PredictionConfig, scores: ScoreConfig | None = None) -> PredictionReader:
        """Makes the predictions that the store does not hold yet.

        Args:
            config: the source and its parameters
            scores: the scores that they are for, or None where the run ends with the predictions

        Raises:
            LabelQualityError: a run of this key with other predictions exists, or the source cannot be used
            SampleError: a sample cannot be predicted, unless ``skip_failures``
        """
        if isinstance(config, FilesSource):
            reader = self._use_files(config)
            self._check_replaceable("predictions", self._origin.digest)
            self._check_unused(None)
            return reader
        source = open_source(config)
        config = source.config
        columns = columns_of(scores, labels_only=False, has_folds=isinstance(config, CrossValidation))
        check_fields(self.dataset, self.request.key, columns)
        digest = self._digest("predictions", config.source, config.digest(), source.state(self.samples))
        self._check_replaceable("predictions", digest)
        self._check_unused(digest)
        content = {"source": config.source, "config": config.to_dict(), "class_table": self.table.to_dict()}
        stored = self._open_predictions(digest, content, scores)
        if not stored.complete:
            source.make(self.samples, stored, self.failures, self.times)
            stored.update(timings=self.times.seconds)
        self.times.recall(stored.results.get("timings", {}))
        return self._use_stored(Origin(config, digest, stored))

    def use_predictions(self, record: RunRecord) -> PredictionReader:
        """The predictions of an earlier run of this dataset, its class table and its notes.

        Args:
            record: of the run that made them, or that used them itself

        Raises:
            LabelQualityError: its files are gone, or were made for other classes or samples
            SampleError: a sample has no prediction, unless ``skip_failures``
        """
        if record.predictions.run:
            record = load_record(self.dataset, record.predictions.run)
        if not record.predictions.digest:
            raise LabelQualityError(f"Run '{record.key}' was interrupted. Start it again, so that it is finished.")
        self._use_table(ClassTable.from_dict(record.class_table), record.key)
        config = PREDICTION_SOURCES[record.source].from_params(record.config["predictions"])
        if isinstance(config, FilesSource):
            reader = self._use_files(config)
            self._check_unused(None)
            return reader
        digest = record.predictions.digest
        own = record.key == self.request.key
        self._check_unused(digest if own else None)
        stored = _find_predictions(record, digest)
        return self._use_stored(Origin(config, digest, stored, None if own else record.key))

    @property
    def _origin(self) -> Origin:
        if self.origin is None:
            raise RuntimeError("Call predict or use_predictions first")
        return self.origin

    @property
    def _has_folds(self) -> bool:
        return isinstance(self._origin.config, CrossValidation)

    def _use_files(self, config: FilesSource) -> PredictionReader:
        reader = open_files(self.samples, config)
        self.origin = Origin(config, self._digest("predictions", "files", config.digest(), reader.state()))
        self.notes += self.origin.notes()
        return reader

    def _use_stored(self, origin: Origin) -> PredictionReader:
        """The predictions in a store; samples that have none are failures, unless their fold was left for later."""
        stored = origin.stored
        assert stored is not None
        self.origin = origin
        ids = set(self.samples.ids)
        self.failures.recall(one for one in stored.results.get("failures", ()) if one["sample_id"] in ids)
        self.notes += origin.notes()
        for sample_id, path in self._unpredicted(stored):
            self.failures.add(without_prediction(sample_id, path, origin.run or self.request.key))
        predicted = stored.ids()
        usable = [index for index, sample_id in enumerate(self.samples.ids) if sample_id in predicted]
        self.failures.require(len(usable))
        self.samples = self.samples.subset(usable)
        return StoredReader(stored)

    def _use_table(self, table: ClassTable, key: str) -> None:
        """The predictions' class table; the samples' own must be the same where the user has described it."""
        own = self.table
        same = (own.ids, own.names, own.ignored) == (table.ids, table.names, table.ignored)
        if self.request.describes_classes and not same:
            raise LabelQualityError(
                f"Expected the classes that the predictions of run '{key}' were made for, {table.mask_targets()} "
                f"without {list(table.ignored)}, but got {own.mask_targets()} without {list(own.ignored)}. Leave "
                "`classes`, `ignored` and `unlabelled` out, or compute predictions for these."
            )
        self.samples.class_table = table

    def _digest(self, *parts: Any) -> str:
        return content_digest(*parts, self.table.to_dict(), self.request.unknown, self.fingerprint)

    def _score_digest(self, config: ScoreConfig, prediction_digest: str) -> str:
        return self._digest("scores", config.digest(), prediction_digest)

    def _check_replaceable(self, part: str, digest: str) -> None:
        """Raises unless the key is free, or its run is the same one, or may be overwritten."""
        if self.existing is None or self.request.overwrite:
            return
        if getattr(self.existing, part).digest in ("", digest):
            return
        raise LabelQualityError(
            f"Dataset '{self.dataset.name}' has a run '{self.request.key}' of {self.existing.created} with other "
            "parameters, or its images, masks or predictions have changed since. Pass overwrite=True to replace it, "
            "or use another `key` to keep both."
        )

    def _check_unused(self, kept: str | None) -> None:
        """Raises if the run's own predictions would go, all but those of a digest, while other runs use them."""
        before = self.existing.predictions if self.existing is not None else None
        if before is not None and before.set and before.digest != kept:
            check_unused(self.dataset, self.request.key)

    def _open_predictions(self, digest: str, content: Mapping[str, Any], scores: ScoreConfig | None) -> PredictionSet:
        """The predictions of a digest, to read or to continue.

        Where a run is to be overwritten by one that is the same in all, or lacks files, they are made anew: with other
        scores only the scores are.
        """
        found = self.folder.open_predictions(digest, content)
        before = self.existing.scores.digest if self.existing is not None else ""
        same_scores = scores is None or before == self._score_digest(scores, digest)
        repeated = self._is_recorded(found) and same_scores
        if not (self.request.overwrite and found.complete and (repeated or self._unpredicted(found))):
            return found
        self._check_unused(None)
        return self.folder.open_predictions(digest, content, overwrite=True)

    def _unpredicted(self, stored: PredictionSet) -> list[tuple[str, str]]:
        """Id and image of the samples that a finished set should have a prediction for, but has not."""
        known = stored.ids() | {one["sample_id"] for one in stored.results.get("failures", ())}
        samples = zip(self.samples.ids, self.samples.image_paths, strict=True)
        return [sample for sample in samples if sample[0] not in known] if stored.complete else []

    def _is_recorded(self, store: StoredSet) -> bool:
        """Whether a set is the one that the record of a finished run names."""
        before = self.existing
        return before is not None and before.status != WRITING and store.path.name in before.sets


def _open(collection: Any, label_field: str, request: Request, progress: Progress) -> SegmentationSamples:
    samples = request.open_samples(collection, label_field, progress)
    if samples.class_table.size < 2:
        raise LabelQualityError(
            f"Expected at least two classes, but the class table has only '{samples.class_table.names[0]}': there is "
            "nothing to mistake it for. Name all classes, among them the one of unlabelled pixels, in the dataset's "
            "mask targets or `classes`, and list fewer in `ignored`."
        )
    return samples


def _find_predictions(record: RunRecord, digest: str) -> PredictionSet:
    """The predictions of a run; raises `LabelQualityError` if its files are gone."""
    folder = record.predictions.folder or ""
    found = [one for one in RunFolder(folder).sets() if isinstance(one, PredictionSet) and one.digest == digest]
    if not found:
        raise LabelQualityError(
            f"The predictions of run '{record.key}' are no longer in {folder}. Run compute_predictions again."
        )
    return found[-1]
