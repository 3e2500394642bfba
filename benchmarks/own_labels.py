"""How right suspects are where masks have errors of their own, by what a person has seen there: `suspect_verdicts`.

They are CamVid's masks as they are, those with planted errors, and the corrected masks of microscopy images, whose
corrections are not complete::

    python -m benchmarks own-labels --camvid DIR --nuclei DIR --work DIR --out own.json

The audits are those of ``python -m benchmarks suspects``, and are kept and found in the same ``--work``. Suspects are
rated by a model that was learnt from the other domains, and by the weights that come with the package.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from label_quality.plugin.suspects.probability import INVERSE_PENALTY, SuspectModel, probabilities, shipped_model
from label_quality.plugin.suspects.region_features import FEATURES

from .audited_sets import add_set_arguments, of_each_set
from .processes import print_table
from .suspect_judging import PROBABLE, TOPS, at_rates, domain_of, judge_order, judge_probability, learn, log_odds
from .suspect_measures import Suspects
from .suspect_sets import OWN
from .suspect_verdicts import CONVENTION, REAL, look
from .suspects import EVIDENCE, PROBABILITY, SHIPPED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    add_set_arguments(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Rates the suspects, compares them with the verdicts, and prints the tables.

    Returns:
        ``own``: of CamVid's masks as they are, name of each order to what `judge` gives; ``sets``: of the masks with
        known errors, name to what `judge_known` gives
    """
    if options.camvid is None:
        raise SystemExit("error: most verdicts are on CamVid. Give --camvid.")
    found = of_each_set(
        options, lambda one, audited, work, progress: look(one, audited, work, options.seed, progress), own=True
    )
    # Of masks as they are nothing is known that could be learnt
    sets = {name: one.measured for name, one in found.items() if not name.endswith(OWN)}
    figures: dict[str, Any] = {"own": {}, "sets": {}}
    for name, one in found.items():
        if one.verdicts is None:
            continue
        models = {PROBABILITY: learn(sets, INVERSE_PENALTY, domain_of(name)), SHIPPED: shipped_model()}
        known = {key: model for key, model in models.items() if model is not None}
        if name.endswith(OWN):
            for order, score in _scores(one.measured, known).items():
                figures["own"][order] = judge(one.verdicts, score, rated=order != EVIDENCE)
        else:
            figures["sets"][name] = judge_known(one.judged, known)
    _print_own(figures["own"])
    _print_known(figures["sets"])
    return figures


def judge_known(suspects: Suspects, models: Mapping[str, SuspectModel]) -> dict[str, Any]:
    """How far in front real suspects are, and how right probabilities are.

    Args:
        suspects: of a set with known errors, judged by verdicts as well
        models: name to model

    Returns:
        name of each order to what `judge_order` gives and, of a model, `judge_probability`
    """
    found = {}
    for name, scores in _scores(suspects, models).items():
        found[name] = judge_order(suspects, scores, 1, 0)
        if name in models:
            found[name] |= judge_probability(suspects, log_odds(models[name], suspects))
    return found


def judge(verdicts: Sequence[str | None], scores: np.ndarray, *, rated: bool) -> dict[str, Any]:
    """How many of the first suspects are real.

    Args:
        verdicts: on each of n suspects; None where nobody has looked
        scores: (n,) high = first; log-odds if they are rated
        rated: whether to look at those that are at least 0.5 probable too

    Returns:
        ``top``: to each number of first ones how many of them are ``looked at``, ``real`` and ``convention``;
        ``probable``: likewise, and their ``number``
    """
    order = np.argsort(-scores, kind="stable").tolist()
    found: dict[str, Any] = {"top": {str(top): _counted([verdicts[place] for place in order[:top]]) for top in TOPS}}
    if rated:
        listed = [verdicts[place] for place in np.flatnonzero(probabilities(scores) >= PROBABLE).tolist()]
        found["probable"] = {"number": len(listed), **_counted(listed)}
    return found


def _scores(suspects: Suspects, models: Mapping[str, SuspectModel]) -> dict[str, np.ndarray]:
    """Name of each order to (n,) scores, high = first."""
    rated = {name: at_rates(suspects.features, log_odds(model, suspects)) for name, model in models.items()}
    return {EVIDENCE: suspects.features[:, FEATURES.index("evidence")], **rated}


def _counted(verdicts: Sequence[str | None]) -> dict[str, int]:
    seen = [one for one in verdicts if one is not None]
    return {"looked at": len(seen), REAL: seen.count(REAL), CONVENTION: seen.count(CONVENTION)}


def _print_own(orders: Mapping[str, Mapping[str, Any]]) -> None:
    print("\nReal suspects among the first, and among those that are at least 0.5 probable: a person's verdicts\n")
    header = ["order", *(f"of {top}" for top in TOPS), "probable", "looked at", "real", "convention"]
    rows = []
    for name, one in orders.items():
        probable = one.get("probable")
        listed = [str(probable[each]) for each in ("number", "looked at", REAL, CONVENTION)] if probable else ["–"] * 4
        rows.append([name, *(_share(one["top"][str(top)]) for top in TOPS), *listed])
    print_table(header, rows)


def _print_known(sets: Mapping[str, Mapping[str, Any]]) -> None:
    print("\nMasks with known errors, where what a person has found real counts as real, too\n")
    header = ["set", "order", "AP", *(f"P@{top}" for top in TOPS), "probable", "precision", "recall", "ECE"]
    rows = []
    for name, orders in sets.items():
        for order, one in orders.items():
            listed = [one.get(each) for each in ("number", "precision", "recall", "ece")]
            precision = [one["ap"], *one["top"].values()]
            rows.append([name, order, *map(_number, precision), *map(_number, listed)])
    print_table(header, rows)


def _number(value: float | None) -> str:
    return "–" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"


def _share(counted: Mapping[str, int]) -> str:
    return f"{counted[REAL]} of {counted['looked at']}"
