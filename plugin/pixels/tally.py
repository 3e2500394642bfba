"""Per-class sums over the pixels of one image, from which the non-spatial scores follow by their formulas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import tally_kernels as kernels

#: Below this temperature the weights of confidences in [0, 1] would span more than float64 does
_COLD = 1 / 600


@dataclass(frozen=True)
class Tally:
    """Sums over the pixels that take part, by class; integers are exact, the others float64.

    Args:
        given: (K,) int64 pixels given the class
        predicted: (K,) int64 pixels predicted the class
        correct: (K,) int64 pixels given and predicted the class
        confidence: (K,) sum of the probability s of the given class, over the pixels given the class
        shift: (K,) what a class's s is measured from, so that no weight over- or underflows
        weights: (K,) sum of exp((shift − s) / temperature), over the pixels given the class
        weighted: (K,) sum of s times that weight
        temperature: of the weights; nan where they were not asked for
        above: (K, T) int64 pixels given the class and with s above the threshold
    """

    given: np.ndarray
    predicted: np.ndarray
    correct: np.ndarray
    confidence: np.ndarray
    shift: np.ndarray
    weights: np.ndarray
    weighted: np.ndarray
    temperature: float
    above: np.ndarray


class TallySums:
    """The sums as the compiled loops take them up.

    Args:
        classes: number of classes K
        thresholds: (T,) float32, ascending; may be empty
        temperature: of the softmin weights, or None where they are not asked for

    Attributes:
        shift: (K + 1,) float64 as in `Tally`, and of pixels that take no part; to be set to the smallest s where `cold`
        cold: whether exp(−s / temperature) can be too small for a float64
        arguments: of `tally_kernels.tally`, after the pixels'
    """

    def __init__(self, classes: int, thresholds: np.ndarray, temperature: float | None) -> None:
        self.cold = temperature is not None and temperature < _COLD
        self.shift = np.zeros(classes + 1)
        self.shift[:classes] = np.inf if self.cold else 0.0
        self._temperature = temperature
        rows = kernels.COPIES * (classes + 1)
        self._bins = np.zeros((rows, 2, thresholds.size + 1), np.int32)
        self._predicted = np.zeros(rows, np.int32)
        self._sums = np.zeros((rows, 3))
        coldness = 1 / temperature if temperature else 0.0
        self.arguments: tuple[Any, ...] = (
            thresholds, self.shift, coldness, self.cold, self._bins, self._predicted, self._sums,
        )  # fmt: skip

    def tally(self) -> Tally:
        """The sums of what has been taken up."""
        bins, predicted, sums = (self._by_class(rows) for rows in (self._bins, self._predicted, self._sums))
        by_thresholds = bins.sum(axis=1)
        exceeding = by_thresholds[:, ::-1].cumsum(axis=1)[:, ::-1]
        return Tally(
            given=exceeding[:, 0],
            predicted=predicted,
            correct=bins[:, 1].sum(axis=1),
            confidence=sums[:, 0],
            shift=self.shift[:-1],
            weights=sums[:, 1],
            weighted=sums[:, 2],
            temperature=math.nan if self._temperature is None else self._temperature,
            above=exceeding[:, 1:],
        )

    def _by_class(self, rows: np.ndarray) -> np.ndarray:
        """The sums of each class's copies, counts as int64."""
        copies = rows.reshape(kernels.COPIES, -1, *rows.shape[1:])[:, :-1]
        return copies.sum(axis=0, dtype=np.float64 if rows.dtype == np.float64 else np.int64)


def tally_agreement(prediction: np.ndarray, labels: np.ndarray, classes: int) -> tuple[Tally, np.ndarray]:
    """Sums up one image whose given classes are as likely as they agree with the predicted ones, 1 or 0.

    Args:
        prediction: (H, W) int16 predicted class indices; a negative one belongs to no class
        labels: (H, W) int16 class indices below K, negative where ignored
        classes: number of classes K

    Returns:
        The sums, without thresholds and weights, and the heatmap (H, W) uint8: 255 where the two differ.
    """
    sums, heatmap = TallySums(classes, np.empty(0, np.float32), None), np.empty(labels.shape, np.uint8)
    agreement = ((prediction == labels) | (labels < 0)).astype(np.float32)
    pixels = [values.reshape(-1) for values in (labels, prediction, agreement)]
    kernels.tally(*pixels, *sums.arguments, heatmap.reshape(-1))
    return sums.tally(), heatmap
