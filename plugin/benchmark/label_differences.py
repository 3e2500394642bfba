"""In how much of an image two masks differ, and what kind of mistake the one made, where the other is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.types import IGNORED
from ..suspects.region_shapes import find_contradicted, find_objects, measure, some_block
from ..suspects.regions import NO_ERROR, leading_kind, region_kind


@dataclass(frozen=True)
class Difference:
    """What is wrong with a given mask.

    Args:
        share: of the pixels that take part in both masks, those of another class, in [0, 1]
        kind: of the mistake that most of them make: one of `regions.KINDS`, or `regions.NO_ERROR` where none differs
    """

    share: float
    kind: str


def compare_labels(given: np.ndarray, truth: np.ndarray, classes: int, unlabelled: int | None) -> Difference:
    """Compares a given mask with the true one.

    Pixels of one given and one true class that hang together are a region, and the kinds of regions are told apart as
    those of suspects are: a thin band along the edge of its true class is a shift, anything else that is given as
    unlabelled is a drop, and most of an object given as another class is a swap.

    Args:
        given: (H, W) int16 class indices, `IGNORED` where ignored
        truth: (H, W) int16 likewise
        classes: number of classes K
        unlabelled: index of the unlabelled class; None where there is none, and then nothing is a drop

    Returns:
        the difference; an image without a pixel that takes part in both has none
    """
    both = (given != IGNORED) & (truth != IGNORED)
    labels = np.where(both, given, IGNORED).astype(np.int16)
    seen = np.where(both, truth, 0).astype(np.int16)
    numbers = find_contradicted(labels, seen, classes)
    pixels, differing = int(both.sum()), int((numbers > 0).sum())
    if not differing:
        return Difference(0.0, NO_ERROR)
    shapes = measure(numbers, labels, seen, find_objects(labels, seen))
    from_unlabelled = labels.ravel()[some_block(numbers)] == (IGNORED if unlabelled is None else unlabelled)
    kinds = [region_kind(shapes, index, bool(one)) for index, one in enumerate(from_unlabelled)]
    return Difference(differing / pixels, leading_kind(kinds, shapes.blocks))
