"""Whether the intervals of `estimate_errors` hold, and how narrow they are: judging that is simulated.

From populations of which the truth is known places are drawn and judged again and again, as `estimate_errors` does it,
and it is counted how often the truth is in the 95 % intervals::

    python -m benchmarks estimate --work DIR

The populations are the sets of ``python -m benchmarks suspects``, audited with the fast preset, and made-up ones in
which the suspicion says nothing, or something wrong. The widths stand beside those of a simple random sample of as many
pixels. ``--work`` keeps audits, of the other benchmark too.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from label_quality.plugin.estimate.allotment import allotment
from label_quality.plugin.estimate.config import EstimateConfig
from label_quality.plugin.estimate.estimates import PixelEstimates, judged_number
from label_quality.plugin.estimate.levels import DOUBTED, IMAGE_LEVELS, PLACE_LEVELS, SURE
from label_quality.plugin.estimate.replicates import Interval, Judged

from .audited_sets import add_set_arguments, of_each_set
from .estimate_populations import SYNTHETIC, Population, audited_population, synthetic_population
from .processes import print_table
from .suspect_judging import REAL

#: What is estimated: name to its heading
ESTIMANDS = {
    "share": "wrong pixels",
    "unsuspected": "wrong where none is suspected",
    "miou": "label mIoU",
    "wrong": "wrong pixels of a class",
    "missed": "missed pixels of a class",
    "real": "real suspects",
    "images": "wrong images",
}
#: Pixels that are in no suspect
_UNSUSPECTED = np.isin(np.arange(len(PLACE_LEVELS)), np.arange(DOUBTED, SURE + 1))


class Tally:
    """How often a truth was in an interval, and how wide that was."""

    def __init__(self) -> None:
        self.inside = self.below = self.above = self.number = 0
        self.width = 0.0

    def add(self, interval: Interval | None, truth: float) -> None:
        """Counts one interval; None where nothing is estimated."""
        if interval is None:
            return
        slack = 1e-9 * max(1.0, abs(truth))
        self.below += truth < interval.low - slack
        self.above += truth > interval.high + slack
        self.number += 1
        self.width += interval.high - interval.low

    def figures(self) -> dict[str, float | None]:
        """``coverage``, ``below``, the share of truths below the interval, ``above``, and the mean ``width``."""
        if not self.number:
            return {"coverage": None, "below": None, "above": None, "width": None}
        below, above = self.below / self.number, self.above / self.number
        return {"coverage": 1 - below - above, "below": below, "above": above, "width": self.width / self.number}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    add_set_arguments(parser)
    parser.set_defaults(images=120)
    parser.add_argument("--repetitions", type=int, default=500, help="of each population (default 500)")
    parser.add_argument(
        "--verdicts", type=int, nargs="+", default=[EstimateConfig.verdicts], help="on pixels (default 200)"
    )
    parser.add_argument("--no-sets", action="store_true", help="made-up populations alone, without an audit")
    parser.add_argument(
        "--rates",
        type=float,
        nargs=3,
        action="append",
        default=[],
        metavar=("DOUBTED", "UNSURE", "SURE"),
        help="also compare other rates that are expected where none is suspected; can be given again",
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Draws, judges, and prints the tables.

    Returns:
        ``populations``: name and number of verdicts to what `simulate` gives; ``rates``: those that were asked for, to
        the same for the share of wrong pixels
    """
    populations = {} if options.no_sets else _audited(options)
    populations |= {name: synthetic_population(rates, options.seed) for name, rates in SYNTHETIC.items()}
    figures: dict[str, Any] = {"populations": {}, "rates": {}, "seed": options.seed}
    for name, one in populations.items():
        for verdicts in options.verdicts:
            found = simulate(one, verdicts, options.repetitions, options.seed)
            figures["populations"][f"{name}, {verdicts}"] = found
    _print(figures["populations"])
    own = [level.rate for level in PLACE_LEVELS]
    for rates in options.rates:
        changed = [*own[:DOUBTED], *rates]
        text = ", ".join(f"{rate:g}" for rate in rates)
        figures["rates"][text] = {
            name: simulate(one, options.verdicts[0], options.repetitions, options.seed, changed, ("share",))["share"]
            for name, one in populations.items()
        }
    if options.rates:
        _print_rates(figures)
    return figures


def simulate(
    population: Population,
    verdicts: int,
    repetitions: int,
    seed: int,
    rates: Sequence[float] = tuple(level.rate for level in PLACE_LEVELS),
    estimands: Sequence[str] = tuple(ESTIMANDS),
) -> dict[str, Any]:
    """Draws samples of a population again and again, and looks whether the truth is in the intervals.

    Args:
        population: what is drawn from
        verdicts: pixels that are judged
        repetitions: how often
        seed: of all that is random
        rates: of wrong pixels, as expected of each level
        estimands: of `ESTIMANDS`

    Returns:
        ``true_share``; each estimand to what `Tally.figures` gives; ``random_share`` and ``random_miou``, the same of a
        simple random sample
    """
    rng = np.random.default_rng(seed)
    tallies = {name: Tally() for name in (*estimands, "random_share", "random_miou")}
    everything = population.pixels.sum(axis=0, keepdims=True)
    real, config = population.region_wrong >= REAL, EstimateConfig()
    mislabelled, image_rates = population.image_wrong >= config.min_error, [level.rate for level in IMAGE_LEVELS]
    units = {
        "real": (population.region_level, real, [level.rate for level in PLACE_LEVELS], config.suspects),
        "images": (population.image_level, mislabelled, image_rates, config.images),
    }
    for repetition in range(repetitions):
        estimates = _estimates(population.pixels, verdicts, rates, rng, repetition)
        _judge_pixels(population, estimates, estimands, tallies)
        random = _estimates(everything, verdicts, [0.5], rng, repetition)
        tallies["random_share"].add(random.share(), population.share)
        if "miou" in estimands:
            tallies["random_miou"].add(random.label_miou(), _miou(everything[0]))
        for name, (levels, wrong, level_rates, number) in units.items():
            if name in estimands and levels.size:
                found = _judge_units(levels, wrong, level_rates, number, rng, repetition)
                tallies[name].add(found.scaled(1 / levels.size), float(wrong.mean()))
    return {"true_share": population.share, **{name: tally.figures() for name, tally in tallies.items()}}


