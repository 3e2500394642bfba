"""What verdicts are worth: reviewing that is simulated, in each order and with and without learning from verdicts.

The suspects of the sets of ``python -m benchmarks suspects``, whose masks are known, are reviewed a few at a time,
those first that come first in an order; a verdict says what is true::

    python -m benchmarks review --camvid DIR --nuclei DIR --work DIR --out review.json

Probabilities are by a model that has not seen the set's domain. Judged are the average precision of what is left after
some verdicts, and how many verdicts it takes until four fifths of the real suspects are found, and of their wrong
pixels; and how many decisions, where a page of twenty is decided on at once, but for its exceptions.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from label_quality.plugin.benchmark.ranking_metrics import average_precision
from label_quality.plugin.suspects.config import SuspectConfig
from label_quality.plugin.suspects.probability import INVERSE_PENALTY, SuspectModel
from label_quality.plugin.suspects.region_features import FEATURES
from label_quality.plugin.suspects.verdict_model import DOUBT, Candidates, Moments, VerdictModel
from scipy.special import expit

from .audited_sets import add_set_arguments
from .processes import print_table
from .suspect_judging import REAL, at_rates, domain_of, is_real, learn, log_odds
from .suspect_measures import Suspects
from .suspects import measured_sets

EVIDENCE, PROBABILITY, LEARNING = "evidence", "probability", "learning"
USEFUL, USEFUL_LEARNING, ALIKE = "useful", "useful, learning", "alike"
#: Orders by probability, of which it is judged what is left
_BY_PROBABILITY = (EVIDENCE, PROBABILITY, LEARNING)
#: Verdicts after which what is left is judged
AFTER = (0, 25, 50, 100, 200)
#: Verdicts after which those that are left are rated anew, as in the App
_EVERY = 5
#: Of the real suspects, or their wrong pixels, how many are to be found
_ENOUGH = 0.8
#: Suspects of a page that is decided on at once
_PAGE = 20
#: Where ways to learn are compared: of the images, the share of a part, and the fewest real suspects in it
_PART, _LEAST_REAL = 0.7, 8
#: Of the first verdicts of a reviewer who is new to it, the share that is wrong
_NOVICE_ERRORS = 0.2
#: Weights of verdicts are kept in steps of one part of so many
_PARTS = 4


@dataclass(frozen=True)
class Learning:
    """How what is left is rated by the verdicts so far.

    Args:
        doubt: see `verdict_model.DOUBT`
        every: verdicts after which it is rated anew
        half_life: verdicts after which one counts half; None where all count the same
        novice: so many of the first verdicts are by a reviewer who is new to it
    """

    doubt: float = DOUBT
    every: int = _EVERY
    half_life: float | None = None
    novice: int = 0


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
    parser.add_argument(
        "--resamples", type=int, default=20, metavar="N", help="parts of the images that ways to learn are compared on"
    )
    more = {"nargs": "+", "default": []}
    parser.add_argument("--every", type=int, metavar="N", help="also learn after every N verdicts", **more)
    parser.add_argument("--half-life", type=float, metavar="N", help="also count verdicts half after N others", **more)
    parser.add_argument("--novice", type=int, metavar="N", help="also where some of the first N are wrong", **more)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measures, reviews and prints the tables.

    Returns:
        ``sets``: name to what `judge_set` gives, of sets that have real suspects, and others; ``learnings``: name to
        what `compare` gives, where ways to learn are compared
    """
    sets = measured_sets(options)
    figures: dict[str, Any] = {"sets": {}, "learnings": {}, "seed": options.seed}
    for name, suspects in sets.items():
        real = is_real(suspects)
        model = learn(sets, INVERSE_PENALTY, domain_of(name))
        if model is None or real.all() or not real.any():
            continue
        figures["sets"][name] = judge_set(suspects, model, options.doubt[0])
        compared = _compared(options)
        if len(compared) > 1:
            figures["learnings"][name] = compare(suspects, model, compared, options.resamples, options.seed)
    _print(figures)
    return figures


def _compared(options: argparse.Namespace) -> dict[str, Learning]:
    """Ways to learn, in words: that of the package first, and others as far as they are asked for."""
    found = {f"doubt {one:g}": Learning(one) for one in options.doubt}
    found |= {f"every {one}": Learning(every=one) for one in options.every}
    for novice in (0, *options.novice):
        errors = f", {_NOVICE_ERRORS:.0%} of the first {novice} wrong" if novice else ""
        if novice:
            found[f"all verdicts alike{errors}"] = Learning(novice=novice)
        for one in options.half_life:
            found[f"half-life {one:g}{errors}"] = Learning(half_life=one, novice=novice)
    return found


