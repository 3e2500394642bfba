"""How right the suspects in CamVid's own masks are, by what a person has seen there.

``camvid_verdicts.csv`` has a verdict on each of some three hundred suspects: those that were at least 0.5 probable, and
those of the most evidence. *Real*: the mask is wrong there, whatever the right class is; *convention*: the mask is as
its makers meant it, such as parked cars behind a fence that are labelled fence, or a bare tree that is outlined as a
solid crown; *false*: the model is wrong. Where no error was planted nothing else says what is real::

    python -m benchmarks own-labels --camvid DIR --nuclei DIR --work DIR --out own.json

The audits are those of ``python -m benchmarks suspects``, and are kept and found in the same ``--work``. Suspects are
rated by a model that was learnt from the other domains, and by the weights that come with the package.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from label_quality.plugin.base.progress import Progress
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.suspects.probability import INVERSE_PENALTY, SuspectModel, probabilities, shipped_model
from label_quality.plugin.suspects.region_features import FEATURES

from .audited_sets import Audited, add_set_arguments, of_each_set
from .processes import print_table
from .suspect_judging import (
    PROBABLE,
    TOPS,
    at_rates,
    domain_of,
    is_real,
    judge_order,
    judge_probability,
    learn,
    log_odds,
)
from .suspect_measures import Suspects, find_suspects, measure, opened
from .suspect_sets import OWN, NoisySet, read_labels
from .suspects import EVIDENCE, PROBABILITY, SHIPPED

REAL, CONVENTION, FALSE = "real", "convention", "false"
VERDICTS = Path(__file__).with_name("camvid_verdicts.csv")
#: Of two boxes, for a suspect to be the one that was looked at
_LEAST_IOU = 0.5


@dataclass(frozen=True)
class Place:
    """Where a suspect is.

    Args:
        image: name of the image's file
        box: left, top, width and height in pixels
        given: name of the class
        suggested: name of the class
    """

    image: str
    box: tuple[int, int, int, int]
    given: str
    suggested: str


@dataclass(frozen=True)
class Located:
    """The n suspects of a set, measured, and where they are.

    Args:
        measured: what they are rated by
        places: of each; none where nobody has looked at the set
    """

    measured: Suspects
    places: Sequence[Place]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    add_set_arguments(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Rates CamVid's suspects, compares them with the verdicts, and prints the tables.

    Returns:
        ``own``: of the masks as they are, name of each order to what `judge` gives; ``sets``: of the masks with planted
        errors, name to what `judge_planted` gives
    """
    if options.camvid is None:
        raise SystemExit("error: the verdicts are on CamVid. Give --camvid.")
    found = of_each_set(
        options, lambda one, audited, work, progress: _look(one, audited, work, options.seed, progress), own=True
    )
    of_camvid = {name: one for name, one in found.items() if domain_of(name) == "camvid"}
    sets = {name: one.measured for name, one in found.items() if name not in of_camvid}
    models = {PROBABILITY: learn(sets, INVERSE_PENALTY), SHIPPED: shipped_model()}
    known = {name: model for name, model in models.items() if model is not None}
    verdicts = read_verdicts(VERDICTS)
    figures: dict[str, Any] = {"own": {}, "sets": {}}
    for name, one in of_camvid.items():
        seen = [verdict_on(place, verdicts) for place in one.places]
        if name.endswith(OWN):
            scores = _scores(one.measured, known)
            figures["own"] = {order: judge(seen, score, rated=order != EVIDENCE) for order, score in scores.items()}
        else:
            figures["sets"][name] = judge_planted(with_verdicts(one.measured, seen), known)
    _print_own(figures["own"])
    _print_planted(figures["sets"])
    return figures


