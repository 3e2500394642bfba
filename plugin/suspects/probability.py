"""How probable it is that a suspect is a mistake of the mask, and not of the model.

A logistic model weighs what `region_features` measures. Its weights were learnt from errors that were planted in single
objects of images whose masks are known, where all else that is reported is a mistake of the predictions, and from what
a person has found real and false in masks with errors of their own (``python -m benchmarks suspects`` learns and judges
them). They are the same for all datasets, so what is repeated all over a dataset is not taken for right.

What a suspect looks like is weighed apart from that, as if it were independent: l = l(features) + l(similarity), see
`similarity`. Planted errors are few, and the predictions contradict them more than mistakes that are repeated, so a
model of both together would trust the predictions too much. For the same reason the second term is learnt without those
that are planted in copies of masks. Where no similarity is known it is left out.

How frequent mistakes are is a dataset's own, its *rate* r: with l the log-odds of a suspect, at as many mistakes as
false alarms, its probability is

    p = 1 / (1 + exp(-l - ln(r / (1 - r))))

and r is such that it is the mean of p over the dataset's n suspects, with one more that is a mistake and one that is
none (Laplace's rule of succession): r = (1 + Σ p) / (2 + n), which expectation maximisation finds. Drops have a rate of
their own, apart from all other suspects: to leave an object out is another mistake than to misname it or to draw its
edge badly, and one may be many times as frequent as the other.

References:
    Saerens, Latinne and Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities: a simple
    procedure", Neural Computation 14 (2002)
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .region_features import FEATURES

#: Of squared weights, see `fit_model`; ``python -m benchmarks suspects --inverse-penalty`` has other values
INVERSE_PENALTY = 0.01
_WEIGHTS = Path(__file__).with_name("weights.json")
#: The steps of log-odds in which suspects are counted, and the largest of them
_STEPS_A_UNIT, _LARGEST = 20, 20
#: Mistakes, and others, that are counted beside those there are, so that a few suspects are never all the one or all
#: the other. One of each is Laplace's rule of succession; ``python -m benchmarks suspects --ablate`` compares others
BELIEF = (1.0, 1.0)
#: Standard deviations beyond which a feature says no more: it was not learnt there
_FARTHEST = 4.0
#: The rate is found where it moves by less
_PRECISION = 1e-7


@dataclass(frozen=True)
class SuspectModel:
    """Logistic models of the features of suspects and, apart, of their similarity.

    Args:
        mean: (F,) of each feature
        scale: (F,) standard deviation of each feature
        weights: (F,) of the standardised features
        intercept: log-odds where all features are at their mean
        similarity: log-odds by unit of similarity, and where that is 0
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    intercept: float
    similarity: tuple[float, float] = (0.0, 0.0)

    def log_odds(self, features: np.ndarray, similarity: np.ndarray) -> np.ndarray:
        """How much speaks for suspects being mistakes of the mask.

        Args:
            features: (n, F), see `region_features`
            similarity: (n,), see `similarity`; NaN where it is not known

        Returns:
            (n,) float64 log-odds, of as many mistakes as false alarms
        """
        standardised = np.clip((features - self.mean) / self.scale, -_FARTHEST, _FARTHEST)
        weight, offset = self.similarity
        return standardised @ self.weights + self.intercept + np.nan_to_num(weight * similarity + offset, nan=0.0)

    def to_dict(self) -> dict[str, Any]:
        """The model as values of strict JSON, its features by name."""
        columns = zip(FEATURES, self.mean.tolist(), self.scale.tolist(), self.weights.tolist(), strict=True)
        features = {name: list(values) for name, *values in columns}
        return {"intercept": self.intercept, "similarity": list(self.similarity), "features": features}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> SuspectModel:
        """The model that `to_dict` described; raises `ValueError` if its features are others than `FEATURES`."""
        if tuple(content["features"]) != FEATURES:
            raise ValueError(f"Expected a model of the features {FEATURES}, but got {tuple(content['features'])}.")
        mean, scale, weights = np.array(list(content["features"].values()), np.float64).T
        weight, offset = content["similarity"]
        return cls(mean, scale, weights, float(content["intercept"]), (float(weight), float(offset)))


@cache
def shipped_model() -> SuspectModel:
    """The model that comes with the package."""
    return SuspectModel.from_dict(json.loads(_WEIGHTS.read_text()))


@dataclass(frozen=True)
class Lesson:
    """Suspects of a dataset of which it is known whether they are mistakes.

    Args:
        features: (n, F), see `region_features`
        similarity: (n,), see `similarity`; NaN where it is not known, or is not to be learnt from
        mistakes: (n,) bool, which of them are mistakes of the mask
    """

    features: np.ndarray
    similarity: np.ndarray
    mistakes: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Lesson]) -> Lesson:
        """The suspects of all parts."""
        return cls(*(np.concatenate(columns) for columns in zip(*(vars(one).values() for one in parts), strict=True)))

    def where(self, chosen: np.ndarray) -> Lesson:
        """The suspects of a (n,) bool choice."""
        return Lesson(*(column[chosen] for column in vars(self).values()))

    @property
    def importance(self) -> np.ndarray:
        """(n,) weights by which mistakes, and the others, count as much as five hundred suspects."""
        real = self.mistakes
        return 500 * np.where(real, 1 / real.sum(), 1 / (~real).sum())


