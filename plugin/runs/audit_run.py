"""One run on one key: from the samples to the written fields, in stages that a killed run continues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..dataset.fields import Columns, check_fields
from ..dataset.record_parts import COMPLETE, WRITING, PredictionPart, ScorePart
from ..dataset.run_record import RunRecord
from ..dataset.shown_files import missing_images
from ..predictions.masks import PredictionMasks
from ..predictions.readers import PredictionReader
from ..samples.failures import Failures
from ..samples.slices import slices_of
from ..scores.config import ScoreConfig
from ..store.run_folder import content_digest
from ..store.sets import ScoreSet, StoredSet
from ..suspects.config import SuspectConfig
from .housekeeping import dataset_id
from .kept import has_usual, scored_states
from .open_run import PredictionSession
from .publish import (
    conclude,
    is_published,
    publish,
    publish_suspects,
    recorded_suspects,
    suspects_published,
)
from .results import NEEDS_PROBABILITIES, columns_of, result_rows
from .score_samples import Reduction, Scoring
from .search_suspects import SuspectSearch
from .suspect_run import Suspects, missing_suspects, open_search


@dataclass
class Session(PredictionSession):
    """A run under way. Make it with `opened`, which holds the run folder's lock."""

    def score(self, reader: PredictionReader, config: ScoreConfig, suspects: Suspects | None = None) -> RunRecord:
        """Scores what is not in the store yet, finds suspects, and writes everything to the dataset.

        Args:
            reader: the predictions
            config: which scores
            suspects: which suspects to find, or None to leave them as they are

        Raises:
            LabelQualityError: a run of this key with other scores exists
            SampleError: a sample cannot be scored, unless ``skip_failures``
        """
        digest = self._score_digest(config, self._origin.digest)
        self._check_replaceable("scores", digest)
        columns = columns_of(config, labels_only=reader.labels_only, has_folds=self._has_folds)
        check_fields(self.dataset, self.request.key, columns)
        store = self._open_scores(digest, {"config": config.to_dict()})
        if is_published(self.dataset, self.existing, store):
            return self._unchanged(store, config, suspects)
        scoring = Scoring(self.samples, reader, config, store, self.request.skip_failures)
        reduction = scoring.run(self.times)
        self._take_failures(scoring.rows())
        record = self._record(config, digest, store, reduction, scoring.missing_scores)
        search = self._search(store, config, suspects)
        if search is not None:
            search.run(self.times)
        elif suspects is not None:
            record.suspects = missing_suspects(reader.labels_only)
        return self._write(record, scoring.rows(), store, columns, search)

    def write_predictions(self, reader: PredictionReader) -> RunRecord:
        """Writes predicted masks and folds to the dataset, without scores; a run that has scores already keeps them."""
        if self.existing is not None and self._has_predictions_of(self.existing):
            self.failures.recall(self.existing.failures)
            return self.existing
        columns = columns_of(None, labels_only=reader.labels_only, has_folds=self._has_folds)
        check_fields(self.dataset, self.request.key, columns)
        store = self._open_scores(self._digest("masks", self._origin.digest), {})
        masks = PredictionMasks(self.samples, reader, store, self.request.skip_failures)
        masks.run(self.times)
        self._take_failures(masks.rows())
        record = self._record(None, "", store, None, ())
        return self._write(record, masks.rows(), store, columns)

    def _open_scores(self, digest: str, content: Mapping[str, Any]) -> ScoreSet:
        stored = self._origin.stored
        content = {**content, "class_table": self.table.to_dict()}
        # Of which samples, and of which predictions where they were made anew
        digest = content_digest(digest, self.samples.ids, stored.created if stored is not None else "")
        found = self.folder.open_scores(digest, content)
        lost = self._shows(found) and next(missing_images(self.dataset, self.request.key), None) is not None
        if lost and not found.complete:
            # Its shards say that they are done, and are not
            found.discard("shards")
        replaced = self.request.overwrite and self._is_recorded(found)
        return (
            self.folder.open_scores(digest, content, overwrite=True) if found.complete and (lost or replaced) else found
        )

    def _shows(self, store: ScoreSet) -> bool:
        """Whether the dataset's fields are of these scores, or are being written from them."""
        return self.existing is not None and self.existing.scores.set == store.path.name

    def _has_predictions_of(self, record: RunRecord) -> bool:
        """Whether a finished run was made from these very predictions."""
        own = self._origin.own
        same_set = own is None or record.predictions.set == own.path.name
        same = record.predictions.digest == self._origin.digest
        replaced = self.request.overwrite and own is None
        written = all(self.dataset.has_sample_field(name) for name in record.fields)
        if record.status == WRITING or not (same and same_set and written) or replaced:
            return False
        return record.status == COMPLETE or next(missing_images(self.dataset, record.key), None) is None

    def _take_failures(self, rows: Iterable[Mapping[str, Any]]) -> None:
        scored = 0
        for row in rows:
            self.failures.recall(row["failures"])
            scored += len(row["ids"])
        self.failures.require(scored)

    def _search(self, store: ScoreSet, config: ScoreConfig, suspects: Suspects | None) -> SuspectSearch | None:
        """The search for suspects in these scores; None where none is wanted or possible."""
        if suspects is None or not has_usual(store):
            return None
        wanted = suspects.config if suspects.stated else self._suspects_before(store) or suspects.config
        failures = Failures(self.request.skip_failures, list(scored_states(store)))
        index_of = {sample_id: index for index, sample_id in enumerate(self.samples.ids)}
        scored = self.samples.subset(index_of[sample_id] for sample_id in failures.asked)
        return open_search(self.folder, scored, store, config.pooling, wanted, failures=failures)

    def _suspects_before(self, store: ScoreSet) -> SuspectConfig | None:
        """What a suspect is in a run of these scores that is to be completed, where it had suspects."""
        before = self.existing
        if before is None or before.suspects is None or before.scores.set != store.path.name:
            return None
        return SuspectConfig.from_params(before.suspects.config) if before.suspects.config else None

    def _unchanged(self, store: ScoreSet, config: ScoreConfig, suspects: Suspects | None) -> RunRecord:
        """Leaves a run as it is but for its suspects, where others are wanted."""
        record = self.existing
        assert record is not None
        self.failures.recall(record.failures)
        kept: list[StoredSet] = [*recorded_suspects(self.folder, record)]
        there = suspects_published(self.dataset, record)
        if suspects is not None and (suspects.stated or not there):
            search = self._search(store, config, suspects)
            if search is not None:
                if not (there and search.store.path in [one.path for one in kept]):
                    search.run(self.times)
                    publish_suspects(self.dataset, record, search, self.times)
                kept = [search.store]
        self._conclude(record, [store, *kept])
        return record

    def _write(
        self,
        record: RunRecord,
        rows: Iterable[Mapping[str, Any]],
        store: ScoreSet,
        columns: Columns,
        search: SuspectSearch | None = None,
    ) -> RunRecord:
        values = result_rows(rows, store, columns)
        publish(self.dataset, record, self.existing, values, columns, self.table, self.times, search)
        self._conclude(record, [store] if search is None else [store, search.store])
        return record

    def _conclude(self, record: RunRecord, kept: list[StoredSet]) -> None:
        own = self._origin.own
        conclude(self.dataset, record, self.existing, self.folder, kept if own is None else [*kept, own])

    def _record(
        self,
        config: ScoreConfig | None,
        digest: str,
        store: ScoreSet,
        reduction: Reduction | None,
        missing: tuple[str, ...],
    ) -> RunRecord:
        origin = self._origin
        stored, source = origin.stored, origin.config
        predictions = PredictionPart(
            digest=origin.digest,
            set=origin.own.path.name if origin.own is not None else None,
            folder=str(stored.path.parent) if stored is not None else None,
            run=origin.run,
            model=stored.results.get("model") if stored is not None else None,
        )
        scores = ScorePart(digest, store.path.name)
        if reduction is not None:
            scores.flagged_pixels, scores.pooled_pixels = reduction.flagged, reduction.pixels
        return RunRecord(
            key=self.request.key,
            label_field=self.samples.label_field,
            source=source.source,
            config={"predictions": source.to_dict(), "scores": config.to_dict() if config else {}},
            seed=getattr(source, "seed", None),
            fingerprint=self.fingerprint,
            class_table=self.table.to_dict(),
            out_of_sample=getattr(source, "out_of_sample", True),
            note=" ".join(self.notes),
            samples=len(self.failures.asked),
            scored=len(set(self.samples.ids) - self.failures.ids),
            thresholds=[] if reduction is None else reduction.thresholds.tolist(),
            confident_joint=[] if reduction is None else reduction.joint.tolist(),
            noise_matrix=[] if reduction is None else reduction.noise.tolist(),
            failures=self.failures.to_dicts(),
            scores_missing=dict.fromkeys(missing, NEEDS_PROBABILITIES),
            folder=str(self.folder.root),
            dataset=dataset_id(self.dataset),
            slices=slices_of(self.samples.collection),
            unknown=self.request.unknown,
            notes=self.notes,
            predictions=predictions,
            scores=scores,
        )
