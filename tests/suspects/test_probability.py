"""How probable suspects are: the rate among simulated ones of a known rate, and models of simulated features."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from label_quality.plugin.suspects.probability import (
    INVERSE_PENALTY,
    Lesson,
    RateEstimate,
    Rates,
    SuspectModel,
    fit_model,
    probabilities,
    shipped_model,
)
from label_quality.plugin.suspects.region_features import FEATURES

COUNT = len(FEATURES)
LOG_ODDS = arrays(np.float64, st.integers(0, 40), elements=st.floats(-60, 60))


def simulated(rate: float, count: int, apart: float = 3.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds (n,) of suspects of which a rate is real (n,): of two normal distributions they are exactly these."""
    rng = np.random.default_rng(seed)
    real = rng.random(count) < rate
    return np.where(real, 0.5, -0.5) * apart**2 + apart * rng.standard_normal(count), real


def rate_of(*log_odds: np.ndarray) -> float:
    estimate = RateEstimate()
    for part in log_odds:
        estimate.update(part, np.zeros(len(part), bool))
    return estimate.rates().others


def at(rate: float, log_odds: np.ndarray) -> np.ndarray:
    """Probabilities (n,) of suspects of any type, at a rate."""
    return Rates(rate, rate, rate).probabilities(log_odds, np.arange(len(log_odds)) % 2 == 0)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 0.5, 0.9])
def test_the_rate_of_simulated_suspects_is_found(rate: float) -> None:
    log_odds, real = simulated(rate, 20_000)
    assert rate_of(log_odds) == pytest.approx(real.mean(), abs=0.01)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_probabilities_with_the_rate_found_are_calibrated(rate: float) -> None:
    log_odds, real = simulated(rate, 20_000)
    probable = at(rate_of(log_odds), log_odds)
    for low in np.arange(0, 1, 0.2):
        there = (probable >= low) & (probable < low + 0.2)
        assert real[there].mean() == pytest.approx(probable[there].mean(), abs=0.05)


@pytest.mark.parametrize("count", [0, 2, 98, 100_000])
def test_a_rate_is_never_0_or_1(count: int) -> None:
    """However sure suspects are: (1 + n) / (2 + n) where all are mistakes, 1 / (2 + n) where none is."""
    assert rate_of(np.full(count, 20.0)) == pytest.approx((1 + count) / (2 + count), abs=1e-5)
    assert rate_of(np.full(count, -20.0)) == pytest.approx(1 / (2 + count), abs=1e-5)


def test_the_rate_is_the_mean_probability_of_many_suspects() -> None:
    log_odds, _ = simulated(0.3, 50_000, apart=1.0)
    rate = rate_of(log_odds)
    assert at(rate, log_odds).mean() == pytest.approx(rate, abs=0.002)


@given(LOG_ODDS, st.randoms())
def test_the_order_and_the_parts_that_suspects_come_in_do_not_matter(log_odds: np.ndarray, random) -> None:
    shuffled = log_odds.tolist()
    random.shuffle(shuffled)
    where = random.randint(0, len(shuffled))
    assert rate_of(log_odds) == rate_of(np.array(shuffled[:where]), np.array(shuffled[where:]))


@given(LOG_ODDS, st.floats(0, 10))
def test_a_rate_is_between_0_and_1_and_grows_with_log_odds(log_odds: np.ndarray, more: float) -> None:
    rate = rate_of(log_odds)
    assert 0 < rate < 1
    assert rate_of(log_odds + more) >= rate - 1e-6


def test_memory_does_not_grow_with_suspects() -> None:
    estimate = RateEstimate()

    def held() -> int:
        return sum(value.nbytes for value in vars(estimate).values() if isinstance(value, np.ndarray))

    before = held()
    for seed in range(20):
        estimate.update(simulated(0.2, 5000, seed=seed)[0], np.arange(5000) < 2000)
    assert held() == before > 0
    assert estimate.rates() == Rates(*[pytest.approx(0.2, abs=0.02)] * 3)


