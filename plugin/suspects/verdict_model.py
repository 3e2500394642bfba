"""What verdicts on some suspects say of the others: the shipped model's probabilities, moved by a person's decisions.

For a suspect of prior log-odds l (those of its probability before any verdict) and measures φ

    P(mistake) = 1 / (1 + exp(-l - w·φ)),   w ~ N(0, 1)

where w is the one of the largest posterior density given the verdicts. The prior is what planted errors and other
datasets have taught, verdicts are the data: without any w is 0 and nothing changes, and of equal verdicts the result is
the same in whatever order they came, so that taking one back unlearns it exactly. φ is a constant, the features of
`region_features`, similarity and descriptor, the given class, the suggested one and the pair of both; each of these
groups is scaled so that beforehand it may move the log-odds by `DOUBT`, however many measures it has. Verdicts are
taken as they come, most of them on probable suspects: a likelihood of the verdicts given φ is right whatever the choice
depends on, as long as that is in l and φ.

References:
    C. K. I. Williams and D. Barber, "Bayesian classification with Gaussian processes", IEEE Transactions on Pattern
    Analysis and Machine Intelligence 20 (1998), of which this is the case of a linear kernel
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from .probability import SuspectModel

#: Standard deviation, in log-odds, of what each group of measures says beyond the prior;
#: ``python -m benchmarks review --doubt`` has other values
DOUBT = 1.5
#: Of standardised measures, as in `probability`
_FARTHEST = 4.0


@dataclass(frozen=True)
class Candidates:
    """Suspects on which there are verdicts, or may be.

    Args:
        log_odds: (n,) of their probability before any verdict
        features: (n, F), see `region_features`
        similarity: (n,), see `similarity`; NaN where it is not known
        descriptors: (n, C), see `appearance`; NaN likewise
        given: (n,) class
        suggested: (n,) class
    """

    log_odds: np.ndarray
    features: np.ndarray
    similarity: np.ndarray
    descriptors: np.ndarray
    given: np.ndarray
    suggested: np.ndarray

    def chosen(self, places: np.ndarray) -> Candidates:
        """Some of them, by place."""
        return Candidates(*(column[places] for column in vars(self).values()))

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        """All of the parts, of which there is at least one."""
        return cls(*(np.concatenate(columns) for columns in zip(*(vars(one).values() for one in parts), strict=True)))


class Moments:
    """Mean and standard deviation of descriptors, in memory that does not grow with them."""

    def __init__(self) -> None:
        self._count = 0
        self._sum: np.ndarray | float = 0.0
        self._squares: np.ndarray | float = 0.0

    def update(self, descriptors: np.ndarray) -> None:
        """Adds (n, C) descriptors; those of NaN are left out."""
        known = descriptors[np.isfinite(descriptors).all(axis=1)].astype(np.float64)
        self._count += len(known)
        self._sum = self._sum + known.sum(axis=0)
        self._squares = self._squares + np.square(known).sum(axis=0)

    def standardised(self, descriptors: np.ndarray) -> np.ndarray:
        """(n, C) descriptors of mean 0 and deviation 1; 0 where they are NaN."""
        if not self._count:
            return np.zeros_like(descriptors, np.float64)
        mean = self._sum / self._count
        scale = np.sqrt(np.maximum(self._squares / self._count - np.square(mean), 0)) + 1e-6
        return np.nan_to_num(np.clip((descriptors - mean) / scale, -_FARTHEST, _FARTHEST), nan=0.0)


class VerdictModel:
    """Learns from verdicts, and says how probable the other suspects are.

    Args:
        model: what the measures are standardised by
        moments: of all suspects' descriptors
        reviewed: n suspects with a verdict
        mistakes: (n,) bool, which of them were confirmed
        doubt: see `DOUBT`
    """

    def __init__(
        self,
        model: SuspectModel,
        moments: Moments,
        reviewed: Candidates,
        mistakes: np.ndarray,
        doubt: float = DOUBT,
    ) -> None:
        self._model, self._moments, self._doubt = model, moments, doubt
        self._given, self._suggested = np.unique(reviewed.given), np.unique(reviewed.suggested)
        self._pairs = np.unique(_pairs(reviewed))
        measures = self._measures(reviewed)
        self._weights = _most_probable(measures, mistakes, reviewed.log_odds)

    def log_odds(self, suspects: Candidates) -> np.ndarray:
        """(n,) float64 log-odds of suspects, given the verdicts."""
        return suspects.log_odds + self._measures(suspects) @ self._weights

    def _measures(self, suspects: Candidates) -> np.ndarray:
        """(n, D) φ. Classes and pairs on which there is no verdict have no weight, so they have no column."""
        standardised = (suspects.features - self._model.mean) / self._model.scale
        features = np.nan_to_num(np.clip(standardised, -_FARTHEST, _FARTHEST), nan=0.0)
        descriptors = self._moments.standardised(suspects.descriptors)
        groups = [
            np.ones((len(features), 1)),
            features / np.sqrt(max(features.shape[1], 1)),
            np.nan_to_num(self._model.similarity[0] * suspects.similarity, nan=0.0)[:, None],
            descriptors / np.sqrt(max(descriptors.shape[1], 1)),
            suspects.given[:, None] == self._given,
            suspects.suggested[:, None] == self._suggested,
            _pairs(suspects)[:, None] == self._pairs,
        ]
        return self._doubt * np.concatenate(groups, axis=1, dtype=np.float64)


def _pairs(suspects: Candidates) -> np.ndarray:
    """(n,) int64, a number for each pair of classes."""
    return (suspects.given.astype(np.int64) << 32) + suspects.suggested


def _most_probable(measures: np.ndarray, mistakes: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """The weights (D,) of the largest posterior density; the density is concave, so there are no others."""
    sign = np.where(mistakes, 1.0, -1.0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (prior + measures @ weights)
        wrong = 1 / (1 + np.exp(np.clip(margin, -500, 500)))
        value = np.logaddexp(0, -margin).sum() + weights @ weights / 2
        return float(value), weights - measures.T @ (sign * wrong)

    start = np.zeros(measures.shape[1])
    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000, "gtol": 1e-7}).x
