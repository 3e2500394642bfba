"""Per-class sums over the pixels of one image, from which the non-spatial scores follow by their formulas."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from . import kernels


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
        given=np.zeros(classes, np.int64),
        predicted=np.zeros(classes, np.int64),
        correct=np.zeros(classes, np.int64),
        confidence=np.zeros(classes),
        lowest=np.full(classes, np.inf),
        weights=np.zeros(classes),
        weighted=np.zeros(classes),
        temperature=math.nan if temperature is None else temperature,
        above=np.zeros((classes, thresholds.size), np.int64),
    )
    heatmap = np.empty(labels.shape, np.uint8)
    flat_labels, flat_confidence = labels.reshape(-1), confidence.reshape(-1)
    kernels.count_classes(prediction.reshape(-1), flat_labels, tally.given, tally.predicted, tally.correct)
    kernels.sum_confidence(flat_labels, flat_confidence, tally.confidence, tally.lowest, heatmap.reshape(-1))
    if thresholds.size:
        kernels.count_confidence_above(flat_labels, flat_confidence, thresholds, tally.above)
    if temperature is not None:
        kernels.sum_weights(flat_labels, flat_confidence, temperature, tally.lowest, tally.weights, tally.weighted)
    return tally, heatmap
