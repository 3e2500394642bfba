"""The one pass over an image's probabilities: predicted class, probability of the given class, counts, pooling.

All that touches every class of every pixel happens here, a few thousand pixels at a time, so that each probability
is fetched from memory once and everything else works in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from .pooling import block_sizes, keep_taking_part, pool_rows

#: Pixels of one class that are worked on at a time: with their scratch space they fit a first-level cache
CHUNK_PIXELS = 4096
#: Pixels whose count above a threshold is taken at once; where it is 0 the larger thresholds are skipped
COUNT_PIXELS = 512


@dataclass(frozen=True)
class Scan:
    """What one pass over the probabilities of an image gives.

    Args:
        prediction: (H, W) int16 class of the largest probability, the smaller index where several are equal
        confidence: (H, W) float32 probability of the given class, clipped to [0, 1]; 1 on ignored pixels
        above: (K, T) int64 pixels that take part and whose probability of the class exceeds the threshold; None
            without thresholds
        pooled: (K, h, w) float32 mean over the pixels of a block that take part; None without pooling
    """

    prediction: np.ndarray
    confidence: np.ndarray
    above: np.ndarray | None
    pooled: np.ndarray | None


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
    sizes = block_sizes(labels >= 0, factor) if factor else np.empty((0, 0))
    pooled = np.empty((classes, *sizes.shape), np.float32)
    flat = probabilities.reshape(classes, -1), labels.reshape(-1)
    outputs = prediction.reshape(-1), confidence.reshape(-1), above, pooled
    _scan(*flat, width, thresholds, factor or 1, sizes, *outputs)
    return Scan(prediction, confidence, above if thresholds.size else None, pooled if factor else None)


@njit(cache=True, nogil=True, error_model="numpy")
def raise_maximum(values: np.ndarray, index: int, best: np.ndarray, winner: np.ndarray) -> None:
    """Updates the running maximum ``best`` (n,) float32 and its class ``winner`` (n,) int32 with one more class."""
    for i in range(values.size):
        larger = values[i] > best[i]
        best[i] = values[i] if larger else best[i]
        winner[i] = np.int32(index) if larger else winner[i]


@njit(cache=True, nogil=True, error_model="numpy")
def gather_given(probabilities: np.ndarray, labels: np.ndarray, start: int, confidence: np.ndarray) -> None:
    """Writes the probability of the given class, 1 on ignored pixels.

    Args:
        probabilities: (K, N) float32
        labels: (n,) class indices of the pixels from ``start`` on
        start: first pixel
        confidence: (n,) float32, written
    """
    for i in range(labels.size):
        given = probabilities[labels[i], start + i] if labels[i] >= 0 else np.float32(1)
        confidence[i] = min(max(given, np.float32(0)), np.float32(1))


# A float32 sum that may be reordered becomes vector instructions; it is exact, as it counts at most COUNT_PIXELS
@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc"})
def _count(values: np.ndarray, threshold: np.float32) -> np.float32:
    count = np.float32(0)
    for i in range(values.size):
        count += np.float32(1) if values[i] > threshold else np.float32(0)
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _count_above(values: np.ndarray, thresholds: np.ndarray, above: np.ndarray) -> None:
    for start in range(0, values.size, COUNT_PIXELS):
        part = values[start : start + COUNT_PIXELS]
        for t in range(thresholds.size):
            count = _count(part, thresholds[t])
            if count == 0:
                break
            above[t] += np.int64(count)


@njit(cache=True, nogil=True, error_model="numpy")
def _count_and_pool(
    values: np.ndarray,
    width: int,
    thresholds: np.ndarray,
    factor: int,
    sizes: np.ndarray,
    columns: np.ndarray,
    above: np.ndarray,
    pooled: np.ndarray,
) -> None:
    if thresholds.size:
        _count_above(values, thresholds, above)
    if pooled.size:
        pool_rows(values, width, factor, sizes, columns, pooled)


@njit(cache=True, nogil=True, error_model="numpy")
def _scan(
    probabilities: np.ndarray,
    labels: np.ndarray,
    width: int,
    thresholds: np.ndarray,
    factor: int,
    sizes: np.ndarray,
    prediction: np.ndarray,
    confidence: np.ndarray,
    above: np.ndarray,
    pooled: np.ndarray,
) -> None:
    classes, pixels = probabilities.shape
    chunk = width * factor * max(1, CHUNK_PIXELS // (width * factor))
    best, winner = np.empty(chunk, np.float32), np.empty(chunk, np.int32)
    kept, columns = np.empty(chunk, np.float32), np.empty(width, np.float64)
    for start in range(0, pixels, chunk):
        size, row = min(chunk, pixels - start), start // (width * factor)
        part = labels[start : start + size]
        taking_part = part >= 0
        complete = taking_part.all()
        best[:size] = probabilities[0, start : start + size]
        winner[:size] = 0
        for k in range(classes):
            values = probabilities[k, start : start + size]
            raise_maximum(values, k, best[:size], winner[:size])
            # Two calls, as values and kept differ in type where the caller's array is read-only
            if complete:
                _count_and_pool(values, width, thresholds, factor, sizes[row:], columns, above[k], pooled[k, row:])
            else:
                keep_taking_part(values, taking_part, kept)
                taken = kept[:size]
                _count_and_pool(taken, width, thresholds, factor, sizes[row:], columns, above[k], pooled[k, row:])
        prediction[start : start + size] = winner[:size]
        gather_given(probabilities, part, start, confidence[start : start + size])
