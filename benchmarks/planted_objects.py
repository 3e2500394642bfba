"""Planted errors in single objects, as annotators make them: left out, misnamed, cut, drawn too large or too small.

An object is an 8-connected component of a class. Beside the whole classes of `class_errors` these are the errors that
a second model learns from which suspects are real (`suspects.probability`).

References:
    Penquitt et al., "Learning to detect label errors by making them", arXiv 2508.17930 (2025)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

#: left out altogether; given another class; partly left out behind a straight cut; edge too far out; too far in
DROP, SWAP, PART, GROW, SHRINK = OBJECT_ERRORS = ("drop", "swap", "part", "grow", "shrink")
#: Objects that are tried before an image is left as it is
_TRIALS = 8
#: Of a part that is left out: the share of its object
_CUT = (0.2, 0.6)


@dataclass(frozen=True)
class ObjectErrorRules:
    """How large errors in objects are.

    Args:
        unlabelled: index of the class that what is left out gets; None where there is none: it gets the classes around
        min_fraction: the least share of the image's pixels that an error changes
        max_fraction: the largest share of the image's pixels that the object covers
        edge: least and largest displacement of an edge, as shares of the image's longer side
    """

    unlabelled: int | None = None
    min_fraction: float = 0.001
    max_fraction: float = 0.5
    edge: tuple[float, float] = (0.01, 0.05)


@dataclass(frozen=True)
class ObjectError:
    """A mask with an error in one object.

    Args:
        labels: (H, W) int16 class indices, a changed copy
        kind: one of `OBJECT_ERRORS`
        true: the object's class
        changed: (H, W) bool, the pixels that have another class now
    """

    labels: np.ndarray
    kind: str
    true: int
    changed: np.ndarray


def plant_in_object(
    labels: np.ndarray,
    rng: np.random.Generator,
    rules: ObjectErrorRules,
    substitutes: Sequence[int],
    kinds: Sequence[str] = OBJECT_ERRORS,
) -> ObjectError | None:
    """Plants one error in one object, all classes that the image has alike, and all objects of the chosen class.

    Args:
        labels: (H, W) int16 class indices, negative where ignored; ignored pixels stay as they are
        rng: of the object, the kind and the size
        rules: sizes
        substitutes: class indices that a misnamed object may get
        kinds: some of `OBJECT_ERRORS`, all as likely

    Returns:
        The error, or None where no object is large enough.
    """
    objects = _objects(labels, rules)
    for _ in range(_TRIALS if objects else 0):
        true = int(rng.choice(list(objects)))
        chosen = objects[true][int(rng.integers(len(objects[true])))]
        kind = str(rng.choice(list(kinds)))
        noisy = _PLANTERS[kind](_Object(labels, chosen, true, rules, tuple(substitutes)), rng)
        if noisy is None:
            continue
        changed = noisy != labels
        if changed.sum() >= rules.min_fraction * labels.size:
            return ObjectError(noisy, kind, true, changed)
    return None


def _objects(labels: np.ndarray, rules: ObjectErrorRules) -> dict[int, list[np.ndarray]]:
    """Class to the (H, W) masks of its objects of a fitting size; not of the unlabelled class."""
    found: dict[int, list[np.ndarray]] = {}
    least, most = rules.min_fraction * labels.size, rules.max_fraction * labels.size
    for index in np.unique(labels[labels >= 0]).tolist():
        if index == rules.unlabelled:
            continue
        count, numbers, stats, _ = cv2.connectedComponentsWithStats((labels == index).astype(np.uint8), connectivity=8)
        sizes = stats[:, cv2.CC_STAT_AREA]
        fitting = [number for number in range(1, count) if least <= sizes[number] <= most]
        if fitting:
            found[index] = [numbers == number for number in fitting]
    return found


@dataclass(frozen=True)
class _Object:
    """An object of a mask, and the errors in it: (H, W) labels with one, or None where there can be none.

    Args:
        labels: (H, W) int16 class indices, negative where ignored
        inside: (H, W) bool, the object
        true: its class
        rules: sizes
        substitutes: class indices that it may get
    """

    labels: np.ndarray
    inside: np.ndarray
    true: int
    rules: ObjectErrorRules
    substitutes: tuple[int, ...]

    def drop(self, rng: np.random.Generator) -> np.ndarray | None:
        return self._without(self.inside)

    def swap(self, rng: np.random.Generator) -> np.ndarray | None:
        others = [index for index in self.substitutes if index not in (self.true, self.rules.unlabelled)]
        return self._given(self.inside, int(rng.choice(others))) if others else None

    def part(self, rng: np.random.Generator) -> np.ndarray | None:
        rows, columns = np.nonzero(self.inside)
        angle = rng.uniform(0, 2 * np.pi)
        along = columns * np.cos(angle) + rows * np.sin(angle)
        cut = along < np.quantile(along, rng.uniform(*_CUT))
        removed = np.zeros_like(self.inside)
        removed[rows[cut], columns[cut]] = True
        return self._without(removed)

    def grow(self, rng: np.random.Generator) -> np.ndarray | None:
        grown = cv2.dilate(self.inside.astype(np.uint8), self._reach(rng)) > 0
        return self._given(grown & (self.labels >= 0), self.true)

    def shrink(self, rng: np.random.Generator) -> np.ndarray | None:
        # At the image's border an object goes on
        kept = cv2.erode(self.inside.astype(np.uint8), self._reach(rng)) > 0
        return self._nearest(self.inside & ~kept) if kept.any() else None

    def _reach(self, rng: np.random.Generator) -> np.ndarray:
        """A disc as wide as an edge is displaced to either side."""
        reach = max(1, round(float(rng.uniform(*self.rules.edge)) * max(self.labels.shape)))
        return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))

    def _given(self, pixels: np.ndarray, index: int) -> np.ndarray:
        return np.where(pixels, self.labels.dtype.type(index), self.labels)

    def _without(self, removed: np.ndarray) -> np.ndarray | None:
        if self.rules.unlabelled is not None:
            return self._given(removed, self.rules.unlabelled)
        return self._nearest(removed)

    def _nearest(self, freed: np.ndarray) -> np.ndarray | None:
        """Freed pixels take the class that is nearest outside of the object; None where there is nothing outside."""
        others = ~self.inside & (self.labels >= 0)
        if not others.any():
            return None
        rows, columns = ndimage.distance_transform_edt(~others, return_distances=False, return_indices=True)
        result = self.labels.copy()
        result[freed] = self.labels[rows[freed], columns[freed]]
        return result


_PLANTERS: dict[str, Callable[[_Object, np.random.Generator], np.ndarray | None]] = {
    DROP: _Object.drop,
    SWAP: _Object.swap,
    PART: _Object.part,
    GROW: _Object.grow,
    SHRINK: _Object.shrink,
}
