"""Confident learning over a dataset: class thresholds, confident joint, noise matrix, and the pixels to flag.

Everything streams: the state is a few arrays over classes and two histograms, whatever the number of images. All sums
are integers, so neither the order of the images nor a split of the work changes a bit of the result.

References:
    Curtis Northcutt, Lu Jiang and Isaac Chuang, "Confident learning: estimating uncertainty in dataset labels",
    JAIR 70, 2021, sections 3 and 4.
    cleanlab 2.9, ``cleanlab.segmentation.filter.find_label_issues`` (the rule ``cleanlab``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from . import kernels
from .scan import largest, predict

#: One image: probabilities (K, h, w), labels (h, w); at any resolution, pooled or not
Image = tuple[np.ndarray, np.ndarray]
#: cleanlab compares with this margin, and keeps its thresholds above twice it
CLEANLAB_MARGIN = 1e-6
CLEANLAB_LEAST_THRESHOLD = 2e-6


class ThresholdSums:
    """The mean probability of each class over the pixels given that class, as it accumulates.

    Args:
        classes: number of classes K

    Attributes:
        counts: (K,) int64 pixels given each class
    """

    def __init__(self, classes: int) -> None:
        self.counts = np.zeros(classes, np.int64)
        # Python's integers: sums of 2**-32 steps would fill 64 bits after some billion pixels
        self._sums = [0] * classes

    @property
    def sums(self) -> np.ndarray:
        """The sums (K,) float64; exact for an image of up to 2**21 pixels."""
        return np.array([total / kernels.STEPS for total in self._sums])

    def update(self, probabilities: np.ndarray, labels: np.ndarray) -> None:
        """Adds one image; probabilities (K, h, w) in [0, 1], labels (h, w), negative where ignored."""
        sums = np.zeros(self.counts.size, np.int64)
        kernels.sum_given(*_flatten(probabilities, labels), sums, self.counts)
        self._sums = [total + int(more) for total, more in zip(self._sums, sums, strict=True)]

    def add(self, sums: np.ndarray, counts: np.ndarray) -> None:
        """Adds the images behind another instance's `sums` (K,) and `counts` (K,)."""
        self._sums = [total + int(more * kernels.STEPS) for total, more in zip(self._sums, sums, strict=True)]
        self.counts += counts

    def merge(self, other: ThresholdSums) -> None:
        """Adds the images that another instance has seen."""
        self._sums = [total + more for total, more in zip(self._sums, other._sums, strict=True)]
        self.counts += other.counts

    def thresholds(self) -> np.ndarray:
        """The thresholds (K,) float64; inf for a class never given, so that no pixel is confidently of it."""
        pairs = zip(self._sums, self.counts.tolist(), strict=True)
        return np.array([total / kernels.STEPS / count if count else np.inf for total, count in pairs])


class ConfidentJoint:
    """Counts of pixels by given class and confident class, as they accumulate.

    The confident class of a pixel is the one of the largest probability among those that reach their threshold. A
    pixel without one is not counted (cleanlab would count its argmax).

    Args:
        classes: number of classes K

    Attributes:
        counts: (K, K) int64, [given, confident]
        given: (K,) int64 pixels given each class, confident or not
    """

    def __init__(self, classes: int) -> None:
        self.counts = np.zeros((classes, classes), np.int64)
        self.given = np.zeros(classes, np.int64)

    def update(self, probabilities: np.ndarray, labels: np.ndarray, thresholds: np.ndarray) -> None:
        """Adds one image; see `confident_classes` for the arguments."""
        self.add(confident_classes(probabilities, thresholds), labels)

    def add(self, confident: np.ndarray, labels: np.ndarray) -> None:
        """Adds one image by its confident classes (h, w), as `confident_classes` gives them, and labels (h, w)."""
        classes = self.given.size
        self.given += np.bincount(labels[labels >= 0], minlength=classes)
        both = (labels >= 0) & (confident >= 0)
        pairs = labels[both].astype(np.int64) * classes + confident[both]
        self.counts += np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)

    def merge(self, other: ConfidentJoint) -> None:
        """Adds the images that another instance has seen."""
        self.counts += other.counts
        self.given += other.given

    def noise_matrix(self) -> np.ndarray:
        """The estimated P(given | true), (K, K) float64: column j says how pixels that are truly j were labelled.

        The joint is calibrated first, so that each row sums to the pixels given that class; a class that was given
        but has no confident pixel shows no noise and goes to its diagonal. Columns sum to 1, or to 0 for a class
        that no pixel is estimated to be.
        """
        joint = self.counts.astype(np.float64)
        silent = (joint.sum(axis=1) == 0) & (self.given > 0)
        joint[silent, silent] = 1.0
        return _normalise(_normalise(joint, axis=1) * self.given[:, None], axis=0)


