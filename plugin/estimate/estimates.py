"""What a judged sample says of all pixels, of each class, of the labels' mean IoU, and of all images."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from .replicates import TAILS, UNKNOWN, Draws, Interval, Judged, Replicates

#: Of how many more verdicts a precision takes, at most
_MOST_TIMES = 1000.0
#: How exactly that number is found
_STEP = 0.02


@dataclass(frozen=True)
class ClassErrors:
    """The errors of one class.

    Args:
        pixels: given the class
        wrong: of these, the share whose true class is another
        missed: of the pixels that are truly of the class, the share that is given another; None where none is known
    """

    pixels: int
    wrong: Interval
    missed: Interval | None


class PixelEstimates:
    """Estimates from a sample of pixels.

    Args:
        judged: the sample; every stratum that has pixels has a judged one
        class_pixels: (H, K) int64 pixels of each stratum that are given each class
        seed: of the draws that intervals are made from
    """

    def __init__(self, judged: Judged, class_pixels: np.ndarray, seed: int = 0) -> None:
        self._judged, self._class_pixels, self._seed = judged, class_pixels, seed
        self._draws = Replicates(judged, seed)
        self._pixels = class_pixels.sum(axis=0)
        self._total = float(self._pixels.sum())

    def wrong(self, strata: np.ndarray | None = None) -> Interval:
        """How many pixels have a wrong class, in all or in some strata, (H,) bool."""
        chosen = np.ones(self._judged.sizes.size, bool) if strata is None else strata
        every, limits = np.ones(len(self._draws.kinds), bool), np.where(chosen, self._judged.sizes, 0)
        return self._draws.total(every, limits).interval().within(0, float(limits.sum()))

    def share(self) -> Interval:
        """The share of all pixels that has a wrong class."""
        return self.wrong().scaled(1 / self._total)

    def of_class(self, index: int) -> ClassErrors:
        """The errors of a class."""
        given, true = self._draws.kinds[:, 1] == index, self._draws.kinds[:, 2] == index
        pixels = int(self._pixels[index])
        false = self._draws.total(given, self._class_pixels[:, index])
        missing = self._draws.total(true, self._judged.sizes - self._class_pixels[:, index])
        wrong = false.interval().within(0, pixels).scaled(1 / pixels) if pixels else Interval(0.0, 0.0, 0.0)
        right = [np.clip(pixels - one, 0, pixels) for one in (np.asarray(false.value), false.least, false.most)]
        if right[0] + missing.value <= 0:
            return ClassErrors(pixels, wrong, None)
        parts = zip(right, (np.asarray(missing.value), missing.least, missing.most), strict=True)
        value, least, most = (np.divide(m, r + m, out=np.zeros_like(m, float), where=r + m > 0) for r, m in parts)
        return ClassErrors(pixels, wrong, Draws(float(value), least, most).interval().within(0, 1))

    def label_miou(self) -> Interval:
        """The mean IoU of the given masks with the true ones over the classes that are given.

        IoU of a class: right pixels ÷ (given + missed pixels). Where one more error that nobody has found may be of a
        rare class, which class it is decides more than how large it is; so of the two kinds of draws each has its own
        quantile, and the interval is from the lower of the lower limits to the higher of the higher ones.
        """
        value, least, most, one_more = self._draws.joint()
        bounds = []
        for numbers, unfound in ((least, None), (most, one_more)):
            bounds.append(np.quantile(self._miou(numbers, unfound), TAILS))
        estimate = float(self._miou(value[None], None)[0])
        (low, high), (lower, higher) = bounds
        return Interval(estimate, float(min(low, lower, estimate)), float(max(high, higher, estimate))).within(0, 1)

    def more_verdicts(self, half_width: float) -> int | None:
        """How many more pixels have to be judged until the interval of the share is twice ``half_width`` wide.

        If they turn out like those that were judged, and are distributed over the strata as those are.

        Returns:
            the number, 0 where the interval is narrow enough; None where a thousand times as many are too few
        """
        total = float(self._judged.counts.sum())

        def width(times: float) -> float:
            judged = replace(self._judged, factor=self._judged.factor * times)
            share = PixelEstimates(judged, self._class_pixels, self._seed).share()
            return (share.high - share.low) / 2

        if width(1.0) <= half_width:
            return 0
        low, high = 1.0, 2.0
        while width(high) > half_width:
            low, high = high, 2 * high
            if high > _MOST_TIMES:
                return None
        while (high - low) * total > max(1.0, _STEP * high * total):
            middle = (low + high) / 2
            low, high = (middle, high) if width(middle) > half_width else (low, middle)
        return math.ceil((high - 1) * total)

    def _miou(self, numbers: np.ndarray, unfound: np.ndarray | None) -> np.ndarray:
        """(B,) mean IoU for (B, m) numbers of each kind of error, and (B,) of one whose kind is not known."""
        classes, kinds = self._pixels.size, self._draws.kinds
        false, missed = np.zeros((len(numbers), classes)), np.zeros((len(numbers), classes))
        for place, (_, given, true) in enumerate(kinds.tolist()):
            false[:, given] += numbers[:, place]
            if true != UNKNOWN:
                missed[:, true] += numbers[:, place]
        if unfound is not None:
            rng, rows = np.random.default_rng(self._seed), np.arange(len(numbers))
            seldom = self._draws.seldom(self._judged.sizes)
            here = self._class_pixels[seldom]
            if here.any():
                given = rng.choice(classes, len(numbers), p=here / here.sum())
                true = rng.choice(np.flatnonzero(self._pixels), len(numbers))
                differ = np.where(given != true, unfound, 0.0)
                false[rows, given] += differ
                missed[rows, true] += differ
        there = self._pixels > 0
        right = np.clip(self._pixels - false, 0, None)[:, there]
        ious: np.ndarray = right / (self._pixels + missed)[:, there]
        return ious.mean(axis=1)


def judged_number(sizes: np.ndarray, stratum: np.ndarray, wrong: np.ndarray, seed: int = 0) -> Interval:
    """How many units of a population are wrong, of a stratified sample of them: images, or suspects.

    Few of them are judged, and they are not rare: the limits are those that hold at least, see `Draws.cautious`.

    Args:
        sizes: (H,) int64 units of each stratum; at least one of each is judged
        stratum: (n,) int64 of each judged unit
        wrong: (n,) bool, whether it is wrong
        seed: of the draws
    """
    judged = Judged(sizes, stratum, np.zeros(stratum.size, np.int64), wrong.astype(np.int64))
    draws = Replicates(judged, seed)
    return draws.total(np.ones(len(draws.kinds), bool), sizes).cautious().within(0, float(sizes.sum()))


def judged_by_group(
    sizes: np.ndarray, stratum: np.ndarray, group: np.ndarray, wrong: np.ndarray, seed: int = 0
) -> list[Interval]:
    """How many units of each of several groups are wrong, of a stratified sample of all.

    Those of a group that were judged in a stratum are a random sample of what it has there. Where none was, nothing is
    known of these: they may all be wrong, or none; the value takes the share of the whole stratum.

    Args:
        sizes: (H, G) int64 units of each stratum and group; at least one of each stratum that has some is judged
        stratum: (n,) int64 of each judged unit
        group: (n,) int64 of each; negative where it is of none
        wrong: (n,) bool, whether it is wrong
        seed: of the draws

    Returns:
        G estimates
    """
    judged = np.bincount(stratum, minlength=len(sizes))
    rates = np.bincount(stratum, wrong, minlength=len(sizes)) / np.maximum(judged, 1)
    found = []
    for number, own in enumerate(sizes.T):
        here = group == number
        seen = np.bincount(stratum[here], minlength=len(sizes)) > 0
        known = Interval(0.0, 0.0, 0.0)
        if seen.any():
            known = judged_number(np.where(seen, own, 0), stratum[here], wrong[here], seed)
        unseen = np.where(seen, 0, own)
        found.append(
            Interval(known.value + float(unseen @ rates), known.low, known.high + float(unseen.sum())),
        )
    return found
