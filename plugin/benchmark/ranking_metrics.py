"""How well a quality score ranks mislabelled images first: AUROC, average precision, lift, and bootstrap intervals.

A low quality means suspected. Every metric takes ``weights``, how often each image counts, so that a bootstrap ranks
the images once and weighs all resamples together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..base.errors import LabelQualityError

#: A metric: ``metric(is_error, quality, weights=None)``
Metric = Callable[..., Any]
#: Weights (resamples times images) that are in memory at once
_LARGEST_BATCH = 4_000_000


def auroc(is_error: np.ndarray, quality: np.ndarray, weights: np.ndarray | None = None) -> float | np.ndarray:
    """Area under the ROC curve: how often an error has the lower quality of the two, of an error and a correct image.

    Equal qualities count one half.

    Args:
        is_error: (n,) bool, whether the image is mislabelled; some are and some are not
        quality: (n,) float, low = suspected
        weights: (..., n) how often each image counts, at least 0; by default once

    Returns:
        in [0, 1], 0.5 by chance; (...) with ``weights``

    Raises:
        LabelQualityError: shapes differ, a quality is NaN, no image or every image is mislabelled

    References:
        Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006)
    """
    errors, correct = _ranked(is_error, quality, weights)
    correct_at_or_above = correct[..., ::-1].cumsum(-1)[..., ::-1]
    won = (errors * (correct_at_or_above - correct / 2)).sum(-1)
    return won / (errors.sum(-1) * correct.sum(-1))


def average_precision(
    is_error: np.ndarray, quality: np.ndarray, weights: np.ndarray | None = None
) -> float | np.ndarray:
    """Area under the precision-recall curve, as a sum of steps: the mean precision over the errors found.

    Images of equal quality are found together, so their order does not matter.

    Args:
        is_error: (n,) bool, whether the image is mislabelled; some are and some are not
        quality: (n,) float, low = suspected
        weights: (..., n) how often each image counts, at least 0; by default once

    Returns:
        in [0, 1], the share of errors by chance; (...) with ``weights``

    Raises:
        LabelQualityError: as `auroc`

    References:
        Manning, Raghavan and Schütze, "Introduction to Information Retrieval" (2008), section 8.4
    """
    errors, correct = _ranked(is_error, quality, weights)
    found = errors.cumsum(-1)
    looked_at = found + correct.cumsum(-1)
    precision = found / np.where(looked_at > 0, looked_at, 1)
    return (errors * precision).sum(-1) / errors.sum(-1)


def precision_recall(is_error: np.ndarray, quality: np.ndarray, points: int = 101) -> tuple[np.ndarray, np.ndarray]:
    """The precision-recall curve, from the images of lowest quality on until every error is found.

    Images of equal quality are found together. Where the curve has more points than asked for, those that come first at
    or after evenly spaced recalls are kept, the first and the last among them.

    Args:
        is_error: (n,) bool, whether the image is mislabelled; some are and some are not
        quality: (n,) float, low = suspected
        points: at most so many, at least 2

    Returns:
        recall, ascending from 0 to 1, and precision at each, both (m,) float64; at recall 0 it is 1 by convention

    Raises:
        LabelQualityError: as `auroc`, or fewer than 2 points
    """
    if points < 2:
        raise LabelQualityError(f"Expected at least 2 points of a curve, but got {points}.")
    errors, correct = _ranked(is_error, quality, None)
    found = errors.cumsum()
    last = int(np.searchsorted(found, found[-1])) + 1
    recall = np.concatenate([[0.0], found[:last] / found[-1]])
    precision = np.concatenate([[1.0], (found / (found + correct.cumsum()))[:last]])
    if len(recall) > points:
        kept = np.unique(np.searchsorted(recall, np.linspace(0, 1, points) - 1e-12))
        recall, precision = recall[kept], precision[kept]
    return recall, precision


def lift_at(
    is_error: np.ndarray, quality: np.ndarray, count: int, weights: np.ndarray | None = None
) -> float | np.ndarray:
    """Lift@T: the share of errors among the T images of lowest quality, relative to the share among all.

    Where the T-th and the next image are of equal quality, the expected value over random orders of all that are.

    Args:
        is_error: (n,) bool, whether the image is mislabelled; some are and some are not
        quality: (n,) float, low = suspected
        count: T, from 1 to n
        weights: (..., n) how often each image counts, at least 0 and T or more in all; by default once

    Returns:
        at least 0, 1 by chance; (...) with ``weights``

    Raises:
        LabelQualityError: as `auroc`, or ``count`` is not in 1..n
    """
    if not 1 <= count <= len(is_error):
        raise LabelQualityError(
            f"Expected to count the errors among 1 to {len(is_error)} images, as many as there are, but got {count}."
        )
    errors, correct = _ranked(is_error, quality, weights)
    sizes = errors + correct
    places = np.clip(count - (sizes.cumsum(-1) - sizes), 0, sizes)
    found = (errors * places / np.where(sizes > 0, sizes, 1)).sum(-1)
    return found / count / (errors.sum(-1) / sizes.sum(-1))


def bootstrap(
    metric: Metric, is_error: np.ndarray, quality: np.ndarray, *, resamples: int = 1000, seed: int = 51
) -> np.ndarray:
    """The metric of resampled datasets: errors are drawn from the errors, the others from the others.

    So each resample has as many errors as the dataset. The same seed draws the same images whatever the score: of two
    scores, the difference resample by resample says how sure it is that one is better.

    Args:
        metric: `auroc`, `average_precision`, or ``partial(lift_at, count=T)``
        is_error: (n,) bool, whether the image is mislabelled
        quality: (n,) float, low = suspected
        resamples: how many
        seed: of the draws

    Returns:
        (resamples,) float64

    Raises:
        LabelQualityError: as the metric, or ``resamples`` is not positive
    """
    if resamples < 1:
        raise LabelQualityError(f"Expected at least 1 resample, but got {resamples}.")
    is_error, quality = _checked(is_error, quality)
    rng = np.random.default_rng(seed)
    batch = max(1, _LARGEST_BATCH // len(is_error))
    sizes = [min(batch, resamples - first) for first in range(0, resamples, batch)]
    return np.concatenate([metric(is_error, quality, weights=_draw(is_error, size, rng)) for size in sizes])


def bootstrap_interval(
    metric: Metric,
    is_error: np.ndarray,
    quality: np.ndarray,
    *,
    resamples: int = 1000,
    seed: int = 51,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of a metric by a stratified bootstrap over the images.

    Args:
        metric: as `bootstrap` takes it
        is_error: (n,) bool, whether the image is mislabelled
        quality: (n,) float, low = suspected
        resamples: how many
        seed: of the draws
        level: share of the resamples inside, in (0, 1)

    Returns:
        lower and upper end

    Raises:
        LabelQualityError: as `bootstrap`, or ``level`` is out of range

    References:
        Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13
    """
    if not 0 < level < 1:
        raise LabelQualityError(f"Expected a level in (0, 1), but got {level}.")
    values = bootstrap(metric, is_error, quality, resamples=resamples, seed=seed)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _checked(is_error: np.ndarray, quality: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    is_error, quality = np.asarray(is_error, bool), np.asarray(quality, np.float64)
    if is_error.ndim != 1 or is_error.shape != quality.shape:
        raise LabelQualityError(
            f"Expected one quality for each image, but got {is_error.shape} images and {quality.shape} qualities."
        )
    unknown = int(np.isnan(quality).sum())
    if unknown:
        raise LabelQualityError(f"Expected every image to have a quality, but {unknown} of {len(quality)} are NaN.")
    if is_error.all() or not is_error.any():
        found = "all" if is_error.size and is_error.all() else "none"
        raise LabelQualityError(
            f"Expected some mislabelled images and some correct ones, but {found} of the {len(is_error)} images "
            f"{'are' if found == 'all' else 'is'} mislabelled: a ranking cannot be judged by them."
        )
    return is_error, quality


def _ranked(is_error: np.ndarray, quality: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Errors and correct images of each distinct quality, (..., distinct), the lowest first."""
    is_error, quality = _checked(is_error, quality)
    weights = np.ones(len(is_error)) if weights is None else np.asarray(weights, np.float64)
    order = np.argsort(quality, kind="stable")
    ranked = quality[order]
    first_of_group = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    weights, flags = weights[..., order], is_error[order]
    errors, correct = (np.add.reduceat(weights * chosen, first_of_group, axis=-1) for chosen in (flags, ~flags))
    return errors, correct


def _draw(is_error: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """(resamples, n) how often each image is drawn: with replacement, from those of its own kind."""
    weights = np.empty((resamples, len(is_error)))
    for stratum in (is_error, ~is_error):
        size = int(stratum.sum())
        weights[:, stratum] = rng.multinomial(size, np.full(size, 1 / size), size=resamples)
    return weights
