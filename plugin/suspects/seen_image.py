"""An image's given classes beside the predicted ones, in blocks of pixels: what all of its suspects are found in."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..pixels.scan import given_probability, largest
from .region_shapes import Shapes, find_contradicted, find_objects, measure

#: Smaller probabilities of the given class count as this one, as in `evidence`
_LEAST_PROBABILITY = 0.01


class SeenImage:
    """What is given, what is seen, and where the two differ.

    Args:
        probabilities: (K, h, w) float32, mean over blocks of ``factor`` × ``factor`` pixels
        labels: (h, w) int16 given class of each block, negative where ignored
        factor: side of a block in pixels
    """

    def __init__(self, probabilities: np.ndarray, labels: np.ndarray, factor: int) -> None:
        self.probabilities = probabilities
        self.labels = labels
        self.factor = factor

    @property
    def classes(self) -> int:
        """Number of classes K."""
        return len(self.probabilities)

    @cached_property
    def seen(self) -> np.ndarray:
        """(h, w) predicted class of each block."""
        return largest(self.probabilities)[0]

    @cached_property
    def given_probability(self) -> np.ndarray:
        """(h, w) float32 probability of each block's given class."""
        return given_probability(self.probabilities, self.labels)

    @cached_property
    def numbers(self) -> np.ndarray:
        """(h, w) int, the region of blocks that each one is in, from 1 on; 0 where nothing is contradicted."""
        return find_contradicted(self.labels, self.seen, self.classes)

    @cached_property
    def objects(self) -> np.ndarray:
        """(h, w) int, the object that is seen in each block, from 1 on; 0 where ignored."""
        return find_objects(self.labels, self.seen)

    @cached_property
    def shapes(self) -> Shapes:
        """The measures of all regions of blocks; that of region r is at r - 1."""
        return measure(self.numbers, self.labels, self.seen, self.objects)

    @cached_property
    def gain(self) -> np.ndarray:
        """(h, w) float64, evidence a pixel of each block in nats; 0 where nothing is contradicted."""
        gain = np.zeros(self.labels.shape)
        rows, columns = np.nonzero(self.numbers)
        probabilities = self.probabilities
        new, old = (probabilities[of[rows, columns], rows, columns].astype(float) for of in (self.seen, self.labels))
        ratio = np.maximum(new, _LEAST_PROBABILITY) / np.maximum(old, _LEAST_PROBABILITY)
        gain[rows, columns] = (new - old) * np.log(ratio)
        return gain
