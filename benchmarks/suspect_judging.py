"""How well suspects are ordered and rated, and models that learn it from other domains than where they are judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from label_quality.plugin.benchmark.ranking_metrics import auroc, average_precision, bootstrap, lift_at
from label_quality.plugin.suspects.probability import (
    BELIEF,
    Lesson,
    RateEstimate,
    Rates,
    SuspectModel,
    fit_model,
    probabilities,
)
from label_quality.plugin.suspects.region_features import FEATURES

from .suspect_measures import Suspects

#: A suspect is real where at least half of its pixels are wrong, and false where less than a tenth are. What is between
#: is not learnt from, and counts as false where orders are judged
REAL, _FALSE = 0.5, 0.1
#: A set with fewer false suspects says too little about them
LEAST_FALSE = 10
#: How many of the first are looked at
TOPS = (20, 50, 100)
#: From this probability on a suspect counts as one
PROBABLE = 0.5
#: Of equal width, for how right probabilities are
BINS = 10
#: Of what is real, for what chance alone makes of a calibration error
_DRAWS = 200

#: Of what suspects are ordered by
COLUMNS = (*FEATURES, "similarity")
#: Columns by what they are of
GROUPS: Mapping[str, Sequence[str]] = {
    "evidence": ("evidence", "pixel_evidence"),
    "probabilities": (
        *("suggested_probability", "given_probability", "entropy", "margin"),
        "class_confirmed",
    ),
    "shape": ("area", "object_share", "width", "seen_width", "length", "seen_size", "border"),
    "surroundings": ("contact", "suggested_around", "given_around", "seen_contradicted"),
    "type": ("drop", "swap", "shift", "from_unlabelled"),
    "picture edges": ("given_edge", "has_given_edge", "seen_edge"),
    "picture colours": ("given_colour", "suggested_colour", "has_suggested_colour", "texture"),
    "similarity": ("similarity",),
}


def domain_of(name: str) -> str:
    """The domain of a set that is called "domain kind"."""
    return name.split(" ")[0]


def is_real(suspects: Suspects) -> np.ndarray:
    """(n,) bool, whether each suspect is a mistake of the mask."""
    return suspects.wrong >= REAL


def teaches(suspects: Suspects) -> bool:
    """Whether a set has enough false suspects, and any real one, to learn from."""
    real = lessons_of(suspects).mistakes
    return int((~real).sum()) >= LEAST_FALSE and bool(real.any())


def lessons_of(suspects: Suspects) -> Lesson:
    """What is learnt from a set: its suspects, and the errors that are planted in copies of its masks."""
    clear, planted = (suspects.wrong >= REAL) | (suspects.wrong < _FALSE), suspects.planted_wrong >= REAL
    own = Lesson(suspects.features[clear], suspects.similarity[clear], suspects.wrong[clear] >= REAL)
    # No similarity: none of them is repeated, and what is looks far more like the suggested class
    count = int(planted.sum())
    more = Lesson(suspects.planted_features[planted], np.full(count, np.nan), np.ones(count, bool))
    return Lesson.joined([own, more])


def learn(
    sets: Mapping[str, Suspects],
    inverse_penalty: float,
    without_domain: str | None = None,
    columns: Sequence[int] | None = None,
) -> SuspectModel | None:
    """Learns a model; every domain counts the same.

    Args:
        sets: name to suspects
        inverse_penalty: see `fit_model`
        without_domain: its sets are left out
        columns: those of `COLUMNS` that it may use; by default all

    Returns:
        the model, or None where no set teaches anything
    """
    used, domains = _used(columns), defaultdict[str, list[Lesson]](list)
    for name, suspects in sets.items():
        if domain_of(name) != without_domain and teaches(suspects):
            domains[domain_of(name)].append(lessons_of(suspects.columns(used)))
    return fit_model([Lesson.joined(parts) for parts in domains.values()], inverse_penalty) if domains else None


def log_odds(model: SuspectModel, suspects: Suspects, columns: Sequence[int] | None = None) -> np.ndarray:
    """(n,) float64 log-odds of a set's suspects by a model of some columns."""
    used = suspects.columns(_used(columns))
    return model.log_odds(used.features, used.similarity)


def columns_without(features: Sequence[str]) -> list[int]:
    """The columns of all features, and of the similarity, but some."""
    return [column for column, name in enumerate(COLUMNS) if name not in features]


def judge_order(suspects: Suspects, score: np.ndarray, resamples: int, seed: int) -> dict[str, Any]:
    """How far in front real suspects are.

    Args:
        suspects: of a set
        score: (n,) high = first
        resamples: of the bootstrap over images
        seed: of the bootstrap

    Returns:
        ``ap``, average precision, and ``interval``, the 95 % bootstrap interval of it, both None where all or none are
        real; ``top``, to each number of first ones the share of them that is real, of all where there are fewer
    """
    real, first = is_real(suspects), np.argsort(-score, kind="stable")
    top = {str(count): _share(real[first[:count]]) for count in TOPS}
    if real.all() or not real.any():
        return {"ap": None, "interval": None, "top": top}
    rng = np.random.default_rng(seed)
    images = rng.multinomial(suspects.images, np.full(suspects.images, 1 / suspects.images), resamples)
    weights = images[:, suspects.image].astype(np.float64)
    # Without a real suspect among them there is no precision to average
    drawn = average_precision(real, -score, weights[(weights @ real) > 0])
    interval = np.quantile(drawn, [0.025, 0.975]).tolist()
    return {"ap": float(average_precision(real, -score)), "interval": interval, "top": top}


