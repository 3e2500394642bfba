"""Connected components of (predicted, given) class pairs: the score that asks for whole regions that are wrong."""

from __future__ import annotations

import numpy as np
from skimage.measure import label as connected_components


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
    # 0 is the background of the labelling, so pairs start at 1
    pairs = np.where(labels >= 0, prediction.astype(np.int32) * classes + labels + 1, 0)
    component = connected_components(pairs, background=0, connectivity=2).ravel()
    sizes = np.bincount(component)[1:]
    sums = np.bincount(component, weights=confidence.ravel())[1:]
    given = np.zeros(sizes.size, np.int64)
    given[component[component > 0] - 1] = labels.ravel()[component > 0]
    return sums / sizes, given
