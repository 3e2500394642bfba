"""The scoring of annotated objects: from a scored run's pooled arrays and the given masks, without model.

As in `search_suspects`, every shard of samples leaves its results in the store, so a killed call goes on with the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ..base.errors import SampleError
from ..base.progress import Progress
from ..labels.given_masks import GivenMasks
from ..objects.config import ObjectConfig
from ..objects.object_scores import Objects, score_objects
from ..samples.failures import Failures, LeftOut, as_dict
from ..store.passes import run_pass, shards_of
from ..store.sets import ObjectSet, ScoreSet
from .kept import read_kept

_STAGE = "objects"
_COLUMNS = tuple(field.name for field in fields(Objects))


@dataclass(frozen=True)
class ImageObjects:
    """The annotated objects of one image.

    Args:
        sample_id: the sample
        size: (height, width) of its mask in pixels
        objects: in the order in which they are written
    """

    sample_id: str
    size: tuple[int, int]
    objects: Objects


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

    samples: GivenMasks
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
            run_pass(self.store, _STAGE, total, self, ObjectScoring.score_shard, "Scoring objects", progress, workers)
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

    def window(self, positions: range) -> ObjectScoring:
        """The scoring of these samples alone, as of `engine.Job`."""
        return replace(self, samples=self.samples.window(positions), failures=Failures(self.failures.skip, ()))

    def refused(self, reasons: Mapping[int, str]) -> ObjectScoring:
        """The scoring that refuses these samples, as of `engine.Job`."""
        return replace(self, samples=self.samples.refused(reasons))

    def score_shard(self, positions: range) -> dict[str, Any]:
        """Scores the objects of some samples."""
        found: list[tuple[str, tuple[int, ...], Objects]] = []
        failures: list[LeftOut] = []
        for index in positions:
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


def _joined(images: Sequence[Objects]) -> dict[str, np.ndarray]:
    """The columns of several images' objects, one image after another."""
    return {name: np.concatenate([getattr(one, name) for one in (Objects.none(), *images)]) for name in _COLUMNS}