def compare(
    suspects: Suspects, model: SuspectModel, learnings: Mapping[str, Learning], resamples: int, seed: int
) -> dict[str, Any]:
    """Compares ways to learn, by reviewing what is shown of random parts of the images: a single review says little.

    Args:
        suspects: of a set
        model: that has not seen its domain
        learnings: words to the way, the first of which the others are compared with
        resamples: how many parts are drawn, each of `_PART` of the images
        seed: of the draws

    Returns:
        words to ``effort``, the mean of what `review` gives, ``less``, the mean of how many verdicts fewer than those
        of the first way it is, and ``error``, the standard error of that; the first is without learning. Empty where no
        part has enough real suspects
    """
    scores, efforts = prior(suspects, model), defaultdict[str, list[int]](list)
    shown = expit(scores) >= SuspectConfig().min_probability
    for number in range(resamples):
        rng = np.random.default_rng([seed, number])
        kept = shown & (rng.random(suspects.images) < _PART)[suspects.image]
        some, own = _chosen(suspects, kept), scores[kept]
        real = is_real(some)
        if real.sum() < _LEAST_REAL or real.all():
            continue
        efforts[PROBABILITY].append(review(real, own)["effort"])
        for words, learning in learnings.items():
            teacher = Teacher(some, own, model, learning)
            efforts[words].append(review(real, own, teacher, every=learning.every)["effort"])
    first = np.array(efforts.get(next(iter(learnings)), []))
    return {
        words: {
            "effort": float(np.mean(each)),
            "less": float(np.mean(first - each)),
            "error": float(np.std(first - each) / np.sqrt(len(each))),
        }
        for words, each in ((words, np.array(one)) for words, one in efforts.items())
    }


def prior(suspects: Suspects, model: SuspectModel) -> np.ndarray:
    """(n,) log-odds before any verdict."""
    return at_rates(suspects.features, log_odds(model, suspects))


def judge_set(suspects: Suspects, model: SuspectModel, doubt: float) -> dict[str, Any]:
    """Reviews a set in each order.

    Args:
        suspects: of the set
        model: that has not seen its domain
        doubt: see `verdict_model.DOUBT`

    Returns:
        ``suspects``, ``real`` (how many), and ``orders``: name to what `review` gives; and ``shown``, the same of the
        suspects that are probable enough to be shown, None where all of them are real, or none
    """
    scores, real = prior(suspects, model), is_real(suspects)
    shown = expit(scores) >= SuspectConfig().min_probability
    found = _judged(suspects, scores, model, doubt)
    if real[shown].all() or not real[shown].any():
        return {**found, "shown": None}
    return {**found, "shown": _judged(_chosen(suspects, shown), scores[shown], model, doubt)}


def _chosen(suspects: Suspects, shown: np.ndarray) -> Suspects:
    """Some of the suspects, (n,) bool; what is of images or planted stays."""
    names = ("features", "similarity", "descriptors", "given", "suggested", "image", "box", "wrong", "right")
    return replace(suspects, **{name: getattr(suspects, name)[shown] for name in names})


def _judged(suspects: Suspects, scores: np.ndarray, model: SuspectModel, doubt: float) -> dict[str, Any]:
    # Only now: it brings FiftyOne with it, which reads its settings when it is imported
    from label_quality.plugin.review.order import alike_order

    real, area = is_real(suspects), np.exp(suspects.features[:, FEATURES.index("area")])
    teacher = Teacher(suspects, scores, model, Learning(doubt))
    pairs = list(zip(suspects.given.tolist(), suspects.suggested.tolist(), strict=True))
    alike = np.empty(real.size)
    alike[alike_order(pairs, suspects.descriptors, expit(scores) * area)] = -np.arange(real.size)
    pixels = area * np.where(real, suspects.wrong, 0.0)
    orders = {
        EVIDENCE: review(real, suspects.features[:, 0], pixels=pixels),
        PROBABILITY: review(real, scores, pixels=pixels),
        LEARNING: review(real, scores, teacher, pixels=pixels),
        USEFUL: review(real, scores, pixels=pixels, area=area),
        USEFUL_LEARNING: review(real, scores, teacher, pixels=pixels, area=area),
        ALIKE: review(real, alike, pixels=pixels),
    }
    return {"suspects": int(real.size), "real": int(real.sum()), "orders": orders}


class Teacher:
    """Rates suspects by the verdicts so far.

    Args:
        suspects: of a set
        scores: (n,) log-odds of them
        model: that gave them
        learning: how
    """

    def __init__(self, suspects: Suspects, scores: np.ndarray, model: SuspectModel, learning: Learning) -> None:
        names = ("features", "similarity", "descriptors", "given", "suggested")
        self._candidates = Candidates(scores, *(getattr(suspects, name) for name in names))
        self._moments = Moments()
        self._moments.update(suspects.descriptors)
        self._model, self._learning, self._wrong = model, learning, suspects.wrong

    def scores(self, reviewed: Sequence[int]) -> np.ndarray:
        """(n,) log-odds after verdicts on the suspects of these places, in this order."""
        learning, places = self._learning, np.array(reviewed, np.int64)
        errors = np.random.default_rng(0).random(learning.novice)[: len(places)] < _NOVICE_ERRORS
        said = self._wrong[places] >= REAL
        said[: len(errors)] ^= errors
        doubt = learning.doubt
        if learning.half_life is not None:
            # A verdict that is there k times counts k times; the prior has to count as often as the newest one
            age = len(places) - 1 - np.arange(len(places))
            times = np.rint(_PARTS * 0.5 ** (age / learning.half_life)).astype(np.int64)
            places, said, doubt = np.repeat(places, times), np.repeat(said, times), doubt / np.sqrt(_PARTS)
        learnt = VerdictModel(self._model, self._moments, self._candidates.chosen(places), said, doubt=doubt)
        return learnt.log_odds(self._candidates)


