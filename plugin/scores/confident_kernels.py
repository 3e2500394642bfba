"""The compiled loops of confident learning, called through `confident`.

Probabilities come as (K, N) float32, labels as (N,) int16 with a negative value where a pixel takes no part.
"""

from __future__ import annotations

import numpy as np

from ..pixels.compiled import kernel

#: Probabilities are summed as integers, in steps of this size, so that no order of the summation changes the sum
STEPS = 2.0**32


@kernel()
def sum_given(probabilities: np.ndarray, labels: np.ndarray, sums: np.ndarray, counts: np.ndarray) -> None:
    """Adds to (K,) int64 sums of the given class's probability, in whole steps of 1 / `STEPS`, and to (K,) counts."""
    for i in range(labels.size):
        k = labels[i]
        if k >= 0:
            sums[k] += np.int64(np.float64(probabilities[k, i]) * STEPS)
            counts[k] += 1


@kernel()
def count_pairs(labels: np.ndarray, classes: np.ndarray, counts: np.ndarray) -> None:
    """Adds to the (K, K) int64 counts of [label, class], over pixels that have both; ``classes`` is (N,) int16."""
    for i in range(labels.size):
        if labels[i] >= 0 and classes[i] >= 0:
            counts[labels[i], classes[i]] += 1


@kernel()
def count_surprises(labels: np.ndarray, prediction: np.ndarray, probability: np.ndarray, limits: np.ndarray) -> int:
    """Counts pixels predicted another class than given, with at least that class's limit; limits (K,) float64."""
    count = 0
    for i in range(labels.size):
        k = prediction[i]
        count += labels[i] >= 0 and k != labels[i] and np.float64(probability[i]) >= limits[k]
    return count


@kernel()
def count_high_bits(probabilities: np.ndarray, labels: np.ndarray, histogram: np.ndarray) -> None:
    """Adds to the (65536,) int64 histogram of the upper 16 bits of the given class's probability."""
    confidence = np.empty(1, np.float32)
    bits = confidence.view(np.uint32)
    for i in range(labels.size):
        if labels[i] >= 0:
            # Adding 0 makes a negative zero positive
            confidence[0] = probabilities[labels[i], i] + np.float32(0)
            histogram[bits[0] >> 16] += 1


@kernel()
def count_low_bits(probabilities: np.ndarray, labels: np.ndarray, high: int, histogram: np.ndarray) -> None:
    """Adds to the (65536,) int64 histogram of the lower 16 bits, of the probabilities whose upper 16 are ``high``."""
    confidence = np.empty(1, np.float32)
    bits = confidence.view(np.uint32)
    for i in range(labels.size):
        if labels[i] >= 0:
            confidence[0] = probabilities[labels[i], i] + np.float32(0)
            if bits[0] >> 16 == high:
                histogram[bits[0] & 0xFFFF] += 1


@kernel()
def flag_lowest(probabilities: np.ndarray, labels: np.ndarray, cut: np.float32, flags: np.ndarray) -> None:
    """Sets ``flags`` (N,) bool where the given class's probability is at most the cut and not the first maximum."""
    for i in range(labels.size):
        k = labels[i]
        if k >= 0 and probabilities[k, i] <= cut:
            flags[i] = not _is_first_maximum(probabilities, i, k)


@kernel()
def _is_first_maximum(probabilities: np.ndarray, pixel: int, index: int) -> bool:
    largest = probabilities[index, pixel]
    for k in range(probabilities.shape[0]):
        if probabilities[k, pixel] > largest or (k < index and probabilities[k, pixel] == largest):
            return False
    return True
