"""The two passes over a dataset: image scores first, then what needs the whole dataset's class thresholds.

Every shard of samples leaves its results in the store, so a killed run goes on with the next one, and the driver holds
a few numbers a shard. Sums are taken in the order of the samples, so results do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from .confident import ConfidentJoint, ConfidentLearning, Image, LowestCut, ThresholdSums, counts_score
from .errors import SampleError
from .executor import map_shards
from .inputs import SegmentationSamples
from .masks import predicted_mask
from .prediction import PredictionReader
from .progress import Progress
from .scores import ImageScores, score_image, score_labels_only
from .stored_sets import ScoreSet
from .stored_values import to_half, to_single
from .types import IGNORED

#: Samples a shard: a kill loses the work on one at most, and its results are one small file
SHARD_SIZE = 32
_FIRST = "scores"
_SECOND = "flags"

#: Position of a sample, the size of its mask, and its scores
_Scored = tuple[int, tuple[int, ...], ImageScores]


@dataclass(frozen=True)
class Reduction:
    """What the whole dataset says of its classes.

    Args:
        thresholds: (K,) float64, mean confidence in each class over the pixels given that class
        joint: (K, K) int64, the confident joint C[given, confident]
        noise: (K, K) float64, estimated P(given | true), rows given, columns true
        flagged: number of flagged pixels, of the pooled images
        pixels: number of pixels they are of
    """

    thresholds: np.ndarray
    joint: np.ndarray
    noise: np.ndarray
    flagged: int
    pixels: int


@dataclass(frozen=True)
class Scoring:
    """Scores the samples of a run into its store.

    Args:
        samples: images and given masks
        reader: their predictions
        config: which scores, and how
        store: where results go; what is in it already is not computed again
        skip_failures: note bad samples and go on, instead of raising
    """

    samples: SegmentationSamples
    reader: PredictionReader
    config: ScoreConfig
    store: ScoreSet
    skip_failures: bool = False

    @property
    def missing_scores(self) -> tuple[str, ...]:
        """The requested scores that the predictions do not allow."""
        return tuple(
            score for score in self.config.scores if self.reader.labels_only and score not in LABEL_ONLY_SCORES
        )

    @property
    def shards(self) -> range:
        """Numbers of the shards."""
        return range(-(-len(self.samples) // SHARD_SIZE))

    def run(self, progress: Progress) -> Reduction | None:
        """Both passes.

        Returns:
            the dataset's thresholds and confident joint, or None where the predictions have no probabilities or
            confident learning counts were not asked for

        Raises:
            SampleError: a sample cannot be scored, unless ``skip_failures``
        """
        self._for_each(_FIRST, self._score_shard, "Scoring", progress)
        if self.reader.labels_only or "clc" not in self.config.scores:
            return None
        thresholds, given = self._thresholds()
        cut = self._find_cut(thresholds, progress) if self.config.clc_rule == "cleanlab" else None
        learned = ConfidentLearning(thresholds, ConfidentJoint(self._classes), cut)
        self._for_each(_SECOND, partial(self._flag_shard, learned), "Flagging pixels", progress)
        return self._reduce(learned, given)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The results of each shard, in order.

        Yields:
            ``ids`` (a list of n sample ids), ``failures`` (a list of dicts with ``sample_id``, ``path`` and
            ``problem``), ``folds`` (a list), ``sizes`` (n, 2), ``scores`` (name to (n,) float64), ``per_class`` (name
            to (n, K) float64) and ``class_pixels`` (n, K) int64
        """
        for shard in self.shards:
            row = self.store.read_shard(_FIRST, shard)
            if self.store.shard_done(_SECOND, shard):
                row["scores"]["clc"] = self.store.read_shard(_SECOND, shard)["clc"]
            yield row

    def _for_each(self, stage: str, work: Any, title: str, progress: Progress) -> None:
        left = [shard for shard in self.shards if not self.store.shard_done(stage, shard)]
        done = len(self.shards) - len(left)
        for number, _ in enumerate(map_shards(work, left, self.config.workers), start=done + 1):
            progress(title, min(number * SHARD_SIZE, len(self.samples)), len(self.samples))

    def _score_shard(self, shard: int) -> None:
        first = shard * SHARD_SIZE
        found: list[_Scored] = []
        failures: list[dict[str, Any]] = []
        sums = ThresholdSums(self._classes)
        for index in range(first, min(first + SHARD_SIZE, len(self.samples))):
            try:
                scores = self._score(index, sums)
            except SampleError as error:
                if not self.skip_failures:
                    raise
                failures.append({"sample_id": self.samples.ids[index], "path": error.path, "problem": error.problem})
            else:
                found.append((index, scores.heatmap.shape, _without_arrays(scores)))
        self.store.write_shard(_FIRST, shard, self._payload(found, failures, sums))

    def _score(self, index: int, sums: ThresholdSums) -> ImageScores:
        """Scores one sample, writes its images, and adds it to the sums for the class thresholds."""
        sample_id = self.samples.ids[index]
        labels = self.samples.load_labels(index)
        predicted = self.reader.read(index, (labels.shape[0], labels.shape[1]))
        if self.reader.labels_only:
            scores = score_labels_only(predicted, labels, self.config, self._classes)
        else:
            scores = score_image(predicted, labels, self.config)
        self.store.write_mask(sample_id, predicted_mask(scores.prediction, self.samples.class_table))
        self.store.write_heatmap(sample_id, scores.heatmap)
        if scores.pooled_probabilities is not None and scores.pooled_labels is not None:
            pooled = to_half(scores.pooled_probabilities)
            self.store.write_pooled(sample_id, pooled, scores.pooled_labels)
            # The sums see the values that the second pass reads back
            sums.update(to_single(pooled), scores.pooled_labels)
        return scores

    def _payload(self, found: list[_Scored], failures: list[dict[str, Any]], sums: ThresholdSums) -> dict[str, Any]:
        classes = self._classes
        wanted = [score for score in SCORES if score in self.config.scores and score not in self.missing_scores]
        per_class = [name for name in PER_CLASS_SCORES if name in wanted] if self.config.per_class else []
        return {
            "ids": [self.samples.ids[index] for index, _, _ in found],
            "failures": failures,
            "folds": [self.reader.fold(index) for index, _, _ in found],
            "sizes": np.array([size for _, size, _ in found], np.int64).reshape(-1, 2),
            "scores": {
                name: np.array([getattr(one, name) for _, _, one in found], np.float64)
                for name in wanted
                if name != "clc"
            },
            "per_class": {
                name: np.array([one.per_class[name] for _, _, one in found], np.float64).reshape(-1, classes)
                for name in per_class
            },
            "class_pixels": np.array([one.class_pixels for _, _, one in found], np.int64).reshape(-1, classes),
            "sums": sums.sums,
            "counts": sums.counts,
        }

    @property
    def _classes(self) -> int:
        return self.samples.class_table.size

    def _thresholds(self) -> tuple[np.ndarray, np.ndarray]:
        """The class thresholds (K,), and the pixels given each class (K,)."""
        total = ThresholdSums(self._classes)
        for shard in self.shards:
            row = self.store.read_shard(_FIRST, shard)
            total.add(row["sums"], row["counts"])
        return total.thresholds(), total.counts

    def _find_cut(self, thresholds: np.ndarray, progress: Progress) -> float:
        """Where the rule ``cleanlab`` cuts, in two sweeps over the store."""
        cut = LowestCut(thresholds)

        def count(shard: int) -> tuple[int, np.ndarray]:
            return cut.of_images(self._pooled_images(shard))

        for sweep in ("Counting label issues", "Finding the cut"):
            for done, part in enumerate(map_shards(count, self.shards, self.config.workers), start=1):
                cut.merge(part)
                progress(sweep, min(done * SHARD_SIZE, len(self.samples)), len(self.samples))
            cut.next_sweep()
        return cut.value

    def _pooled_images(self, shard: int) -> Iterator[Image]:
        return map(self.store.read_pooled, self.store.read_shard(_FIRST, shard)["ids"])

    def _flag_shard(self, learned: ConfidentLearning, shard: int) -> None:
        row = self.store.read_shard(_FIRST, shard)
        joint = ConfidentJoint(self._classes)
        scores, counts = [], []
        for sample_id, size in zip(row["ids"], row["sizes"], strict=True):
            probabilities, labels = self.store.read_pooled(sample_id)
            joint.update(probabilities, labels, learned.thresholds)
            flags = learned.flags(probabilities, labels)
            self.store.write_flags(sample_id, _at_full_size(flags, self.config.pooling, size))
            scores.append(counts_score(flags, labels))
            counts.append((int(flags.sum()), int((labels != IGNORED).sum())))
        payload = {
            "clc": np.array(scores, np.float64),
            "flagged": np.array(counts, np.int64).reshape(-1, 2),
            "joint": joint.counts,
        }
        self.store.write_shard(_SECOND, shard, payload)

    def _reduce(self, learned: ConfidentLearning, given: np.ndarray) -> Reduction:
        flagged = np.zeros(2, np.int64)
        for shard in self.shards:
            payload = self.store.read_shard(_SECOND, shard)
            learned.joint.counts += payload["joint"]
            flagged += payload["flagged"].sum(axis=0)
        noise = learned.joint.noise_matrix(given)
        return Reduction(learned.thresholds, learned.joint.counts, noise, int(flagged[0]), int(flagged[1]))


def _without_arrays(scores: ImageScores) -> ImageScores:
    """The scores less the arrays over pixels: a shard holds as many of them as it has samples."""
    nothing = np.empty((0, 0), np.uint8)
    return replace(scores, prediction=nothing, heatmap=nothing, pooled_probabilities=None, pooled_labels=None)


def _at_full_size(flags: np.ndarray, factor: int, size: np.ndarray) -> np.ndarray:
    """Each block's flag at each of its pixels, (H, W) bool."""
    full = flags.repeat(factor, axis=0).repeat(factor, axis=1)
    return np.ascontiguousarray(full[: size[0], : size[1]])
