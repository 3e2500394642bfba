"""Softmin and confident-learning flags of a dataset, by this project and by cleanlab."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

# Imported as a top-level package: ``label_quality`` itself would bring FiftyOne with it
from plugin.confident import ThresholdSums, find_cut, flag_candidates, flags_joint
from plugin.config import ScoreConfig
from plugin.pooling import pool_labels, pool_probabilities
from plugin.scores import score_image

Image = tuple[np.ndarray, np.ndarray]
#: Softmin (N,), and the flags of each image, to be iterated over once
Result = tuple[np.ndarray, Iterator[np.ndarray]]


def ours_full(images: Iterable[Image], classes: int) -> Result:
    """Softmin, and flags at full resolution by the rule ``cleanlab``: the same result as `theirs` without pooling."""
    softmin = [score_image(*image, ScoreConfig(scores=("softmin",), per_class=False)).softmin for image in images]
    cut = find_cut(images, _thresholds(images, classes))
    return np.array(softmin), (flag_candidates(*image, cut) for image in images)


def ours_pooled(images: Iterable[Image], classes: int, scores: tuple[str, ...] = ("softmin", "clc")) -> Result:
    """Softmin, and flags on ×4-pooled images by the rule ``joint``; computes all ``scores``, returns softmin."""
    config, sums = ScoreConfig(scores=scores), ThresholdSums(classes)
    softmin = [_score(image, config, sums) for image in images]
    thresholds = sums.thresholds()
    return np.array(softmin), (_pooled_flags(*image, config.pooling, thresholds) for image in images)


def _score(image: Image, config: ScoreConfig, sums: ThresholdSums) -> float:
    scored = score_image(*image, config)
    if scored.pooled_probabilities is not None and scored.pooled_labels is not None:
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
