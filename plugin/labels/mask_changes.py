"""How a corrected mask differs from the given one: which pixels, from which class to which, and what of a region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.types import IGNORED

#: Share of a region's pixels from which on it counts as changed: as a suspect is real where half of it is wrong
MOST = 0.5


@dataclass(frozen=True)
class RegionChange:
    """What a correction did to a region.

    Args:
        changed: share of its pixels that have another class now, in [0, 1]; 0 of none
        became: class index that most of those pixels have now, the smaller one where two are as frequent; `IGNORED`
            where they are ignored; None where none has changed
    """

    changed: float
    became: int | None

    @property
    def resolved(self) -> bool:
        """Whether most of the region was changed."""
        return self.became is not None and self.changed >= MOST


def changed_pairs(given: np.ndarray, corrected: np.ndarray, classes: int) -> np.ndarray:
    """The changed pixels of an image by the class that they had and the one that they have.

    Args:
        given: (H, W) int16 class indices below ``classes``, `IGNORED` where ignored
        corrected: likewise
        classes: number of classes K

    Returns:
        (n, 3) int64 of given class, corrected class and pixels, sorted by the two classes; pairs of one class twice
        are none of them
    """
    changed = given != corrected
    # Ignored pixels, -1, count as a class before the others
    side = classes + 1
    before, after = (values[changed].astype(np.int64) - IGNORED for values in (given, corrected))
    counts = np.bincount(before * side + after, minlength=side * side)
    (pairs,) = np.nonzero(counts)
    return np.stack([pairs // side + IGNORED, pairs % side + IGNORED, counts[pairs]], axis=1)


def region_change(inside: np.ndarray, given: np.ndarray, corrected: np.ndarray) -> RegionChange:
    """What a correction did to a region.

    Args:
        inside: (H, W) bool, the region
        given: (H, W) int16 class indices, `IGNORED` where ignored
        corrected: likewise
    """
    after = corrected[inside]
    changed = after[after != given[inside]]
    if not changed.size:
        return RegionChange(0.0, None)
    counts = np.bincount(changed.astype(np.int64) - IGNORED)
    return RegionChange(changed.size / after.size, int(counts.argmax()) + IGNORED)