class LowestCut:
    """Finds the n lowest probabilities of given classes exactly, in constant memory and two passes.

    The bits of a non-negative float32 order as the number does. The first pass counts the upper 16 bits, which tells
    the bin that the n-th lowest is in; the second counts the lower 16 bits within that bin.
    """

    def __init__(self) -> None:
        self._high = np.zeros(1 << 16, np.int64)
        self._low = np.zeros(1 << 16, np.int64)
        self._bin = 0
        self._rest = 0

    def update(self, probabilities: np.ndarray, labels: np.ndarray) -> None:
        """First pass: adds one image; probabilities (K, h, w) in [0, 1], labels (h, w), negative where ignored."""
        kernels.count_high_bits(*_flatten(probabilities, labels), self._high)

    def choose(self, lowest: int) -> None:
        """Between the passes: says how many of the lowest to take, from 0 to the number of pixels."""
        self._bin, self._rest = _nth(self._high, lowest)

    def refine(self, probabilities: np.ndarray, labels: np.ndarray) -> None:
        """Second pass: adds the same image again."""
        kernels.count_low_bits(*_flatten(probabilities, labels), self._bin, self._low)

    def merge(self, other: LowestCut) -> None:
        """Adds what another instance has counted; both must have chosen the same number before a second pass."""
        self._high += other._high
        self._low += other._low

    def cut(self) -> tuple[float, int]:
        """The probability of the last pixel to take, and how many of the pixels at exactly that value to take."""
        low, ties = _nth(self._low, self._rest)
        bits = np.array([self._bin << 16 | low], np.uint32)
        return float(bits.view(np.float32)[0]), ties


@dataclass(frozen=True)
class ConfidentLearning:
    """What the whole dataset says of its labels.

    Args:
        rule: ``joint`` or ``cleanlab``
        thresholds: (K,) float64 class thresholds, inf for a class never given
        joint: the confident joint
        issues: pixels the rule asks for: the off-diagonal of the joint, or cleanlab's number, before it takes back
            those whose argmax is the label
        cut: for ``cleanlab``, the probability of the last pixel to flag
        ties: for ``cleanlab``, pixels at exactly the cut to flag, the first in the order of images and pixels
    """

    rule: str
    thresholds: np.ndarray
    joint: ConfidentJoint
    issues: int
    cut: float = 0.0
    ties: int = 0


