"""A mask as instances of the whole image, one a class, as annotation services take masks; and back again.

What an annotator changes on such an instance is what differs from the one that was sent: the rest of the mask is as it
was, pixel by pixel, whatever the service does to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

#: A brush leaves soft edges: from this opacity on, of 0..255, a pixel is inside
HALF = 128


def instances_of(labels: np.ndarray, classes: int, unlabelled: int | None) -> Iterator[tuple[int, np.ndarray]]:
    """The instances of a mask.

    Args:
        labels: (H, W) int16 class indices below ``classes``, negative where ignored
        classes: number of classes K
        unlabelled: class that is what nothing else is, which has no instance; or None

    Yields:
        each class that the mask has, and its pixels, (H, W) bool
    """
    for index in range(classes):
        if index != unlabelled:
            inside = labels == index
            if inside.any():
                yield index, inside


def recombined(labels: np.ndarray, instances: Sequence[tuple[int, np.ndarray]], unlabelled: int | None) -> np.ndarray:
    """A mask from instances that came back, some of them changed.

    Args:
        labels: (H, W) int16 class indices of the mask that was sent, negative where ignored
        instances: of a class each, in the order in which they were drawn, (H, W) uint8 opacity
        unlabelled: as of `instances_of`

    Returns:
        (H, W) int16: a pixel is of the class that it was added to, of the last where there are several, over what has
        it as before; where it was taken from its class and added to none it is unlabelled, or as it was where there is
        no such class; all others are as they were
    """
    covered = np.zeros(labels.shape, bool)
    for index, opacity in instances:
        covered |= (opacity >= HALF) & (labels == index)
    after = labels.copy()
    if unlabelled is not None:
        after[~covered & (labels >= 0) & (labels != unlabelled)] = unlabelled
    for index, opacity in instances:
        after[(opacity >= HALF) & (labels != index)] = index
    return after
