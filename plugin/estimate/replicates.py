"""How many units of a stratified sample's population are wrong, with intervals that hold for small numbers too.

With x of a stratum's n judged units wrong, the share θ of the stratum's N that is wrong is drawn again and again:

    least      θ ~ Beta(x, n − x + 1)        most      θ ~ Beta(x + 1, n − x)   in the stratum of the largest N / n
                                                       θ ~ Beta(x, n − x)       in all others

The sums Σ N θ of both together have the interval as their quantiles. Of one stratum that is the mid-p interval of a
binomial share. Where little is wrong it is the mid-p gamma interval of a weighted sum of Poisson numbers: one more
wrong unit, which nobody has happened to find, weighs as much as the largest N / n at most. So where nothing is wrong
among all that were judged, the upper limit is that of the stratum that was looked at least. The quantiles of each by
itself are Clopper and Pearson's limits, and Fay and Feuer's.

What is drawn are not single shares but those of every kind of error (stratum, given class, true class), by Dirichlet's
distribution, so that all that is made of them fits together. Deviations from x / n shrink by √(1 − n / N), so that a
census is exact.

References:
    Fay and Feuer, "Confidence intervals for directly standardized rates: a method based on the gamma distribution",
    Statistics in Medicine 16 (1997)
    Fay and Kim, "Confidence intervals for directly standardized rates using mid-p gamma intervals", Biometrical
    Journal 59 (2017)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Draws of each of the two kinds. Limits of another seed differ by a hundredth of the interval's width or so
DRAWS = 4000
#: The quantiles of 95 % intervals
TAILS = (0.025, 0.975)
#: The true class of a unit that is wrong, of which nobody has said what is right
UNKNOWN = -1


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval.

    Args:
        value: the estimate
        low: lower limit
        high: upper limit
    """

    value: float
    low: float
    high: float

    def within(self, least: float, most: float) -> Interval:
        """The same where the truth is known to be between two limits."""
        return Interval(*(float(min(max(one, least), most)) for one in (self.value, self.low, self.high)))

    def scaled(self, factor: float, offset: float = 0.0) -> Interval:
        """Every number times a positive factor, and an offset added."""
        return Interval(*(float(one * factor + offset) for one in (self.value, self.low, self.high)))


@dataclass(frozen=True)
class Judged:
    """The judged units of a stratified sample.

    Args:
        sizes: (H,) units of each stratum, N
        stratum: (n,) int64 of each judged unit
        given: (n,) int64 given class
        true: (n,) int64 true class; the given one of units that are right, `UNKNOWN` of wrong ones where none was named
        factor: how many units each stands for; other than 1 to ask what a sample of another size would tell
    """

    sizes: np.ndarray
    stratum: np.ndarray
    given: np.ndarray
    true: np.ndarray
    factor: float = 1.0

    @property
    def counts(self) -> np.ndarray:
        """(H,) judged units of each stratum, n."""
        return self.factor * np.bincount(self.stratum, minlength=self.sizes.size)

    @property
    def complete(self) -> bool:
        """Whether every stratum that has units has a judged one."""
        return bool((self.counts[self.sizes > 0] > 0).all())


@dataclass(frozen=True)
class Draws:
    """Draws of a total.

    Args:
        value: the estimate
        least: (DRAWS,)
        most: (DRAWS,)
    """

    value: float
    least: np.ndarray
    most: np.ndarray

    def interval(self) -> Interval:
        """The interval of the quantiles of both together."""
        low, high = np.quantile(np.concatenate([self.least, self.most]), TAILS)
        return Interval(float(self.value), float(min(low, self.value)), float(max(high, self.value)))

    def cautious(self) -> Interval:
        """The interval of the lower quantile of the least and the upper one of the most."""
        low, high = np.quantile(self.least, TAILS[0]), np.quantile(self.most, TAILS[1])
        return Interval(float(self.value), float(min(low, self.value)), float(max(high, self.value)))