def confident_classes(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """The confident class of each pixel: the likeliest of the classes whose probability reaches their threshold.

    Args:
        probabilities: (K, h, w) float32, in [0, 1]
        thresholds: (K,) float64, inf for a class that no pixel can be confident of

    Returns:
        (h, w) int16, the smaller class where several are equal, -1 where there is none.
    """
    return predict(probabilities, _round_up(thresholds))


def flags_joint(probabilities: np.ndarray, labels: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Flags the pixels off the diagonal of the confident joint: confidently of another class than given.

    Args:
        probabilities: (K, h, w) float32, in [0, 1]
        labels: (h, w) class indices, negative where ignored
        thresholds: (K,) float64

    Returns:
        (h, w) bool, False on ignored pixels.
    """
    return off_diagonal(confident_classes(probabilities, thresholds), labels)


def off_diagonal(confident: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """As `flags_joint`, from the confident classes (h, w)."""
    return (confident >= 0) & (labels >= 0) & (confident != labels)


def counts_score(flags: np.ndarray, labels: np.ndarray) -> float:
    """The image score CLC: the share of the pixels that take part which are not flagged.

    Args:
        flags: (h, w) bool
        labels: (h, w) class indices, negative where ignored

    Returns:
        The score in [0, 1]; low is suspicious. nan where every pixel is ignored.
    """
    pixels = int((labels >= 0).sum())
    return 1.0 - int((flags & (labels >= 0)).sum()) / pixels if pixels else float("nan")


def learn(
    images: Iterable[Image], classes: int, rule: str = "joint", thresholds: np.ndarray | None = None
) -> ConfidentLearning:
    """Learns from a dataset what its images are to be flagged by.

    Args:
        images: the images, iterated over two times (``joint``) or three (``cleanlab``), once less with thresholds
        classes: number of classes K
        rule: ``joint`` for the off-diagonal of the confident joint, or ``cleanlab`` for the pixels that
            ``cleanlab.segmentation.filter.find_label_issues`` flags
        thresholds: (K,) float64, where they are known from an earlier pass

    Returns:
        What `flag_images` needs, and the confident joint.
    """
    if thresholds is None:
        thresholds = learn_thresholds(images, classes)
    joint = ConfidentJoint(classes)
    if rule == "joint":
        for probabilities, labels in images:
            joint.update(probabilities, labels, thresholds)
        return ConfidentLearning(rule, thresholds, joint, int(joint.counts.sum() - joint.counts.trace()))
    lowest, issues = LowestCut(), 0
    for probabilities, labels in images:
        joint.update(probabilities, labels, thresholds)
        lowest.update(probabilities, labels)
        issues += count_cleanlab_issues(probabilities, labels, thresholds)
    lowest.choose(issues)
    for probabilities, labels in images:
        lowest.refine(probabilities, labels)
    return ConfidentLearning(rule, thresholds, joint, issues, *lowest.cut())


def learn_thresholds(images: Iterable[Image], classes: int) -> np.ndarray:
    """The thresholds (K,) of a dataset, in one pass."""
    sums = ThresholdSums(classes)
    for probabilities, labels in images:
        sums.update(probabilities, labels)
    return sums.thresholds()


def flag_images(images: Iterable[Image], learned: ConfidentLearning) -> Iterator[np.ndarray]:
    """Flags a dataset's images in their order.

    Args:
        images: the images that were learned from, in the same order
        learned: what `learn` gave

    Yields:
        (h, w) bool for each image, False on ignored pixels.
    """
    ties = learned.ties
    for probabilities, labels in images:
        if learned.rule == "joint":
            yield flags_joint(probabilities, labels, learned.thresholds)
        else:
            flags, ties = flags_lowest(probabilities, labels, learned.cut, ties)
            yield flags


def count_cleanlab_issues(probabilities: np.ndarray, labels: np.ndarray, thresholds: np.ndarray) -> int:
    """Counts the pixels whose argmax differs from the label and reaches its threshold, as cleanlab does.

    cleanlab's threshold of a class never given is its least one, so every such argmax counts.

    Args:
        probabilities: (K, h, w) float32, in [0, 1]
        labels: (h, w) class indices, negative where ignored
        thresholds: (K,) float64

    Returns:
        One image's part of the number of pixels to flag.
    """
    limits = np.maximum(np.where(np.isinf(thresholds), 0.0, thresholds), CLEANLAB_LEAST_THRESHOLD) - CLEANLAB_MARGIN
    prediction, probability = largest(probabilities)
    return int(((labels >= 0) & (prediction != labels) & (probability >= limits[prediction])).sum())


def flags_lowest(probabilities: np.ndarray, labels: np.ndarray, cut: float, ties: int) -> tuple[np.ndarray, int]:
    """Flags the pixels that are lowest in the dataset, except where the argmax is the label.

    Args:
        probabilities: (K, h, w) float32, in [0, 1]
        labels: (h, w) class indices, negative where ignored
        cut: as `LowestCut.cut` gives it
        ties: pixels at exactly the cut that this and later images may still take

    Returns:
        (h, w) bool, and the ties left for later images.
    """
    flat, given = _flatten(probabilities, labels)
    flags = np.zeros(given.size, bool)
    ties = kernels.flag_lowest(flat, given, np.float32(cut), ties, flags)
    return flags.reshape(labels.shape), int(ties)


def _flatten(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = np.ascontiguousarray(probabilities, dtype=np.float32).reshape(len(probabilities), -1)
    return flat, np.ascontiguousarray(labels, dtype=np.int16).reshape(-1)


def _round_up(thresholds: np.ndarray) -> np.ndarray:
    """As float32, each rounded up: p >= t holds for the same float32 p as before."""
    rounded = np.asarray(thresholds, np.float64).astype(np.float32)
    return np.where(rounded < thresholds, np.nextafter(rounded, np.float32(np.inf)), rounded)


def _nth(histogram: np.ndarray, lowest: int) -> tuple[int, int]:
    """The bin that the ``lowest``-th item is in, counted from 1, and which item of that bin it is."""
    below = np.cumsum(histogram)
    index = int(np.searchsorted(below, lowest))
    return index, lowest - int(below[index] - histogram[index])


def _normalise(counts: np.ndarray, axis: int) -> np.ndarray:
    """Divides by the sums over an axis, where they are not 0."""
    sums = counts.sum(axis=axis, keepdims=True)
    return np.divide(counts, sums, out=np.zeros_like(counts), where=sums > 0)
