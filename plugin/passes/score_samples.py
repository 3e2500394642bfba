"""The passes over a dataset: image scores first, then, where asked for, flags by the whole dataset's class thresholds.

Every shard of samples leaves its results in the store, so a killed run goes on with the next one, and the driver holds
a few numbers a shard. Sums are taken in the order of the samples, so results do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..base.errors import SampleError
from ..base.progress import Progress
from ..base.types import IGNORED
from ..engine.engine import current_engine
from ..labels.given_masks import GivenMasks
from ..pixels.pooling import spread
from ..predictions.masks import write_predicted_mask
from ..predictions.readers import PredictionReader
from ..samples.failures import LeftOut, as_dict
from ..scores.class_pair_evidence import INGREDIENTS, PairEvidence, Usual, evidence_score, pair_evidence
from ..scores.confident_kernels import STEPS
from ..scores.confident_learning import ConfidentJoint, ConfidentLearning, Image, LowestCut, ThresholdSums, counts_score
from ..scores.config import LABEL_ONLY_SCORES, PER_CLASS_SCORES, SCORES, ScoreConfig
from ..scores.displaced_edges import EdgeFit, UsualFit, displacement, edge_fit
from ..scores.image_scores import ImageScores, score_image, score_labels_only
from ..scores.results import ResultRows
from ..store.encoding import to_half, to_single
from ..store.passes import members, run_pass, shard_of, shards_of
from ..store.sets import ScoreSet
from ..suspects.similarity import GivenObjects, Origin, given_objects, none_given
from .kept import (
    SCORED,
    check_unchanged,
    has_usual,
    pack_fits,
    pack_pairs,
    read_usual,
    read_usual_fit,
    sample_state,
    unpack_fits,
    unpack_pairs,
    write_objects,
    write_usual,
    write_usual_fit,
)

#: Scores of an image that need the whole dataset's sums
_RELATIVE = ("clc", "evidence")
_SECOND = "flags"
_REDUCED = "reduced"


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
class _Scored:
    """A sample's results, less the arrays over pixels: a shard holds as many of them as it has samples."""

    sample_id: str
    size: tuple[int, ...]
    fold: int | None
    scores: ImageScores
    state: tuple[int, int]
    pairs: PairEvidence | None
    objects: GivenObjects
    fit: EdgeFit | None


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

    samples: GivenMasks
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
    def flags_pixels(self) -> bool:
        """Whether confident learning counts are asked for and allowed, which take a second pass."""
        return "clc" in self.config.scores and not self.reader.labels_only

    @property
    def keeps_pooled(self) -> bool:
        """Whether pooled arrays, from which suspects are found, and class-pair evidence are kept."""
        return any(score in self.config.scores for score in _RELATIVE) and not self.reader.labels_only

    @property
    def looks_at_edges(self) -> bool:
        """Whether displaced edges count in class-pair evidence, for which the pictures are read."""
        return self.config.displaced_edges and "evidence" in self.config.scores and not self.reader.labels_only

    def run(self, progress: Progress) -> Reduction | None:
        """The first pass, what evidence is usual where that is needed, and the second pass where pixels are flagged.

        What the store has of them already is not done again.

        Args:
            progress: told after every shard of a pass

        Returns:
            what the second pass has found: the dataset's thresholds and confident joint; None where there is none, as
            the score ``clc`` is not asked for or the predictions have no probabilities

        Raises:
            SampleError: a sample cannot be scored, unless ``skip_failures``
        """
        if self.store.shard_done(_REDUCED, 0):
            return Reduction(**self.store.read_shard(_REDUCED, 0))
        self._run_pass(SCORED, Scoring.score_shard, "Scoring", progress)
        if self.keeps_pooled and not has_usual(self.store):
            if self.looks_at_edges:
                write_usual_fit(self.store, self._classes)
            write_usual(self.store, self._classes)
        if not self.flags_pixels:
            return None
        thresholds, given = self._thresholds()
        cut = self._find_cut(thresholds, progress) if self.config.clc_rule == "cleanlab" else None
        learned = ConfidentLearning(thresholds, ConfidentJoint(self._classes), cut)
        self._run_pass(_SECOND, partial(Scoring.flag_shard, learned=learned), "Flagging pixels", progress)
        reduction = self._reduce(learned, given)
        self.store.write_shard(_REDUCED, 0, vars(reduction))
        return reduction

    def outcome(self) -> tuple[int, list[LeftOut]]:
        """How many samples have scores, and those that were left out."""
        scored, failures = 0, []
        for shard in self._shards:
            row = self.store.read_shard(SCORED, shard)
            scored += len(row["ids"])
            failures += row["failures"]
        return scored, failures

    def rows(self) -> Iterator[ResultRows]:
        """The results of each shard, in order."""
        usual = read_usual(self.store) if "evidence" in self.config.scores and self.keeps_pooled else None
        usual_fit = read_usual_fit(self.store) if self.looks_at_edges else None
        for shard in self._shards:
            row = self.store.read_shard(SCORED, shard)
            scores, ids = row["scores"], row["ids"]
            if self.flags_pixels:
                scores["clc"] = self.store.read_shard(_SECOND, shard)["clc"]
            if usual is not None:
                scores["evidence"] = self._evidence(row, usual, usual_fit)
            yield ResultRows(
                ids=ids,
                scores={name: scores[name] for name in self._wanted},
                others={"fold": row["folds"], **self._images(ids)},
                per_class=row["per_class"],
                class_pixels=row["class_pixels"],
            )

    def _images(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """Files of the samples' images, by column."""
        parts = {"prediction": "masks", "heatmap": "heatmaps", **({"flags": "flags"} if self.flags_pixels else {})}
        return {column: [str(self.store.file(part, one)) for one in ids] for column, part in parts.items()}

    @property
    def _wanted(self) -> list[str]:
        """The requested scores that the predictions allow."""
        return [name for name in SCORES if name in self.config.scores and name not in self.missing_scores]

    @cached_property
    def _computed(self) -> ScoreConfig:
        """The config with the scores that requested ones are made from."""
        more = INGREDIENTS if "evidence" in self.config.scores else ()
        names = tuple(name for name in SCORES if name in (*self.config.scores, *more))
        return replace(self.config, scores=names)

    @property
    def _shards(self) -> range:
        return shards_of(len(self.samples))

    @property
    def _classes(self) -> int:
        return self.samples.class_table.size

    def _run_pass(self, stage: str, work: Any, title: str, progress: Progress) -> None:
        run_pass(self.store, stage, len(self.samples), self, work, title, progress, self.config.workers)

    def window(self, positions: range) -> Scoring:
        """The scoring of these samples alone, as of `engine.Job`."""
        reader = self.reader.of([self.samples.ids[index] for index in positions])
        return replace(self, samples=self.samples.window(positions), reader=reader)

    def refused(self, reasons: Mapping[int, str]) -> Scoring:
        """The scoring that refuses these samples, as of `engine.Job`."""
        return replace(self, samples=self.samples.refused(reasons))

    def score_shard(self, positions: range) -> dict[str, Any]:
        """Scores some samples, and writes their images and what later passes need."""
        found: list[_Scored] = []
        failures: list[LeftOut] = []
        sums = ThresholdSums(self._classes)
        for index in positions:
            try:
                found.append(self._score(index, sums))
            except SampleError as error:
                if not self.skip_failures:
                    raise
                failures.append(as_dict(error))
        write_objects(self.store, shard_of(positions), [one.objects for one in found])
        return self._payload(found, failures, sums)

    def _score(self, index: int, sums: ThresholdSums) -> _Scored:
        """Scores one sample, writes its images, and adds it to the sums for the class thresholds."""
        sample_id = self.samples.ids[index]
        labels = self.samples.load_labels(index)
        predicted = self.reader.read(sample_id, (labels.shape[0], labels.shape[1]))
        if self.reader.labels_only:
            scores = score_labels_only(predicted.values, labels, self.config, self._classes)
        else:
            scores = score_image(predicted.values, labels, self._computed)
        write_predicted_mask(self.store, sample_id, scores.prediction, self.samples.class_table)
        self.store.write_heatmap(sample_id, scores.heatmap)
        pairs, objects = None, none_given()
        if self.keeps_pooled:
            assert scores.pooled_probabilities is not None and scores.pooled_labels is not None
            pooled = to_half(scores.pooled_probabilities)
            self.store.write_compact(sample_id, pooled, scores.pooled_labels)
            if self.flags_pixels:
                self.store.write_pooled(sample_id, pooled, scores.pooled_labels)
            # The sums and the evidence see the values that later passes read back
            probabilities = to_single(pooled)
            sums.update(probabilities, scores.pooled_labels)
            pairs = pair_evidence(probabilities, scores.pooled_labels)
            if predicted.appearance is not None:
                self.store.write_appearance(sample_id, predicted.appearance, predicted.fold)
                size = labels.shape[0] / self.config.pooling, labels.shape[1] / self.config.pooling
                origin = Origin(sample_id, predicted.fold)
                objects = given_objects(predicted.appearance, scores.pooled_labels, size, origin)
        fit = self._edge_fit(index, predicted.values, labels) if self.looks_at_edges else None
        state = sample_state(self.samples, index, labels)
        return _Scored(sample_id, labels.shape, predicted.fold, _without_arrays(scores), state, pairs, objects, fit)

    def _edge_fit(self, index: int, probabilities: np.ndarray, labels: np.ndarray) -> EdgeFit:
        try:
            picture = self.samples[index].load_image()
        except SampleError:
            # All other scores do without the picture
            return EdgeFit.none()
        return edge_fit(picture, probabilities, labels)

    def _payload(self, found: list[_Scored], failures: list[LeftOut], sums: ThresholdSums) -> dict[str, Any]:
        scores = [one.scores for one in found]
        per_class = [name for name in PER_CLASS_SCORES if name in self._wanted] if self.config.per_class else []
        return {
            "ids": [one.sample_id for one in found],
            "failures": failures,
            "folds": [one.fold for one in found],
            "sizes": np.array([one.size for one in found], np.int64).reshape(-1, 2),
            "scores": {
                name: np.array([getattr(one, name) for one in scores], np.float64)
                for name in self._computed.scores
                if name not in (*_RELATIVE, *self.missing_scores)
            },
            "per_class": {
                name: np.array([one.per_class[name] for one in scores], np.float64).reshape(-1, self._classes)
                for name in per_class
            },
            "class_pixels": np.array([one.class_pixels for one in scores], np.int64).reshape(-1, self._classes),
            "states": np.array([one.state for one in found], np.int64).reshape(-1, 2),
            "pairs": pack_pairs([one.pairs for one in found if one.pairs is not None]),
            **({"fits": pack_fits([one.fit for one in found if one.fit is not None])} if self.looks_at_edges else {}),
            "steps": sums.steps,
            "counts": sums.counts,
        }

    def _evidence(self, row: dict[str, Any], usual: Usual, usual_fit: UsualFit | None) -> np.ndarray:
        displaced = np.zeros(len(row["ids"]))
        if usual_fit is not None:
            displaced[:] = [displacement(fit, usual_fit) for fit in unpack_fits(row["fits"])]
        images = zip(unpack_pairs(row["pairs"]), row["scores"]["softmin"], displaced, strict=True)
        return np.array([evidence_score(pairs, usual, *others) for pairs, *others in images], np.float64)

    def _thresholds(self) -> tuple[np.ndarray, np.ndarray]:
        """The class thresholds (K,), and the pixels given each class (K,)."""
        total = ThresholdSums(self._classes)
        for shard in self._shards:
            row = self.store.read_shard(SCORED, shard)
            # Version 0.1.0 kept the sums themselves
            steps = row["steps"] if "steps" in row else (row["sums"] * STEPS).astype(np.int64)
            total.add(steps, row["counts"])
        return total.thresholds(), total.counts

    def _find_cut(self, thresholds: np.ndarray, progress: Progress) -> float:
        """Where the rule ``cleanlab`` cuts, in two sweeps over the store."""
        cut = LowestCut(thresholds)
        portions = [members(shard, len(self.samples)) for shard in self._shards]
        for sweep in ("Counting label issues", "Finding the cut"):
            done = 0
            work = partial(Scoring.count_shard, cut=cut)
            parts = current_engine().map_portions(work, self, portions, workers=self.config.workers)
            for positions, part in zip(portions, parts, strict=True):
                cut.merge(part)
                done += len(positions)
                progress(sweep, done, len(self.samples))
            cut.next_sweep()
        return cut.value

    def count_shard(self, positions: range, *, cut: LowestCut) -> tuple[int, np.ndarray]:
        """What the rule ``cleanlab`` counts in some samples; changes nothing."""
        return cut.of_images(self._pooled_images(shard_of(positions)))

    def _pooled_images(self, shard: int) -> Iterator[Image]:
        for sample_id in self.store.read_shard(SCORED, shard)["ids"]:
            yield self._pooled(shard, sample_id)

    def _pooled(self, shard: int, sample_id: str) -> Image:
        try:
            return self.store.read_pooled(sample_id)
        except SampleError:
            # Deleted or damaged by someone else: the next call scores the shard again
            self.store.discard_shard(SCORED, shard)
            raise

    def flag_shard(self, positions: range, *, learned: ConfidentLearning) -> dict[str, Any]:
        """Flags pixels of some samples that were scored."""
        shard = shard_of(positions)
        row = self.store.read_shard(SCORED, shard)
        joint = ConfidentJoint(self._classes)
        scores, counts = [], []
        for place, sample_id in enumerate(row["ids"]):
            probabilities, labels = self._pooled(shard, sample_id)
            joint.update(probabilities, labels, learned.thresholds)
            flags = learned.flags(probabilities, labels)
            full = spread(flags, self.config.pooling, tuple(row["sizes"][place].tolist()))
            if row["class_pixels"][place].sum() < full.size:
                full &= self._taking_part(shard, sample_id, row["states"][place], full.shape)
            self.store.write_flags(sample_id, full)
            scores.append(counts_score(flags, labels))
            counts.append((int(flags.sum()), int((labels != IGNORED).sum())))
        return {
            "clc": np.array(scores, np.float64),
            "flagged": np.array(counts, np.int64).reshape(-1, 2),
            "joint": joint.counts,
        }

    def _taking_part(self, shard: int, sample_id: str, state: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
        """Which pixels of a sample take part, (H, W) bool; ``state`` is the one in which it was scored."""
        index = next(one for one in members(shard, len(self.samples)) if self.samples.ids[one] == sample_id)
        labels = self.samples.load_labels(index)
        if labels.shape != size:
            # By now it is another mask
            check_unchanged(self.samples, index, state.tolist())
        return labels != IGNORED

    def _reduce(self, learned: ConfidentLearning, given: np.ndarray) -> Reduction:
        flagged = np.zeros(2, np.int64)
        for shard in self._shards:
            payload = self.store.read_shard(_SECOND, shard)
            learned.joint.counts += payload["joint"]
            flagged += payload["flagged"].sum(axis=0)
        noise = learned.joint.noise_matrix(given)
        return Reduction(learned.thresholds, learned.joint.counts, noise, int(flagged[0]), int(flagged[1]))


def _without_arrays(scores: ImageScores) -> ImageScores:
    nothing = np.empty((0, 0), np.uint8)
    return replace(scores, prediction=nothing, heatmap=nothing, pooled_probabilities=None, pooled_labels=None)
