"""The compiled pass over an image, called through `scan`.

Class values come as (K, N) float32, as the bits of float16 in int16, or as uint8: all three order
as the probabilities do, so most of the work needs no conversion. Labels are (N,) int16 with a negative value where a
pixel takes no part.

The pass goes by class through the tiles of a chunk, see `tile_kernels`. Most classes are nowhere near the likeliest in
a tile and above no threshold, which its largest values tell.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiled import kernel
from .lanes import (
    LANES,
    above,
    anywhere,
    choose,
    count_above,
    equal,
    fill,
    largest_of_four,
    load,
    load_to_change,
    prefetch,
    store,
    store_sums_of_four,
    sum_of_four,
    total,
)
from .pool_kernels import CHUNK_PIXELS
from .tally_kernels import tally
from .tile_kernels import ROWS, TILE, copy_rows, lay_out, put_back
from .value_kernels import are_below, are_finite, clip, sums_below


@kernel()
def scan_image(
    values: np.ndarray,
    divisor: np.float32,
    labels: np.ndarray,
    width: int,
    limits: np.ndarray,
    shares: np.ndarray,
    tallying: tuple[Any, ...],
    prediction: np.ndarray,
    heatmap: np.ndarray,
    exceeding: np.ndarray,
    pooled: np.ndarray,
) -> bool:
    """Passes once over an image; fills the last four arrays, and what `tally` fills. See `scan.scan`.

    Returns whether all values of pixels that take part are finite; what it has filled means nothing where not.

    Args:
        divisor: of the values, see `class_values`
        width: pixels a row
        limits: (T,) thresholds as class values, ascending; empty for no counts
        shares: (h, w) float32, what a sum over 4 × 4 pixels is multiplied by to be its mean
        tallying: the arguments of `tally` from ``thresholds`` to ``sums``
        prediction: (N,) int16
        heatmap: (N,) uint8
        exceeding: (K, T) int64, zeros
        pooled: (K, h, w) float32 means over 4 × 4 pixels; (K, 0, 0) for none
    """
    classes, pixels = values.shape
    across = (width + LANES - 1) // LANES
    down = max(1, CHUNK_PIXELS // (across * TILE))
    chunk, tiles = down * ROWS * width, down * across
    label, whole = np.empty(tiles * TILE, np.int16), np.empty(tiles, np.bool_)
    best, least = np.empty(tiles * TILE, values.dtype), np.empty(tiles * LANES, values.dtype)
    winner, given = np.empty(tiles * TILE, np.int16), np.zeros(tiles * TILE, values.dtype)
    sums, counts = np.empty(across * (LANES // 4), np.float32), np.zeros(limits.size * LANES, np.int32)
    filled = best, least, winner, given, sums, counts
    present = np.zeros((classes, tiles), np.bool_)
    flat, last_rows, stride = values.reshape(-1), np.zeros(across * TILE, values.dtype), across * LANES
    confidence, taken = np.empty(chunk, np.float32), np.empty(chunk, values.dtype)
    finite, below = True, sums_below(values)
    for start in range(0, pixels, chunk):
        size = min(chunk, pixels - start)
        part, winners = labels[start : start + size], prediction[start : start + size]
        lay_out(part, width, across, label, whole, present)
        for k in range(classes):
            # The same pixels of the next class, or the next pixels of the first
            ahead = pixels if k + 1 < classes else chunk - k * pixels
            for row in range((size // width + ROWS - 1) // ROWS):
                first, tile = k * pixels + start + row * ROWS * width, row * across
                # Two calls, as the arrays differ in type where the caller's is read-only
                if first + (ROWS - 1) * width + stride <= flat.size:
                    if k == 0:
                        _begin(flat, first, width, tile, across, best, least, winner)
                    _scan_tiles(flat, first, width, ahead, k, tile, limits, label, whole, present[k], *filled)
                else:
                    copy_rows(flat[first : first + ROWS * width], width, stride, last_rows)
                    if k == 0:
                        _begin(last_rows, 0, stride, tile, across, best, least, winner)
                    _scan_tiles(last_rows, 0, stride, 0, k, tile, limits, label, whole, present[k], *filled)
                if not are_below(sums, below):
                    finite &= are_finite(values[k, start : start + size], part)
                if pooled.size:
                    _scale(sums, shares[start // (width * ROWS) + row], pooled[k, start // (width * ROWS) + row])
            if counts.size:
                _collect(counts, exceeding[k])
        put_back(winner, width, across, winners)
        put_back(given, width, across, taken[:size])
        clip(taken, divisor, part, confidence)
        tally(part, winners, confidence, *tallying, heatmap[start : start + size])
    return finite


@kernel()
def _begin(
    values: np.ndarray,
    start: int,
    stride: int,
    first: int,
    across: int,
    best: np.ndarray,
    least: np.ndarray,
    winner: np.ndarray,
) -> None:
    """Takes the first class for the likeliest, in a row of tiles. See `_scan_tiles`."""
    for column in range(across):
        i, tile = start + column * LANES, first + column
        lowest = load(values, i)
        for y in range(ROWS):
            line = load(values, i + y * stride)
            store(best, tile * TILE + y * LANES, line)
            store(winner, tile * TILE + y * LANES, fill(np.int16(0)))
            lowest = choose(above(lowest, line), line, lowest)
        store(least, tile * LANES, lowest)


@kernel()
def _scan_tiles(
    values: np.ndarray,
    start: int,
    stride: int,
    ahead: int,
    k: int,
    first: int,
    limits: np.ndarray,
    label: np.ndarray,
    whole: np.ndarray,
    present: np.ndarray,
    best: np.ndarray,
    least: np.ndarray,
    winner: np.ndarray,
    given: np.ndarray,
    sums: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Takes a class into a row of tiles.

    Args:
        values: (n,) class values
        start: index of the first tile's first one
        stride: values from one row to the next
        ahead: how many values after these those lie that are needed soon
        k: the class
        first: index of the first tile
        limits: (T,) as for `scan_image`
        label: (tiles · 64,) int16, of the tiles' pixels
        whole: (tiles,) bool, whether all of a tile's pixels take part
        present: (tiles,) bool, whether the class is given to some; False afterwards
        best: (tiles · 64,) largest values so far, raised
        least: (tiles · 16,) smallest of these in each of a tile's columns
        winner: (tiles · 64,) int16, classes of the largest values
        given: (tiles · 64,) values of the given class, filled where it is this one
        sums: (columns · 4,) float32 sums of the numbers of 4 × 4 pixels that take part, filled
        counts: (T · 16,) int32 pixels that take part and are above a limit, added to in any of its 16 places
    """
    for column in range(sums.size // (LANES // 4)):
        i, tile = start + column * LANES, first + column
        for y in range(ROWS):
            prefetch(values, i + ahead + y * stride)
        a, b = load(values, i), load(values, i + stride)
        c, d = load(values, i + 2 * stride), load(values, i + 3 * stride)
        peak = largest_of_four(a, b, c, d)
        # Where a pixel takes no part, its value may be NaN, and hide others
        if not whole[tile] or anywhere(above(peak, load(least, tile * LANES))):
            _raise_best(values, i, stride, np.int16(k), tile, best, least, winner)
        if present[tile]:
            present[tile] = False
            _take(values, i, stride, np.int16(k), tile, label, given)
        if not whole[tile]:
            j, none, nothing = tile * TILE, fill(np.int16(-1)), fill(values.dtype.type(0))
            a = choose(above(load(label, j), none), a, nothing)
            b = choose(above(load(label, j + LANES), none), b, nothing)
            c = choose(above(load(label, j + 2 * LANES), none), c, nothing)
            d = choose(above(load(label, j + 3 * LANES), none), d, nothing)
            peak = largest_of_four(a, b, c, d)
        store_sums_of_four(sums, column * (LANES // 4), sum_of_four(a, b, c, d))
        for t in range(limits.size):
            limit = fill(limits[t])
            if not anywhere(above(peak, limit)):
                break
            count_above(counts, t * LANES, a, b, c, d, limit)


@kernel()
def _raise_best(
    values: np.ndarray,
    start: int,
    stride: int,
    k: np.int16,
    tile: int,
    best: np.ndarray,
    least: np.ndarray,
    winner: np.ndarray,
) -> None:
    lowest = load(best, tile * TILE)
    for y in range(ROWS):
        i = tile * TILE + y * LANES
        value, most = load(values, start + y * stride), load_to_change(best, i)
        higher = above(value, most)
        most = choose(higher, value, most)
        store(best, i, most)
        store(winner, i, choose(higher, fill(k), load_to_change(winner, i)))
        lowest = most if y == 0 else choose(above(lowest, most), most, lowest)
    store(least, tile * LANES, lowest)


@kernel()
def _take(
    values: np.ndarray, start: int, stride: int, k: np.int16, tile: int, label: np.ndarray, given: np.ndarray
) -> None:
    for y in range(ROWS):
        i = tile * TILE + y * LANES
        ours = equal(load(label, i), fill(k))
        store(given, i, choose(ours, load(values, start + y * stride), load_to_change(given, i)))


@kernel()
def _scale(sums: np.ndarray, shares: np.ndarray, pooled: np.ndarray) -> None:
    for block in range(pooled.size):
        # Adding 0 makes a negative zero positive
        pooled[block] = (sums[block] + np.float32(0)) * shares[block]


@kernel()
def _collect(counts: np.ndarray, exceeding: np.ndarray) -> None:
    """Adds up a class's counts, which are 0 afterwards."""
    for t in range(exceeding.size):
        count = total(load(counts, t * LANES))
        if count == 0:
            break
        exceeding[t] += count
        store(counts, t * LANES, fill(np.int32(0)))
