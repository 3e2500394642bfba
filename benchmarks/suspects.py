"""Which suspects are mistakes of the mask: how well a model orders and rates them that has not seen their domain.

Three generated domains get errors, sparse and systematic ones; CamVid gets them too, and is looked at as it is; and
masks that people have corrected tell the errors that they found::

    python -m benchmarks suspects --camvid DIR --nuclei DIR --work DIR --out suspects.json

Each set is audited with the fast preset. A suspect is real where at least half of its pixels differ from the right
mask; in CamVid and the corrected masks, which have errors of which no mask tells, also where a person has found it so
(`suspect_verdicts`). For each domain a model is learnt from the suspects of all others, and from errors planted in
copies of their masks, and its order and probabilities are judged beside the order of evidence. ``--work`` keeps audits
and measures: the same command, started again, goes on where it was. Remove it after a change of the generators or of
the planting.

``--write`` learns from all sets and writes the weights that come with the package.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from label_quality.plugin.suspects import probability
from label_quality.plugin.suspects.probability import INVERSE_PENALTY, SuspectModel
from label_quality.plugin.suspects.region_features import FEATURES

from .audited_sets import add_set_arguments, of_each_set
from .processes import print_table
from .suspect_beliefs import judge_beliefs, print_beliefs
from .suspect_judging import (
    BINS,
    COLUMNS,
    GROUPS,
    TOPS,
    at_rates,
    columns_without,
    domain_of,
    is_real,
    judge_images,
    judge_order,
    judge_probability,
    learn,
    log_odds,
    teaches,
)
from .suspect_measures import Suspects
from .suspect_verdicts import look

EVIDENCE, PROBABILITY, SHIPPED = "evidence", "probability", "shipped weights"
_WEIGHTS = Path(probability.__file__).with_name("weights.json")
_DIGITS = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    add_set_arguments(parser)
    parser.add_argument("--resamples", type=int, default=1000, help="of the bootstrap (default 1000)")
    parser.add_argument(
        "--inverse-penalty",
        type=float,
        nargs="+",
        default=[INVERSE_PENALTY],
        metavar="C",
        help=f"of the model's weights; the first is used, several are compared (default {INVERSE_PENALTY:g})",
    )
    parser.add_argument(
        "--without", nargs="+", default=[], choices=COLUMNS, metavar="FEATURE", help="learn without these features"
    )
    parser.add_argument(
        "--ablate",
        action="store_true",
        help="also leave each group of features out in turn, and compare beliefs of how many are mistakes",
    )
    parser.add_argument("--write", action="store_true", help="learn from all sets and write the package's weights")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Audits, measures, learns, judges, and prints the tables.

    Returns:
        ``sets``: name to ``images``, ``suspects``, ``real`` (the share), ``teaches``, ``orders``: name to what
        `judge_order` gives and, of a model, what `judge_probability` does, and ``images_by``, what `judge_images`
        gives; ``penalties`` and ``ablation``: a row each with ``ap`` by set; ``beliefs``, see `judge_beliefs`;
        ``inverse_penalty``, ``without``, ``seed``
    """
    if options.write and options.without:
        raise SystemExit("error: --write needs all features, but --without leaves some out.")
    sets = measured_sets(options)
    columns, penalty = columns_without(options.without), options.inverse_penalty[0]
    figures: dict[str, Any] = {"inverse_penalty": penalty, "without": options.without, "seed": options.seed}
    figures["sets"] = {name: judge_set(name, sets, penalty, columns, options.resamples, options.seed) for name in sets}
    print_orders(figures["sets"])
    print_probabilities(figures["sets"])
    print_reliability(figures["sets"])
    print_images(figures["sets"])
    if len(options.inverse_penalty) > 1:
        figures["penalties"] = {f"{one:g}": precisions(sets, one, columns) for one in options.inverse_penalty}
        print("\nAverage precision by inverse penalty\n")
        print_precisions("inverse penalty", figures["penalties"])
    if options.ablate:
        figures["ablation"] = ablation(sets, penalty)
        print("\nAverage precision without a group of features, less that with all\n")
        print_precisions("without", figures["ablation"], signed=True)
        figures["beliefs"] = judge_beliefs(sets, penalty)
        print_beliefs(figures["beliefs"])
    if options.write:
        figures["written"] = _write(sets, penalty)
    return figures


