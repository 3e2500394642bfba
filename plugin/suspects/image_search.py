"""Finds and measures the suspects of one image, in its given mask or in another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..base.types import Appearance
from ..scores.class_pair_evidence import Usual
from .appearance import CHANNELS
from .config import SuspectConfig
from .picture import Picture
from .region_features import FEATURES, region_features
from .regions import Region, find_regions
from .seen_image import SeenImage
from .similarity import ObjectBank, Origin, describe_suspects


@dataclass(frozen=True)
class Measures:
    """What n suspects are rated by.

    Args:
        features: (n, F), see `region_features`
        similarity: (n,), see `similarity`; NaN where it is not known
        descriptors: (n, C), see `appearance`; NaN likewise
    """

    features: np.ndarray
    similarity: np.ndarray
    descriptors: np.ndarray

    @classmethod
    def unknown(cls, count: int) -> Measures:
        """Of suspects of which nothing is known."""
        return cls(np.full((count, len(FEATURES)), np.nan), np.full(count, np.nan), np.full((count, CHANNELS), np.nan))

    @classmethod
    def joined(cls, parts: Sequence[Measures]) -> Measures:
        """Of the suspects of all parts."""
        every = [cls.unknown(0), *parts]
        return cls(*(np.concatenate(columns) for columns in zip(*(vars(one).values() for one in every), strict=True)))


@dataclass(frozen=True)
class Search:
    """What suspects are, and what they are compared with, in all images of a run.

    Args:
        config: what a suspect is
        usual: what evidence is usual for each pair of classes
        pooling: side of a block in pixels
        unlabelled: index of the unlabelled class; None where there is none
        bank: the given objects to compare with; None where suspects are not rated
    """

    config: SuspectConfig
    usual: Usual
    pooling: int
    unlabelled: int | None
    bank: ObjectBank | None


@dataclass(frozen=True)
class ImageSearch:
    """Finds suspects in masks of one image.

    Args:
        search: what they are
        size: (height, width) of the masks in pixels
        sample_id: the image's sample
        probabilities: (K, h, w) float32, mean over blocks of pixels
        load_appearance: reads what the image looks like, and its fold; None where the run has not kept it
        load_image: reads it, (H, W, 3) uint8 RGB
    """

    search: Search
    size: tuple[int, int]
    sample_id: str
    probabilities: np.ndarray
    load_appearance: Callable[[], tuple[Appearance, int | None] | None]
    load_image: Callable[[], np.ndarray]

    def suspects(self, labels: np.ndarray, pooled: np.ndarray) -> tuple[list[Region], Measures]:
        """The suspects in a mask, and what they are rated by.

        Args:
            labels: (H, W) int16 class indices, negative where ignored
            pooled: (h, w) int16, the same by block

        Returns:
            all of them, however probable; nothing is known of them where they are not rated
        """
        search = self.search
        image = SeenImage(self.probabilities, pooled, search.pooling)
        regions = find_regions(image, labels, search.config, search.usual, search.unlabelled)
        if not regions or search.bank is None:
            return regions, Measures.unknown(0)
        features = region_features(image, regions, labels, self._picture, search.unlabelled)
        return regions, Measures(features, *self._likeness(image, regions, search.bank))

    @cached_property
    def _picture(self) -> Picture:
        return Picture(self.load_image(), self.size)

    def _likeness(self, image: SeenImage, regions: Sequence[Region], bank: ObjectBank) -> tuple[np.ndarray, np.ndarray]:
        """(n,) similarity and (n, C) descriptors."""
        kept = self.load_appearance()
        if kept is None:
            unknown = Measures.unknown(len(regions))
            return unknown.similarity, unknown.descriptors
        descriptors, fill = describe_suspects(kept[0], image, regions, self.size)
        given, suggested = (np.array([getattr(one, of) for one in regions]) for of in ("given", "suggested"))
        return bank.compare(descriptors, fill, given, suggested, Origin(self.sample_id, kept[1])), descriptors
