"""Scores and confident-learning flags of a dataset, by this project and by cleanlab."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from plugin.pixels.pooling import pool_labels, pool_probabilities
from plugin.scores.class_pair_evidence import PairEvidence, UsualEvidence, evidence_score, pair_evidence

# Imported as a top-level package: ``label_quality`` itself would bring FiftyOne with it
from plugin.scores.confident_learning import (
    ConfidentJoint,
    ThresholdSums,
    counts_score,
    find_cut,
    flag_candidates,
    flags_joint,
)
from plugin.scores.config import SCORES, ScoreConfig
from plugin.scores.image_scores import score_image
from plugin.store.encoding import to_half, to_single

Image = tuple[np.ndarray, np.ndarray]
#: Softmin (N,), and the flags of each image, to be iterated over once
Result = tuple[np.ndarray, Iterator[np.ndarray]]


def ours_everything(
    images: Iterable[Image], classes: int, again: Iterable[Image] | None = None
) -> dict[str, np.ndarray]:
    """All that an audit computes of predictions and labels: eight scores, heatmaps, joint, flags by its default rule.

    The first pass is over the images, three more are over what it has pooled and rounded to half precision. An audit
    reads that from its store; here it and the class-pair evidence are kept in memory, or made again.

    Args:
        images: to be iterated over once
        classes: number of classes K
        again: the pooled images, to be iterated over as often as needed; None to keep them

    Returns:
        (N,) of each score, by name.
    """
    config, sums, usual = ScoreConfig(), ThresholdSums(classes), UsualEvidence(classes)
    scores: dict[str, list[float]] = {name: [] for name in SCORES}
    kept: list[tuple[Image, PairEvidence]] = []
    for probabilities, labels in images:
        scored = score_image(probabilities, labels, config)
        assert scored.pooled_probabilities is not None and scored.pooled_labels is not None
        pooled = to_single(to_half(scored.pooled_probabilities)), scored.pooled_labels
        sums.update(*pooled)
        pairs = pair_evidence(*pooled)
        usual.update(pairs)
        for name in ("ccp", "tccp", "cil", "iou", "coco", "softmin"):
            scores[name].append(getattr(scored, name))
        if again is None:
            kept.append((pooled, pairs))
    thresholds, common, joint = sums.thresholds(), usual.usual(), ConfidentJoint(classes)
    cut = find_cut([image for image, _ in kept] if again is None else again, thresholds)
    last = kept if again is None else ((image, pair_evidence(*image)) for image in again)
    for (image, pairs), softmin in zip(last, scores["softmin"], strict=True):
        joint.update(*image, thresholds)
        scores["clc"].append(counts_score(flag_candidates(*image, cut), image[1]))
        scores["evidence"].append(evidence_score(pairs, common, softmin))
    return {name: np.array(values) for name, values in scores.items()}


class PooledAgain:
    """Pooled images, made from the images themselves each time they are iterated over.

    Args:
        images: to be iterated over as often as this is
    """

    def __init__(self, images: Iterable[Image]) -> None:
        self.images = images

    def __iter__(self) -> Iterator[Image]:
        factor = ScoreConfig().pooling
        for probabilities, labels in self.images:
            pooled = to_single(to_half(pool_probabilities(probabilities, factor, labels)))
            yield pooled, pool_labels(labels, factor, len(probabilities))


def ours_full(images: Iterable[Image], classes: int) -> Result:
    """Softmin, and flags at full resolution by the rule ``cleanlab``: the same result as `theirs` without pooling."""
    softmin = [score_image(*image, ScoreConfig(scores=("softmin",), per_class=False)).softmin for image in images]
    cut = find_cut(images, _thresholds(images, classes))
    return np.array(softmin), (flag_candidates(*image, cut) for image in images)


def ours_pooled(images: Iterable[Image], classes: int) -> Result:
    """Softmin, and flags on ×4-pooled images by the rule ``joint``."""
    config, sums = ScoreConfig(scores=("softmin", "clc"), per_class=False), ThresholdSums(classes)
    softmin = [_score(image, config, sums) for image in images]
    thresholds = sums.thresholds()
    return np.array(softmin), (_pooled_flags(*image, config.pooling, thresholds) for image in images)


def _score(image: Image, config: ScoreConfig, sums: ThresholdSums) -> float:
    scored = score_image(*image, config)
    assert scored.pooled_probabilities is not None and scored.pooled_labels is not None
    sums.update(scored.pooled_probabilities, scored.pooled_labels)
    return scored.softmin


def _thresholds(images: Iterable[Image], classes: int) -> np.ndarray:
    sums = ThresholdSums(classes)
    for image in images:
        sums.update(*image)
    return sums.thresholds()


def _pooled_flags(probabilities: np.ndarray, labels: np.ndarray, factor: int, thresholds: np.ndarray) -> np.ndarray:
    pooled = pool_probabilities(probabilities, factor, labels)
    return flags_joint(pooled, pool_labels(labels, factor, len(probabilities)), thresholds)


def theirs(probabilities: np.ndarray, labels: np.ndarray, downsample: int) -> Result:
    """Softmin and flags by cleanlab, on one process: by default it forks a pool for every image, which is slower.

    Args:
        probabilities: (N, K, H, W) float32
        labels: (N, H, W) int64
        downsample: factor of its pooling for the flags, which must divide H and W
    """
    from cleanlab.segmentation.filter import find_label_issues
    from cleanlab.segmentation.rank import get_label_quality_scores

    softmin, _ = get_label_quality_scores(labels, probabilities, method="softmin", n_jobs=1, verbose=False)
    return softmin, iter(find_label_issues(labels, probabilities, downsample=downsample, n_jobs=1, verbose=False))


def their_scores(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """cleanlab's two image scores, softmin and the share of flagged pixels at full resolution; see `theirs`."""
    from cleanlab.segmentation.rank import get_label_quality_scores

    arguments = {"n_jobs": 1, "verbose": False}
    softmin, _ = get_label_quality_scores(labels, probabilities, method="softmin", **arguments)
    flagged, _ = get_label_quality_scores(labels, probabilities, method="num_pixel_issues", downsample=1, **arguments)
    return {"softmin": softmin, "num_pixel_issues": flagged}
