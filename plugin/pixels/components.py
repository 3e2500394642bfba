"""Connected components of (predicted, given) class pairs: the score that asks for whole regions that are wrong."""

from __future__ import annotations

import numpy as np

from .compiled import kernel


def component_score(
    prediction: np.ndarray, labels: np.ndarray, confidence: np.ndarray, classes: int, average: str = "components"
) -> float:
    """Averages the probability of the given class over the 8-connected components of each (predicted, given) pair.

    Every component counts the same whatever its size, so a small region that is wrong throughout is not drowned.

    Args:
        prediction: (h, w) predicted class indices
        labels: (h, w) given class indices, negative where ignored
        confidence: (h, w) probability of the given class, in [0, 1]
        classes: number of classes K
        average: ``components`` for the mean over all components, or ``classes`` for the mean over the given classes
            of the mean over each one's components

    Returns:
        The score in [0, 1]; low is suspicious. nan where every pixel is ignored.

    References:
        Lad and Mueller, "Estimating label quality and errors in semantic segmentation data via any model", 2023,
        section 3.
    """
    scores, given = _components(prediction, labels, confidence, classes)
    if not scores.size:
        return float("nan")
    if average == "components":
        return float(scores.mean())
    counts = np.bincount(given, minlength=classes)
    sums = np.bincount(given, weights=scores, minlength=classes)
    return float((sums[counts > 0] / counts[counts > 0]).mean())


def _components(
    prediction: np.ndarray, labels: np.ndarray, confidence: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """The mean confidence and the given class of each component."""
    pairs = np.where(labels >= 0, prediction.astype(np.int32) * np.int32(classes) + labels, np.int32(-1))
    first, sums, sizes = np.empty(pairs.size, np.int32), np.zeros(pairs.size), np.zeros(pairs.size, np.int32)
    find_components(pairs, first)
    _sum_components(first, np.ascontiguousarray(confidence, np.float64).reshape(-1), sums, sizes)
    found = np.flatnonzero(sizes)
    return sums[found] / sizes[found], labels.reshape(-1)[found]


@kernel()
def find_components(pairs: np.ndarray, first: np.ndarray) -> None:
    """Fills ``first`` (h w,) int32 with the first pixel, in order of rows, of each one's component; -1 for no pair.

    Args:
        pairs: (h, w) int32 pair of classes; negative where a pixel takes no part
    """
    height, width = pairs.shape
    for y in range(height):
        for x in range(width):
            pair, pixel = pairs[y, x], np.int32(y * width + x)
            first[pixel] = pixel if pair >= 0 else np.int32(-1)
            if pair < 0:
                continue
            # Those of the neighbours before that touch one another are joined already
            if y > 0 and pairs[y - 1, x] == pair:
                first[pixel] = first[pixel - width]
                continue
            if x > 0 and pairs[y, x - 1] == pair:
                first[pixel] = first[pixel - 1]
            elif x > 0 and y > 0 and pairs[y - 1, x - 1] == pair:
                first[pixel] = first[pixel - width - 1]
            if y > 0 and x + 1 < width and pairs[y - 1, x + 1] == pair:
                _join(first, pixel, np.int32(pixel - width + 1))
    for pixel in range(first.size):
        if first[pixel] >= 0:
            first[pixel] = first[first[pixel]]


@kernel()
def _join(first: np.ndarray, one: np.int32, other: np.int32) -> None:
    """Makes two pixels' components one; its pixels lead on to earlier ones of it, the first to itself."""
    start = one
    while first[one] != one:
        one = first[one]
    while first[other] != other:
        other = first[other]
    first[one] = first[other] = first[start] = min(one, other)


@kernel()
def _sum_components(first: np.ndarray, confidence: np.ndarray, sums: np.ndarray, sizes: np.ndarray) -> None:
    """Adds up confidence (h w,) and number of the pixels of each component, at its first one."""
    for pixel in range(first.size):
        if first[pixel] >= 0:
            sums[first[pixel]] += confidence[pixel]
            sizes[first[pixel]] += 1
