"""In which order strata are drawn from, so that whatever number is judged is well distributed over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Drawn from each stratum before any other is drawn from again: what is expected of it may be wrong
LEAST = 5


def allotment(sizes: Sequence[int], rates: Sequence[float], total: int) -> np.ndarray:
    """The stratum of the 1st, 2nd, … unit that is drawn.

    After some of each stratum, a unit goes to where it is due by Neyman's allocation, n_h ∝ N_h √(r_h (1 − r_h)), as
    Sainte-Laguë's method divides seats. So the first n are the sample of n: judging the units in this order, one can
    stop after any, and a larger sample begins with the smaller one.

    Args:
        sizes: N_h, units of each of H strata
        rates: r_h, the share of each that is expected to be wrong
        total: how many are drawn; all where there are fewer

    Returns:
        (n,) int64 stratum of each

    References:
        Neyman, "On the two different aspects of the representative method", JRSS 97 (1934)
    """
    counts, rate = np.asarray(sizes, np.int64), np.asarray(rates, float)
    weights = counts * np.sqrt(np.maximum(rate * (1 - rate), 0.0))
    taken, order = np.zeros(counts.size, np.int64), []
    by_weight = np.argsort(-weights, kind="stable").tolist()
    first = [one for number in range(LEAST) for one in by_weight if counts[one] > number]
    for stratum in first[:total]:
        order.append(stratum)
        taken[stratum] += 1
    for _ in range(min(total, int(counts.sum())) - len(order)):
        due = np.where(taken < counts, weights / (taken + 0.5), -1.0)
        order.append(int(np.argmax(due)))
        taken[order[-1]] += 1
    return np.array(order, np.int64)