class Replicates:
    """Draws of how many units there are of each kind of error.

    Args:
        judged: the sample; of a stratum without a judged unit nothing is known
        seed: of the draws; the order of the units does not matter
    """

    def __init__(self, judged: Judged, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.judged, strata = judged, judged.sizes.size
        kinds = np.stack([judged.stratum, judged.given, judged.true], axis=1)[judged.given != judged.true]
        #: (m, 3) stratum, given and true class of each kind of error that was found, and (m,) how many there are
        self.kinds, found = np.unique(kinds, axis=0, return_counts=True)
        self.found = judged.factor * found
        self.counts = judged.counts
        wrong = np.bincount(self.kinds[:, 0], self.found, strata)
        self._wrong = _gamma(rng, self.found)
        self._right = _gamma(rng, self.counts - wrong)
        self._one_right = rng.gamma(1.0, size=(DRAWS, strata))
        self._one_wrong = rng.gamma(1.0, size=DRAWS)
        fraction = np.divide(self.counts, judged.sizes, out=np.ones(strata), where=judged.sizes > 0)
        self._shrink = np.sqrt(np.clip(1 - fraction, 0, 1))

    def total(self, kinds: np.ndarray, limits: np.ndarray) -> Draws:
        """How many units of the population have one of some kinds of error.

        Args:
            kinds: (m,) bool, which of `kinds`
            limits: (H,) how many units of each stratum can have such an error

        Returns:
            the draws
        """
        value, least, most = 0.0, np.zeros(DRAWS), np.zeros(DRAWS)
        seldom = self.seldom(limits)
        for stratum in np.flatnonzero(limits > 0).tolist():
            here = self.kinds[:, 0] == stratum
            chosen = self._wrong[:, here & kinds].sum(axis=1)
            every = self._wrong[:, here].sum(axis=1) + self._right[:, stratum]
            more = self._one_wrong if stratum == seldom or not self.counts[stratum] else 0.0
            known = float(self.found[here & kinds].sum() / max(self.counts[stratum], 1e-12))
            value += min(self.judged.sizes[stratum] * known, limits[stratum])
            few = self._number(stratum, known, chosen / (every + self._one_right[:, stratum]))
            many = self._number(stratum, known, (chosen + more) / np.maximum(every + more, 1e-300))
            least += np.minimum(few, limits[stratum])
            most += np.minimum(many, limits[stratum])
        return Draws(value, least, most)

    def seldom(self, limits: np.ndarray) -> int:
        """The stratum a judged unit of which stands for most others, as far as there are those: (H,) limits."""
        rest = self.judged.sizes - np.minimum(self.counts, self.judged.sizes)
        weights = np.divide(rest, self.counts, out=rest.astype(float), where=self.counts > 0)
        return int(np.argmax(np.minimum(weights, limits)))

    def joint(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """How many units of the population have each kind of error.

        Returns:
            (m,) estimates; (DRAWS, m) draws of the least and (DRAWS, m) of the most; and (DRAWS,) how many units the
            one more stands for, of which no kind is known, in the stratum that `seldom` gives of all
        """
        stratum, seldom = self.kinds[:, 0], self.seldom(self.judged.sizes)
        known = self.found / np.maximum(self.counts[stratum], 1e-12)
        every = np.stack([self._wrong[:, stratum == one].sum(axis=1) for one in range(self.counts.size)], axis=1)
        every = every + self._right
        more = np.where(np.arange(self.counts.size) == seldom, self._one_wrong[:, None], 0.0)
        sums = [every + self._one_right, np.maximum(every + more, 1e-300)]
        least, most = (self._number(stratum, known, self._wrong / one[:, stratum]) for one in sums)
        unfound = self._number(seldom, 0.0, more[:, seldom] / sums[1][:, seldom])
        return self.judged.sizes[stratum] * known, least, most, unfound

    def _number(self, stratum: int | np.ndarray, known: float | np.ndarray, share: np.ndarray) -> np.ndarray:
        number: np.ndarray = self.judged.sizes[stratum] * (known + self._shrink[stratum] * (share - known))
        return number


def _gamma(rng: np.random.Generator, shapes: np.ndarray) -> np.ndarray:
    """(DRAWS, m) draws of gamma distributions, 0 where the shape is 0."""
    drawn = rng.gamma(np.maximum(shapes, 1e-12), size=(DRAWS, shapes.size))
    return np.where(shapes > 0, drawn, 0.0)
