"""The annotated objects of a run, counted while they are written, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ..passes.score_objects import ImageObjects
from ..records.record_parts import ObjectClass, ObjectPart

#: Objects in the saved view, of which FiftyOne makes a dataset of patches: seconds for these, hours for all of many
SHOWN = 100_000
#: Equal steps of quality in which objects are counted
_BINS = 100_000


class ObjectCounts:
    """Objects by class and by quality, as they accumulate.

    Args:
        names: of the K classes
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._images = 0
        self._objects, self._unlike = np.zeros(len(names), np.int64), np.zeros(len(names), np.int64)
        self._quality = np.zeros(len(names))
        self._bins = np.zeros(_BINS, np.int64)

    def counted(self, images: Iterable[ImageObjects]) -> Iterator[ImageObjects]:
        """The same images, each of which is added as it is taken."""
        for image in images:
            found, quality, classes = image.objects, image.objects.quality, len(self._names)
            self._images += bool(quality.size)
            self._objects += np.bincount(found.given, minlength=classes)
            self._unlike += np.bincount(found.given[found.looks_like != found.given], minlength=classes)
            self._quality += np.bincount(found.given, weights=quality, minlength=classes)
            self._bins += np.bincount(np.minimum((quality * _BINS).astype(np.int64), _BINS - 1), minlength=_BINS)
            yield image

    def part(self) -> ObjectPart:
        """What the run's record says of them, less where they are."""
        classes = [
            ObjectClass(name, int(objects), int(unlike), float(quality / objects))
            for name, objects, unlike, quality in zip(
                self._names, self._objects, self._unlike, self._quality, strict=True
            )
            if objects
        ]
        return ObjectPart(objects=int(self._objects.sum()), images=self._images, classes=classes)

    def lowest(self, number: int = SHOWN) -> float | None:
        """A quality up to which at most that many objects are, as many as a step allows; None where all are."""
        total = self._bins.cumsum()
        if total[-1] <= number:
            return None
        # Just below the next step, whose objects would be too many
        return float(np.nextafter(np.searchsorted(total, number, side="right") / _BINS, 0.0))