def fit_model(lessons: Sequence[Lesson], inverse_penalty: float = INVERSE_PENALTY) -> SuspectModel:
    """Learns a model from suspects of which it is known whether they are mistakes.

    Every dataset counts the same, and in each the mistakes as much as the others.

    Args:
        lessons: one of each dataset
        inverse_penalty: of squared weights; smaller ones keep the weights smaller

    Returns:
        the model

    Raises:
        ValueError: a dataset has no mistake, or nothing else
    """
    from sklearn.linear_model import LogisticRegression

    if not all(0 < one.mistakes.sum() < one.mistakes.size for one in lessons):
        raise ValueError(
            "Expected mistakes and others in every dataset, but one of them has only the one or the other."
        )
    all_of, importance = Lesson.joined(lessons), np.concatenate([one.importance for one in lessons])
    mean, scale = all_of.features.mean(axis=0), all_of.features.std(axis=0) + 1e-6
    solver = LogisticRegression(C=inverse_penalty, max_iter=5000)
    standardised = np.clip((all_of.features - mean) / scale, -_FARTHEST, _FARTHEST)
    solver.fit(standardised, all_of.mistakes, sample_weight=importance)
    return SuspectModel(mean, scale, solver.coef_[0], float(solver.intercept_[0]), _fit_similarity(lessons))


def _fit_similarity(lessons: Sequence[Lesson]) -> tuple[float, float]:
    """Log-odds by unit of similarity, and where that is 0; of mistakes and others of which it is known."""
    from sklearn.linear_model import LogisticRegression

    known = [one.where(np.isfinite(one.similarity)) for one in lessons]
    known = [one for one in known if one.mistakes.any() and not one.mistakes.all()]
    if not known:
        return 0.0, 0.0
    all_of, importance = Lesson.joined(known), np.concatenate([one.importance for one in known])
    solver = LogisticRegression(C=np.inf, max_iter=5000)
    solver.fit(all_of.similarity[:, None], all_of.mistakes, sample_weight=importance)
    return float(solver.coef_[0, 0]), float(solver.intercept_[0])


@dataclass(frozen=True)
class Rates:
    """How frequent mistakes are among a dataset's suspects.

    Args:
        drops: among drops, in (0, 1)
        others: among all others, likewise
        all: among both
    """

    drops: float
    others: float
    all: float

    def prior(self, drop: np.ndarray) -> np.ndarray:
        """(n,) float64 log-odds of suspects of which nothing is known but whether each is a drop, (n,) bool."""
        return np.where(drop, _log_odds(self.drops), _log_odds(self.others))

    def probabilities(self, log_odds: np.ndarray, drop: np.ndarray) -> np.ndarray:
        """The probabilities of suspects.

        Args:
            log_odds: (n,) of each, at as many mistakes as false alarms
            drop: (n,) bool, which of them are drops

        Returns:
            (n,) float64 in [0, 1]
        """
        return probabilities(log_odds + self.prior(drop))


class RateEstimate:
    """Finds the rates of mistakes among a dataset's suspects, in memory that does not grow with them.

    Args:
        belief: how many mistakes, and how many others, are counted beside those there are; both above 0
    """

    def __init__(self, belief: tuple[float, float] = BELIEF) -> None:
        self._belief = belief
        # Of the others, then of drops
        self._counts = np.zeros((2, 2 * _LARGEST * _STEPS_A_UNIT + 1), np.int64)

    def update(self, log_odds: np.ndarray, drop: np.ndarray) -> None:
        """Adds suspects.

        Args:
            log_odds: (n,) of each, at as many mistakes as false alarms
            drop: (n,) bool, which of them are drops
        """
        steps = np.rint(np.clip(log_odds, -_LARGEST, _LARGEST) * _STEPS_A_UNIT).astype(np.int64)
        np.add.at(self._counts, (drop.astype(np.int64), steps + _LARGEST * _STEPS_A_UNIT), 1)

    def rates(self) -> Rates:
        """The rates, each the mean of the probabilities that it gives; of what there is none of, that of the belief."""
        others, drops = (_rate(counts, self._belief) for counts in self._counts)
        number = self._counts.sum(axis=1)
        share = number[1] / number.sum() if number.any() else 0.5
        return Rates(drops, others, float(share * drops + (1 - share) * others))


def _rate(histogram: np.ndarray, belief: tuple[float, float]) -> float:
    """The rate in (0, 1) among suspects that are counted by their log-odds."""
    steps = np.flatnonzero(histogram)
    log_odds, counts = steps / _STEPS_A_UNIT - _LARGEST, histogram[steps]
    mistakes, others = belief
    total, rate, change = counts.sum() + mistakes + others, mistakes / (mistakes + others), 1.0
    while change > _PRECISION:
        before = rate
        rate = float((probabilities(log_odds + _log_odds(before)) @ counts + mistakes) / total)
        change = abs(rate - before)
    return rate


def _log_odds(rate: float) -> float:
    return math.log(rate / (1 - rate))


def probabilities(log_odds: np.ndarray) -> np.ndarray:
    """(n,) float64 in [0, 1], the probabilities that (n,) log-odds stand for, all that is known in them."""
    return 1 / (1 + np.exp(-np.clip(log_odds, -500, 500)))
