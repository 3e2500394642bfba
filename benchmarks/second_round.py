"""What a second audit finds whose models have not learnt from the suspects of the first.

The first audits are those of ``python -m benchmarks suspects``, and are kept and found in the same ``--work``; the
second ones are kept there, too::

    python -m benchmarks second-round --camvid DIR --nuclei DIR --work DIR --out second.json

The suspects that are left out are those that are shown by default, with the weights that come with the package. Images
are ordered by evidence without displaced edges, suspects by a model of the other domains, learnt from the first audits.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import numpy as np
from label_quality.plugin.suspects.probability import INVERSE_PENALTY

from .audited_sets import add_set_arguments, of_each_set
from .processes import print_table
from .suspect_judging import at_rates, domain_of, judge_images, judge_order, judge_probability, learn, log_odds
from .suspect_measures import Suspects
from .suspect_verdicts import look
from .suspects import measured_sets

ROUNDS = ("first", "second")
_TOP = "50"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    add_set_arguments(parser)
    parser.add_argument("--resamples", type=int, default=1000, help="of the bootstrap (default 1000)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Audits each set twice, judges both audits, and prints the table.

    Returns:
        name of each set to what `judge_rounds` gives
    """
    first = measured_sets(options)
    second = of_each_set(
        options,
        lambda one, audited, work, tell: look(one, audited, work, options.seed, tell).judged,
        own=True,
        second=True,
    )
    figures = {name: judge_rounds(name, first, second[name], options.resamples, options.seed) for name in first}
    print("\nImages and suspects by a first audit, and by a second that has not learnt from its suspects\n")
    names = ("evidence", "softmin", "ap", "top", "number", "precision", "recall", "widest")
    rows = [
        [name, audit, *(_shown(one[each]) for each in names)]
        for name, audits in figures.items()
        for audit, one in audits.items()
    ]
    header = ["set", "audit", "AUPRC, evidence", "AUPRC, softmin", "AP, suspects", f"P@{_TOP}", "probable"]
    print_table([*header, "precision", "recall", "widest issue"], rows)
    return figures


def judge_rounds(
    name: str, first: Mapping[str, Suspects], second: Suspects, resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """How far in front wrong images and real suspects are, by either audit.

    Args:
        name: of the set
        first: name to the suspects of all sets, of the first audits
        second: the set's suspects, of the second audit
        resamples: of the bootstrap
        seed: of the bootstrap

    Returns:
        name of each audit to ``evidence`` and ``softmin``, the AUPRC of mislabelled images, and of the suspects ``ap``,
        ``top`` (precision of the first 50), ``number``, ``precision`` and ``recall`` of those at least 0.5 probable,
        and ``widest``, the share of the images that the widest issue of those is in; None where there is nothing to
        judge
    """
    model = learn(first, INVERSE_PENALTY, domain_of(name))
    found = {}
    for audit, suspects in zip(ROUNDS, (first[name], second), strict=True):
        images = judge_images(suspects, None, resamples, seed)
        scores = np.zeros(len(suspects.wrong)) if model is None else log_odds(model, suspects)
        rated = at_rates(suspects.features, scores)
        order = judge_order(suspects, rated, resamples, seed)
        listed = judge_probability(suspects, scores)
        found[audit] = {
            **{score: images[score]["auprc"] if images else None for score in ("evidence", "softmin")},
            "ap": order["ap"],
            "top": order["top"][_TOP],
            **{one: listed[one] for one in ("number", "precision", "recall")},
            "widest": widest_issue(suspects, rated >= 0),
        }
    return found


def widest_issue(suspects: Suspects, shown: np.ndarray) -> float:
    """Share of the images in which the pair of a given and a suggested class is shown that is in most.

    Args:
        suspects: n of them
        shown: (n,) bool
    """
    there = np.unique(np.stack([suspects.given, suspects.suggested, suspects.image])[:, shown], axis=1)
    _, images = np.unique(there[:2], axis=1, return_counts=True)
    return float(images.max(initial=0) / suspects.images)


def _shown(value: float | int | None) -> str:
    return "–" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"
