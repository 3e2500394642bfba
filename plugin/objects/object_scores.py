"""A score for each annotated object: how far the predictions contradict it, and what they see in its place.

An object is an 8-connected component of a class in the given mask. Where the largest probability p[c] is not that of
the given class g, a pixel contradicts it by the log-likelihood that c gains, times the margin, as for suspects::

    gain = (p[c] - p[g]) · ln(p[c] / p[g])

and with e, the mean gain over the object's pixels, and s, the share of the image that it covers::

    quality = 1 / (1 + e · s^(1/3) / 0.3)

Probabilities are means over blocks of pixels, and of a block that is not all the object's they are of what is beside it
too: in means over an object each pixel counts by the share of its block that is the object's.

Small objects are often seen as what is around them, also where they are right, so the mean alone has all of them in
front, and the sum, e · s, whatever is large; ``python -m benchmarks objects`` compares these and other powers of s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.measure import label as connected_components

from ..pixels.overlaps import block_overlaps
from ..pixels.pooling import vote
from ..pixels.scan import largest

#: Smaller probabilities count as this one, as in `class_pair_evidence`
_LEAST_PROBABILITY = 0.01
#: Which power of an object's share of the image its contradiction counts with
_POWER = 1 / 3
#: Contradiction, in nats a pixel times that power, of quality 1/2. It moves no object before another one
_MIDDLING = 0.3


@dataclass(frozen=True)
class Objects:
    """n objects of an image, as columns.

    Args:
        given: (n,) int16 class index in the given mask
        looks_like: (n,) int16 class index of the largest mean probability over it
        confidence: (n,) float64, that mean probability, in [0, 1]
        given_confidence: (n,) float64, mean probability of the given class, in [0, 1]
        contradiction: (n,) float64, mean gain over it, in nats
        share: (n,) float64, of the image's pixels that take part, in (0, 1]
        area: (n,) int64 pixels
        box: (n, 4) int32 left, top, width and height in pixels, as small as can be
    """

    given: np.ndarray
    looks_like: np.ndarray
    confidence: np.ndarray
    given_confidence: np.ndarray
    contradiction: np.ndarray
    share: np.ndarray
    area: np.ndarray
    box: np.ndarray

    @classmethod
    def none(cls) -> Objects:
        """Of an image that has none."""
        indices, numbers = np.zeros(0, np.int16), np.zeros(0)
        known = (numbers, numbers, numbers, numbers)
        return cls(indices, indices, *known, area=np.zeros(0, np.int64), box=np.zeros((0, 4), np.int32))

    @property
    def quality(self) -> np.ndarray:
        """(n,) float64 in (0, 1]; 1 where nothing contradicts it."""
        return 1 / (1 + self.contradiction * self.share**_POWER / _MIDDLING)

    def take(self, places: np.ndarray) -> Objects:
        """Those at these places, in that order."""
        return Objects(**{name: column[places] for name, column in vars(self).items()})

    def worst(self, number: int) -> Objects:
        """That many of the lowest quality, the lowest first; all where there are fewer."""
        return self.take(np.argsort(self.quality, kind="stable")[:number])


def score_objects(
    probabilities: np.ndarray, given: np.ndarray, factor: int, classes: Collection[int], min_area: float
) -> Objects:
    """Scores the annotated objects of an image.

    Args:
        probabilities: (K, h, w) float32 in [0, 1], mean over the pixels that take part of blocks of ``factor`` ×
            ``factor``
        given: (H, W) int16 class indices below K, negative where a pixel takes no part
        factor: side of a block in pixels
        classes: indices of the classes whose objects are scored
        min_area: the least share of the pixels that take part that an object covers, in [0, 1]

    Returns:
        The objects, in the order in which their first pixels come by rows.
    """
    pixels = int(np.count_nonzero(given >= 0))
    numbers, labels = find_objects(given, classes, min_area * pixels)
    parts, blocks, counts = block_overlaps(numbers, factor)
    weights = counts * (counts / vote(given, factor, len(probabilities))[1].ravel()[blocks])
    flat = probabilities.reshape(len(probabilities), -1)
    means = np.minimum(1.0, _means([plane[blocks] for plane in flat], parts, weights, len(labels)))
    gain = _gain(probabilities, labels[parts - 1], blocks)
    area = np.bincount(parts, weights=counts, minlength=len(labels) + 1)[1:]
    places = np.arange(len(labels))
    looks_like = means.argmax(axis=0)
    return Objects(
        given=labels,
        looks_like=looks_like.astype(np.int16),
        confidence=means[looks_like, places],
        given_confidence=means[labels, places],
        contradiction=_means([gain], parts, weights, len(labels))[0],
        share=area / max(1, pixels),
        area=area.astype(np.int64),
        box=_boxes(numbers),
    )


def find_objects(given: np.ndarray, classes: Collection[int], least: float) -> tuple[np.ndarray, np.ndarray]:
    """Finds the objects of some classes.

    Args:
        given: (H, W) int16 class indices, negative where a pixel takes no part
        classes: indices of the classes
        least: pixels of an object

    Returns:
        (H, W) int32, the object that each pixel is in, from 1 on in the order of their first pixels; 0 for none; and
        (n,) int16, the class of each.
    """
    wanted = np.where(np.isin(given, list(classes)), given.astype(np.int32) + 1, 0)
    numbers = connected_components(wanted, background=0, connectivity=2)
    labels = np.zeros(int(numbers.max(initial=0)) + 1, np.int16)
    labels[numbers.ravel()] = given.ravel()
    large = np.bincount(numbers.ravel(), minlength=labels.size) >= least
    large[0] = False
    renumbered = np.where(large, np.cumsum(large), 0).astype(np.int32)
    return renumbered[numbers], labels[large]


def _means(values: Iterable[np.ndarray], parts: np.ndarray, weights: np.ndarray, n: int) -> np.ndarray:
    """(v, n) float64, weighted means of v values of the m pairs of an object and a block, over each of n objects."""
    total = np.bincount(parts, weights=weights, minlength=n + 1)[1:]
    return np.array([np.bincount(parts, weights=weights * one, minlength=n + 1)[1:] / total for one in values])


def _gain(probabilities: np.ndarray, labels: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """(m,) float64, the log-likelihood that the class of the largest probability gains, times the margin, in nats.

    Args:
        probabilities: (K, h, w) float32
        labels: (m,) given class indices
        blocks: (m,) places of blocks
    """
    flat = probabilities.reshape(len(probabilities), -1)
    seen = largest(probabilities)[1].ravel()[blocks].astype(np.float64)
    old = flat[labels, blocks].astype(np.float64)
    return (seen - old) * np.log(np.maximum(seen, _LEAST_PROBABILITY) / np.maximum(old, _LEAST_PROBABILITY))


def _boxes(numbers: np.ndarray) -> np.ndarray:
    """(n, 4) int32 left, top, width and height of each object."""
    windows = ndimage.find_objects(numbers)
    corners = [
        (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start) for rows, columns in windows
    ]
    return np.array(corners, np.int32).reshape(-1, 4)
