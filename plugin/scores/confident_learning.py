"""Confident learning over a dataset: class thresholds, confident joint, noise matrix, and the pixels to flag.

Everything streams: the state is a few arrays over classes and two histograms, whatever the number of images. All sums
are integers, so neither the order of the images nor a split of the work changes a bit of the result.

References:
    Curtis Northcutt, Lu Jiang and Isaac Chuang, "Confident learning: estimating uncertainty in dataset labels",
    JAIR 70, 2021, sections 3 and 4.
    cleanlab 2.9, ``cleanlab.segmentation.filter.find_label_issues`` (the rule ``cleanlab``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..pixels.scan import largest, predict
from . import confident_kernels as kernels

#: One image: probabilities (K, h, w), labels (h, w); at any resolution, pooled or not
Image = tuple[np.ndarray, np.ndarray]
#: cleanlab compares with this margin, and keeps its thresholds above twice it
CLEANLAB_MARGIN = 1e-6
CLEANLAB_LEAST_THRESHOLD = 2e-6


class ThresholdSums:
    """The mean probability of each class over the pixels given that class, as it accumulates.

    A pixel's probability counts in whole steps of 2**-32, rounded down: that of float16 exactly, that of float32 less
    2**-32 at most, which is also how much too low a mean can be.

    Args:
        classes: number of classes K

    Attributes:
        counts: (K,) int64 pixels given each class
    """

    def __init__(self, classes: int) -> None:
        self.counts = np.zeros(classes, np.int64)
        # Python's integers: the steps of some billion pixels fill 64 bits
        self._steps = [0] * classes

    @property
    def steps(self) -> np.ndarray:
        """The sums (K,) int64 in steps of 2**-32, of up to 2**31 pixels."""
        return np.array(self._steps, np.int64)

    def update(self, probabilities: np.ndarray, labels: np.ndarray) -> None:
        """Adds one image; probabilities (K, h, w) in [0, 1], labels (h, w), negative where ignored."""
        steps, counts = np.zeros_like(self.counts), np.zeros_like(self.counts)
        kernels.sum_given(*_flatten(probabilities, labels), steps, counts)
        self.add(steps, counts)

    def add(self, steps: np.ndarray, counts: np.ndarray) -> None:
        """Adds the images behind another instance's `steps` (K,) and `counts` (K,)."""
        self._steps = [total + more for total, more in zip(self._steps, steps.tolist(), strict=True)]
        self.counts += counts

    def thresholds(self) -> np.ndarray:
        """The thresholds (K,) float64; inf for a class never given, so that no pixel is confidently of it."""
        pairs = zip(self._steps, self.counts.tolist(), strict=True)
        return np.array([total / kernels.STEPS / count if count else np.inf for total, count in pairs])


class ConfidentJoint:
    """Counts of pixels by given class and confident class, as they accumulate.

    The confident class of a pixel is the one of the largest probability among those that reach their threshold. A
    pixel without one is not counted (cleanlab would count its argmax).

    Args:
        classes: number of classes K

    Attributes:
        counts: (K, K) int64, [given, confident]
    """

    def __init__(self, classes: int) -> None:
        self.counts = np.zeros((classes, classes), np.int64)

    def update(self, probabilities: np.ndarray, labels: np.ndarray, thresholds: np.ndarray) -> None:
        """Adds one image; see `confident_classes` for the arguments."""
        self.add(confident_classes(probabilities, thresholds), labels)

    def add(self, confident: np.ndarray, labels: np.ndarray) -> None:
        """Adds one image by its confident classes (h, w), as `confident_classes` gives them, and labels (h, w)."""
        given = np.ascontiguousarray(labels, dtype=np.int16).reshape(-1)
        kernels.count_pairs(given, confident.reshape(-1), self.counts)

    def merge(self, other: ConfidentJoint) -> None:
        """Adds the images that another instance has seen."""
        self.counts += other.counts

    def noise_matrix(self, given: np.ndarray | None = None) -> np.ndarray:
        """The estimated P(given | true): column j says how the pixels that are truly of class j were labelled.

        Args:
            given: (K,) pixels given each class, which the rows are scaled to first (the calibration of Northcutt et
                al.), as not every pixel is confident; None to take the counts as they are

        Returns:
            (K, K) float64; columns sum to 1, or to 0 for a class that no pixel is estimated to be. A class that was
            given but has no confident pixel shows no noise.
        """
        joint = self.counts.astype(np.float64)
        if given is not None:
            silent = (joint.sum(axis=1) == 0) & (np.asarray(given) > 0)
            joint[silent, silent] = 1.0
            joint = _normalise(joint, axis=1) * np.asarray(given)[:, None]
        return _normalise(joint, axis=0)


