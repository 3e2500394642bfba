"""What verdicts teach: by hand, against scikit-learn, and that nothing else than the verdicts matters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.suspects.probability import SuspectModel
from label_quality.plugin.suspects.verdict_model import Candidates, Moments, VerdictModel, _most_probable
from sklearn.linear_model import LogisticRegression

MODEL = SuspectModel(np.zeros(2), np.ones(2), np.ones(2), 0.0, (4.0, 0.0))


def candidates(count: int, **columns: object) -> Candidates:
    """Suspects of which nothing is known, at even odds, of one pair of classes; with some columns."""
    known = {
        "log_odds": np.zeros(count),
        "features": np.zeros((count, 2)),
        "similarity": np.full(count, np.nan),
        "descriptors": np.full((count, 3), np.nan),
        "given": np.zeros(count, np.int16),
        "suggested": np.ones(count, np.int16),
        **columns,
    }
    return Candidates(**{name: np.asarray(value) for name, value in known.items()})


def model_of(reviewed: Candidates, mistakes: list[bool] | np.ndarray, **parameters: float) -> VerdictModel:
    moments = Moments()
    moments.update(reviewed.descriptors)
    return VerdictModel(MODEL, moments, reviewed, np.array(mistakes, bool), **parameters)


def test_confirmed_pairs_of_classes_grow_more_probable_and_rejected_ones_less() -> None:
    """Class 0 seen as 1 is confirmed four times, 2 seen as 3 rejected; 4 seen as 5 is new."""
    reviewed = candidates(8, given=[0] * 4 + [2] * 4, suggested=[1] * 4 + [3] * 4)
    model = model_of(reviewed, [True] * 4 + [False] * 4)
    fresh = candidates(5, given=[0, 2, 4, 0, 2], suggested=[1, 3, 5, 3, 1])
    confirmed, rejected, new, mixed, other = model.log_odds(fresh)
    assert confirmed == pytest.approx(-rejected) and confirmed > 1
    # As many confirmed as rejected say nothing of what has no class in common with them
    assert new == pytest.approx(0, abs=1e-4)
    # One class of each
    assert mixed == pytest.approx(0, abs=1e-4) and other == pytest.approx(0, abs=1e-4)


def test_a_feature_that_tells_verdicts_apart_tells_other_suspects_apart() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 2))
    model = model_of(candidates(60, features=features), features[:, 1] > 0)
    low, high = model.log_odds(candidates(2, features=[[0, -1.5], [0, 1.5]]))
    assert high > 1 and low < -1


def test_what_looks_like_confirmed_suspects_grows_more_probable() -> None:
    looks = np.array([[1.0, 0, 0]] * 5 + [[0, 1.0, 0]] * 5)
    model = model_of(candidates(10, descriptors=looks), [True] * 5 + [False] * 5)
    like, unlike, unknown = model.log_odds(candidates(3, descriptors=[[1.0, 0, 0], [0, 1.0, 0], [np.nan] * 3]))
    assert like > 0.5 and unlike < -0.5 and unknown == pytest.approx(0, abs=1e-4)


def test_what_was_probable_already_teaches_little_when_it_is_confirmed() -> None:
    """Four confirmed suspects of even odds move the others more than four that were certain."""
    moved = [
        model_of(candidates(4, log_odds=np.full(4, odds)), [True] * 4).log_odds(candidates(1))[0]
        for odds in (0.0, 3.0, 30.0)
    ]
    assert moved[0] > moved[1] > moved[2] == pytest.approx(0, abs=1e-4)


def test_more_doubt_lets_verdicts_move_more() -> None:
    moved = [
        model_of(candidates(4), [True] * 4, doubt=doubt).log_odds(candidates(1))[0] for doubt in (0.1, 0.5, 1.5, 3.0)
    ]
    assert moved == sorted(moved) and moved[0] < 0.1


@settings(max_examples=30)
@given(st.integers(1, 30), st.integers(0, 2**31), st.randoms())
def test_the_order_of_verdicts_does_not_matter(count: int, seed: int, random) -> None:
    rng = np.random.default_rng(seed)
    reviewed = candidates(
        count,
        log_odds=rng.normal(size=count) * 2,
        features=rng.normal(size=(count, 2)),
        similarity=rng.uniform(-1, 1, count),
        descriptors=rng.normal(size=(count, 3)),
        given=rng.integers(0, 3, count),
        suggested=rng.integers(0, 3, count),
    )
    mistakes = rng.random(count) < 0.5
    order = np.array(random.sample(range(count), count))
    fresh = reviewed.chosen(order[:5])
    one = model_of(reviewed, mistakes).log_odds(fresh)
    other = model_of(reviewed.chosen(order), mistakes[order]).log_odds(fresh)
    assert np.isfinite(one).all() and one == pytest.approx(other, abs=1e-3)


def test_weights_are_those_of_ridge_regression_where_the_prior_is_even() -> None:
    """scikit-learn knows no prior log-odds; at even odds it is the same model, with C = 1."""
    rng = np.random.default_rng(1)
    measures = rng.normal(size=(200, 4))
    mistakes = rng.random(200) < 1 / (1 + np.exp(-measures @ [1, -1, 0.5, 0]))
    peer = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-8, max_iter=1000).fit(measures, mistakes)
    assert _most_probable(measures, mistakes, np.zeros(200)) == pytest.approx(peer.coef_[0], abs=1e-4)


def test_moments_are_those_of_all_parts_together() -> None:
    rng = np.random.default_rng(0)
    all_of = rng.normal(size=(100, 3)) * [1, 10, 0.1] + [0, 5, -3]
    moments = Moments()
    for part in (all_of[:7], np.full((2, 3), np.nan), all_of[7:]):
        moments.update(part)
    expected = (all_of - all_of.mean(axis=0)) / all_of.std(axis=0)
    assert moments.standardised(all_of) == pytest.approx(np.clip(expected, -4, 4), abs=1e-3)
    assert (moments.standardised(np.full((2, 3), np.nan)) == 0).all()
    assert (Moments().standardised(np.ones((2, 3))) == 0).all()