def judge_set(
    name: str, sets: Mapping[str, Suspects], penalty: float, columns: Sequence[int], resamples: int, seed: int
) -> dict[str, Any]:
    """Judges the orders of a set's suspects.

    Args:
        name: of the set
        sets: all sets, by name
        penalty: inverse penalty of the model, which is learnt from the sets of other domains
        columns: of `COLUMNS` that it may use
        resamples: of the bootstrap
        seed: of the bootstrap

    Returns:
        as the values of ``sets`` that `run` returns
    """
    suspects = sets[name]
    scores: dict[str, np.ndarray] = {}
    model = learn(sets, penalty, domain_of(name), columns)
    if model is not None:
        scores[PROBABILITY] = log_odds(model, suspects, columns)
    shipped = _shipped()
    if shipped is not None:
        scores[SHIPPED] = log_odds(shipped, suspects)
    orders = {EVIDENCE: judge_order(suspects, suspects.features[:, FEATURES.index("evidence")], resamples, seed)}
    for one, score in scores.items():
        orders[one] = judge_order(suspects, at_rates(suspects.features, score), resamples, seed)
        orders[one] |= judge_probability(suspects, score)
    real = is_real(suspects)
    return {
        "images": suspects.images,
        "suspects": int(real.size),
        "real": float(real.mean()) if real.size else None,
        "teaches": teaches(suspects),
        "orders": orders,
        "images_by": judge_images(suspects, scores.get(PROBABILITY), resamples, seed),
    }


def precisions(sets: Mapping[str, Suspects], penalty: float, columns: Sequence[int]) -> dict[str, float | None]:
    """Average precision of each set by a model of the other domains; None where there is none."""
    found: dict[str, float | None] = {}
    for name, suspects in sets.items():
        model = learn(sets, penalty, domain_of(name), columns)
        found[name] = None
        if model is not None:
            found[name] = _precision(suspects, log_odds(model, suspects, columns))
    return found


def _precision(suspects: Suspects, scores: np.ndarray) -> float | None:
    return judge_order(suspects, at_rates(suspects.features, scores), 1, 0)["ap"]


def ablation(sets: Mapping[str, Suspects], penalty: float) -> dict[str, dict[str, float | None]]:
    """Group of features to average precision without it less that with all, by set; None where there is none."""
    full = precisions(sets, penalty, columns_without(()))
    without = {group: precisions(sets, penalty, columns_without(names)) for group, names in GROUPS.items()}
    return {
        group: {
            name: None if (with_all := full[name]) is None or value is None else value - with_all
            for name, value in found.items()
        }
        for group, found in without.items()
    }


def weights_text(model: SuspectModel) -> str:
    """The model as JSON, rounded, a line a feature."""
    content = model.to_dict()
    lines = [
        f"  {json.dumps(name)}: {json.dumps([round(value, _DIGITS) for value in values])}"
        for name, values in content["features"].items()
    ]
    intercept = json.dumps(round(content["intercept"], _DIGITS))
    similarity = json.dumps([round(value, _DIGITS) for value in content["similarity"]])
    head = f'{{\n "intercept": {intercept},\n "similarity": {similarity},\n "features": {{\n'
    return head + ",\n".join(lines) + "\n }\n}\n"


