"""How many mistakes a dataset's suspects are believed to hold beforehand, and what that does to their probabilities.

Sets are judged whole, as if they were small datasets, and as if nothing were wrong with them, by models of the other
domains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from label_quality.plugin.benchmark.ranking_metrics import average_precision
from label_quality.plugin.suspects.probability import BELIEF, probabilities

from .processes import print_table
from .suspect_judging import (
    LEAST_FALSE,
    PROBABLE,
    at_rates,
    calibration_error,
    domain_of,
    is_real,
    learn,
    log_odds,
    reliability,
)
from .suspect_measures import Suspects

#: Mistakes and others that are counted beside a dataset's own suspects
BELIEFS = ((10.0, 40.0), (2.0, 8.0), (25.0, 25.0), (5.0, 5.0), (2.0, 2.0), BELIEF, (0.5, 0.5), (0.1, 0.1))
#: About as many suspects a dataset of part of the images has; None: all images
SIZES = (None, 50, 10)
#: How often a set is cut into parts
_CUTS = 5
#: How often a small dataset is drawn of which none is real
_DRAWS = 40


def judge_beliefs(sets: Mapping[str, Suspects], penalty: float) -> dict[str, dict[str, float]]:
    """Judges probabilities with other beliefs than that of the package.

    Args:
        sets: name to suspects
        penalty: inverse penalty of the models, each learnt from the sets of other domains

    Returns:
        belief, as "mistakes + others", to the mean over sets of ``ap``, average precision, and, by size of the dataset,
        of ``ece``, of ``loss`` (the mean of -ln of the probability that was given to what each suspect is) and of
        ``listed``, the share of suspects of a dataset with no mistake that are at least 0.5 probable, as ``ece of 50``
    """
    scored = []
    for name, suspects in sets.items():
        model = learn(sets, penalty, domain_of(name))
        if model is not None:
            scored.append((suspects, log_odds(model, suspects)))
    return {
        f"{belief[0]:g} + {belief[1]:g}": {"ap": _precision(scored, belief)}
        | {
            f"{figure} of {size or 'all'}": float(np.mean(values))
            for size in SIZES
            for figure, values in _judged(scored, belief, size).items()
        }
        for belief in BELIEFS
    }


def print_beliefs(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints a row a belief of what `judge_beliefs` gives."""
    print(
        "\nMistakes + others believed in beforehand: calibration error, loss, share of false ones listed if all are\n"
    )
    columns = list(next(iter(found.values())))
    print_table(["belief", *columns], [[name, *(f"{row[one]:.4f}" for one in columns)] for name, row in found.items()])


def _precision(scored: list[tuple[Suspects, np.ndarray]], belief: tuple[float, float]) -> float:
    """Mean average precision of the sets with real suspects and others."""
    return float(
        np.mean(
            [
                average_precision(is_real(suspects), -at_rates(suspects.features, scores, belief))
                for suspects, scores in scored
                if 0 < is_real(suspects).sum() < len(scores)
            ]
        )
    )


def _judged(
    scored: list[tuple[Suspects, np.ndarray]], belief: tuple[float, float], size: int | None
) -> dict[str, list[float]]:
    """Figure to its values of all sets."""
    found: dict[str, list[float]] = {"ece": [], "loss": [], "listed": []}
    for suspects, scores in scored:
        real = is_real(suspects)
        rng = np.random.default_rng(0)
        cuts = [_in_parts(suspects, scores, belief, size, rng) for _ in range(_CUTS if size else 1)]
        probability, real_of_all = np.concatenate(cuts), np.tile(real, len(cuts))
        error = calibration_error(reliability(probability, real_of_all))
        if error is not None:
            found["ece"].append(error)
            given = np.where(real_of_all, probability, 1 - probability)
            found["loss"].append(float(-np.log(np.maximum(given, 1e-9)).mean()))
        false = np.flatnonzero(~real)
        if len(false) >= LEAST_FALSE:
            found["listed"].append(_listed(suspects, scores, belief, false, size))
    return found


def _in_parts(
    suspects: Suspects,
    scores: np.ndarray,
    belief: tuple[float, float],
    size: int | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """(n,) probabilities where images are dealt to datasets of about so many suspects."""
    parts = 1 if size is None else max(1, round(len(scores) / size))
    part = rng.permutation(np.arange(suspects.images) % parts)[suspects.image]
    probability = np.empty(len(scores))
    for number in range(parts):
        chosen = part == number
        probability[chosen] = probabilities(at_rates(suspects.features[chosen], scores[chosen], belief))
    return probability


def _listed(
    suspects: Suspects, scores: np.ndarray, belief: tuple[float, float], false: np.ndarray, size: int | None
) -> float:
    """Share of false suspects that are listed where there are no others."""
    rng = np.random.default_rng(0)
    draws = [false]
    if size is not None:
        draws = [rng.choice(false, min(size, len(false)), replace=False) for _ in range(_DRAWS)]
    rated = [probabilities(at_rates(suspects.features[one], scores[one], belief)) for one in draws]
    return float(np.mean(np.concatenate(rated) >= PROBABLE))