def _estimates(
    pixels: np.ndarray, verdicts: int, rates: Sequence[float], rng: np.random.Generator, seed: int
) -> PixelEstimates:
    """What a sample of (H, K, K) pixels says."""
    class_pixels, classes = pixels.sum(axis=2), pixels.shape[1]
    sizes = class_pixels.sum(axis=1)
    drawn = np.bincount(allotment(sizes, rates, verdicts), minlength=sizes.size)
    kinds = []
    for stratum in np.flatnonzero(drawn):
        counts = rng.multivariate_hypergeometric(pixels[stratum].ravel(), drawn[stratum], method="marginals")
        given, true = np.divmod(np.repeat(np.arange(classes**2), counts), classes)
        kinds.append(np.stack([np.full(given.size, stratum), given, true]))
    return PixelEstimates(Judged(sizes, *np.concatenate(kinds, axis=1)), class_pixels, seed)


def _judge_pixels(
    population: Population, estimates: PixelEstimates, estimands: Sequence[str], tallies: Mapping[str, Tally]
) -> None:
    pixels = population.pixels.sum(axis=0)
    right = np.diag(pixels)
    given, true = pixels.sum(axis=1), pixels.sum(axis=0)
    if "share" in estimands:
        tallies["share"].add(estimates.share(), population.share)
    if "unsuspected" in estimands:
        there = population.pixels[_UNSUSPECTED].sum(axis=0)
        tallies["unsuspected"].add(
            estimates.wrong(_UNSUSPECTED).scaled(1 / pixels.sum()), float(there.sum() - np.trace(there)) / pixels.sum()
        )
    if "miou" in estimands:
        tallies["miou"].add(estimates.label_miou(), _miou(pixels))
    if "wrong" in estimands:
        for index in np.flatnonzero(given > 0).tolist():
            errors = estimates.of_class(index)
            tallies["wrong"].add(errors.wrong, float(1 - right[index] / given[index]))
            if true[index]:
                tallies["missed"].add(errors.missed, float(1 - right[index] / true[index]))


def _judge_units(
    levels: np.ndarray, wrong: np.ndarray, rates: Sequence[float], number: int, rng: np.random.Generator, seed: int
) -> Interval:
    """How many units are wrong, by a number of them that are drawn: (n,) levels, and (n,) bool."""
    sizes = np.bincount(levels, minlength=len(rates))
    drawn = np.bincount(allotment(sizes, rates, number), minlength=sizes.size)
    chosen = [
        rng.choice(np.flatnonzero(levels == level), count, replace=False) for level, count in enumerate(drawn) if count
    ]
    places = np.concatenate(chosen)
    return judged_number(sizes, levels[places], wrong[places], seed)


def _miou(pixels: np.ndarray) -> float:
    """Of (K, K) pixels by given and true class, over the classes that are given."""
    right, given, true = np.diag(pixels), pixels.sum(axis=1), pixels.sum(axis=0)
    return float((right / np.maximum(given + true - right, 1))[given > 0].mean())


def _audited(options: argparse.Namespace) -> dict[str, Population]:
    return of_each_set(
        options, lambda one, audited, work, tell: audited_population(one, audited, work / "populations", tell)
    )


def _print(populations: Mapping[str, Any]) -> None:
    print("\nHow often the truth is in the 95 % interval\n")
    rows = [
        [name, f"{one['true_share']:.4f}", *(_number(one[estimand]["coverage"]) for estimand in ESTIMANDS)]
        for name, one in populations.items()
    ]
    print_table(["population, verdicts", "wrong", *ESTIMANDS.values()], rows)
    print("\nMean width of the interval, beside that of a simple random sample of as many pixels\n")
    names = ("share", "random_share", "miou", "random_miou", "real", "images")
    rows = [[name, *(_number(one[part]["width"], 4) for part in names)] for name, one in populations.items()]
    headings = ["wrong pixels", "random", "label mIoU", "random", "real suspects", "wrong images"]
    print_table(["population, verdicts", *headings], rows)


def _print_rates(figures: Mapping[str, Any]) -> None:
    print("\nCoverage and mean width of the share of wrong pixels, by the rates that are expected\n")
    names = list(next(iter(figures["rates"].values())))
    rows = [
        [text, *(f"{_number(found[name]['coverage'])} {_number(found[name]['width'], 4)}" for name in names)]
        for text, found in figures["rates"].items()
    ]
    print_table(["doubted, unsure, sure", *names], rows)


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