def review(
    real: np.ndarray,
    scores: np.ndarray,
    teacher: Teacher | None = None,
    *,
    pixels: np.ndarray | None = None,
    area: np.ndarray | None = None,
    every: int = _EVERY,
) -> dict[str, Any]:
    """Reviews suspects, the highest scores first.

    Args:
        real: (n,) bool, what a verdict says; some are and some are not
        scores: (n,) of the suspects
        teacher: gives other scores after every few verdicts
        pixels: (n,) wrong pixels that a verdict puts right; None where these are not judged
        area: (n,) of the suspects, of which the most useful come first, the probability times the area
        every: verdicts at a time

    Returns:
        ``rest``: to each number of verdicts of `AFTER` the average precision of what is left then, None where nothing
        real is, or nothing else; ``effort``: verdicts until enough of the real suspects are found; ``pixel_effort``:
        until enough of the pixels are; ``decisions``: until enough of the real suspects are found, page by page
    """
    order: list[int] = []
    left, rest = np.ones(real.size, bool), {}
    weights = real.astype(float) if pixels is None else pixels
    goals = _ENOUGH * real.sum(), _ENOUGH * weights.sum()
    for count in range(0, real.size + every, every):
        if count in AFTER:
            rest[str(count)] = _precision(real[left], scores[left])
        if count >= max(AFTER) and real[order].sum() >= goals[0] and weights[order].sum() >= goals[1]:
            break
        places = np.flatnonzero(left)
        rank = scores if area is None else expit(scores) * area
        first = places[np.argsort(-rank[places], kind="stable")[:every]].tolist()
        order += first
        left[first] = False
        if teacher is not None and first:
            scores = teacher.scores(order)
    effort = _effort(real[order], goals[0])
    return {
        "rest": rest,
        "effort": effort,
        "pixel_effort": _effort(weights[order], goals[1]),
        "decisions": _decisions(real[order[:effort]]),
    }


def _effort(found: np.ndarray, goal: float) -> int:
    """How many of (n,) it takes until their sum reaches a goal."""
    # Sums of other orders differ in the last bits
    return int(np.argmax(np.cumsum(found) >= goal * (1 - 1e-9)) + 1)


def _decisions(real: np.ndarray) -> int:
    """Decisions on (n,) suspects, page by page: one on all of a page, and one on each exception."""
    pages = [real[first : first + _PAGE] for first in range(0, real.size, _PAGE)]
    return sum(1 + int(min(page.sum(), (~page).sum())) for page in pages)


def _precision(real: np.ndarray, scores: np.ndarray) -> float | None:
    return float(average_precision(real, -scores)) if real.any() and not real.all() else None


def _print(figures: Mapping[str, Any]) -> None:
    print("\nReviewing: average precision of what is left after some verdicts\n")
    header = ["set", "order", "suspects", "real", *(f"AP after {count}" for count in AFTER)]
    rows = [
        [
            *(name, order, str(one["suspects"]), str(one["real"])),
            *(_number(one["orders"][order]["rest"].get(str(count))) for count in AFTER),
        ]
        for name, one in figures["sets"].items()
        for order in _BY_PROBABILITY
    ]
    print_table(header, rows)
    _print_efforts(figures["sets"], "all suspects")
    shown = {name: one["shown"] for name, one in figures["sets"].items() if one["shown"] is not None}
    _print_efforts(shown, "those that are shown")
    compared = {name: one for name, one in figures["learnings"].items() if one}
    if compared:
        print("\nVerdicts until 80 % are found of what is shown of parts of the images, by how it is learnt")
        print("(in brackets how many fewer than by the package's way, with the standard error)\n")
        names = list(next(iter(compared.values())))
        rows = [[words, *(_compared_text(one[words]) for one in compared.values())] for words in names]
        print_table(["learning", *compared], rows)


def _compared_text(one: Mapping[str, float]) -> str:
    return f"{one['effort']:.1f} ({one['less']:+.1f} ± {one['error']:.1f})"


def _print_efforts(sets: Mapping[str, Any], which: str) -> None:
    for what, title in (
        ("effort", "Verdicts until 80 % of the real suspects are found"),
        ("pixel_effort", "Verdicts until 80 % of the wrong pixels of the real suspects are found"),
        ("decisions", f"Decisions on pages of {_PAGE} until 80 % of the real suspects are found"),
    ):
        print(f"\n{title}, of {which}\n")
        names = list(next(iter(sets.values()))["orders"]) if sets else []
        rows = [
            [name, str(one["suspects"]), str(one["real"]), *(str(one["orders"][order][what]) for order in names)]
            for name, one in sets.items()
        ]
        print_table(["set", "suspects", "real", *names], rows)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
