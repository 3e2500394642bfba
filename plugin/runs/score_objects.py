"""The scoring of annotated objects: from a scored run's pooled arrays and the given masks, without model.

As in `search_suspects`, every shard of samples leaves its results in the store, so a killed call goes on with the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..base.errors import SampleError
from ..base.progress import Progress
from ..dataset.object_fields import ImageObjects
from ..labels.class_table import ClassTable
from ..objects.config import ObjectConfig
from ..objects.object_scores import Objects, score_objects
from ..samples.failures import Failures, LeftOut, as_dict
from ..samples.inputs import SegmentationSamples
from ..store.passes import members, run_pass, shards_of
from ..store.run_folder import content_digest
from ..store.sets import ObjectSet, ScoreSet
from .kept import read_kept
from .published import objects_published, recorded_objects
from .request import ObjectRequest
from .run import Run
from .search import searchable_scores

_STAGE = "objects"
_COLUMNS = tuple(field.name for field in fields(Objects))


@dataclass(frozen=True)
class ObjectScoring:
    """Scores the annotated objects of a scored run's samples.

    Args:
        samples: those that were scored
        scores: what the run keeps of them
        pooling: side of the blocks of its pooled arrays, in pixels
        config: which objects
        classes: indices of the classes whose objects are scored
        store: where results go; what is in it already is not scored again
        failures: samples that are left out already; whether bad ones are added to them, or raised
    """

    samples: SegmentationSamples
    scores: ScoreSet
    pooling: int
    config: ObjectConfig
    classes: tuple[int, ...]
    store: ObjectSet
    failures: Failures

    def run(self, progress: Progress) -> None:
        """Scores what has not been scored yet.

        Raises:
            SampleError: a mask or a file of the run cannot be read, unless bad samples are skipped
        """
        if not self.store.complete:
            total, workers = len(self.samples), self.config.workers
            run_pass(self.store, _STAGE, total, self._score_shard, "Scoring objects", progress, workers)
            self.store.finish()
        for row in self._rows():
            self.failures.recall(row["failures"])

    def images(self) -> Iterator[ImageObjects]:
        """The objects of each sample, in order, the worst first, some samples at a time in memory."""
        for row in self._rows():
            ends = row["counts"].cumsum().tolist()
            columns = Objects(**{name: row[name] for name in _COLUMNS})
            rows = zip(row["ids"], row["sizes"].tolist(), row["counts"].tolist(), ends, strict=True)
            for sample_id, (height, width), count, end in rows:
                yield ImageObjects(sample_id, (height, width), columns.take(np.arange(end - count, end)))

    def _rows(self) -> Iterator[dict[str, Any]]:
        for shard in shards_of(len(self.samples)):
            yield self.store.read_shard(_STAGE, shard)

    def _score_shard(self, shard: int) -> dict[str, Any]:
        found: list[tuple[str, tuple[int, ...], Objects]] = []
        failures: list[LeftOut] = []
        for index in members(shard, len(self.samples)):
            try:
                found.append(self._score(index))
            except SampleError as error:
                if not self.failures.skip:
                    raise
                failures.append(as_dict(error))
        return {
            "ids": [sample_id for sample_id, _, _ in found],
            "failures": failures,
            "sizes": np.array([size for _, size, _ in found], np.int64).reshape(-1, 2),
            "counts": np.array([one.area.size for _, _, one in found], np.int64),
            **_joined([one for _, _, one in found]),
        }

    def _score(self, index: int) -> tuple[str, tuple[int, ...], Objects]:
        sample_id, labels = self.samples.ids[index], self.samples.load_labels(index)
        probabilities, _ = read_kept(self.scores, sample_id)
        found = score_objects(probabilities, labels, self.pooling, self.classes, self.config.min_area)
        return sample_id, labels.shape, found.worst(self.config.max_objects)


def score_again(run: Run, config: ObjectConfig) -> ObjectScoring | None:
    """Scores the annotated objects of a run that `reopen` has opened.

    Args:
        run: the run
        config: which objects

    Returns:
        the finished scoring; None where these scores are on the dataset already

    Raises:
        LabelQualityError: one of the classes is none of the run's
        SampleError: a mask or a file of the run cannot be read, unless ``skip_failures``
    """
    record, scores = run.finished, searchable_scores(run.folder, run.finished, ObjectRequest.otherwise)
    pooling, samples, classes = record.config["scores"]["pooling"], run.samples, classes_of(config, run.table)
    before = recorded_objects(run.folder, record)
    digest = content_digest(_STAGE, scores.path.name, scores.created, config.digest(), samples.ids)
    content = {"config": config.to_dict(), "scores": scores.path.name}
    store = run.folder.open_objects(digest, content)
    if store.complete and run.request.overwrite and store.path in [one.path for one in before]:
        store = run.folder.open_objects(digest, content, overwrite=True)
    found = ObjectScoring(samples, scores, pooling, config, classes, store, run.failures)
    if objects_published(run.dataset, record, store):
        return None
    found.run(run.times)
    return found


def classes_of(config: ObjectConfig, table: ClassTable) -> tuple[int, ...]:
    """Indices of the classes whose objects are scored; `LabelQualityError` where one that is asked for is none."""
    if config.only_classes:
        return tuple(sorted({table.index(one) for one in config.only_classes}))
    return tuple(index for index in range(table.size) if index != table.unlabelled)


def _joined(images: Sequence[Objects]) -> dict[str, np.ndarray]:
    """The columns of several images' objects, one image after another."""
    return {name: np.concatenate([getattr(one, name) for one in (Objects.none(), *images)]) for name in _COLUMNS}
