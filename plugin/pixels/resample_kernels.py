"""The interpolation of predictions, a row of the mask at a time, with the softmax in the same pass.

Compiled functions that call one another are in one file: numba's cache of a caller does not notice when a function of
another file has changed.
"""

from __future__ import annotations

import math

import numpy as np

from .compiled import kernel

#: Grid rows that an output row can be a mean of
TAPS = 4
_LOG2_E = np.float32(1.4426950408889634)
#: Taylor terms ln(2)^n / n! of 2^f: for f in [-1/2, 1/2] good to float32's last bit
_POWERS = tuple(np.float32(math.log(2) ** n / math.factorial(n)) for n in range(8))
_FUSED = {"contract", "nsz"}


@kernel(fastmath=_FUSED)
def resample(
    values: np.ndarray,
    row_taps: np.ndarray,
    row_weights: np.ndarray,
    column_taps: np.ndarray,
    column_weights: np.ndarray,
    softmax: bool,
    out: np.ndarray,
) -> None:
    """Interpolates and normalises; the K lines being worked on stay in the cache.

    Grid rows are widened to the mask's width once and held while output rows need them: picking values of a grid row
    one by one is what costs most.

    Args:
        values: (K, h, w) uint8 or float32
        row_taps: (taps, H) int64, see `resample.axis_map`
        row_weights: (taps, H) float32
        column_taps: (taps, W) int64
        column_weights: (taps, W) float32
        softmax: take the exponential before dividing by the sum
        out: (K, H, W) float32, filled
    """
    classes, height, width = out.shape
    held, slots = np.full(TAPS, -1, np.int64), np.zeros(TAPS, np.int64)
    wide = np.empty((TAPS, classes, width), np.float32)
    line = np.empty(values.shape[2], np.float32)
    lines = np.empty((classes, width), np.float32)
    peak, total = np.empty(width, np.float32), np.empty(width, np.float32)
    bits = np.empty(width, np.int32)
    for y in range(height):
        taps, weights = row_taps[:, y], row_weights[:, y]
        _hold(values, taps, weights, column_taps, column_weights, held, slots, line, wide)
        total[:] = 0
        for k in range(classes):
            _mix_rows(wide[:, k], slots, weights, lines[k])
        if softmax:
            _exponentials(lines, peak, bits, total)
        else:
            _add_up(lines, total)
        _normalise(lines, total, out[:, y])


@kernel(fastmath=_FUSED)
def _hold(
    values: np.ndarray,
    taps: np.ndarray,
    weights: np.ndarray,
    column_taps: np.ndarray,
    column_weights: np.ndarray,
    held: np.ndarray,
    slots: np.ndarray,
    line: np.ndarray,
    wide: np.ndarray,
) -> None:
    """Widens the grid rows that are tapped and not held yet, in place of others; ``slots`` tells where each tap is."""
    free = np.ones(TAPS, np.bool_)
    for tap in range(taps.size):
        slots[tap] = -1
        for slot in range(TAPS):
            if weights[tap] != 0 and held[slot] == taps[tap]:
                slots[tap] = slot
                free[slot] = False
    for tap in range(taps.size):
        if weights[tap] != 0 and slots[tap] < 0:
            slot = 0
            while not free[slot]:
                slot += 1
            free[slot] = False
            held[slot], slots[tap] = taps[tap], slot
            for k in range(values.shape[0]):
                _copy(values[k, taps[tap]], line)
                _mix_columns(line, column_taps, column_weights, wide[slot, k])


@kernel(fastmath=_FUSED)
def _copy(row: np.ndarray, line: np.ndarray) -> None:
    for x in range(line.size):
        line[x] = np.float32(row[x])


@kernel(fastmath=_FUSED)
def _mix_columns(line: np.ndarray, taps: np.ndarray, weights: np.ndarray, mixed: np.ndarray) -> None:
    for x in range(mixed.size):
        mixed[x] = weights[0, x] * line[taps[0, x]]
    for tap in range(1, taps.shape[0]):
        for x in range(mixed.size):
            mixed[x] += weights[tap, x] * line[taps[tap, x]]


@kernel(fastmath=_FUSED)
def _mix_rows(rows: np.ndarray, slots: np.ndarray, weights: np.ndarray, mixed: np.ndarray) -> None:
    first, weight = rows[slots[0]], weights[0]
    # Where there is one row only, it counts a second time with a weight of 0
    other = 1 if weights.size > 1 and weights[1] != 0 else 0
    second, rest = rows[slots[other]], weights[other] if other else np.float32(0)
    for x in range(mixed.size):
        mixed[x] = weight * first[x] + rest * second[x]
    for tap in range(2, weights.size):
        weight = weights[tap]
        if weight != 0:
            row = rows[slots[tap]]
            for x in range(mixed.size):
                mixed[x] += weight * row[x]


@kernel(fastmath=_FUSED)
def _exponentials(lines: np.ndarray, peak: np.ndarray, bits: np.ndarray, total: np.ndarray) -> None:
    """exp(value − largest of its pixel) in place, and their sums; 2^n is put together from its bits, 2^f a polynomial.

    A library call of ``exp`` a value would cost more than all the rest, and keeps the loop from being vectorised.
    """
    classes, width = lines.shape
    peak[:] = lines[0]
    for k in range(1, classes):
        values = lines[k]
        for x in range(width):
            # Not max(), whose care for NaN takes three times as long
            peak[x] = values[x] if values[x] > peak[x] else peak[x]
    powers = bits.view(np.float32)
    for k in range(classes):
        values = lines[k]
        for x in range(width):
            exponent = max((values[x] - peak[x]) * _LOG2_E, np.float32(-126))
            whole = np.floor(exponent + np.float32(0.5))
            bits[x] = (np.int32(whole) + np.int32(127)) << np.int32(23)
            values[x] = exponent - whole
        for x in range(width):
            f = values[x]
            power = _POWERS[7]
            power = power * f + _POWERS[6]
            power = power * f + _POWERS[5]
            power = power * f + _POWERS[4]
            power = power * f + _POWERS[3]
            power = power * f + _POWERS[2]
            power = power * f + _POWERS[1]
            power = power * f + _POWERS[0]
            values[x] = power * powers[x]
            total[x] += values[x]


@kernel(fastmath=_FUSED)
def _add_up(lines: np.ndarray, total: np.ndarray) -> None:
    for k in range(lines.shape[0]):
        for x in range(total.size):
            total[x] += lines[k, x]


@kernel(fastmath=_FUSED)
def _normalise(lines: np.ndarray, total: np.ndarray, out: np.ndarray) -> None:
    classes, width = lines.shape
    for x in range(width):
        if total[x] == 0:
            lines[:, x] = 1
            total[x] = classes
        total[x] = np.float32(1) / total[x]
    for k in range(classes):
        for x in range(width):
            out[k, x] = lines[k, x] * total[x]
