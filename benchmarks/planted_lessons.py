"""What a model learnt from errors planted in a dataset's own masks would add to the weights of other domains.

Errors are planted in the masks as they are given, which have errors of their own, in two ways: in *copies* of them,
with the audit's predictions as they are, which takes a search of each copy; and in masks that are then audited *anew*,
so that the models have learnt from the planted errors as from all others, which takes a second audit::

    python -m benchmarks planted-lessons --camvid DIR --nuclei DIR --work DIR --out planted.json

The suspects that lie in planted errors are learnt as mistakes, all others as false, but for the most suspicious of them
by a model of the other domains: the errors that are looked for are among those. Each set's suspects are
then ordered and rated by the model of the others, by the one of its own, and by the mean of both log-odds, and judged
by what is known, with verdicts where there are any. Planted errors teach nothing of similarity, of which all have what
the others have learnt. The audits are those of ``python -m benchmarks suspects``, and are kept and found in the same
``--work``.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from label_quality.plugin.suspects.probability import INVERSE_PENALTY, Lesson, SuspectModel, fit_model

from .audited_sets import add_set_arguments, of_each_set
from .processes import print_table
from .suspect_judging import (
    LEAST_FALSE,
    REAL,
    at_rates,
    domain_of,
    judge_order,
    judge_probability,
    learn,
    log_odds,
)
from .suspect_measures import Suspects, measure
from .suspect_verdicts import look

OTHERS, COPIES, ANEW = "others", "copies", "anew"
_TOP = "50"
#: Of a set's suspects, the share that is learnt as false: those least suspicious by a model of the other domains
_TRUSTED = 0.7


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    add_set_arguments(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Audits each set, and once more with errors planted in its masks, learns, judges, and prints the table.

    Returns:
        name of each set to what `judge` gives
    """
    seen = of_each_set(options, lambda one, audited, work, tell: look(one, audited, work, options.seed, tell), own=True)
    again = of_each_set(
        options,
        lambda one, audited, work, tell: measure(one, audited, work / "measures", options.seed, tell),
        own=True,
        replanted=True,
    )
    sets = {name: one.judged for name, one in seen.items()}
    figures: dict[str, Any] = {}
    for (name, one), planted in zip(seen.items(), again.values(), strict=True):
        others = learn(sets, INVERSE_PENALTY, domain_of(name))
        if others is not None:
            lessons = {COPIES: of_copies(one.measured, others), ANEW: of_masks(planted, others)}
            figures[name] = judge(one.judged, others, lessons)
    names = ("ap", "top", "number", "precision", "recall", "ece")
    rows = [
        [name, learnt, *(_shown(judged[each]) for each in names)]
        for name, orders in figures.items()
        for learnt, judged in orders.items()
    ]
    print("\nSuspects by models that have learnt from other domains, and from errors planted in the set's own masks\n")
    print_table(["set", "learnt from", "AP", f"P@{_TOP}", "probable", "precision", "recall", "ECE"], rows)
    return figures


def of_copies(suspects: Suspects, others: SuspectModel) -> Lesson:
    """What a set's own suspects, and those of errors in copies of its masks, teach.

    Args:
        suspects: of the set; what is known of them is not used
        others: the model by which its own ones are chosen that are learnt as false
    """
    false, planted = _trusted(suspects, others), suspects.planted_wrong >= REAL
    features = np.concatenate([suspects.features[false], suspects.planted_features[planted]])
    return _lesson(features, np.arange(len(features)) >= false.sum())


def of_masks(suspects: Suspects, others: SuspectModel) -> Lesson:
    """What the suspects of a set teach whose wrong pixels are those of planted errors alone.

    Args:
        suspects: of the set
        others: the model by which those are chosen that are learnt as false
    """
    real = suspects.wrong >= REAL
    used = real | _trusted(suspects, others)
    return _lesson(suspects.features[used], real[used])


def _trusted(suspects: Suspects, others: SuspectModel) -> np.ndarray:
    """(n,) bool, the suspects that are least suspicious by a model."""
    suspicion = others.log_odds(suspects.features, suspects.similarity)
    return suspicion <= np.quantile(suspicion, _TRUSTED) if suspicion.size else np.zeros(0, bool)


def _lesson(features: np.ndarray, mistakes: np.ndarray) -> Lesson:
    return Lesson(features, np.full(len(features), np.nan), mistakes)


def judge(suspects: Suspects, others: SuspectModel, lessons: Mapping[str, Lesson]) -> dict[str, Any]:
    """How well a set's suspects are ordered and rated by the model of the others, by those of its own, and by both.

    Args:
        suspects: of the set
        others: learnt from other domains
        lessons: name to what a model of its own learns; none is learnt where mistakes or others are too few

    Returns:
        name of what was learnt from to ``ap``, ``top`` (precision of the first 50), ``number``, ``precision`` and
        ``recall`` of those at least 0.5 probable, and ``ece``
    """
    by_others = log_odds(others, suspects)
    scores = {OTHERS: by_others}
    for name, lesson in lessons.items():
        if min(lesson.mistakes.sum(), (~lesson.mistakes).sum()) >= LEAST_FALSE:
            own = log_odds(replace(fit_model([lesson]), similarity=others.similarity), suspects)
            scores |= {name: own, f"{name} and {OTHERS}": (own + by_others) / 2}
    found = {}
    for name, score in scores.items():
        order = judge_order(suspects, at_rates(suspects.features, score), 1, 0)
        rated = judge_probability(suspects, score)
        listed = {each: rated[each] for each in ("number", "precision", "recall", "ece")}
        found[name] = {"ap": order["ap"], "top": order["top"][_TOP], **listed}
    return found


def _shown(value: float | int | None) -> str:
    return "–" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"
