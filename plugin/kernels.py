"""Every compiled function of the engine: plain loops over pixels, called through the modules that explain them.

They share one file because numba's cache notices a change of a function's own file only, not of the functions it calls.
Probabilities come as (K, N) float32, labels as (N,) int16 with a negative value where a pixel takes no part.
"""

from __future__ import annotations

import math

import numpy as np

from .compiled import kernel
from .types import IGNORED

#: Pixels of one class that are worked on at a time: with their scratch space they fit a first-level cache
CHUNK_PIXELS = 4096
#: Pixels whose count above a threshold is taken at once; where it is 0 the larger thresholds are skipped
COUNT_PIXELS = 512
#: Cells of [0, 1] that the search for a confidence's thresholds starts from; a power of two, so that cells are exact
CELLS = 1024
#: Probabilities are summed as integers, in steps of this size, so that no order of the summation changes the sum
STEPS = 2.0**32


@kernel()
def scan_image(
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
    """Passes once over an image; fills the last four arrays. See `scan.scan`.

    Args:
        width: pixels a row
        thresholds: (T,) float32, positive, ascending; empty for no counts
        factor: side of a block
        sizes: (h, w) float64 pixels of each block that take part, at least 1
        prediction: (N,) int16
        confidence: (N,) float32
        above: (K, T) int64, zeros
        pooled: (K, h, w) float32; (K, 0, 0) for no pooling
    """
    classes, pixels = probabilities.shape
    chunk = width * factor * max(1, CHUNK_PIXELS // (width * factor))
    best, winner = np.empty(chunk, np.float32), np.empty(chunk, np.int32)
    kept, columns = np.empty(chunk, np.float32), np.empty(width, np.float64)
    for start in range(0, pixels, chunk):
        size, row = min(chunk, pixels - start), start // (width * factor)
        part = labels[start : start + size]
        complete = part.min() >= 0
        best[:size] = probabilities[0, start : start + size]
        winner[:size] = 0
        for k in range(classes):
            values = probabilities[k, start : start + size]
            _raise_maximum(values, k, best, winner)
            # Two calls, as values and kept differ in type where the caller's array is read-only
            if complete:
                _count_and_pool(values, width, thresholds, factor, sizes[row:], columns, above[k], pooled[k, row:])
            else:
                _keep(values, part, kept)
                taken = kept[:size]
                _count_and_pool(taken, width, thresholds, factor, sizes[row:], columns, above[k], pooled[k, row:])
        for i in range(size):
            prediction[start + i] = winner[i]
        _gather(probabilities, part, start, confidence)


@kernel()
def _raise_maximum(values: np.ndarray, index: int, best: np.ndarray, winner: np.ndarray) -> None:
    for i in range(values.size):
        larger = values[i] > best[i]
        best[i] = values[i] if larger else best[i]
        winner[i] = np.int32(index) if larger else winner[i]


@kernel()
def _gather(probabilities: np.ndarray, labels: np.ndarray, start: int, confidence: np.ndarray) -> None:
    for i in range(labels.size):
        label = labels[i]
        given = probabilities[label, start + i] if label >= 0 else np.float32(1)
        confidence[start + i] = min(max(given, np.float32(0)), np.float32(1))


@kernel()
def _keep(values: np.ndarray, labels: np.ndarray, kept: np.ndarray) -> None:
    """Copies the values, with 0 where a pixel takes no part: above no threshold, and nothing to a sum."""
    for i in range(values.size):
        kept[i] = values[i] if labels[i] >= 0 else np.float32(0)


@kernel()
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
        _pool_rows(values, width, factor, sizes, columns, pooled)


@kernel()
def _count_above(values: np.ndarray, thresholds: np.ndarray, above: np.ndarray) -> None:
    for start in range(0, values.size, COUNT_PIXELS):
        part = values[start : start + COUNT_PIXELS]
        for t in range(thresholds.size):
            count = _count(part, thresholds[t])
            if count == 0:
                break
            above[t] += np.int64(count)


@kernel(fastmath={"reassoc"})
def _count(values: np.ndarray, threshold: np.float32) -> np.float32:
    # Only a float32 sum that may be reordered becomes vector instructions; up to 2**24 it is exact
    count = np.float32(0)
    for i in range(values.size):
        count += np.float32(1) if values[i] > threshold else np.float32(0)
    return count


@kernel()
def _pool_rows(
    values: np.ndarray, width: int, factor: int, sizes: np.ndarray, columns: np.ndarray, pooled: np.ndarray
) -> None:
    """Averages rows of one class that begin where a block begins; ``columns`` is (width,) float64 scratch."""
    rows = values.size // width
    for top in range(0, rows, factor):
        for x in range(width):
            columns[x] = values[top * width + x]
        for y in range(top + 1, min(top + factor, rows)):
            row = values[y * width : (y + 1) * width]
            for x in range(width):
                columns[x] += row[x]
        _pool_columns(columns, factor, sizes[top // factor], pooled[top // factor])


@kernel()
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


@kernel()
def pool_planes(
    probabilities: np.ndarray, labels: np.ndarray, width: int, factor: int, sizes: np.ndarray, pooled: np.ndarray
) -> None:
    """Averages all classes over blocks; fills ``pooled`` (K, h, w) float32. See `scan_image` for the others."""
    chunk = width * factor * max(1, CHUNK_PIXELS // (width * factor))
    kept, columns = np.empty(chunk, np.float32), np.empty(width, np.float64)
    for start in range(0, labels.size, chunk):
        part, row = labels[start : start + chunk], start // (width * factor)
        for k in range(probabilities.shape[0]):
            _keep(probabilities[k, start : start + part.size], part, kept)
            _pool_rows(kept[: part.size], width, factor, sizes[row:], columns, pooled[k, row:])


@kernel()
def vote(labels: np.ndarray, factor: int, votes: np.ndarray, pooled: np.ndarray, sizes: np.ndarray) -> None:
    """Elects the class of each block, the smaller where votes are equal, and counts its pixels that take part.

    Args:
        labels: (H, W) int16
        factor: side of a block
        votes: (K,) int64, zeros before and after
        pooled: (h, w) int16, filled; `IGNORED` where nothing takes part
        sizes: (h, w) float64, filled; at least 1
    """
    height, width = labels.shape
    for y in range(pooled.shape[0]):
        for x in range(pooled.shape[1]):
            bottom, right = min((y + 1) * factor, height), min((x + 1) * factor, width)
            block = labels[y * factor : bottom, x * factor : right]
            winner, most, total = np.int16(IGNORED), 0, 0
            for i in range(block.shape[0]):
                for j in range(block.shape[1]):
                    label = block[i, j]
                    if label >= 0:
                        total += 1
                        votes[label] += 1
                        if votes[label] > most or (votes[label] == most and label < winner):
                            winner, most = label, votes[label]
            for i in range(block.shape[0]):
                for j in range(block.shape[1]):
                    if block[i, j] >= 0:
                        votes[block[i, j]] = 0
            pooled[y, x] = winner
            sizes[y, x] = max(total, 1)


@kernel()
def count_classes(
    prediction: np.ndarray, labels: np.ndarray, given: np.ndarray, predicted: np.ndarray, correct: np.ndarray
) -> None:
    """Adds to three (K,) int64 counts; a negative ``prediction`` (N,) int16 belongs to no class."""
    for i in range(labels.size):
        if labels[i] < 0:
            continue
        given[labels[i]] += 1
        if prediction[i] >= 0:
            predicted[prediction[i]] += 1
            correct[prediction[i]] += prediction[i] == labels[i]


@kernel()
def sum_confidence(
    labels: np.ndarray, confidence: np.ndarray, sums: np.ndarray, lowest: np.ndarray, heatmap: np.ndarray
) -> None:
    """Adds to the (K,) float64 sums, lowers the (K,) float64 minima, fills the (N,) uint8 heatmap."""
    for i in range(labels.size):
        s = np.float64(confidence[i])
        heatmap[i] = np.uint8(255.0 * (1.0 - s) + 0.5) if labels[i] >= 0 else np.uint8(0)
        if labels[i] >= 0:
            sums[labels[i]] += s
            lowest[labels[i]] = min(lowest[labels[i]], s)


@kernel()
def count_confidence_above(
    labels: np.ndarray, confidence: np.ndarray, thresholds: np.ndarray, above: np.ndarray
) -> None:
    """Fills ``above`` (K, T) int64 with the pixels of each given class whose confidence exceeds each threshold."""
    below_cell = np.empty(CELLS + 1, np.int64)
    for cell in range(CELLS + 1):
        below_cell[cell] = (thresholds < np.float32(cell) / np.float32(CELLS)).sum()
    bins = np.zeros((above.shape[0], thresholds.size + 1), np.int64)
    for i in range(labels.size):
        if labels[i] >= 0:
            t = below_cell[int(confidence[i] * np.float32(CELLS))]
            while t < thresholds.size and confidence[i] > thresholds[t]:
                t += 1
            bins[labels[i], t] += 1
    for k in range(above.shape[0]):
        for t in range(thresholds.size):
            above[k, t] = bins[k, t + 1 :].sum()


@kernel()
def sum_weights(
    labels: np.ndarray,
    confidence: np.ndarray,
    temperature: float,
    lowest: np.ndarray,
    weights: np.ndarray,
    weighted: np.ndarray,
) -> None:
    """Adds to the (K,) float64 sums of the softmin weights, and of the weighted confidences."""
    for i in range(labels.size):
        k = labels[i]
        if k >= 0:
            s = np.float64(confidence[i])
            # Shifted by the smallest s, the largest weight is 1 whatever the temperature
            weight = math.exp((lowest[k] - s) / temperature)
            weights[k] += weight
            weighted[k] += weight * s


@kernel()
def find_maximum(probabilities: np.ndarray, limits: np.ndarray, largest: np.ndarray, winner: np.ndarray) -> None:
    """Finds the class of the largest probability among those that reach their class's limit.

    Args:
        limits: (K,) float32; -inf where any probability will do
        largest: (N,) float32, filled; -1 where no class reaches its limit
        winner: (N,) int16, filled; the smaller class where several are equal, -1 where no class reaches its limit
    """
    classes, pixels = probabilities.shape
    best, index = np.empty(CHUNK_PIXELS, np.float32), np.empty(CHUNK_PIXELS, np.int32)
    for start in range(0, pixels, CHUNK_PIXELS):
        size = min(CHUNK_PIXELS, pixels - start)
        best[:size] = np.float32(-1)
        index[:size] = -1
        for k in range(classes):
            _raise_limited(probabilities[k, start : start + size], limits[k], k, best, index)
        for i in range(size):
            largest[start + i] = best[i]
            winner[start + i] = index[i]


@kernel()
def _raise_limited(values: np.ndarray, limit: np.float32, index: int, best: np.ndarray, winner: np.ndarray) -> None:
    for i in range(values.size):
        larger = (values[i] > best[i]) & (values[i] >= limit)
        best[i] = values[i] if larger else best[i]
        winner[i] = np.int32(index) if larger else winner[i]


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
