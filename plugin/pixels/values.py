"""Class probabilities as the compiled loops take them: in the type that they come in, without a copy."""

from __future__ import annotations

import numpy as np

#: What class values are divided by to be probabilities: float32 is what it says, the bits of a float16 are moved to
#: where float32 has its exponent and fraction (see `value_kernels`), and a uint8 counts 255ths
_DIVISORS = {np.dtype(np.float32): 1.0, np.dtype(np.int16): 2.0**-112, np.dtype(np.uint8): 255.0}
_BYTES = np.arange(256, dtype=np.float32) / np.float32(255)


def class_values(probabilities: np.ndarray) -> np.ndarray:
    """The probabilities as class values, C-contiguous; a copy only where their type or layout makes one necessary.

    Args:
        probabilities: (K, ...) float32, float16, or uint8 in 255ths; another type becomes float32

    Returns:
        (K, ...) float32, int16 with the bits of float16, or uint8; all order as the probabilities do.
    """
    if probabilities.dtype == np.float16:
        return np.ascontiguousarray(probabilities).view(np.int16)
    kept = probabilities.dtype == np.uint8
    return np.ascontiguousarray(probabilities, dtype=np.uint8 if kept else np.float32)


def divisor(values: np.ndarray) -> np.float32:
    """What the numbers that the compiled loops make of class values are divided by to be probabilities."""
    return np.float32(_DIVISORS[values.dtype])


def limits(thresholds: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The class values that stand for thresholds: a value is above the one exactly where p is above the other.

    Args:
        thresholds: (T,) float64, in (0, 1)
        values: class values, for their type

    Returns:
        (T,), of that type.
    """
    if values.dtype == np.uint8:
        return (np.searchsorted(_BYTES, thresholds, side="right") - 1).astype(np.uint8)
    rounded = round_down(thresholds, np.float16 if values.dtype == np.int16 else np.float32)
    return rounded.view(values.dtype)


def round_down(thresholds: np.ndarray, dtype: type[np.floating] = np.float32) -> np.ndarray:
    """As another type, each rounded down: p > t holds for the same p of that type as before."""
    exact = np.asarray(thresholds, np.float64)
    rounded = exact.astype(dtype)
    return np.where(rounded > exact, np.nextafter(rounded, dtype(0)), rounded)