class LowestCut:
    """Finds the pixel score that the rule ``cleanlab`` cuts at, exactly, in constant memory and two sweeps.

    The rule flags the n pixels of the lowest probability of their given class. The bits of a non-negative float32
    order as the number does: the first sweep counts n and the upper 16 bits, which tells the bin that the n-th lowest
    is in; the second counts the lower 16 bits within that bin.

    Args:
        thresholds: (K,) float64 class thresholds, inf for a class never given

    Attributes:
        issues: n, known after the first sweep
        value: the n-th lowest score, known after the second; below all scores where n is 0
    """

    def __init__(self, thresholds: np.ndarray) -> None:
        self.issues = 0
        self.value = -1.0
        self._thresholds = thresholds
        self._histogram = np.zeros(1 << 16, np.int64)
        self._bin: int | None = None
        self._rest = 0

    def of_images(self, images: Iterable[Image]) -> tuple[int, np.ndarray]:
        """This sweep's counts of some images, to be merged; changes nothing, so it may run in several threads."""
        issues, histogram = 0, np.zeros(1 << 16, np.int64)
        for probabilities, labels in images:
            flat = _flatten(probabilities, labels)
            if self._bin is None:
                issues += count_issues(probabilities, labels, self._thresholds)
                kernels.count_high_bits(*flat, histogram)
            else:
                kernels.count_low_bits(*flat, self._bin, histogram)
        return issues, histogram

    def merge(self, part: tuple[int, np.ndarray]) -> None:
        """Adds what `of_images` counted, in any order."""
        self.issues += part[0]
        self._histogram += part[1]

    def next_sweep(self) -> None:
        """Ends a sweep, once the counts of all images are merged."""
        if self._bin is None:
            self._bin, self._rest = _nth(self._histogram, self.issues)
            self._histogram = np.zeros(1 << 16, np.int64)
        elif self.issues:
            bits = np.array([self._bin << 16 | _nth(self._histogram, self._rest)[0]], np.uint32)
            self.value = float(bits.view(np.float32)[0])


@dataclass(frozen=True)
class ConfidentLearning:
    """What the whole dataset says of its labels.

    Args:
        thresholds: (K,) float64 class thresholds, inf for a class never given
        joint: the confident joint
        cut: the pixel score that the rule ``cleanlab`` cuts at; None for the rule ``joint``
    """

    thresholds: np.ndarray
    joint: ConfidentJoint
    cut: float | None = None

    def flags(self, probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Flags an image by its rule; see `flags_joint` and `flag_candidates`."""
        if self.cut is None:
            return flags_joint(probabilities, labels, self.thresholds)
        return flag_candidates(probabilities, labels, self.cut)


def learn(images: Iterable[Image], classes: int, rule: str = "joint") -> ConfidentLearning:
    """Learns from a dataset what its images are to be flagged by.

    Args:
        images: can be iterated over again and again: two times for ``joint``, four for ``cleanlab``
        classes: number of classes K
        rule: ``joint`` for the off-diagonal of the confident joint, or ``cleanlab`` for the pixels that
            ``cleanlab.segmentation.filter.find_label_issues`` flags

    Returns:
        The thresholds, the confident joint, and the flags of any image of the dataset.
    """
    sums, joint = ThresholdSums(classes), ConfidentJoint(classes)
    for probabilities, labels in images:
        sums.update(probabilities, labels)
    thresholds = sums.thresholds()
    for probabilities, labels in images:
        joint.update(probabilities, labels, thresholds)
    return ConfidentLearning(thresholds, joint, find_cut(images, thresholds) if rule == "cleanlab" else None)


def find_cut(images: Iterable[Image], thresholds: np.ndarray) -> float:
    """The pixel score that the rule ``cleanlab`` cuts at, from images that can be iterated over twice."""
    cut = LowestCut(thresholds)
    for _ in range(2):
        cut.merge(cut.of_images(images))
        cut.next_sweep()
    return cut.value


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


def count_issues(probabilities: np.ndarray, labels: np.ndarray, thresholds: np.ndarray) -> int:
    """Counts the pixels whose argmax differs from the label and reaches its threshold, as cleanlab does.

    cleanlab's threshold of a class never given is its least one, so every such argmax counts.

    Args:
        probabilities: (K, h, w) float32, in [0, 1]
        labels: (h, w) class indices, negative where ignored
        thresholds: (K,) float64, inf for a class never given

    Returns:
        One image's part of the number n of pixels to flag.
    """
    limits = np.maximum(np.where(np.isinf(thresholds), 0.0, thresholds), CLEANLAB_LEAST_THRESHOLD) - CLEANLAB_MARGIN
    flat, given = _flatten(probabilities, labels)
    prediction, probability = largest(flat)
    return int(kernels.count_surprises(given, prediction, probability, limits))


def flag_candidates(probabilities: np.ndarray, labels: np.ndarray, cut: float) -> np.ndarray:
    """Flags the pixels whose given class is no likelier than the cut and not the likeliest.

    All pixels at exactly the cut are taken: which of them cleanlab takes depends on how its sort breaks ties.

    Args:
        probabilities: (K, h, w) float32, in [0, 1]
        labels: (h, w) class indices, negative where ignored
        cut: as `LowestCut` finds it

    Returns:
        (h, w) bool, False on ignored pixels.
    """
    flat, given = _flatten(probabilities, labels)
    flags = np.zeros(given.size, bool)
    kernels.flag_lowest(flat, given, np.float32(cut), flags)
    return flags.reshape(labels.shape)


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
