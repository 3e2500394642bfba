"""Pooling over square blocks: the mean of the probabilities, the majority vote of the labels."""

from __future__ import annotations

import numpy as np
from numba import njit

from .types import IGNORED


def pool_probabilities(probabilities: np.ndarray, factor: int, labels: np.ndarray | None = None) -> np.ndarray:
    """Averages every class over blocks of ``factor`` × ``factor`` pixels; blocks at the edge over the pixels they have.

    The sums are taken in float64, so the result does not depend on the order of the pixels in a block.

    Args:
        probabilities: (K, H, W) floating point, in [0, 1]
        factor: side of a block in pixels, at least 1
        labels: (H, W) given classes; where given, pixels that are `IGNORED` take no part, and a block of nothing
            else is 0

    Returns:
        (K, h, w) float32 with h = ceil(H / factor), w = ceil(W / factor).
    """
    probabilities = np.ascontiguousarray(probabilities, dtype=np.float32)
    classes, height, width = probabilities.shape
    taking_part = np.ones((height, width), bool) if labels is None else np.asarray(labels) >= 0
    pooled = np.empty((classes, -(-height // factor), -(-width // factor)), np.float32)
    _pool_planes(probabilities.reshape(classes, -1), taking_part, factor, block_sizes(taking_part, factor), pooled)
    return pooled


def pool_labels(labels: np.ndarray, factor: int, classes: int) -> np.ndarray:
    """Gives every block of ``factor`` × ``factor`` pixels the class that most of its pixels have.

    Averaging class numbers would invent classes (0 and 2 would become 1); a vote cannot.

    Args:
        labels: (H, W) int16 class indices below ``classes``, `IGNORED` where a pixel takes no part
        factor: side of a block in pixels, at least 1
        classes: number of classes K

    Returns:
        (h, w) int16; the smaller class where votes are equal, `IGNORED` where no pixel of a block takes part.
    """
    labels = np.ascontiguousarray(labels, dtype=np.int16)
    height, width = labels.shape
    pooled = np.empty((-(-height // factor), -(-width // factor)), np.int16)
    _vote(labels, factor, np.zeros(classes, np.int64), pooled)
    return pooled


def block_sizes(taking_part: np.ndarray, factor: int) -> np.ndarray:
    """Counts the pixels of each block that take part.

    Args:
        taking_part: (H, W) bool
        factor: side of a block in pixels

    Returns:
        (h, w) float64, at least 1: the divisor of a block's sum, which is 0 where nothing takes part.
    """
    rows = np.add.reduceat(taking_part, np.arange(0, taking_part.shape[0], factor), axis=0, dtype=np.float64)
    sizes = np.add.reduceat(rows, np.arange(0, taking_part.shape[1], factor), axis=1)
    return np.maximum(sizes, 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def keep_taking_part(values: np.ndarray, taking_part: np.ndarray, kept: np.ndarray) -> None:
    """Copies ``values`` into ``kept``, with 0 where a pixel takes no part; all three are (n,)."""
    for i in range(values.size):
        kept[i] = values[i] if taking_part[i] else np.float32(0)


@njit(cache=True, nogil=True, error_model="numpy")
def pool_rows(
    values: np.ndarray, width: int, factor: int, sizes: np.ndarray, columns: np.ndarray, pooled: np.ndarray
) -> None:
    """Averages some rows of one class; ``values`` is 0 where a pixel takes no part.

    Args:
        values: (rows · width,) float32, rows that begin where a block begins
        width: pixels a row
        factor: side of a block
        sizes: (≥ block rows, w) float64 pixels that take part in each block
        columns: (width,) float64 scratch
        pooled: (≥ block rows, w) float32, written
    """
    rows = values.size // width
    for top in range(0, rows, factor):
        for x in range(width):
            columns[x] = values[top * width + x]
        for y in range(top + 1, min(top + factor, rows)):
            row = values[y * width : (y + 1) * width]
            for x in range(width):
                columns[x] += row[x]
        _pool_columns(columns, factor, sizes[top // factor], pooled[top // factor])


@njit(cache=True, nogil=True, error_model="numpy")
def _pool_columns(columns: np.ndarray, factor: int, sizes: np.ndarray, pooled: np.ndarray) -> None:
    whole = columns.size // factor
    if factor == 4:
        # The usual factor, written out: a loop of unknown length would not become vector instructions
        for block in range(whole):
            x = 4 * block
            total = (columns[x] + columns[x + 1]) + (columns[x + 2] + columns[x + 3])
            pooled[block] = total / sizes[block]
    else:
        for block in range(whole):
            pooled[block] = columns[block * factor : (block + 1) * factor].sum() / sizes[block]
    if whole < pooled.size:
        pooled[whole] = columns[whole * factor :].sum() / sizes[whole]


@njit(cache=True, nogil=True, error_model="numpy")
def _pool_planes(
    probabilities: np.ndarray, taking_part: np.ndarray, factor: int, sizes: np.ndarray, pooled: np.ndarray
) -> None:
    width = taking_part.shape[1]
    kept = np.empty(taking_part.size, np.float32)
    columns = np.empty(width, np.float64)
    for k in range(probabilities.shape[0]):
        keep_taking_part(probabilities[k], taking_part.ravel(), kept)
        pool_rows(kept, width, factor, sizes, columns, pooled[k])


@njit(cache=True, nogil=True, error_model="numpy")
def _vote(labels: np.ndarray, factor: int, votes: np.ndarray, pooled: np.ndarray) -> None:
    height, width = labels.shape
    for y in range(pooled.shape[0]):
        for x in range(pooled.shape[1]):
            block = labels[y * factor : min((y + 1) * factor, height), x * factor : min((x + 1) * factor, width)]
            for label in block.flat:
                if label >= 0:
                    votes[label] += 1
            winner, most = np.int16(IGNORED), 0
            for label in block.flat:
                if label >= 0 and (votes[label] > most or (votes[label] == most and label < winner)):
                    winner, most = label, votes[label]
            pooled[y, x] = winner
            for label in block.flat:
                if label >= 0:
                    votes[label] = 0