def judge_planted(suspects: Suspects, models: Mapping[str, SuspectModel]) -> dict[str, Any]:
    """How far in front real suspects are, and how right probabilities are.

    Args:
        suspects: of a set with planted errors, as `with_verdicts` gives them
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


def with_verdicts(suspects: Suspects, verdicts: Sequence[str | None]) -> Suspects:
    """A set with planted errors in which what a person has found real is, too, and what is a convention is left out."""
    planted = is_real(suspects)
    seen = np.array([verdict or "" for verdict in verdicts], object)
    kept = planted | (seen != CONVENTION)
    columns = ("features", "similarity", "descriptors", "given", "suggested", "image", "right")
    chosen = {name: getattr(suspects, name)[kept] for name in columns}
    return replace(suspects, **chosen, wrong=np.where(planted | (seen == REAL), 1.0, 0.0)[kept])


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


def read_verdicts(file: Path) -> dict[tuple[str, str, str], list[tuple[Place, str]]]:
    """Image, given and suggested class to the suspects there that were looked at, each with its verdict."""
    found: dict[tuple[str, str, str], list[tuple[Place, str]]] = {}
    with file.open(newline="") as rows:
        for row in csv.DictReader(rows):
            left, top, width, height = (int(row[name]) for name in ("left", "top", "width", "height"))
            place = Place(row["image"], (left, top, width, height), row["given"], row["suggested"])
            found.setdefault((place.image, place.given, place.suggested), []).append((place, row["verdict"]))
    return found


def verdict_on(place: Place, verdicts: Mapping[tuple[str, str, str], Sequence[tuple[Place, str]]]) -> str | None:
    """The verdict on the suspect that has the most of its box in common with this one; None where none has enough."""
    near = verdicts.get((place.image, place.given, place.suggested), ())
    shared, verdict = max(((_iou(place.box, other.box), verdict) for other, verdict in near), default=(0.0, None))
    return verdict if shared >= _LEAST_IOU else None


def _look(one: NoisySet, audited: Audited, work: Path, seed: int, progress: Progress) -> Located:
    measured = measure(one, audited, work / "measures", seed, progress)
    return Located(measured, _places(one, audited, progress) if one.source.domain == "camvid" else ())


def _scores(suspects: Suspects, models: Mapping[str, SuspectModel]) -> dict[str, np.ndarray]:
    """Name of each order to (n,) scores, high = first."""
    rated = {name: at_rates(suspects.features, log_odds(model, suspects)) for name, model in models.items()}
    return {EVIDENCE: suspects.features[:, FEATURES.index("evidence")], **rated}


def _places(one: NoisySet, audited: Audited, progress: Progress) -> list[Place]:
    table, search = ClassTable.from_dict(audited.store.content["class_table"]), opened(audited)
    places: list[Place] = []
    for number, (sample_id, image, mask) in enumerate(audited.samples):
        file = one.source.folder / "images" / image
        found, _ = find_suspects(search, audited.store, sample_id, file, read_labels(one.given / mask, table))
        places += [Place(image, each.box, table.names[each.given], table.names[each.suggested]) for each in found]
        progress(f"Finding suspects of {one.name}", number + 1, len(audited.samples))
    return places


def _counted(verdicts: Sequence[str | None]) -> dict[str, int]:
    seen = [one for one in verdicts if one is not None]
    return {"looked at": len(seen), REAL: seen.count(REAL), CONVENTION: seen.count(CONVENTION)}


def _iou(one: Sequence[int], other: Sequence[int]) -> float:
    """Of two boxes, left, top, width and height."""
    sides = [
        max(0, min(one[axis] + one[axis + 2], other[axis] + other[axis + 2]) - max(one[axis], other[axis]))
        for axis in (0, 1)
    ]
    shared = sides[0] * sides[1]
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def _print_own(orders: Mapping[str, Mapping[str, Any]]) -> None:
    print("\nReal suspects among the first, and among those that are at least 0.5 probable: a person's verdicts\n")
    header = ["order", *(f"of {top}" for top in TOPS), "probable", "looked at", "real", "convention"]
    rows = []
    for name, one in orders.items():
        probable = one.get("probable")
        listed = [str(probable[each]) for each in ("number", "looked at", REAL, CONVENTION)] if probable else ["–"] * 4
        rows.append([name, *(_share(one["top"][str(top)]) for top in TOPS), *listed])
    print_table(header, rows)


def _print_planted(sets: Mapping[str, Mapping[str, Any]]) -> None:
    print("\nMasks with planted errors, where what a person has found real counts as real, too\n")
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
