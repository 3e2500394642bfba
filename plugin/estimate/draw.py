"""Drawing pixels of many images, each stratum's at random and without replacement, in one pass and constant memory."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class Places:
    """Pixels that were drawn from one stratum, in the random order in which they are used.

    Args:
        image: (n,) int64, number of the image
        row: (n,) int64 of the pixel
        column: (n,) int64
        given: (n,) int64 class
        region: (n,) int64, what `PlaceDraw.add` was told, -1 where there is none
    """

    image: np.ndarray
    row: np.ndarray
    column: np.ndarray
    given: np.ndarray
    region: np.ndarray

    def __len__(self) -> int:
        return int(self.image.size)


class PlaceDraw:
    """Draws a simple random sample of each stratum's pixels.

    Every pixel has a uniform random key, and those of the least keys are the sample. Keys are only made of pixels that
    have a chance: of m pixels of an image, the number of those with a key below t is binomial, and which these are and
    what keys below t they have is uniform.

    Args:
        strata: how many there are
        classes: how many classes there are
        most: pixels that are kept of each stratum
        seed: of all that is random
    """

    def __init__(self, strata: int, classes: int, most: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._most = most
        self._bound = np.ones(strata)
        self._keys = [np.zeros(0) for _ in range(strata)]
        self._kept = [np.zeros((0, len(fields(Places))), np.int64) for _ in range(strata)]
        #: (strata, classes) int64 pixels given each class
        self.class_pixels = np.zeros((strata, classes), np.int64)

    def add(self, image: int, strata: np.ndarray, given: np.ndarray, region: np.ndarray) -> None:
        """Counts an image's pixels, and draws among them.

        Args:
            image: its number
            strata: (H, W) integers, the stratum of each pixel
            given: (H, W) integers, class indices, negative where ignored
            region: (H, W) integers that are kept with a pixel
        """
        flat, labels, kept = strata.ravel(), given.ravel(), region.ravel()
        for stratum in range(len(self._bound)):
            pixels = np.flatnonzero((flat == stratum) & (labels >= 0))
            if not pixels.size:
                continue
            self.class_pixels[stratum] += np.bincount(labels[pixels], minlength=self.class_pixels.shape[1])
            chosen = self._chosen(stratum, pixels)
            place = np.divmod(chosen, strata.shape[1])
            columns = [np.full(chosen.size, image), *place, labels[chosen], kept[chosen]]
            self._kept[stratum] = np.concatenate([self._kept[stratum], np.stack(columns, axis=1).astype(np.int64)])
            self._cut(stratum)

    def places(self, stratum: int) -> Places:
        """What was drawn from a stratum."""
        order = np.argsort(self._keys[stratum], kind="stable")
        return Places(*self._kept[stratum][order].T)

    def _chosen(self, stratum: int, pixels: np.ndarray) -> np.ndarray:
        bound = self._bound[stratum]
        number = int(self._rng.binomial(pixels.size, bound))
        self._keys[stratum] = np.concatenate([self._keys[stratum], self._rng.uniform(0, bound, number)])
        return self._rng.choice(pixels, number, replace=False)

    def _cut(self, stratum: int) -> None:
        keys = self._keys[stratum]
        if keys.size > self._most:
            least = np.argpartition(keys, self._most - 1)[: self._most]
            self._keys[stratum], self._kept[stratum] = keys[least], self._kept[stratum][least]
            self._bound[stratum] = self._keys[stratum].max()
