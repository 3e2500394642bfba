"""Per-class sums over the pixels of one image, from which the non-spatial scores follow by their formulas."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit


@dataclass(frozen=True)
class Tally:
    """Sums over the pixels that take part, by class; integers are exact, the others float64.

    Args:
        given: (K,) int64 pixels given the class
        predicted: (K,) int64 pixels predicted the class
        correct: (K,) int64 pixels given and predicted the class
        confidence: (K,) sum of the probability s of the given class, over the pixels given the class
        lowest: (K,) smallest s over the pixels given the class; inf for a class not given
        weights: (K,) sum of exp((lowest − s) / temperature), over the pixels given the class
        weighted: (K,) sum of s times that weight
        temperature: of the weights; nan where they were not asked for and are 0
        above: (K, T) int64 pixels given the class and with s above the threshold
    """

    given: np.ndarray
    predicted: np.ndarray
    correct: np.ndarray
    confidence: np.ndarray
    lowest: np.ndarray
    weights: np.ndarray
    weighted: np.ndarray
    temperature: float
    above: np.ndarray


def tally_image(
    prediction: np.ndarray,
    labels: np.ndarray,
    confidence: np.ndarray,
    classes: int,
    thresholds: np.ndarray,
    temperature: float | None,
) -> tuple[Tally, np.ndarray]:
    """Sums up one image.

    Args:
        prediction: (H, W) int16 predicted class indices; a negative one belongs to no class
        labels: (H, W) int16 class indices below K, negative where ignored
        confidence: (H, W) float32 probability of the given class, in [0, 1]
        classes: number of classes K
        thresholds: (T,) float32, ascending; may be empty
        temperature: of the softmin weights, or None to leave them 0

    Returns:
        The sums, and the heatmap (H, W) uint8: 255 · (1 − s) rounded half up, 0 on ignored pixels.
    """
    tally = Tally(
        *(np.zeros(classes, np.int64) for _ in range(3)),
        confidence=np.zeros(classes),
        lowest=np.full(classes, np.inf),
        weights=np.zeros(classes),
        weighted=np.zeros(classes),
        temperature=math.nan if temperature is None else temperature,
        above=np.zeros((classes, thresholds.size), np.int64),
    )
    heatmap = np.empty(labels.shape, np.uint8)
    flat_labels, flat_confidence = labels.reshape(-1), confidence.reshape(-1)
    _count(prediction.reshape(-1), flat_labels, tally.given, tally.predicted, tally.correct)
    _sum_confidence(flat_labels, flat_confidence, tally.confidence, tally.lowest, heatmap.reshape(-1))
    if thresholds.size:
        _count_above(flat_labels, flat_confidence, thresholds, tally.above)
    if temperature is not None:
        _sum_weights(flat_labels, flat_confidence, temperature, tally.lowest, tally.weights, tally.weighted)
    return tally, heatmap


@njit(cache=True, nogil=True, error_model="numpy")
def _count(
    prediction: np.ndarray, labels: np.ndarray, given: np.ndarray, predicted: np.ndarray, correct: np.ndarray
) -> None:
    for i in range(labels.size):
        if labels[i] < 0:
            continue
        given[labels[i]] += 1
        if prediction[i] >= 0:
            predicted[prediction[i]] += 1
            correct[prediction[i]] += prediction[i] == labels[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _sum_confidence(
    labels: np.ndarray, confidence: np.ndarray, sums: np.ndarray, lowest: np.ndarray, heatmap: np.ndarray
) -> None:
    for i in range(labels.size):
        s = np.float64(confidence[i])
        heatmap[i] = np.uint8(255.0 * (1.0 - s) + 0.5) if labels[i] >= 0 else np.uint8(0)
        if labels[i] >= 0:
            sums[labels[i]] += s
            lowest[labels[i]] = min(lowest[labels[i]], s)


@njit(cache=True, nogil=True, error_model="numpy")
def _count_above(labels: np.ndarray, confidence: np.ndarray, thresholds: np.ndarray, above: np.ndarray) -> None:
    bins = np.zeros((above.shape[0], thresholds.size + 1), np.int64)
    for i in range(labels.size):
        if labels[i] >= 0:
            # From the top, as most labels are right and most confidences high
            t = thresholds.size
            while t > 0 and not confidence[i] > thresholds[t - 1]:
                t -= 1
            bins[labels[i], t] += 1
    for k in range(above.shape[0]):
        for t in range(thresholds.size):
            above[k, t] = bins[k, t + 1 :].sum()


@njit(cache=True, nogil=True, error_model="numpy")
def _sum_weights(
    labels: np.ndarray,
    confidence: np.ndarray,
    temperature: float,
    lowest: np.ndarray,
    weights: np.ndarray,
    weighted: np.ndarray,
) -> None:
    for i in range(labels.size):
        k = labels[i]
        if k >= 0:
            s = np.float64(confidence[i])
            # Shifted by the smallest s, the largest weight is 1 whatever the temperature
            weight = math.exp((lowest[k] - s) / temperature)
            weights[k] += weight
            weighted[k] += weight * s
