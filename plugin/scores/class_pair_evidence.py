"""Class-pair evidence: how surely the predictions say that what is given one class is of another, beyond what is usual.

Where the predicted class c differs from the given class g, a pixel speaks for "g should be c" by the log-likelihood
that c gains over g, weighted by the margin p[c] - p[g]: sure contradictions count, hesitant ones hardly do. The mean
over an image's pixels is its evidence, at four levels: of each pair (an object of the wrong class), of each class given
or seen (a misplaced edge, which speaks through many pairs), of the whole image, and of each class seen, times its
squared odds of being contradicted (an object missed altogether, against the edges of one that is there). Some
confusions (kerb and road) are in every image, so each is divided by what is usual for it in this dataset: the 80th
percentile of the images (a mistake that one image in five repeats is not yet usual; of fewer than five images, what no
other one says), plus a floor, as a few pixels of a rare pair must not outweigh an object. A level is the root of the
sum of its squared ratios, the evidence the geometric mean of the four. The image's suspicion is the geometric mean of
the evidence and of 1 / softmin, which counts twice as the one witness at full resolution. What `displaced_edges` says
is added to it, as either is enough.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..pixels.compiled import kernel
from ..pixels.scan import given_probability, largest

#: The other scores that the score is made from
INGREDIENTS = ("softmin",)
#: Which part of the images is below an evidence that is still usual
_USUAL_SHARE = 0.8
#: Smaller probabilities of the given class count as this one: what is impossible is no more than sure
_LEAST_PROBABILITY = 0.01
#: Nats: about what 0.03 % of an image's pixels say when contradicted with certainty
_FLOOR = 0.0015
#: Evidence is counted in bins of a quarter octave, from 2^-24 (less counts as that) to 512, above 100 ln 100
_BINS_AN_OCTAVE, _LOWEST, _HIGHEST = 4, -24, 9
_BINS = _BINS_AN_OCTAVE * (_HIGHEST - _LOWEST) + 1
#: Added to the confirmed share of a class: odds end at 10, or 100 squared, as no share is known much better
_LEAST_CONFIRMED = 0.1
#: Softmin below this is as good as 0
_SOFTMIN_FLOOR = 1e-3
#: The suspicion that scores 1/2; that of a middling image was between 4 and 12 in data sets of six kinds
_MIDDLING = 8.0


@dataclass(frozen=True)
class PairEvidence:
    """What one image says of each pair of classes; pairs without evidence are left out.

    Args:
        given: (m,) int16, the given class of each pair
        suggested: (m,) int16, the class that is seen there
        strength: (m,) float64, nats summed over the pair's pixels as the module describes, divided by the number of
            pixels of the image that take part; in (0, ln 100]
        odds: (m,) float64, of the suggested class: of its pixels, given or seen, those where the two disagree, to those
            where they agree and a tenth of all; in (0, 10]
    """

    given: np.ndarray
    suggested: np.ndarray
    strength: np.ndarray
    odds: np.ndarray

    @classmethod
    def none(cls) -> PairEvidence:
        """Of an image that nothing contradicts."""
        return cls(np.empty(0, np.int16), np.empty(0, np.int16), np.empty(0), np.empty(0))

    def to_dict(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, content: Mapping[str, np.ndarray]) -> PairEvidence:
        """What `to_dict` gave."""
        return cls(**content)


@dataclass(frozen=True)
class Usual:
    """The evidence that is usual in a dataset.

    Args:
        classes: number of classes K
        level: (K² + 3 K + 1,) float64 by hypothesis, see `_hypotheses`: 80th percentile of the images, of fewer than
            five the second highest, rounded up to a quarter octave, in nats; those of classes missed altogether times
            squared odds
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
    """Finds what is usual, image by image, in memory of the hypotheses met and their bins, not of the images.

    Args:
        classes: number of classes K
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.images = 0
        # By hypothesis and bin, ascending, and how many images are there; then those of the last images, not yet sorted
        self._keys, self._counts = np.empty(0, np.int64), np.empty(0, np.int64)
        self._latest: list[np.ndarray] = []
        self._waiting = 0

    def update(self, pairs: PairEvidence) -> None:
        """Adds an image.

        Args:
            pairs: of the image; it counts also where it has none
        """
        index, strength = _hypotheses(pairs, self.classes)
        self.images += 1
        self._latest.append(index * _BINS + _bins(strength))
        self._waiting += index.size
        if self._waiting > self._keys.size:
            self._sort()

    def usual(self) -> Usual:
        """What is usual in the images so far; nothing is where there are none. Images without a pair count as 0."""
        self._sort()
        index, bins = np.divmod(self._keys, _BINS)
        last = np.flatnonzero(np.diff(index, append=-1))
        # From the highest bin of its hypothesis down to each one: the images there
        total = self._counts.cumsum()
        above = np.repeat(total[last], np.diff(last, prepend=-1)) - total + self._counts
        # What a single image says is usual in no dataset; else the worst of a few would be its own measure
        allowed = max(1, self.images - math.ceil(_USUAL_SHARE * self.images))
        usual = above > allowed
        ends = 2.0 ** (np.arange(_BINS) / _BINS_AN_OCTAVE + _LOWEST)
        level = np.zeros(self.classes**2 + 3 * self.classes + 1)
        # Ascending, so that the highest bin of each is what stays
        level[index[usual]] = ends[bins[usual]]
        return Usual(self.classes, level)

    def _sort(self) -> None:
        keys = np.concatenate([self._keys, *self._latest])
        counts = np.concatenate([self._counts, np.ones(keys.size - self._counts.size, np.int64)])
        self._keys, place = np.unique(keys, return_inverse=True)
        self._counts, self._latest, self._waiting = np.zeros(self._keys.size, np.int64), [], 0
        np.add.at(self._counts, place, counts)


def pair_evidence(probabilities: np.ndarray, labels: np.ndarray) -> PairEvidence:
    """The evidence of each pair of classes in an image.

    Args:
        probabilities: (K, h, w) float32, may be pooled
        labels: (h, w) int16 given classes, negative where a pixel takes no part

    Returns:
        The evidence; none where no pixel takes part.
    """
    classes = probabilities.shape[0]
    seen, surest = (values.reshape(-1) for values in largest(probabilities))
    for_given, sums = given_probability(probabilities, labels).reshape(-1), np.zeros((classes, classes))
    pixels = np.zeros((3, classes), np.int64)
    _sum_evidence(np.ascontiguousarray(labels, np.int16).reshape(-1), seen, surest, for_given, sums, *pixels)
    pairs = np.flatnonzero(sums)
    odds, pixels_given = _odds(*pixels), max(1, int(pixels[0].sum()))
    given, suggested = (ends.astype(np.int16) for ends in np.divmod(pairs, classes))
    return PairEvidence(given, suggested, sums.reshape(-1)[pairs] / pixels_given, odds[suggested])


@kernel()
def _sum_evidence(
    labels: np.ndarray,
    seen: np.ndarray,
    for_seen: np.ndarray,
    for_given: np.ndarray,
    sums: np.ndarray,
    given: np.ndarray,
    predicted: np.ndarray,
    agree: np.ndarray,
) -> None:
    """Adds nats to sums (K, K) of [given, seen], and pixels to (K,) counts; all else is (N,), over pixels."""
    for i in range(labels.size):
        g, c = labels[i], seen[i]
        if g >= 0:
            given[g] += 1
            predicted[c] += 1
            if g == c:
                agree[c] += 1
            else:
                surest, less = np.float64(for_seen[i]), np.float64(for_given[i])
                gain = math.log(max(surest, _LEAST_PROBABILITY) / max(less, _LEAST_PROBABILITY))
                sums[g, c] += (surest - less) * gain


def evidence_strength(pairs: PairEvidence, usual: Usual) -> float:
    """The image's evidence, in times what is usual.

    Args:
        pairs: of the image
        usual: of the dataset

    Returns:
        The geometric mean over the four levels; 0 where nothing contradicts the mask.
    """
    if not pairs.strength.size:
        return 0.0
    index, strength = _hypotheses(pairs, usual.classes)
    squares = (strength / (usual.level[index] + _FLOOR)) ** 2
    level = np.searchsorted(_level_starts(usual.classes), index, side="right")
    return float(np.prod(np.bincount(level, squares, 4)) ** (1 / 8))


def evidence_score(pairs: PairEvidence, usual: Usual, softmin: float, displaced: float = 0.0) -> float:
    """The image's score.

    Args:
        pairs: of the image
        usual: of the dataset
        softmin: the image's softmin score, in [0, 1]
        displaced: how far the image's edges are displaced, as `displaced_edges.displacement` says

    Returns:
        1 / (1 + suspicion / 8) in (0, 1], low where the mask is probably wrong; 1 where nothing contradicts it.
    """
    contradicted = (evidence_strength(pairs, usual) / max(softmin, _SOFTMIN_FLOOR) ** 2) ** (1 / 3)
    return 1 / (1 + (contradicted + displaced) / _MIDDLING)


def _odds(given: np.ndarray, predicted: np.ndarray, agree: np.ndarray) -> np.ndarray:
    """(K,) odds that a class is contradicted where given or predicted, by its (K,) pixels; 10 where it is neither."""
    confirmed = agree / np.maximum(given + predicted - agree, 1)
    return (1 - confirmed) / (confirmed + _LEAST_CONFIRMED)


def _hypotheses(pairs: PairEvidence, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Index and strength of all that an image has evidence for.

    In order: the pairs (g, c) at g K + c; given g and seen as anything else at K² + g; seen as c and given as anything
    else at K² + K + c; all together at K² + 2 K; c missed altogether at K² + 2 K + 1 + c.
    """
    given, suggested = pairs.given.astype(np.int64), pairs.suggested.astype(np.int64)
    lost, gained = (np.bincount(ends, pairs.strength, classes) for ends in (given, suggested))
    missed = np.bincount(suggested, pairs.strength * pairs.odds**2, classes)
    strength = np.concatenate([lost, gained, [pairs.strength.sum()], missed])
    some = np.flatnonzero(strength)
    index = np.concatenate([given * classes + suggested, classes * classes + some])
    return index, np.concatenate([pairs.strength, strength[some]])


def _level_starts(classes: int) -> list[int]:
    """Where the second, third and fourth level begin among the hypotheses."""
    return [classes**2, classes**2 + 2 * classes, classes**2 + 2 * classes + 1]


def _bins(strength: np.ndarray) -> np.ndarray:
    bins = np.ceil((np.log2(strength) - _LOWEST) * _BINS_AN_OCTAVE)
    return np.clip(bins, 0, _BINS - 1).astype(np.int64)
