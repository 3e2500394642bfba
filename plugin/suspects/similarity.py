"""Whether a suspect looks like the objects that are given the class it is given, or like those of the suggested one.

A model learns what annotators repeat: where a third of all signs are labelled as poles it is unsure of every sign, and
suspects that such habits cause have little evidence. What looks like many an object that is given another class tells
them from the model's own confusions, as it does not depend on what the model has learnt.

Of the k given objects of other folds that look most like a suspect, let s be the share that is given the suggested
class and g the share that is given the suspect's own; its similarity is f · (s − g), where f is the share of the
suspect in the cells that it is seen in (`appearance.describe`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from skimage.measure import label as connected_components

from ..base.types import Appearance
from .appearance import describe
from .region_features import region_blocks
from .regions import Region
from .seen_image import SeenImage

#: Objects that are looked at: of fewer the shares are chance, and what is farther away is less alike;
#: ``python -m benchmarks suspects --neighbours`` has other numbers
NEIGHBOURS = 10
#: Of so many that there are one is looked at, for the same reason
_AMONG = 10
#: Objects of each class that suspects are compared with: classes count alike, however frequent they are
_OF_A_CLASS = 300
#: Least share of the image that an object covers, as of suspects
_LEAST_SHARE = 0.0005


@dataclass(frozen=True)
class Origin:
    """Where an object is from; what has a fold in common, or is of one image, is not compared.

    Args:
        sample_id: the image
        fold: that holds the image out; None where there are no folds
    """

    sample_id: str
    fold: int | None = None

    @property
    def image(self) -> int:
        """A number for the image."""
        return zlib.crc32(self.sample_id.encode())


@dataclass(frozen=True)
class GivenObjects:
    """Given objects of a dataset, or of a part of it.

    Args:
        descriptors: (n, C) float32
        given: (n,) int16 class
        fold: (n,) int16 of the image, -1 where there are none
        image: (n,) int64 number of the image
        rank: (n,) float64 in [0, 1), random: those of the lowest are a sample
    """

    descriptors: np.ndarray
    given: np.ndarray
    fold: np.ndarray
    image: np.ndarray
    rank: np.ndarray

    def __len__(self) -> int:
        return len(self.given)

    @classmethod
    def joined(cls, parts: Iterable[GivenObjects]) -> GivenObjects:
        """All objects of the parts; of each class no more than suspects are compared with."""
        waiting: list[GivenObjects] = []
        kept = new = 0
        for part in parts:
            if not len(part):
                continue
            waiting.append(part)
            new += len(part)
            # Not at every part: of many small ones that would copy what is kept again and again
            if new > kept:
                waiting = [cls._concatenated(waiting)._sampled()]
                kept, new = len(waiting[0]), 0
        return cls._concatenated(waiting)._sampled() if waiting else none_given()

    @classmethod
    def _concatenated(cls, parts: Sequence[GivenObjects]) -> GivenObjects:
        return cls(*(np.concatenate(columns) for columns in zip(*(vars(one).values() for one in parts), strict=True)))

    def _sampled(self) -> GivenObjects:
        order = np.lexsort((self.rank, self.given))
        of_class = self.given[order]
        place = np.arange(len(order)) - np.searchsorted(of_class, of_class)
        kept = order[place < _OF_A_CLASS]
        return self if len(kept) == len(order) else GivenObjects(*(column[kept] for column in vars(self).values()))


def none_given() -> GivenObjects:
    """No objects."""
    nothing = np.zeros(0, np.int64)
    return GivenObjects(
        np.zeros((0, 0), np.float32), nothing.astype(np.int16), nothing.astype(np.int16), nothing, nothing
    )


def given_objects(
    appearance: Appearance, labels: np.ndarray, size: tuple[float, float], origin: Origin
) -> GivenObjects:
    """The objects of an image's given mask: 8-connected components of a class.

    Args:
        appearance: of the image
        labels: (h, w) int16 given classes in blocks, negative where ignored
        size: (height, width) of the image in blocks, not rounded
        origin: of the image

    Returns:
        those that are not too small
    """
    numbers = connected_components(labels.astype(np.int32) + 1, background=0, connectivity=2)
    large = np.bincount(numbers.ravel()) >= _LEAST_SHARE * labels.size
    large[0] = False
    # Numbered anew, without what is too small
    owner = (np.cumsum(large) - 1)[numbers]
    rows, columns = np.nonzero(large[numbers])
    if not rows.size:
        return none_given()
    owner = owner[rows, columns]
    descriptors, _ = describe(appearance, owner, rows, columns, np.ones(rows.size), size)
    count = len(descriptors)
    given = np.empty(count, np.int16)
    given[owner] = labels[rows, columns]
    return GivenObjects(
        descriptors,
        given,
        np.full(count, -1 if origin.fold is None else origin.fold, np.int16),
        np.full(count, origin.image, np.int64),
        # By what they look like: ids of samples are others in each database, and a run is to be the same in all
        np.random.default_rng(zlib.crc32(descriptors.tobytes())).random(count),
    )


def describe_suspects(
    appearance: Appearance, image: SeenImage, regions: Sequence[Region], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """What the suspects of an image look like.

    Args:
        appearance: of the image
        image: what is given and seen in it
        regions: n of it, at least one
        size: (height, width) of it in pixels

    Returns:
        as `describe`
    """
    blocks = [region_blocks(region, image) for region in regions]
    owner = np.repeat(np.arange(len(regions)), [len(rows) for rows, _, _ in blocks])
    rows, columns, share = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    areas = np.array([region.area for region in regions]) / image.factor**2
    height, width = size
    return describe(
        appearance, owner, rows, columns, share * areas[owner], (height / image.factor, width / image.factor)
    )


class ObjectBank:
    """The objects that suspects are compared with.

    Args:
        objects: a sample of a dataset's given objects
        neighbours: k, by default `NEIGHBOURS`; with fewer than ten times as many objects nothing is said
    """

    def __init__(self, objects: GivenObjects, neighbours: int | None = None) -> None:
        self._objects = objects
        self._neighbours = neighbours or NEIGHBOURS
        if len(objects):
            self._mean = objects.descriptors.mean(axis=0)
            self._scale = objects.descriptors.std(axis=0) + 1e-6
            self._directions = self._direction(objects.descriptors)

    def compare(
        self, descriptors: np.ndarray, fill: np.ndarray, given: np.ndarray, suggested: np.ndarray, origin: Origin
    ) -> np.ndarray:
        """How much more the suspects of an image look like their suggested class than like the given one.

        Args:
            descriptors: (n, C) float32, as `describe` gives them
            fill: (n,) share of each in the cells that it is seen in, likewise
            given: (n,) class
            suggested: (n,) class
            origin: of the image

        Returns:
            (n,) float64 in [-1, 1]; NaN where there are too few objects of other folds, or of other images where there
            are no folds
        """
        objects = self._objects
        near = objects.image == origin.image if origin.fold is None else objects.fold == origin.fold
        count = self._neighbours
        if int((~near).sum()) < _AMONG * count or not len(descriptors):
            return np.full(len(descriptors), np.nan)
        cosine = self._direction(descriptors) @ self._directions.T
        cosine[:, near] = -np.inf
        classes = objects.given[np.argpartition(cosine, -count, axis=1)[:, -count:]]
        share = [(classes == of[:, None]).mean(axis=1) for of in (suggested, given)]
        return fill * (share[0] - share[1])

    def _direction(self, descriptors: np.ndarray) -> np.ndarray:
        """(n, C) float32 of length 1."""
        standardised = (descriptors - self._mean) / self._scale
        length = np.linalg.norm(standardised, axis=1, keepdims=True)
        return (standardised / np.maximum(length, 1e-9)).astype(np.float32)
