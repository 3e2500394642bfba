"""The compiled means over square blocks of pixels, called through `pooling`."""

from __future__ import annotations

import numpy as np

from .compiled import kernel
from .value_kernels import number

#: Pixels that are worked on at a time: with their scratch space they fit a first-level cache
CHUNK_PIXELS = 4096


@kernel()
def pool_planes(
    values: np.ndarray, labels: np.ndarray, width: int, factor: int, shares: np.ndarray, pooled: np.ndarray
) -> None:
    """Averages all classes over blocks.

    Args:
        values: (K, N) class values
        labels: (N,) int16
        width: pixels a row
        factor: side of a block
        shares: (h, w) float32, what a block's sum is multiplied by to be its mean
        pooled: (K, h, w) float32, filled
    """
    chunk = width * factor * max(1, CHUNK_PIXELS // (width * factor))
    kept, columns = np.empty(chunk, values.dtype), np.empty(width, np.float32)
    for start in range(0, labels.size, chunk):
        part, row = labels[start : start + chunk], start // (width * factor)
        for k in range(values.shape[0]):
            _take_all(values[k, start : start + part.size], part, kept)
            # The usual factor by name: only loops of known length become vector instructions
            if factor == 4:
                _pool_rows(kept[: part.size], width, 4, shares[row:], columns, pooled[k, row:])
            else:
                _pool_rows(kept[: part.size], width, factor, shares[row:], columns, pooled[k, row:])


@kernel()
def _take_all(values: np.ndarray, labels: np.ndarray, kept: np.ndarray) -> None:
    """Copies the values, with 0 where a pixel takes no part: above no threshold, and nothing to a sum."""
    nothing = kept.dtype.type(0)
    for i in range(values.size):
        value = values[i]
        kept[i] = value if labels[i] >= 0 else nothing


@kernel()
def _pool_rows(
    values: np.ndarray, width: int, factor: int, shares: np.ndarray, columns: np.ndarray, pooled: np.ndarray
) -> None:
    """Averages rows of one class that begin where a block begins; ``columns`` is (width,) float32 scratch."""
    rows = values.size // width
    for top in range(0, rows, factor):
        part = values[top * width : min(top + factor, rows) * width]
        if part.size == 4 * width:
            _sum_rows(part, width, 4, columns)
        else:
            _sum_rows(part, width, part.size // width, columns)
        _pool_columns(columns, factor, shares[top // factor], pooled[top // factor])


# Sums are taken by twos, so that a block of equal values has exactly that mean: some power of two times it is no sum
# that rounding touches


@kernel()
def _sum_rows(values: np.ndarray, width: int, rows: int, columns: np.ndarray) -> None:
    for x in range(width):
        total = np.float32(0)
        for y in range(0, rows - 1, 2):
            total += number(values[y * width + x]) + number(values[(y + 1) * width + x])
        columns[x] = total + number(values[(rows - 1) * width + x]) if rows % 2 else total


@kernel()
def _pool_columns(columns: np.ndarray, factor: int, shares: np.ndarray, pooled: np.ndarray) -> None:
    whole = columns.size // factor
    for block in range(whole):
        total = np.float32(0)
        for x in range(block * factor, (block + 1) * factor - 1, 2):
            total += columns[x] + columns[x + 1]
        pooled[block] = (total + columns[(block + 1) * factor - 1] if factor % 2 else total) * shares[block]
    if whole < pooled.size:
        pooled[whole] = columns[whole * factor :].sum() * shares[whole]