@pytest.mark.parametrize(("of_drops", "of_others"), [(0.6, 0.03), (0.05, 0.3)])
def test_drops_have_a_rate_of_their_own(of_drops: float, of_others: float) -> None:
    (drops, real_drops), (others, real_others) = simulated(of_drops, 5000), simulated(of_others, 20_000, seed=1)
    estimate, drop = RateEstimate(), np.arange(25_000) < 5000
    log_odds, real = np.concatenate([drops, others]), np.concatenate([real_drops, real_others])
    order = np.random.default_rng(0).permutation(25_000)
    for part in np.array_split(order, 7):
        estimate.update(log_odds[part], drop[part])
    rates = estimate.rates()
    expected = Rates(real_drops.mean(), real_others.mean(), real.mean())
    assert vars(rates) == pytest.approx(vars(expected), abs=0.015)
    # Together they are calibrated, which one rate for both would not be
    probable = rates.probabilities(log_odds, drop)
    for which in (drop, ~drop):
        for low in (0.0, 0.5):
            there = which & (probable >= low) & (probable <= low + 0.5)
            assert real[there].mean() == pytest.approx(probable[there].mean(), abs=0.05)
    together = at(rates.all, log_odds)
    assert abs(together[drop].mean() - real[drop].mean()) > 0.02


def test_without_a_suspect_all_rates_are_the_believed_one() -> None:
    rates = RateEstimate().rates()
    assert rates.drops == rates.others == rates.all == pytest.approx(0.5)
    assert RateEstimate(belief=(1.0, 4.0)).rates() == Rates(*[pytest.approx(0.2)] * 3)


def test_few_suspects_are_rated_by_hand() -> None:
    """One with odds of 4 to 1: r = (1 + 4 r / (1 + 3 r)) / 3, so 9 r² - 4 r - 1 = 0."""
    estimate = RateEstimate()
    estimate.update(np.array([math.log(4)]), np.array([True]))
    # Log-odds are counted in steps of 0.05
    assert estimate.rates().drops == pytest.approx((2 + math.sqrt(13)) / 9, abs=0.005)


def test_a_belief_counts_as_much_as_suspects_do() -> None:
    log_odds = np.array([-20.0] * 3 + [20.0])
    estimate = RateEstimate(belief=(2.0, 10.0))
    estimate.update(log_odds, np.zeros(4, bool))
    assert estimate.rates().others == pytest.approx((2 + 1) / (12 + 4), abs=1e-4)


def test_probabilities_by_hand() -> None:
    assert probabilities(np.array([0.0, math.log(3)])) == pytest.approx([0.5, 0.75])
    assert probabilities(np.array([-1e9, 1e9])) == pytest.approx([0, 1])
    # Odds of 3 to 1, at a rate of 1 in 5 odds of 3 to 4, and at one of 1 in 2 as they are
    found = Rates(0.2, 0.5, 0.3).probabilities(np.full(2, math.log(3)), np.array([True, False]))
    assert found == pytest.approx([3 / 7, 3 / 4])


