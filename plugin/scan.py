"""The one pass over an image's probabilities: predicted class, probability of the given class, counts, pooling.

All that touches every class of every pixel happens here, a few thousand pixels at a time, so that each probability
is fetched from memory once and everything else works in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import kernels
from .pooling import vote


@dataclass(frozen=True)
class Scan:
    """What one pass over the probabilities of an image gives.

    Args:
        prediction: (H, W) int16 class of the largest probability, the smaller index where several are equal
        confidence: (H, W) float32 probability of the given class, clipped to [0, 1]; 1 on ignored pixels
        above: (K, T) int64 pixels that take part and whose probability of the class exceeds the threshold; None
            without thresholds
        pooled: (K, h, w) float32 mean over the pixels of a block that take part; None without pooling
        pooled_labels: (h, w) int16 majority vote over them; None without pooling
    """

    prediction: np.ndarray
    confidence: np.ndarray
    above: np.ndarray | None
    pooled: np.ndarray | None
    pooled_labels: np.ndarray | None


def scan(probabilities: np.ndarray, labels: np.ndarray, thresholds: np.ndarray, factor: int | None) -> Scan:
    """Passes once over the probabilities of an image.

    Args:
        probabilities: (K, H, W) float32, C-contiguous, in [0, 1]
        labels: (H, W) int16 class indices below K, negative where ignored, C-contiguous
        thresholds: (T,) float32, positive, ascending; empty for no counts
        factor: side of the pooled blocks in pixels, or None for no pooling

    Returns:
        The results of the pass.
    """
    classes, height, width = probabilities.shape
    prediction, confidence = np.empty((height, width), np.int16), np.empty((height, width), np.float32)
    above = np.zeros((classes, thresholds.size), np.int64)
    pooled_labels, sizes = vote(labels, factor, classes) if factor else (None, np.empty((0, 0)))
    pooled = np.empty((classes, *sizes.shape), np.float32)
    flat = probabilities.reshape(classes, -1), labels.reshape(-1)
    outputs = prediction.reshape(-1), confidence.reshape(-1), above, pooled
    kernels.scan_image(*flat, width, thresholds, factor or 1, sizes, *outputs)
    counts = above if thresholds.size else None
    return Scan(prediction, confidence, counts, pooled if factor else None, pooled_labels)


def predict(probabilities: np.ndarray, limits: np.ndarray | None = None) -> np.ndarray:
    """The class of the largest probability, the smaller index where several are equal.

    Args:
        probabilities: (K, ...) float32, in [0, 1]
        limits: (K,) float32; where given, only a class whose probability reaches its limit counts

    Returns:
        (...) int16; -1 where no class reaches its limit.
    """
    return largest(probabilities, limits)[0]


def largest(probabilities: np.ndarray, limits: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """As `predict`, and the probability of that class, (...) float32; -1 where there is none."""
    flat = np.ascontiguousarray(probabilities, dtype=np.float32).reshape(len(probabilities), -1)
    limits = np.full(len(flat), -np.inf, np.float32) if limits is None else limits
    best, winner = np.empty(flat.shape[1], np.float32), np.empty(flat.shape[1], np.int16)
    kernels.find_maximum(flat, limits, best, winner)
    return winner.reshape(probabilities.shape[1:]), best.reshape(probabilities.shape[1:])
