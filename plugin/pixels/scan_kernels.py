"""The compiled pass over an image: plain loops over pixels, called through the modules that explain them.

Class values come as (K, N) float32, as the bits of float16 in int16, or as uint8: all three order
as the probabilities do, so most of the work needs no conversion, and takes as many at a time as a register holds.
Labels are (N,) int16 with a negative value where a pixel takes no part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from .compiled import TILE_COLUMNS, TILE_ROWS, as_cached, count_tile, kernel
from .tally_kernels import tally

#: Pixels of one class that are worked on at a time: with their scratch space they fit a first-level cache
CHUNK_PIXELS = 4096


def _number(value: Any) -> Any:
    """A class value as float32; divided by `values.divisor` it is the probability."""
    return np.float32(value)


@overload(_number, strict=False)
def _compile_number(value: Any) -> Any:
    def convert(value: Any) -> Any:
        return np.float32(value)

    def widen(value: Any) -> Any:
        # Moved to where float32 has its exponent and fraction, the bits of a float16 are 2^-112 times the number
        return np.uint32((np.uint32(value) & np.uint32(0x7FFF)) << np.uint32(13)).view(np.float32)

    return as_cached(widen if value == types.int16 else convert)


def _is_finite(value: Any) -> bool:
    """Whether a class value is neither NaN nor infinite."""
    return bool(np.isfinite(value))


@overload(_is_finite, strict=False)
def _compile_is_finite(value: Any) -> Any:
    def compare(value: Any) -> Any:
        return abs(value) < np.inf

    def look_at_exponent(value: Any) -> Any:
        return (value & np.int16(0x7C00)) != np.int16(0x7C00)

    def agree(value: Any) -> Any:
        return True

    return as_cached(look_at_exponent if value == types.int16 else compare if isinstance(value, types.Float) else agree)


@kernel()
def scan_image(
    values: np.ndarray,
    divisor: np.float32,
    labels: np.ndarray,
    width: int,
    limits: np.ndarray,
    factor: int,
    shares: np.ndarray,
    tallying: tuple[Any, ...],
    prediction: np.ndarray,
    heatmap: np.ndarray,
    above: np.ndarray,
    pooled: np.ndarray,
) -> bool:
    """Passes once over an image; fills the last four arrays, and what `tally` fills. See `scan.scan`.

    Returns whether all values of pixels that take part are finite; what it has filled means nothing where not.

    Args:
        divisor: of the values, see `class_values`
        width: pixels a row
        limits: (T,) thresholds as class values, ascending; empty for no counts
        factor: side of a block
        shares: (h, w) float32, what a block's sum is multiplied by to be its mean
        tallying: the arguments of `tally` from ``thresholds`` to ``sums``
        prediction: (N,) int16
        heatmap: (N,) uint8
        above: (K, T) int64, zeros
        pooled: (K, h, w) float32; (K, 0, 0) for no pooling
    """
    classes, pixels = values.shape
    chunk = width * factor * max(1, CHUNK_PIXELS // (width * factor))
    best, given, kept = (np.empty(chunk, values.dtype), np.empty(chunk, values.dtype), np.empty(chunk, values.dtype))
    confidence, columns = np.empty(chunk, np.float32), np.empty(width, np.float32)
    seen, finite = np.zeros(classes, np.bool_), True
    for start in range(0, pixels, chunk):
        size, row = min(chunk, pixels - start), start // (width * factor)
        part, winner = labels[start : start + size], prediction[start : start + size]
        complete = part.min() >= 0
        _mark(part, seen)
        # A loop, as the assignment of a slice would take seconds to compile
        for i in range(size):
            best[i], winner[i] = values[0, start + i], np.int16(0)
        for k in range(classes):
            plane = values[k, start : start + size]
            if k % 2 == 0:
                # The last one's next is itself, which changes nothing
                _raise_maximum(plane, values[min(k + 1, classes - 1), start : start + size], k, best, winner)
            if seen[k]:
                seen[k] = False
                _take(plane, part, np.int16(k), given)
            # Two calls, as plane and kept differ in type where the caller's array is read-only
            if complete:
                finite &= _are_finite(plane)
                _count_and_pool(plane, width, limits, factor, shares[row:], columns, above[k], pooled[k, row:])
            else:
                _take_all(plane, part, kept)
                finite &= _are_finite(kept[:size])
                _count_and_pool(kept[:size], width, limits, factor, shares[row:], columns, above[k], pooled[k, row:])
        _clip(given, divisor, part, confidence)
        tally(part, winner, confidence, *tallying, heatmap[start : start + size])
    return finite


@kernel()
def _mark(labels: np.ndarray, seen: np.ndarray) -> None:
    for i in range(labels.size):
        if labels[i] >= 0:
            seen[labels[i]] = True


# In these loops all is read before it is chosen from: a choice between reads would not become vector instructions


@kernel()
def _raise_maximum(values: np.ndarray, following: np.ndarray, index: int, best: np.ndarray, winner: np.ndarray) -> None:
    """Takes in two classes at a time, as reading and writing the best so far is most of the work."""
    for i in range(values.size):
        value, next_value, most, before = values[i], following[i], best[i], winner[i]
        first = value > most
        most = value if first else most
        before = np.int16(index) if first else before
        second = next_value > most
        best[i] = next_value if second else most
        winner[i] = np.int16(index + 1) if second else before


@kernel()
def _take(values: np.ndarray, labels: np.ndarray, label: np.int16, given: np.ndarray) -> None:
    for i in range(values.size):
        value, before = values[i], given[i]
        given[i] = value if labels[i] == label else before


@kernel()
def _take_all(values: np.ndarray, labels: np.ndarray, kept: np.ndarray) -> None:
    """Copies the values, with 0 where a pixel takes no part: above no threshold, and nothing to a sum."""
    nothing = kept.dtype.type(0)
    for i in range(values.size):
        value = values[i]
        kept[i] = value if labels[i] >= 0 else nothing


@kernel()
def _are_finite(values: np.ndarray) -> bool:
    finite = True
    for i in range(values.size):
        finite &= _is_finite(values[i])
    return finite


@kernel()
def _clip(given: np.ndarray, divisor: np.float32, labels: np.ndarray, confidence: np.ndarray) -> None:
    """Fills the probability of the given class, in [0, 1]; 1 where a pixel takes no part."""
    for i in range(labels.size):
        s = min(max(_number(given[i]) / divisor, np.float32(0)), np.float32(1))
        confidence[i] = s if labels[i] >= 0 else np.float32(1)


@kernel()
def _count_and_pool(
    values: np.ndarray,
    width: int,
    limits: np.ndarray,
    factor: int,
    shares: np.ndarray,
    columns: np.ndarray,
    above: np.ndarray,
    pooled: np.ndarray,
) -> None:
    if limits.size:
        _count_above(values, width, limits, above)
    # The usual factor by name: only loops of known length become vector instructions
    if pooled.size and factor == 4:
        _pool_rows(values, width, 4, shares, columns, pooled)
    elif pooled.size:
        _pool_rows(values, width, factor, shares, columns, pooled)


@kernel()
def _count_above(values: np.ndarray, width: int, limits: np.ndarray, above: np.ndarray) -> None:
    rows = values.size // width
    whole_rows, whole_columns = rows // TILE_ROWS * TILE_ROWS, width // TILE_COLUMNS * TILE_COLUMNS
    for top in range(0, whole_rows, TILE_ROWS):
        for start in range(top * width, top * width + whole_columns, TILE_COLUMNS):
            _count_tile_above(values, start, width, limits, above)
    if whole_rows < rows or whole_columns < width:
        _count_edges(values, width, limits, above)


@kernel()
def _count_edges(values: np.ndarray, width: int, limits: np.ndarray, above: np.ndarray) -> None:
    """Counts what no whole tile has, in copies of the tiles filled up with 0."""
    rows, tile = values.size // width, np.zeros(TILE_ROWS * TILE_COLUMNS, values.dtype)
    whole_rows, whole_columns = rows // TILE_ROWS * TILE_ROWS, width // TILE_COLUMNS * TILE_COLUMNS
    for top in range(0, rows, TILE_ROWS):
        for left in range(whole_columns if top < whole_rows else 0, width, TILE_COLUMNS):
            tile[:] = 0
            for y in range(min(TILE_ROWS, rows - top)):
                for x in range(min(TILE_COLUMNS, width - left)):
                    tile[y * TILE_COLUMNS + x] = values[(top + y) * width + left + x]
            _count_tile_above(tile, 0, TILE_COLUMNS, limits, above)


@kernel()
def _count_tile_above(values: np.ndarray, start: int, width: int, limits: np.ndarray, above: np.ndarray) -> None:
    for t in range(limits.size):
        count = count_tile(values, start, width, limits[t])
        if count == 0:
            break
        above[t] += count


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
            total += _number(values[y * width + x]) + _number(values[(y + 1) * width + x])
        columns[x] = total + _number(values[(rows - 1) * width + x]) if rows % 2 else total


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


@kernel()
def find_lowest(values: np.ndarray, divisor: np.float32, labels: np.ndarray, lowest: np.ndarray) -> None:
    """Lowers (K + 1,) float64 minima to the given class's probability, clipped to [0, 1]."""
    for i in range(labels.size):
        k = labels[i]
        if k >= 0:
            s = min(max(_number(values[k, i]) / divisor, np.float32(0)), np.float32(1))
            lowest[k] = min(lowest[k], np.float64(s))


@kernel()
def pool_planes(
    values: np.ndarray, labels: np.ndarray, width: int, factor: int, shares: np.ndarray, pooled: np.ndarray
) -> None:
    """Averages all classes over blocks; fills ``pooled`` (K, h, w) float32. See `scan_image` for the others."""
    chunk = width * factor * max(1, CHUNK_PIXELS // (width * factor))
    kept, columns = np.empty(chunk, values.dtype), np.empty(width, np.float32)
    nothing = np.empty(0, values.dtype)
    for start in range(0, labels.size, chunk):
        part, row = labels[start : start + chunk], start // (width * factor)
        for k in range(values.shape[0]):
            _take_all(values[k, start : start + part.size], part, kept)
            _count_and_pool(
                kept[: part.size], width, nothing, factor, shares[row:], columns, np.empty(0, np.int64), pooled[k, row:]
            )
