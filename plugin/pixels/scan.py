"""The one pass over an image's probabilities, which gives all that the image's scores are made from.

All that touches every class of every pixel happens here, a few thousand pixels at a time, so that each probability
is fetched from memory once and everything else works in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import block_kernels, pool_kernels, value_kernels
from . import scan_kernels as kernels
from .pooling import shares, vote
from .tally import Tally, TallySums
from .values import class_values, divisor, limits, round_down


@dataclass(frozen=True)
class Scan:
    """What one pass over the probabilities of an image gives.

    Args:
        prediction: (H, W) int16 class of the largest probability, the smaller index where several are equal
        heatmap: (H, W) uint8: 255 · (1 − s) rounded half up, s the probability of the given class clipped to [0, 1]; 0
            on ignored pixels
        tally: sums over the pixels that take part
        above: (K, T) int64 pixels that take part and whose probability of the class exceeds the threshold
        pooled: (K, h, w) float32 mean over the pixels of a block that take part; None without pooling
        pooled_labels: (h, w) int16 majority vote over them; None without pooling
    """

    prediction: np.ndarray
    heatmap: np.ndarray
    tally: Tally
    above: np.ndarray
    pooled: np.ndarray | None
    pooled_labels: np.ndarray | None


def scan(
    probabilities: np.ndarray,
    labels: np.ndarray,
    thresholds: np.ndarray,
    factor: int | None,
    temperature: float | None,
) -> Scan:
    """Passes once over the probabilities of an image.

    Args:
        probabilities: (K, H, W) float32 or float16, in [0, 1], or uint8 in 255ths; other types and layouts are copied
        labels: (H, W) int16 class indices below K, negative where ignored, C-contiguous
        thresholds: (T,) float64, in (0, 1), ascending; empty for no counts
        factor: side of the pooled blocks in pixels, or None for no pooling
        temperature: of the softmin weights, or None where they are not asked for

    Returns:
        The results of the pass.

    Raises:
        ValueError: A probability of a pixel that takes part is NaN or infinite.
    """
    values = class_values(probabilities)
    classes, (height, width) = len(values), labels.shape
    flat, given = values.reshape(classes, -1), labels.reshape(-1)
    sums = TallySums(classes, round_down(thresholds), temperature)
    if sums.cold:
        value_kernels.find_lowest(flat, divisor(values), given, sums.shift)
    prediction, heatmap = np.empty((height, width), np.int16), np.empty((height, width), np.uint8)
    above = np.zeros((classes, thresholds.size), np.int64)
    pooled_labels, sizes = vote(labels, factor, classes) if factor else (None, np.empty((0, 0), np.int32))
    pooled = np.empty((classes, *sizes.shape), np.float32)
    weights, counting = shares(sizes, divisor(values)), limits(thresholds, values)
    on_the_way = pooled if factor == kernels.ROWS else np.empty((classes, 0, 0), np.float32)
    filled = prediction.reshape(-1), heatmap.reshape(-1), above, on_the_way
    if not kernels.scan_image(flat, divisor(values), given, width, counting, weights, sums.arguments, *filled):
        raise ValueError(_not_finite(probabilities, labels))
    if factor and factor != kernels.ROWS:
        pool_kernels.pool_planes(flat, given, width, factor, weights, pooled)
    return Scan(prediction, heatmap, sums.tally(), above, pooled if factor else None, pooled_labels)


def _not_finite(probabilities: np.ndarray, labels: np.ndarray) -> str:
    """What is wrong with an image's probabilities, some of which are NaN or infinite."""
    wrong = ~np.isfinite(probabilities) & (labels >= 0)
    channel, row, column = np.argwhere(wrong)[0]
    return (
        f"Expected finite probabilities, but {int(wrong.sum())} of {wrong.size} are NaN or infinite, the first in "
        f"class {channel} at row {row}, column {column}: {probabilities[channel, row, column]}."
    )


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
    block_kernels.find_maximum(flat, limits, best, winner)
    return winner.reshape(probabilities.shape[1:]), best.reshape(probabilities.shape[1:])


def given_probability(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The probability of each pixel's given class.

    Args:
        probabilities: (K, ...) float32
        labels: (...) int16 class indices below K, negative where ignored

    Returns:
        (...) float32; 0 where ignored.
    """
    flat = np.ascontiguousarray(probabilities, dtype=np.float32).reshape(len(probabilities), -1)
    given = np.empty(labels.size, np.float32)
    block_kernels.take_given(flat, np.ascontiguousarray(labels, dtype=np.int16).reshape(-1), given)
    return given.reshape(labels.shape)
