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
from dataclasses import dataclass
from typing import Any

import numpy as np
from label_quality.plugin.estimate.allotment import allotment
from label_quality.plugin.estimate.config import EstimateConfig
from label_quality.plugin.estimate.estimates import PixelEstimates, judged_by_group, judged_number
from label_quality.plugin.estimate.levels import DOUBTED, IMAGE_LEVELS, PLACE_LEVELS, SURE
from label_quality.plugin.estimate.replicates import Interval, Judged
from label_quality.plugin.estimate.spread import spread_order

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
    "issue": "real suspects of an issue",
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
    parser.add_argument(
        "--suspects", type=int, default=EstimateConfig.suspects, help="verdicts on suspects (default 30)"
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
            found = simulate(one, verdicts, options.repetitions, options.seed, suspects=options.suspects)
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
    suspects: int = EstimateConfig.suspects,
) -> dict[str, Any]:
    """Draws samples of a population again and again, and looks whether the truth is in the intervals.

    Args:
        population: what is drawn from
        verdicts: pixels that are judged
        repetitions: how often
        seed: of all that is random
        rates: of wrong pixels, as expected of each level
        estimands: of `ESTIMANDS`
        suspects: that are judged

    Returns:
        ``true_share``; each estimand to what `Tally.figures` gives; ``random_share`` and ``random_miou``, the same of a
        simple random sample
    """
    rng = np.random.default_rng(seed)
    tallies = {name: Tally() for name in (*estimands, "random_share", "random_miou")}
    everything = population.pixels.sum(axis=0, keepdims=True)
    real, config = population.region_wrong >= REAL, EstimateConfig()
    mislabelled, image_rates = population.image_wrong >= config.min_error, [level.rate for level in IMAGE_LEVELS]
    suspect_units = population.region_level, population.region_issue, real
    image_units = population.image_level, np.zeros_like(population.image_level), mislabelled
    for repetition in range(repetitions):
        estimates = _estimates(population.pixels, verdicts, rates, rng, repetition)
        _judge_pixels(population, estimates, estimands, tallies)
        random = _estimates(everything, verdicts, [0.5], rng, repetition)
        tallies["random_share"].add(random.share(), population.share)
        if "miou" in estimands:
            tallies["random_miou"].add(random.label_miou(), _miou(everything[0]))
        if "images" in estimands:
            drawn = _draw_units(*image_units, image_rates, config.images, rng)
            found = judged_number(drawn.sizes.sum(axis=1), drawn.stratum, drawn.wrong, repetition)
            tallies["images"].add(found.scaled(1 / mislabelled.size), float(mislabelled.mean()))
        if "real" in estimands and real.size:
            drawn = _draw_units(*suspect_units, [level.rate for level in PLACE_LEVELS], suspects, rng)
            found = judged_number(drawn.sizes.sum(axis=1), drawn.stratum, drawn.wrong, repetition)
            tallies["real"].add(found.scaled(1 / real.size), float(real.mean()))
            _judge_issues(drawn, population.region_issue, real, repetition, tallies["issue"])
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


@dataclass(frozen=True)
class _Drawn:
    """Units that were drawn: (H, G) sizes of each stratum and group, and (n,) stratum, group and wrong of each."""

    sizes: np.ndarray
    stratum: np.ndarray
    group: np.ndarray
    wrong: np.ndarray


def _draw_units(
    levels: np.ndarray,
    groups: np.ndarray,
    wrong: np.ndarray,
    rates: Sequence[float],
    number: int,
    rng: np.random.Generator,
) -> _Drawn:
    """Draws a number of units, those of each level spread over the groups: (n,) levels and groups, and (n,) bool."""
    sizes = np.zeros((len(rates), int(groups.max()) + 1), np.int64)
    np.add.at(sizes, (levels, groups), 1)
    chosen: list[int] = []
    drawn = np.bincount(allotment(sizes.sum(axis=1), rates, number), minlength=len(rates))
    for level in np.flatnonzero(drawn).tolist():
        units = rng.permutation(np.flatnonzero(levels == level)).tolist()
        order = spread_order([int(groups[unit]) for unit in units], float(rng.random()))
        chosen += [units[place] for place in order[: drawn[level]]]
    return _Drawn(sizes, levels[chosen], groups[chosen], wrong[chosen])


def _judge_issues(drawn: _Drawn, issues: np.ndarray, real: np.ndarray, seed: int, tally: Tally) -> None:
    """Of each issue of which a suspect is judged, how many are real, as a share."""
    found = judged_by_group(drawn.sizes, drawn.stratum, drawn.group, drawn.wrong, seed)
    for issue in np.unique(drawn.group).tolist():
        here = real[issues == issue]
        tally.add(found[issue].scaled(1 / here.size), float(here.mean()))


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
    names = ("share", "random_share", "miou", "random_miou", "real", "issue", "images")
    rows = [[name, *(_number(one[part]["width"], 4) for part in names)] for name, one in populations.items()]
    headings = ["wrong pixels", "random", "label mIoU", "random", "real suspects", "of an issue", "wrong images"]
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
