"""Agreement of predictions with verified masks, summed up image by image, with replicates of a paired bootstrap.

Of each class k the pixels are counted that are verified as k, t_k, that are predicted k, p_k, and both, c_k; then

    IoU_k = c_k / (t_k + p_k - c_k),    mIoU = mean of IoU_k over the classes with t_k > 0,    accuracy = Σ c_k / Σ t_k

In each replicate of the bootstrap every group of images (a group of its own where images are independent) counts a
Poisson(1) number of times, as in an infinitely large sample of groups drawn with replacement; so replicates are sums
that grow with every image, and memory does not depend on how many there are. A group's numbers come from its name: all
trainings that are compared have the same, which is what pairs them.

References:
    Chamandy, Muralidharan, Najmi, Naidu: Estimating uncertainty for massive data streams. Google, 2012.
    Rao, Wu: Resampling inference with complex survey data. JASA 83, 1988 (n - 1 draws of n).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from ..base.types import IGNORED

#: Of (…, 3, K) counts
Measure: TypeAlias = Callable[[np.ndarray], np.ndarray]
#: The ends of a 95 % interval
_ENDS = (0.025, 0.975)


def agreement(prediction: np.ndarray, verified: np.ndarray, classes: int) -> np.ndarray:
    """Pixels of an image by class, where it is verified.

    Args:
        prediction: (H, W) predicted class indices
        verified: (H, W) class indices, `IGNORED` where nothing is known
        classes: number of classes K

    Returns:
        (3, K) int64: pixels verified as the class, predicted as it, and both
    """
    known = verified != IGNORED
    truth, predicted = verified[known], prediction[known]
    sums = (truth, predicted, truth[truth == predicted])
    return np.stack([np.bincount(one, minlength=classes) for one in sums])


class Tallies:
    """The sums of one training: over all images, and in each replicate.

    Args:
        classes: number of classes K
        replicates: number of replicates B
        seed: of the replicates
    """

    def __init__(self, classes: int, replicates: int, seed: int) -> None:
        self.total = np.zeros((3, classes), np.int64)
        self.replicates = np.zeros((replicates, 3, classes), np.int64)
        self._seed = seed

    def add(self, group: str, counts: np.ndarray) -> None:
        """Adds an image of a group; counts (3, K) as `agreement` gives them."""
        weights = _weights(group, self._seed, len(self.replicates))
        self.total += counts
        self.replicates += weights[:, None, None] * counts


class Repeats:
    """The trainings of one kind of masks with several seeds, of which the mean is what is reported.

    With n > 1 of them a replicate is the mean of n - 1 that are drawn with replacement, so that its variance is that of
    a mean of n trainings, beside that of the images.

    Args:
        total: (n, 3, K) sums over the images
        replicates: (n, B, 3, K) the same in each replicate
        seed: of the drawing
    """

    def __init__(self, total: np.ndarray, replicates: np.ndarray, seed: int) -> None:
        self._total, self._replicates = total, replicates
        count, number = replicates.shape[:2]
        drawn = np.random.default_rng(seed).integers(count, size=(number, max(1, count - 1)))
        self._share = np.stack([(drawn == one).mean(axis=1) for one in range(count)])

    def iou(self) -> tuple[np.ndarray, np.ndarray]:
        """(K,) IoU of each class, NaN where it is not verified anywhere, and (B, K) in each replicate."""
        return self._mean(class_iou)

    def miou(self) -> tuple[np.ndarray, np.ndarray]:
        """() mean IoU, and (B,) in each replicate."""
        return self._mean(mean_iou)

    def accuracy(self) -> tuple[np.ndarray, np.ndarray]:
        """() share of the verified pixels that are predicted right, and (B,) in each replicate."""
        return self._mean(accuracy)

    def _mean(self, measure: Measure) -> tuple[np.ndarray, np.ndarray]:
        values, replicates = measure(self._total), measure(self._replicates)
        share = self._share.reshape(*self._share.shape, *(1,) * (replicates.ndim - 2))
        # A training that was not drawn must not count where it has no value either
        return values.mean(axis=0), np.where(share > 0, share * replicates, 0.0).sum(axis=0)


def class_iou(counts: np.ndarray) -> np.ndarray:
    """(…, K) IoU of (…, 3, K) counts, NaN where no pixel is verified as the class."""
    truth, predicted, both = (counts[..., row, :] for row in range(3))
    union = truth + predicted - both
    return np.where(truth > 0, both / np.maximum(union, 1), np.nan)


def mean_iou(counts: np.ndarray) -> np.ndarray:
    """(…) mean IoU over the classes that are verified anywhere; NaN without any."""
    iou = class_iou(counts)
    known = ~np.isnan(iou)
    number = known.sum(axis=-1)
    return np.where(number > 0, np.where(known, iou, 0).sum(axis=-1) / np.maximum(number, 1), np.nan)


def accuracy(counts: np.ndarray) -> np.ndarray:
    """(…) share of the verified pixels that are predicted right; NaN without any."""
    truth, both = counts[..., 0, :].sum(axis=-1), counts[..., 2, :].sum(axis=-1)
    return np.where(truth > 0, both / np.maximum(truth, 1), np.nan)


def interval(replicates: np.ndarray) -> tuple[float, float]:
    """The ends of the 95 % interval of a measure, by percentiles; replicates without a value are left out."""
    low, high = np.quantile(replicates[~np.isnan(replicates)], _ENDS)
    return float(low), float(high)


def differences(
    after: tuple[np.ndarray, np.ndarray], before: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """What of a measure and its replicates is gained, replicate by replicate."""
    return after[0] - before[0], after[1] - before[1]


def _weights(group: str, seed: int, number: int) -> np.ndarray:
    """(B,) int64: how often the group counts in each replicate."""
    digest = hashlib.sha256(f"{seed} {group}".encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32)).poisson(1.0, number)
