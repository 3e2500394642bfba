"""How many suspects in CamVid's own masks are real, by what a person has seen there, see `suspect_verdicts`::

    python -m benchmarks own-labels --camvid DIR --nuclei DIR --work DIR --out own.json

The audits are those of ``python -m benchmarks suspects``, and are kept and found in the same ``--work``. Suspects are
rated by a model that was learnt from the other domains, and by the weights that come with the package.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from label_quality.plugin.suspects.probability import INVERSE_PENALTY, probabilities, shipped_model
from label_quality.plugin.suspects.region_features import FEATURES

from .audited_sets import add_set_arguments, of_each_set
from .processes import print_table
from .suspect_judging import PROBABLE, TOPS, at_rates, domain_of, learn, log_odds
from .suspect_sets import OWN
from .suspect_verdicts import CONVENTION, REAL, look
from .suspects import EVIDENCE, PROBABILITY, SHIPPED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    add_set_arguments(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Rates the suspects, compares them with the verdicts, and prints the table.

    Returns:
        name of each order to what `judge` gives
    """
    if options.camvid is None:
        raise SystemExit("error: the verdicts are on CamVid's own masks. Give --camvid.")
    found = of_each_set(
        options, lambda one, audited, work, progress: look(one, audited, work, options.seed, progress), own=True
    )
    ((name, own),) = ((name, one) for name, one in found.items() if name.endswith(OWN))
    models = {
        PROBABILITY: learn({one: each.judged for one, each in found.items()}, INVERSE_PENALTY, domain_of(name)),
        SHIPPED: shipped_model(),
    }
    scores = {EVIDENCE: own.measured.features[:, FEATURES.index("evidence")]}
    for order, model in models.items():
        if model is not None:
            scores[order] = at_rates(own.measured.features, log_odds(model, own.measured))
    figures = {order: judge(own.verdicts or (), score, rated=order != EVIDENCE) for order, score in scores.items()}
    _print(figures)
    return figures


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


def _counted(verdicts: Sequence[str | None]) -> dict[str, int]:
    seen = [one for one in verdicts if one is not None]
    return {"looked at": len(seen), REAL: seen.count(REAL), CONVENTION: seen.count(CONVENTION)}


def _print(orders: Mapping[str, Mapping[str, Any]]) -> None:
    print("\nReal suspects among the first, and among those that are at least 0.5 probable: a person's verdicts\n")
    header = ["order", *(f"of {top}" for top in TOPS), "probable", "looked at", "real", "convention"]
    rows = []
    for name, one in orders.items():
        probable = one.get("probable")
        listed = [str(probable[each]) for each in ("number", "looked at", REAL, CONVENTION)] if probable else ["–"] * 4
        rows.append([name, *(_share(one["top"][str(top)]) for top in TOPS), *listed])
    print_table(header, rows)


def _share(counted: Mapping[str, int]) -> str:
    return f"{counted[REAL]} of {counted['looked at']}"
