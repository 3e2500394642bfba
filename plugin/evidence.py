"""Class-pair evidence: how surely the predictions say that what is given one class is of another, beyond what is usual.

In ten lines. Where the predicted class c differs from the given class g, a pixel speaks for "g should be c" by the
log-likelihood that c gains over g, weighted by the margin p[c] - p[g]: sure contradictions count, hesitant ones hardly
do. The mean over an image's pixels is its evidence, at three levels: of each pair (an object of the wrong class), of
each class given or seen (a misplaced edge, which speaks through many pairs at once), and of the whole image. Some
confusions (kerb and road) are in every image, so each is divided by what is usual for it in this dataset: the mean over
the images, plus their 90th percentile, plus a floor, as a few pixels of a rare pair must not outweigh an object. A
level is the root of the sum of its squared ratios, the image's evidence the geometric mean of the three levels. The
score takes two witnesses more, the share of pixels that confident learning flags (it knows how sure the model usually
is of each class) and softmin (at full resolution); its suspicion is the geometric mean of the three.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .scan import largest

#: The other scores that the score is made from
INGREDIENTS = ("clc", "softmin")
#: Which part of the images is below an evidence that is still usual
_USUAL_SHARE = 0.9
#: Smaller probabilities of the given class count as this one: what is impossible is no more than sure
_LEAST_PROBABILITY = 0.01
#: Nats: about what 0.03 % of an image's pixels say when contradicted with certainty
_FLOOR = 0.0015
#: Evidence is counted in bins of a quarter octave, from 2^-24 nats (less counts as that) to 8 nats
_BINS_AN_OCTAVE, _LOWEST, _HIGHEST = 4, -24, 3
_BINS = _BINS_AN_OCTAVE * (_HIGHEST - _LOWEST) + 1
#: Added to the flagged share: without a flag the two others still count
_FLAGGED_FLOOR = 1e-4
#: Softmin below this is as good as 0
_SOFTMIN_FLOOR = 1e-3


@dataclass(frozen=True)
class PairEvidence:
    """What one image says of each pair of classes; pairs without evidence are left out.

    Args:
        given: (m,) int16, the given class of each pair
        suggested: (m,) int16, the class that is seen there
        strength: (m,) float64, nats summed over the pair's pixels as the module describes, divided by the number of
            pixels of the image that take part; in (0, ln 100]
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
        level: (K² + 2 K + 1,) float64 by hypothesis, see `_hypotheses`: mean plus 90th percentile over the images, nats
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
        self._counts = np.zeros((classes * classes + 2 * classes + 1, _BINS), np.int32)
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
        above = self._counts[:, ::-1].cumsum(axis=1, dtype=np.int32)[:, ::-1]
        allowed = images - math.ceil(_USUAL_SHARE * images)
        highest = (above > allowed).sum(axis=1) - 1
        ends = 2.0 ** (np.arange(_BINS) / _BINS_AN_OCTAVE + _LOWEST)
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
    seen, surest = largest(probabilities)
    contradicted = (labels >= 0) & (seen != labels)
    given, suggested = labels[contradicted].astype(np.int64), seen[contradicted].astype(np.int64)
    for_seen = surest[contradicted].astype(np.float64)
    y, x = np.nonzero(contradicted)
    for_given = probabilities[given, y, x].astype(np.float64)
    gain = np.log(np.maximum(for_seen, _LEAST_PROBABILITY) / np.maximum(for_given, _LEAST_PROBABILITY))
    sums = np.bincount(given * classes + suggested, (for_seen - for_given) * gain, classes * classes)
    pairs = np.flatnonzero(sums)
    pixels = max(1, int((labels >= 0).sum()))
    given, suggested = np.divmod(pairs, classes)
    return PairEvidence(given.astype(np.int16), suggested.astype(np.int16), sums[pairs] / pixels)


def evidence_strength(pairs: PairEvidence, usual: Usual) -> float:
    """The image's evidence: how many times what is usual, the geometric mean over pairs, classes and the image.

    Args:
        pairs: of the image
        usual: of the dataset
    """
    if not pairs.strength.size:
        return 0.0
    index, strength = _hypotheses(pairs, usual.classes)
    squares = (strength / (usual.level[index] + _FLOOR)) ** 2
    level = np.searchsorted([usual.classes**2, usual.classes**2 + 2 * usual.classes], index, side="right")
    return float(np.prod(np.bincount(level, squares, 3)) ** (1 / 6))


def evidence_score(pairs: PairEvidence, usual: Usual, flagged: float, softmin: float) -> float:
    """The image's score.

    Args:
        pairs: of the image
        usual: of the dataset
        flagged: share of the image's pixels that confident learning flags, in [0, 1]
        softmin: the image's softmin score, in [0, 1]

    Returns:
        1 / (1 + suspicion) in (0, 1], low where the mask is probably wrong; 1 where nothing contradicts it
    """
    witnesses = evidence_strength(pairs, usual) * (flagged + _FLAGGED_FLOOR) / max(softmin, _SOFTMIN_FLOOR)
    return 1 / (1 + witnesses ** (1 / 3))


def _hypotheses(pairs: PairEvidence, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Index and strength of all that an image has evidence for.

    In order: the pairs (g, c) at g K + c; given g and seen as anything else at K² + g; seen as c and given as anything
    else at K² + K + c; all together at K² + 2 K.
    """
    given, suggested = pairs.given.astype(np.int64), pairs.suggested.astype(np.int64)
    lost, gained = (np.bincount(ends, pairs.strength, classes) for ends in (given, suggested))
    strength = np.concatenate([lost, gained, [pairs.strength.sum()]])
    some = np.flatnonzero(strength)
    index = np.concatenate([given * classes + suggested, classes * classes + some])
    return index, np.concatenate([pairs.strength, strength[some]])


def _bins(strength: np.ndarray) -> np.ndarray:
    bins = np.ceil((np.log2(strength) - _LOWEST) * _BINS_AN_OCTAVE)
    return np.clip(bins, 0, _BINS - 1).astype(np.int64)
