"""Intervals of stratified samples against exact binomial limits, and what must hold of any sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.estimate.replicates import Interval, Judged, Replicates
from scipy.optimize import brentq
from scipy.stats import binom, binomtest, gamma

MANY = 10**9


def sample(sizes: list[int], judged: list[tuple[int, int]]) -> Judged:
    """A sample of two classes: of each stratum (judged, wrong of these), wrong ones given 0 and truly 1."""
    stratum = np.repeat(np.arange(len(sizes)), [number for number, _ in judged])
    wrong = np.concatenate([np.arange(number) < bad for number, bad in judged]).astype(np.int64)
    return Judged(np.array(sizes), stratum, np.zeros(stratum.size, np.int64), wrong)


def share(judged: Judged, cautious: bool = False) -> Interval:
    draws = Replicates(judged)
    total = draws.total(np.ones(len(draws.kinds), bool), judged.sizes)
    return (total.cautious() if cautious else total.interval()).scaled(1 / judged.sizes.sum())


def mid_p(number: int, wrong: int) -> tuple[float, float]:
    """The limits at which half of the probability of what was found and all of what is beyond it are 0.025."""

    def upper(p: float) -> float:
        return binom.cdf(wrong - 1, number, p) + binom.pmf(wrong, number, p) / 2 - 0.025

    def lower(p: float) -> float:
        return binom.sf(wrong, number, p) + binom.pmf(wrong, number, p) / 2 - 0.025

    tiny = 1e-12
    return (
        brentq(lower, tiny, 1 - tiny) if wrong else 0.0,
        brentq(upper, tiny, 1 - tiny) if wrong < number else 1.0,
    )


@pytest.mark.parametrize(("number", "wrong"), [(30, 0), (30, 1), (40, 3), (50, 25), (20, 19), (30, 30)])
def test_of_one_stratum_it_is_the_mid_p_interval(number: int, wrong: int) -> None:
    found = share(sample([MANY], [(number, wrong)]))
    assert found.value == pytest.approx(wrong / number)
    assert (found.low, found.high) == pytest.approx(mid_p(number, wrong), abs=0.008)


@pytest.mark.parametrize(("number", "wrong"), [(30, 0), (40, 3), (50, 25), (20, 19)])
def test_the_cautious_interval_of_one_stratum_is_clopper_and_pearsons(number: int, wrong: int) -> None:
    found = share(sample([MANY], [(number, wrong)]), cautious=True)
    exact = binomtest(wrong, number).proportion_ci(0.95, "exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.008)


def test_where_little_is_wrong_it_is_fay_and_feuers_interval() -> None:
    # 12 wrong of 1000, each standing for 10 units, and 9 of 500, for 30
    found = share(sample([10_000 * MANY, 15_000 * MANY], [(1000, 12), (500, 9)]), cautious=True)
    weights, wrong = np.array([10.0, 30.0]) / 25_000, np.array([12.0, 9.0])
    mean, variance, largest = float(weights @ wrong), float(weights**2 @ wrong), float(weights.max())
    low = gamma.ppf(0.025, mean**2 / variance, scale=variance / mean)
    more, spread = mean + largest, variance + largest**2
    high = gamma.ppf(0.975, more**2 / spread, scale=spread / more)
    assert found.value == pytest.approx(mean)
    # Its sums are not quite distributed by gamma, and its shares not by Poisson
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.05)


def test_nothing_wrong_leaves_room_for_an_error_where_it_was_looked_least() -> None:
    found = share(sample([1000 * MANY, 9000 * MANY], [(100, 0), (100, 0)]))
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(0.9 * mid_p(100, 0)[1], rel=0.05)


@given(
    st.lists(
        st.tuples(st.integers(1, 30), st.integers(0, 30), st.integers(0, 100)).map(
            lambda one: (one[0], min(one[1], one[0]), one[2])
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=25)
def test_a_census_is_exact_and_any_interval_has_its_estimate(strata: list[tuple[int, int, int]]) -> None:
    census = share(sample([number for number, _, _ in strata], [(number, wrong) for number, wrong, _ in strata]))
    truth = sum(wrong for _, wrong, _ in strata) / sum(number for number, _, _ in strata)
    assert (census.value, census.low, census.high) == pytest.approx((truth, truth, truth))
    part = share(sample([number + more for number, _, more in strata], [(n, wrong) for n, wrong, _ in strata]))
    assert 0 <= part.low <= part.value <= part.high


@given(st.permutations(range(20)))
@settings(max_examples=15)
def test_the_order_of_what_is_judged_does_not_matter(order: list[int]) -> None:
    rng = np.random.default_rng(3)
    stratum, given, true = rng.integers(0, 2, 20), rng.integers(0, 3, 20), rng.integers(0, 3, 20)
    sizes = np.array([500, 800])
    place = np.array(order)
    assert share(Judged(sizes, stratum, given, true)) == share(Judged(sizes, stratum[place], given[place], true[place]))


def test_a_stratum_that_nobody_has_looked_at_may_be_all_wrong_or_all_right() -> None:
    judged = sample([100, 300], [(50, 0), (0, 0)])
    assert not judged.complete
    found = share(judged)
    assert found.low == 0 and found.high == pytest.approx(0.75, abs=0.02)


def test_larger_samples_that_turn_out_the_same_are_more_precise() -> None:
    small, large = (
        Judged(one.sizes, one.stratum, one.given, one.true, factor)
        for one, factor in [(sample([MANY], [(40, 4)]), 1.0), (sample([MANY], [(40, 4)]), 25.0)]
    )
    found = share(large)
    assert (found.low, found.high) == pytest.approx(mid_p(1000, 100), abs=0.004)
    assert share(small).high - share(small).low > 4 * (found.high - found.low)