def judge_probability(suspects: Suspects, scores: np.ndarray) -> dict[str, Any]:
    """How right the probabilities of a set's suspects are, with the rate that is estimated from them.

    Args:
        suspects: of a set
        scores: (n,) log-odds

    Returns:
        ``number``, ``precision`` and ``recall`` of those that are at least 0.5 probable, ``right_class``, the share of
        the real ones among them whose suggested class is mostly the true one, of those where that is known; ``rate``
        and ``true_rate``; ``reliability``, see `reliability`, ``ece``, and ``chance``, what that would be on average of
        so many suspects whose probabilities are exactly right. A share of none is None
    """
    real = is_real(suspects)
    probability = probabilities(at_rates(suspects.features, scores))
    listed = probability >= PROBABLE
    bins = reliability(probability, real)
    right = suspects.right[listed & real]
    return {
        "number": int(listed.sum()),
        "precision": _share(real[listed]),
        "recall": _share(listed[real]),
        "right_class": _share(right[np.isfinite(right)] >= REAL),
        "rate": _rates(suspects.features, scores).all,
        "true_rate": _share(real),
        "ece": calibration_error(bins),
        "chance": _error_by_chance(probability),
        "reliability": bins,
    }


def judge_images(suspects: Suspects, scores: np.ndarray | None, resamples: int, seed: int) -> dict[str, Any]:
    """How far in front mislabelled images are.

    Args:
        suspects: of a set
        scores: (n,) log-odds of its suspects; None where there are none
        resamples: of the bootstrap
        seed: of the bootstrap

    Returns:
        quality (``evidence``, ``softmin``, ``suspects``: Π (1 - p) over the image's suspects, and ``evidence and
        suspects``: the mean of the two) to ``auroc``, ``auprc``, its 95 % ``interval``, and ``lift``, Lift@#errors; an
        empty one where all images are mislabelled, or none
    """
    wrong = suspects.mislabelled
    if wrong.all() or not wrong.any():
        return {}
    qualities = {"evidence": suspects.evidence, "softmin": suspects.softmin}
    if scores is not None:
        log_right = np.log1p(-np.minimum(probabilities(at_rates(suspects.features, scores)), 1 - 1e-9))
        right = np.exp(np.bincount(suspects.image, log_right, suspects.images))
        qualities |= {"suspects": right, "evidence and suspects": (right + suspects.evidence) / 2}
    return {name: _ranking(wrong, quality, resamples, seed) for name, quality in qualities.items()}


def _ranking(wrong: np.ndarray, quality: np.ndarray, resamples: int, seed: int) -> dict[str, Any]:
    drawn = bootstrap(average_precision, wrong, quality, resamples=resamples, seed=seed)
    return {
        "auroc": float(auroc(wrong, quality)),
        "auprc": float(average_precision(wrong, quality)),
        "interval": np.quantile(drawn, [0.025, 0.975]).tolist(),
        "lift": float(lift_at(wrong, quality, int(wrong.sum()))),
    }


def at_rates(features: np.ndarray, scores: np.ndarray, belief: tuple[float, float] = BELIEF) -> np.ndarray:
    """Log-odds of a set's suspects at the rates of mistakes that are estimated from them.

    Args:
        features: (n, F)
        scores: (n,) log-odds by a model, at as many mistakes as false alarms
        belief: see `RateEstimate`

    Returns:
        (n,) float64
    """
    return scores + _rates(features, scores, belief).prior(_is_drop(features))


def _rates(features: np.ndarray, scores: np.ndarray, belief: tuple[float, float] = BELIEF) -> Rates:
    estimate = RateEstimate(belief)
    estimate.update(scores, _is_drop(features))
    return estimate.rates()


def _is_drop(features: np.ndarray) -> np.ndarray:
    return features[:, FEATURES.index("drop")] > 0


def reliability(probability: np.ndarray, real: np.ndarray) -> list[dict[str, Any]]:
    """Ten bins of equal width that suspects are in by their probability.

    Args:
        probability: (n,) in [0, 1]
        real: (n,) bool

    Returns:
        for each bin with any ``mean`` probability, ``real``, the share that is, and ``count``
    """
    places = np.minimum((probability * BINS).astype(int), BINS - 1)
    return [
        {
            "mean": float(probability[places == place].mean()),
            "real": float(real[places == place].mean()),
            "count": int((places == place).sum()),
        }
        for place in np.unique(places)
    ]


def calibration_error(bins: Sequence[Mapping[str, Any]]) -> float | None:
    """Expected calibration error, the mean of |mean - real| by suspect, of what `reliability` gives; None of none.

    References:
        Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI (2015)
    """
    total = sum(one["count"] for one in bins)
    return sum(one["count"] * abs(one["mean"] - one["real"]) for one in bins) / total if total else None


def _error_by_chance(probability: np.ndarray) -> float | None:
    rng = np.random.default_rng(0)
    drawn = [
        calibration_error(reliability(probability, rng.random(probability.size) < probability)) for _ in range(_DRAWS)
    ]
    return None if probability.size == 0 else float(np.mean(drawn))


def _used(columns: Sequence[int] | None) -> list[int]:
    return list(range(len(COLUMNS))) if columns is None else list(columns)


def _share(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None
