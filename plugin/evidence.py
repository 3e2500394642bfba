"""Class-pair evidence: how surely the predictions say that what is given one class is of another, beyond what is usual.

In ten lines. Where the predicted class c differs from the given class g, a pixel speaks for "g should be c" by its
squared margin (p[c] - p[g])²: sure contradictions count, hesitant ones hardly do. The mean over an image's pixels is the
evidence of the pair (g, c) in it. A misplaced edge speaks through many pairs at once, so evidence is also summed by
class: all that is given g and seen as anything else, and all that is seen as c and given as anything else. Some
confusions (kerb and road) are in every image, so each evidence is divided by what is usual for it in this dataset: its
mean over the images, plus its 90th percentile, plus a floor, as a few pixels of a rare pair must not outweigh a whole
object. The image's evidence is the root of the sum of the squared ratios e, and its score 1 / (1 + e).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

#: Which part of the images is below an evidence that is still usual
_USUAL_SHARE = 0.9
#: The evidence of 0.25 % of an image's pixels contradicted with certainty
_FLOOR = 0.0025
#: Evidence is counted in bins of a quarter octave from 2^-24 (less counts as none) up to 1
_BINS_AN_OCTAVE, _OCTAVES = 4, 24
_BINS = _BINS_AN_OCTAVE * _OCTAVES + 1


@dataclass(frozen=True)
class PairEvidence:
    """What one image says of each pair of classes; pairs without evidence are left out.

    Args:
        given: (m,) int16, the given class of each pair
        suggested: (m,) int16, the class that is seen there
        strength: (m,) float64, mean over the image's pixels of the pair's squared margins, in (0, 1]
    """

    given: np.ndarray
    suggested: np.ndarray
    strength: np.ndarray

    def to_dict(self) -> dict[str, np.ndarray]:
        """The three arrays by name."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, content: Mapping[str, np.ndarray]) -> PairEvidence:
        """What `to_dict` gave."""
        return cls(content["given"], content["suggested"], content["strength"])


@dataclass(frozen=True)
class Usual:
    """The evidence that is usual in a dataset.

    Args:
        classes: number of classes K
        level: (K² + 2 K,) float64 by hypothesis, see `_hypotheses`: mean and 90th percentile over the images, summed
    """

    classes: int
    level: np.ndarray

    def pair(self, given: int, suggested: int) -> float:
        """What is usual for a pair."""
        return float(self.level[given * self.classes + suggested])

    def to_dict(self) -> dict[str, np.ndarray | int]:
        """The fields by name."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, content: Mapping[str, np.ndarray | int]) -> Usual:
        """What `to_dict` gave."""
        return cls(int(content["classes"]), np.asarray(content["level"]))


class UsualEvidence:
    """Finds what is usual, image by image, in memory that does not grow with their number.

    Args:
        classes: number of classes K
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.images = 0
        self._counts = np.zeros((classes * classes + 2 * classes, _BINS), np.int32)
        self._sums = np.zeros(len(self._counts))

    def update(self, pairs: PairEvidence) -> None:
        """Adds an image."""
        index, strength = _hypotheses(pairs, self.classes)
        self.images += 1
        self._sums[index] += strength
        self._counts[index, _bins(strength)] += 1

    def usual(self) -> Usual:
        """What is usual in the images so far; nothing is where there are none."""
        images = max(1, self.images)
        return Usual(self.classes, self._sums / images + self._percentiles(images))

    def _percentiles(self, images: int) -> np.ndarray:
        """The upper end of the bin that the 90th percentile is in; images without a pair count as 0 evidence."""
        above = self._counts[:, ::-1].cumsum(axis=1)[:, ::-1]
        allowed = images - math.ceil(_USUAL_SHARE * images)
        highest = (above > allowed).sum(axis=1) - 1
        ends = 2.0 ** (np.arange(_BINS) / _BINS_AN_OCTAVE - _OCTAVES)
        return np.where(highest >= 0, ends[highest], 0.0)


def pair_evidence(probabilities: np.ndarray, labels: np.ndarray) -> PairEvidence:
    """The evidence of each pair of classes in an image.

    Args:
        probabilities: (K, h, w) float32, may be pooled
        labels: (h, w) int16 given classes, negative where a pixel takes no part

    Returns:
        The evidence; none where no pixel takes part.
    """
    classes = probabilities.shape[0]
    seen = probabilities.argmax(axis=0)
    contradicted = (labels >= 0) & (seen != labels)
    given, suggested = labels[contradicted].astype(np.int64), seen[contradicted]
    at = np.nonzero(contradicted)
    margin = probabilities[(suggested, *at)].astype(np.float64) - probabilities[(given, *at)]
    sums = np.bincount(given * classes + suggested, margin**2, classes * classes)
    pairs = np.flatnonzero(sums)
    pixels = max(1, int((labels >= 0).sum()))
    return PairEvidence((pairs // classes).astype(np.int16), (pairs % classes).astype(np.int16), sums[pairs] / pixels)


def evidence_score(pairs: PairEvidence, usual: Usual) -> float:
    """The image's score from its evidence and what is usual.

    Args:
        pairs: of the image
        usual: of the dataset

    Returns:
        1 / (1 + e) in (0, 1], low where the mask is probably wrong; 1 where nothing contradicts it
    """
    index, strength = _hypotheses(pairs, usual.classes)
    ratios = strength / (usual.level[index] + _FLOOR)
    return 1 / (1 + math.sqrt(math.fsum(ratios**2)))


def _hypotheses(pairs: PairEvidence, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Index and strength of all that an image has evidence for.

    In order: the pairs (g, c) at g K + c; given g and seen as anything else at K² + g; seen as c and given as anything
    else at K² + K + c.
    """
    given, suggested = pairs.given.astype(np.int64), pairs.suggested.astype(np.int64)
    lost, gained = (np.bincount(ends, pairs.strength, classes) for ends in (given, suggested))
    strength = np.concatenate([lost, gained])
    some = np.flatnonzero(strength)
    index = np.concatenate([given * classes + suggested, classes * classes + some])
    return index, np.concatenate([pairs.strength, strength[some]])


def _bins(strength: np.ndarray) -> np.ndarray:
    bins = np.ceil((np.log2(strength) + _OCTAVES) * _BINS_AN_OCTAVE)
    return np.clip(bins, 0, _BINS - 1).astype(np.int64)
