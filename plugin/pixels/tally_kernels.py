"""The compiled sums over pixels by their given class, called through `tally`."""

from __future__ import annotations

import math

import numpy as np

from .compiled import kernel

#: Pixels whose sums are prepared at a time
TALLY_PIXELS = 512
#: Copies of a class's sums and counts, used in turn: none has to wait for the one of the pixel before
COPIES = 4
_LOG2_E, _LN_2 = 1 / math.log(2), math.log(2)
#: Taylor terms 1 / n! of e^f: for f in [-ln(2) / 2, ln(2) / 2] good to float64's last bits
_TERMS = tuple(1 / math.factorial(n) for n in range(13))


@kernel()
def tally(
    labels: np.ndarray,
    prediction: np.ndarray,
    confidence: np.ndarray,
    thresholds: np.ndarray,
    shift: np.ndarray,
    coldness: float,
    shifted: bool,
    bins: np.ndarray,
    predicted: np.ndarray,
    sums: np.ndarray,
    heatmap: np.ndarray,
) -> None:
    """Sums up pixels by their given class; adds to three arrays, and fills the heatmap. See `tally.Tally`.

    A class has `COPIES` rows in each array, used in turn, and so have the pixels that take no part, as if of class K.

    Args:
        prediction: (N,) int16; a negative one belongs to no class
        confidence: (N,) float32 probability of the given class, in [0, 1]; 1 where a pixel takes no part
        thresholds: (T,) float32; may be empty
        shift: (K + 1,) float64, what the confidence is taken from in its weight
        coldness: 1 / temperature of the weights
        shifted: whether not all of ``shift`` is 0
        bins: (COPIES (K + 1), 2, T + 1) int32 pixels by class, whether it is predicted, and thresholds exceeded
        predicted: (COPIES (K + 1),) int32 pixels predicted each class
        sums: (COPIES (K + 1), 3) float64 sums of the confidence, of the weights, and of the weighted confidence
        heatmap: (N,) uint8
    """
    indices, weights = np.empty((3, TALLY_PIXELS), np.int32), np.empty(TALLY_PIXELS, np.float64)
    rows, places, exceeded = indices[0], indices[1], indices[2]
    flat_bins, flat_sums, each, none = (
        bins.reshape(-1),
        sums.reshape(-1),
        thresholds.size + 1,
        np.uint16(shift.size - 1),
    )
    for start in range(0, labels.size, TALLY_PIXELS):
        stop = min(start + TALLY_PIXELS, labels.size)
        label, seen, s = labels[start:stop], prediction[start:stop], confidence[start:stop]
        _find_rows(label, label, none, rows)
        _count_exceeded(s, thresholds, exceeded)
        for i in range(label.size):
            places[i] = (np.int32(2) * rows[i] + np.int32(label[i] == seen[i])) * np.int32(each) + exceeded[i]
        for i in range(label.size):
            flat_bins[places[i]] += np.int32(1)
        _find_rows(seen, label, none, places)
        for i in range(label.size):
            predicted[places[i]] += np.int32(1)
        for i in range(label.size):
            weights[i] = -coldness * np.float64(s[i])
        if shifted:
            for i in range(label.size):
                weights[i] += coldness * shift[min(np.uint16(label[i]), none)]
        _exponentials(weights[: label.size])
        for i in range(label.size):
            place, sure, weight = 3 * rows[i], np.float64(s[i]), weights[i]
            flat_sums[place] += sure
            flat_sums[place + 1] += weight
            flat_sums[place + 2] += weight * sure
        for i in range(label.size):
            heatmap[start + i] = np.uint8(255.0 * (1.0 - np.float64(s[i])) + 0.5)


@kernel()
def _find_rows(classes: np.ndarray, labels: np.ndarray, none: np.uint16, rows: np.ndarray) -> None:
    """Fills the row of each pixel's class, negative ones being large as unsigned numbers; see `tally`."""
    for i in range(classes.size):
        label, k = min(np.uint16(labels[i]), none), min(np.uint16(classes[i]), none)
        rows[i] = np.int32(i % COPIES) * (np.int32(none) + np.int32(1)) + np.int32(k if label < none else none)


@kernel()
def _count_exceeded(confidence: np.ndarray, thresholds: np.ndarray, exceeded: np.ndarray) -> None:
    exceeded[:] = 0
    for t in range(thresholds.size):
        for i in range(confidence.size):
            exceeded[i] += np.int32(confidence[i] > thresholds[t])


@kernel(fastmath={"contract"})
def _exponentials(values: np.ndarray) -> None:
    """e to the power of each, in place; a call of ``exp`` a value would not become vector instructions."""
    for i in range(values.size):
        exponent = max(values[i] * _LOG2_E, -1023.0)
        whole = np.floor(exponent + 0.5)
        f = (exponent - whole) * _LN_2
        power = _TERMS[12]
        power = power * f + _TERMS[11]
        power = power * f + _TERMS[10]
        power = power * f + _TERMS[9]
        power = power * f + _TERMS[8]
        power = power * f + _TERMS[7]
        power = power * f + _TERMS[6]
        power = power * f + _TERMS[5]
        power = power * f + _TERMS[4]
        power = power * f + _TERMS[3]
        power = power * f + _TERMS[2]
        power = power * f + _TERMS[1]
        power = power * f + _TERMS[0]
        values[i] = power * np.int64((np.int64(np.int32(whole)) + 1023) << 52).view(np.float64)
