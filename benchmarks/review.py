"""What verdicts are worth: reviewing that is simulated, with and without learning from them.

The suspects of the sets of ``python -m benchmarks suspects``, whose masks are known, are reviewed a few at a time,
those first that are the most probable of what is left; a verdict says what is true::

    python -m benchmarks review --camvid DIR --nuclei DIR --work DIR --out review.json

Probabilities are by a model that has not seen the set's domain. Judged are the average precision of what is left after
some verdicts, and how many verdicts it takes until four fifths of the real suspects are found.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import numpy as np
from label_quality.plugin.benchmark.ranking_metrics import average_precision
from label_quality.plugin.suspects.probability import INVERSE_PENALTY, SuspectModel
from label_quality.plugin.suspects.verdict_model import DOUBT, Candidates, Moments, VerdictModel

from .audited_sets import add_set_arguments
from .processes import print_table
from .suspect_judging import at_rates, domain_of, is_real, learn, log_odds
from .suspect_measures import Suspects
from .suspects import measured_sets

EVIDENCE, PROBABILITY, LEARNING = "evidence", "probability", "learning"
#: Verdicts after which what is left is judged
AFTER = (0, 25, 50, 100, 200)
#: Verdicts after which those that are left are rated anew, as in the App
_EVERY = 5
#: Of the real suspects, how many are to be found
_ENOUGH = 0.8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    add_set_arguments(parser)
    parser.add_argument(
        "--doubt",
        type=float,
        nargs="+",
        default=[DOUBT],
        metavar="ODDS",
        help=f"how far verdicts may move log-odds; the first is used, several are compared (default {DOUBT:g})",
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measures, reviews and prints the tables.

    Returns:
        ``sets``: name to ``suspects``, ``real`` and ``orders``, name to what `review` gives; ``doubts``: each one that
        was asked for to ``effort`` by set; of sets that have real suspects, and others
    """
    sets = measured_sets(options)
    figures: dict[str, Any] = {"sets": {}, "doubts": {}, "seed": options.seed}
    for name, suspects in sets.items():
        real = is_real(suspects)
        model = learn(sets, INVERSE_PENALTY, domain_of(name))
        if model is None or real.all() or not real.any():
            continue
        figures["sets"][name] = judge_set(suspects, model, options.doubt[0])
        for doubt in options.doubt if len(options.doubt) > 1 else ():
            effort = judge_set(suspects, model, doubt)["orders"][LEARNING]["effort"]
            figures["doubts"].setdefault(f"{doubt:g}", {})[name] = effort
    _print(figures)
    return figures


def judge_set(suspects: Suspects, model: SuspectModel, doubt: float) -> dict[str, Any]:
    """Reviews a set in each order.

    Args:
        suspects: of the set
        model: that has not seen its domain
        doubt: see `verdict_model.DOUBT`

    Returns:
        ``suspects``, ``real`` (how many), and ``orders``: name to what `review` gives
    """
    prior = at_rates(suspects.features, log_odds(model, suspects))
    real = is_real(suspects)
    orders = {
        EVIDENCE: review(real, suspects.features[:, 0]),
        PROBABILITY: review(real, prior),
        LEARNING: review(real, prior, Teacher(suspects, prior, model, doubt)),
    }
    return {"suspects": int(real.size), "real": int(real.sum()), "orders": orders}


class Teacher:
    """Rates suspects by the verdicts so far.

    Args:
        suspects: of a set
        prior: (n,) log-odds of them
        model: that gave them
        doubt: see `verdict_model.DOUBT`
    """

    def __init__(self, suspects: Suspects, prior: np.ndarray, model: SuspectModel, doubt: float) -> None:
        names = ("features", "similarity", "descriptors", "given", "suggested")
        self._candidates = Candidates(prior, *(getattr(suspects, name) for name in names))
        self._moments = Moments()
        self._moments.update(suspects.descriptors)
        self._model, self._doubt = model, doubt

    def scores(self, reviewed: np.ndarray, real: np.ndarray) -> np.ndarray:
        """(n,) log-odds after verdicts.

        Args:
            reviewed: (n,) bool, which suspects have one
            real: (n,) bool, what it says of those
        """
        places = np.flatnonzero(reviewed)
        known = self._candidates.chosen(places)
        learnt = VerdictModel(self._model, self._moments, known, real[places], doubt=self._doubt)
        return learnt.log_odds(self._candidates)


def review(real: np.ndarray, scores: np.ndarray, teacher: Teacher | None = None) -> dict[str, Any]:
    """Reviews suspects, the highest scores first.

    Args:
        real: (n,) bool, what a verdict says; some are and some are not
        scores: (n,) of the suspects
        teacher: gives other scores after every few verdicts

    Returns:
        ``rest``: to each number of verdicts of `AFTER` the average precision of what is left then, None where nothing
        real is, or nothing else; ``effort``: verdicts until enough of the real suspects are found
    """
    reviewed, rest = np.zeros(real.size, bool), {}
    enough, effort = _ENOUGH * real.sum(), None
    for count in range(0, real.size + _EVERY, _EVERY):
        if count in AFTER:
            rest[str(count)] = _precision(real[~reviewed], scores[~reviewed])
        if effort is not None and count >= max(AFTER):
            break
        left = np.flatnonzero(~reviewed)
        first = left[np.argsort(-scores[left], kind="stable")[:_EVERY]]
        found = np.cumsum(real[first]) + real[reviewed].sum()
        if effort is None and found.size and found[-1] >= enough:
            effort = int(reviewed.sum() + np.argmax(found >= enough) + 1)
        reviewed[first] = True
        if teacher is not None:
            scores = teacher.scores(reviewed, real)
    return {"rest": rest, "effort": effort}


def _precision(real: np.ndarray, scores: np.ndarray) -> float | None:
    return float(average_precision(real, -scores)) if real.any() and not real.all() else None


def _print(figures: Mapping[str, Any]) -> None:
    print("\nReviewing: average precision of what is left after some verdicts, and verdicts until 80 % are found\n")
    header = ["set", "order", "suspects", "real", *(f"AP after {count}" for count in AFTER), "verdicts for 80 %"]
    rows = [
        [
            *(name, order, str(one["suspects"]), str(one["real"])),
            *(_number(found["rest"].get(str(count))) for count in AFTER),
            str(found["effort"]),
        ]
        for name, one in figures["sets"].items()
        for order, found in one["orders"].items()
    ]
    print_table(header, rows)
    if figures["doubts"]:
        print("\nVerdicts until 80 % are found, by doubt\n")
        names = list(figures["sets"])
        rows = [[doubt, *(str(found[name]) for name in names)] for doubt, found in figures["doubts"].items()]
        print_table(["doubt", *names], rows)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
