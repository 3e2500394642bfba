"""Levels of suspicion: pixels, and images, as far as a run expects their labels to be wrong.

They are the strata of the sample. A level that is chosen badly costs precision, and leaves the estimates right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Level:
    """One level.

    Args:
        name: as a design keeps it
        text: in words, of pixels
        rate: share that is expected to be wrong beforehand: it decides how many are drawn, and nothing else
    """

    name: str
    text: str
    rate: float


#: Of pixels. The rates are about what the sets of ``python -m benchmarks estimate`` have, but the lowest, which are far
#: above: among so many pixels of which so few are wrong, a single error that is found would weigh too much
PLACE_LEVELS = (
    Level("confirmed", "in suspects that were confirmed", 0.85),
    Level("likely", "in suspects of a probability of 0.75 or more", 0.85),
    Level("possible", "in other suspects", 0.5),
    Level("rejected", "in suspects that were rejected", 0.05),
    Level("doubted", "no suspect, but the given class has a probability of 0.25 at most", 0.05),
    Level("unsure", "no suspect, and the given class has a probability of 0.25 to 0.75", 0.01),
    Level("sure", "no suspect, and the given class has a probability of 0.75 or more", 0.005),
)
CONFIRMED, LIKELY, POSSIBLE, REJECTED, DOUBTED, UNSURE, SURE = range(len(PLACE_LEVELS))
#: Of images; `CONFIRMED` are known to be wrong, and none of them is drawn
IMAGE_LEVELS = (
    Level("confirmed", "with a suspect that was confirmed and is large enough", 1.0),
    Level("likely", "with a suspect of a probability of 0.75 or more", 0.85),
    Level("possible", "with other suspects", 0.5),
    Level("doubted", "without a suspect, of a lower quality", 0.15),
    Level("sure", "without a suspect, of a higher quality", 0.05),
)
IMAGE_DOUBTED, IMAGE_SURE = 3, 4
#: From this probability on a suspect is likely
LIKELY_FROM = 0.75
#: Suspicion, in 0..255, from which on a pixel is doubted, or unsure
_DOUBTED_FROM, _UNSURE_FROM = 192, 64


def suspect_level(probability: float | None) -> int:
    """The level of pixels in a suspect that nobody has reviewed; one that is not rated is possible."""
    return LIKELY if probability is not None and probability >= LIKELY_FROM else POSSIBLE


def place_levels(suspicion: np.ndarray, regions: Iterable[tuple[int, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The level of each pixel of an image.

    Args:
        suspicion: (H, W) uint8, 255 · (1 − probability of the given class)
        regions: level and (H, W) bool pixels of each suspect; where they overlap, the one of the first level counts

    Returns:
        (H, W) int8 level, and (H, W) int32 number of the region, -1 where there is none
    """
    levels = np.full(suspicion.shape, SURE, np.int8)
    levels[suspicion >= _UNSURE_FROM] = UNSURE
    levels[suspicion >= _DOUBTED_FROM] = DOUBTED
    owner = np.full(suspicion.shape, -1, np.int32)
    for number, (level, inside) in sorted(enumerate(regions), key=lambda one: (-one[1][0], one[0])):
        levels[inside], owner[inside] = level, number
    return levels, owner