@given(LOG_ODDS, st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_probabilities_ascend_with_log_odds_and_rate(log_odds: np.ndarray, one: float, other: float) -> None:
    ascending = Rates(one, one, one).probabilities(np.sort(log_odds), np.zeros(len(log_odds), bool))
    assert ((ascending >= 0) & (ascending <= 1)).all()
    assert (np.diff(ascending) >= 0).all()
    lower, higher = sorted((one, other))
    assert (at(lower, log_odds) <= at(higher, log_odds)).all()


def lessons(count: int, weights: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, F), and mistakes (n,) drawn with the log-odds that weights give them."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((count, len(weights)))
    return features, rng.random(count) < 1 / (1 + np.exp(-features @ weights))


def fit(
    features: Sequence[np.ndarray], mistakes: Sequence[np.ndarray], penalty: float = INVERSE_PENALTY
) -> SuspectModel:
    """A model of suspects whose similarity is not known."""
    pairs = zip(features, mistakes, strict=True)
    return fit_model([Lesson(one, np.full(len(one), np.nan), real) for one, real in pairs], penalty)


def odds_of(model: SuspectModel, features: np.ndarray) -> np.ndarray:
    return model.log_odds(features, np.full(len(features), np.nan))


def test_the_weights_of_simulated_suspects_are_found() -> None:
    weights = np.array([1.5, -1.0, 0.0])
    features, mistakes = zip(*(lessons(10_000, weights, seed) for seed in range(2)), strict=True)
    scale, shift = np.array([2.0, 0.5, 10.0]), np.array([3.0, -1.0, 100.0])
    model = fit([one * scale + shift for one in features], mistakes, 100.0)
    assert model.mean == pytest.approx(shift, abs=0.15)
    assert model.scale == pytest.approx(scale, rel=0.02)
    assert model.weights == pytest.approx(weights, abs=0.1)
    assert model.intercept == pytest.approx(0, abs=0.1)
    assert odds_of(model, features[0] * scale + shift) == pytest.approx(features[0] @ weights, abs=0.5)


def test_a_larger_penalty_keeps_weights_smaller() -> None:
    features, mistakes = lessons(2000, np.array([1.5, -1.0, 0.5]), 0)
    sizes = [np.abs(fit([features], [mistakes], penalty).weights).sum() for penalty in (0.0001, 0.01, 1.0)]
    assert sizes == sorted(sizes)


def test_every_dataset_counts_the_same_however_large() -> None:
    """Two datasets contradict each other: in the one the feature speaks for a mistake, in the other against."""
    first, mistakes = lessons(4000, np.array([2.0]), 0)
    second, others = lessons(400, np.array([-2.0]), 1)
    model = fit([first, second], [mistakes, others], 10.0)
    assert abs(model.weights[0]) < 0.2
    alone = fit([np.concatenate([first, second])], [np.concatenate([mistakes, others])], 10.0)
    assert alone.weights[0] > 1


def test_of_one_dataset_mistakes_and_others_count_the_same() -> None:
    features, mistakes = lessons(20_000, np.array([2.0]), 0)
    kept = ~mistakes | (np.arange(mistakes.size) % 20 == 0)
    model = fit([features[kept]], [mistakes[kept]], 100.0)
    # The weights of all, though mistakes are few
    assert model.weights[0] / model.scale[0] == pytest.approx(2, abs=0.3)
    assert odds_of(model, np.zeros((1, 1)))[0] == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("value", [False, True])
def test_a_dataset_of_mistakes_alone_or_without_any_teaches_nothing(value: bool) -> None:
    features, mistakes = lessons(50, np.array([1.0]), 0)
    with pytest.raises(ValueError, match="Expected mistakes and others in every dataset, but one of them has only"):
        fit([features, features], [mistakes, np.full(50, value)])


def test_a_constant_feature_is_no_harm() -> None:
    features, mistakes = lessons(200, np.array([1.0]), 0)
    model = fit([np.column_stack([features, np.ones(200)])], [mistakes])
    assert np.isfinite(model.weights).all()
    assert np.isfinite(odds_of(model, np.array([[0.0, 1.0]]))).all()


def test_similarity_is_weighed_apart_from_features() -> None:
    """Both say the same; together the one would take weight from the other."""
    features, mistakes = lessons(20_000, np.array([2.0]), 0)
    similarity = features[:, 0] + 10
    alone, model = (fit_model([Lesson(features, one, mistakes)], 100.0) for one in (similarity * np.nan, similarity))
    assert (model.weights == alone.weights).all() and model.intercept == alone.intercept
    assert alone.similarity == (0, 0)
    weight, offset = model.similarity
    assert (weight, offset / weight) == (pytest.approx(2, abs=0.15), pytest.approx(-10, abs=0.1))
    assert model.log_odds(features, similarity) == pytest.approx(2 * odds_of(alone, features), abs=0.5)


def test_where_no_similarity_is_known_features_decide() -> None:
    model = SuspectModel(np.zeros(1), np.ones(1), np.ones(1), 0.5, (3.0, -1.0))
    log_odds = model.log_odds(np.array([[1.0], [1.0]]), np.array([np.nan, 0.5]))
    assert log_odds == pytest.approx([1.5, 1.5 + 3 * 0.5 - 1])


def test_suspects_without_similarity_teach_nothing_of_it() -> None:
    features, mistakes = lessons(2000, np.array([2.0]), 0)
    half = np.where(np.arange(2000) < 1000, features[:, 0], np.nan)
    importance = Lesson(features, half, mistakes).importance
    assert importance[mistakes].sum() == pytest.approx(500) and importance[~mistakes].sum() == pytest.approx(500)
    weight, _ = fit_model([Lesson(features, half, mistakes)]).similarity
    assert weight == pytest.approx(2, abs=0.4)


def test_of_similarity_mistakes_and_others_of_which_it_is_known_count_alike() -> None:
    """A third of the mistakes have the similarity 0, and two thirds of the others: odds of a half there."""
    similarity = np.repeat([0.0, 1.0, np.nan, 0.0, 1.0], [10, 20, 500, 200, 100])
    mistakes = np.repeat([True, True, True, False, False], [10, 20, 500, 200, 100])
    nothing = Lesson(np.zeros((4, 1)), np.array([5.0, -5.0, np.nan, np.nan]), np.array([True, True, False, False]))
    weight, offset = fit_model([Lesson(np.zeros((830, 1)), similarity, mistakes), nothing]).similarity
    assert (offset, weight) == (pytest.approx(np.log(0.5), abs=1e-3), pytest.approx(2 * np.log(2), abs=1e-3))


def model_of(seed: int) -> SuspectModel:
    rng = np.random.default_rng(seed)
    return SuspectModel(rng.normal(size=COUNT), rng.uniform(0.5, 2, COUNT), rng.normal(size=COUNT), 0.25, (1.5, -0.125))


def test_a_model_survives_json() -> None:
    model = model_of(0)
    again = SuspectModel.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    features = np.random.default_rng(1).normal(size=(5, COUNT))
    similarity = np.linspace(-1, 1, 5)
    assert (again.log_odds(features, similarity) == model.log_odds(features, similarity)).all()


def test_what_is_far_from_all_that_was_learnt_says_no_more() -> None:
    model = SuspectModel(np.zeros(COUNT), np.ones(COUNT), np.ones(COUNT), 0.0)
    rows = np.zeros((3, COUNT))
    rows[:, 0] = 4, 1e6, -1e6
    assert odds_of(model, rows) == pytest.approx([4, 4, -4])


def test_a_model_of_other_features_is_refused() -> None:
    content = model_of(0).to_dict()
    fewer = {name: values for name, values in content["features"].items() if name != "evidence"}
    with pytest.raises(ValueError, match=r"Expected a model of the features \('evidence', .*, but got \('pixel_evid"):
        SuspectModel.from_dict({**content, "features": fewer})
    swapped = dict(reversed(content["features"].items()))
    with pytest.raises(ValueError, match="Expected a model of the features"):
        SuspectModel.from_dict({**content, "features": swapped})


def test_the_package_has_a_model_of_all_features() -> None:
    model = shipped_model()
    assert tuple(model.to_dict()["features"]) == FEATURES
    assert all(one.shape == (COUNT,) and np.isfinite(one).all() for one in (model.mean, model.scale, model.weights))
    assert (model.scale > 0).all()
    assert model.similarity[0] > 0
    assert shipped_model() is model
    more, less = (np.where(np.array(FEATURES) == "pixel_evidence", value, model.mean)[None] for value in (1.5, 0.0))
    assert odds_of(model, more)[0] > odds_of(model, less)[0]
