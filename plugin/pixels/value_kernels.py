"""What kernels make of class values, whatever their type: numbers, and whether they are that.

What is here for one class value is no kernel, but compiled into those that call it, here and elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from .compiled import as_cached, kernel


def number(value: Any) -> Any:
    """A class value as float32; divided by `values.divisor` it is the probability."""
    return np.float32(value)


@overload(number, strict=False)
def _compile_number(value: Any) -> Any:
    def convert(value: Any) -> Any:
        return np.float32(value)

    def widen(value: Any) -> Any:
        # Moved to where float32 has its exponent and fraction, the bits of a float16 are 2^-112 times the number
        return np.uint32((np.uint32(value) & np.uint32(0x7FFF)) << np.uint32(13)).view(np.float32)

    return as_cached(widen if value == types.int16 else convert)


def is_finite(value: Any) -> bool:
    """Whether a class value is neither NaN nor infinite."""
    return bool(np.isfinite(value))


@overload(is_finite, strict=False)
def _compile_is_finite(value: Any) -> Any:
    def compare(value: Any) -> Any:
        return abs(value) < np.inf

    def look_at_exponent(value: Any) -> Any:
        return (value & np.int16(0x7C00)) != np.int16(0x7C00)

    def agree(value: Any) -> Any:
        return True

    return as_cached(look_at_exponent if value == types.int16 else compare if isinstance(value, types.Float) else agree)


def sums_below(values: Any) -> Any:
    """A float32 that sums of numbers of class values reach only where some are NaN, infinite or far above 1."""
    return np.float32(np.inf)


@overload(sums_below, strict=False)
def _compile_sums_below(values: Any) -> Any:
    def as_float(values: Any) -> Any:
        return np.float32(np.inf)

    def of_half(values: Any) -> Any:
        # What `number` makes of the bits of infinity
        return np.float32(2.0**-96)

    return as_cached(of_half if values.dtype == types.int16 else as_float)


@kernel()
def are_below(sums: np.ndarray, limit: np.float32) -> bool:
    """Whether the numbers (n,) float32 are, either side of 0; NaN is not."""
    below = True
    for i in range(sums.size):
        below &= abs(sums[i]) < limit
    return below


@kernel()
def are_finite(values: np.ndarray, labels: np.ndarray) -> bool:
    """Whether the class values (N,) are, where a pixel takes part."""
    finite = True
    for i in range(values.size):
        finite &= is_finite(values[i]) or labels[i] < 0
    return finite


@kernel()
def clip(given: np.ndarray, divisor: np.float32, labels: np.ndarray, confidence: np.ndarray) -> None:
    """Fills the probability of the given class, in [0, 1]; 1 where a pixel takes no part."""
    for i in range(labels.size):
        s = min(max(number(given[i]) / divisor, np.float32(0)), np.float32(1))
        confidence[i] = s if labels[i] >= 0 else np.float32(1)


@kernel()
def find_lowest(values: np.ndarray, divisor: np.float32, labels: np.ndarray, lowest: np.ndarray) -> None:
    """Lowers (K + 1,) float64 minima to the given class's probability, clipped to [0, 1]."""
    for i in range(labels.size):
        k = labels[i]
        if k >= 0:
            s = min(max(number(values[k, i]) / divisor, np.float32(0)), np.float32(1))
            lowest[k] = min(lowest[k], np.float64(s))