def print_orders(sets: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints how far in front real suspects are, by set and order."""
    print("\nReal suspects in front: of the probability by a model of the other domains\n")
    header = ["set", "order", "images", "suspects", "real", "AP (95 % interval)", *(f"P@{count}" for count in TOPS)]
    rows = [
        [
            *(name, order, str(one["images"]), str(one["suspects"]), _number(one["real"])),
            _with_interval(judged["ap"], judged["interval"]),
            *(_number(share, 2) for share in judged["top"].values()),
        ]
        for name, one in sets.items()
        for order, judged in one["orders"].items()
    ]
    print_table(header, rows)


def print_probabilities(sets: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints how right probabilities are, by set and model."""
    print("\nSuspects that are at least 0.5 probable, and how right probabilities are\n")
    header = [
        "set",
        "order",
        "number",
        "precision",
        "recall",
        "right class",
        "ECE",
        "by chance",
        "estimated rate",
        "true rate",
    ]
    names = ("precision", "recall", "right_class", "ece", "chance", "rate", "true_rate")
    rows = [
        [name, order, str(judged["number"]), *(_number(judged[one]) for one in names)]
        for name, one in sets.items()
        for order, judged in one["orders"].items()
        if "rate" in judged
    ]
    print_table(header, rows)


def print_reliability(sets: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints how many of the suspects that are about as probable are real, by set: a curve of reliability."""
    print("\nReal suspects of all that are as probable, by a model of the other domains\n")
    rows = []
    for name, one in sets.items():
        bins = one["orders"].get(PROBABILITY, {}).get("reliability", ())
        at = {min(int(each["mean"] * BINS), BINS - 1): each for each in bins}
        cells = [f"{each['real']:.2f} of {each['count']}" if (each := at.get(place)) else "–" for place in range(BINS)]
        rows.append([name, *cells])
    print_table(["set", *(f"{place / BINS:.1f}–{(place + 1) / BINS:.1f}" for place in range(BINS))], rows)


def print_images(sets: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints how far in front mislabelled images are, by set and quality."""
    print("\nMislabelled images in front: of the suspects by a model of the other domains\n")
    rows = [
        [
            *(name, quality, _number(judged["auroc"]), _with_interval(judged["auprc"], judged["interval"])),
            _number(judged["lift"], 2),
        ]
        for name, one in sets.items()
        for quality, judged in one["images_by"].items()
    ]
    print_table(["set", "quality", "AUROC", "AUPRC (95 % interval)", "Lift@#errors"], rows)


def print_precisions(first: str, found: Mapping[str, Mapping[str, float | None]], signed: bool = False) -> None:
    """Prints a row a variant, a column a set, and their mean.

    Args:
        first: heading of the variants
        found: variant to average precision by set, or to a difference of it
        signed: whether it is a difference
    """
    sets = [name for name in next(iter(found.values())) if any(row[name] is not None for row in found.values())]
    rows = []
    for variant, row in found.items():
        values = [row[name] for name in sets]
        known = [value for value in values if value is not None]
        mean = float(np.mean(known)) if known else None
        rows.append([variant, *(_number(one, signed=signed) for one in [*values, mean])])
    print_table([first, *sets, "mean"], rows)


def measured_sets(options: argparse.Namespace) -> dict[str, Suspects]:
    """Name to the suspects of each set, with verdicts where there are any; made and measured where that is not done."""
    seen = of_each_set(options, lambda one, audited, work, tell: look(one, audited, work, options.seed, tell), own=True)
    return {name: one.judged for name, one in seen.items()}


def _shipped() -> SuspectModel | None:
    """The package's model as it is on disk; None where it has other features than the code, before they are written."""
    try:
        return SuspectModel.from_dict(json.loads(_WEIGHTS.read_text()))
    except (OSError, ValueError, KeyError):
        return None


def _write(sets: Mapping[str, Suspects], penalty: float) -> dict[str, dict[str, float | None]]:
    """Writes the weights learnt from all sets, and prints their average precision beside that of those before."""
    model = learn(sets, penalty)
    if model is None:
        raise SystemExit("error: no set has enough false suspects to learn from. Give --camvid or --nuclei too.")
    before = _shipped()
    _WEIGHTS.write_text(weights_text(model))
    models = {"written": model} if before is None else {"before": before, "written": model}
    found = {
        name: {key: _precision(one, log_odds(each, one)) for key, one in sets.items()} for name, each in models.items()
    }
    print(f"\nWrote {_WEIGHTS}. Average precision on what the weights were learnt from\n")
    print_precisions("weights", found)
    return found


def _with_interval(value: float | None, interval: Sequence[float] | None) -> str:
    return _number(value) if value is None or interval is None else f"{value:.3f} ({interval[0]:.3f}–{interval[1]:.3f})"


def _number(value: float | None, digits: int = 3, signed: bool = False) -> str:
    return "–" if value is None else f"{value:{'+' if signed else ''}.{digits}f}"
