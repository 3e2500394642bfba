"""How right the suspects in CamVid's own masks are, by what a person has seen there.

``camvid_verdicts.csv`` has a verdict on each of some two hundred suspects: those that were at least 0.5 probable, and
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from label_quality.plugin.base.progress import Progress
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.passes.kept import read_bank, read_usual
from label_quality.plugin.suspects.probability import INVERSE_PENALTY, SuspectModel, probabilities, shipped_model
from label_quality.plugin.suspects.region_features import FEATURES

from .audited_sets import Audited, add_set_arguments, of_each_set
from .processes import print_table
from .suspect_judging import PROBABLE, TOPS, at_rates, domain_of, learn
from .suspect_measures import ImageSearch, Suspects, measure
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
class OwnSuspects:
    """The n suspects in masks as they are.

    Args:
        places: of each
        features: (n, F) float64, see `region_features.FEATURES`
        similarity: (n,) float64, see `similarity`
    """

    places: Sequence[Place]
    features: np.ndarray
    similarity: np.ndarray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    add_set_arguments(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Rates CamVid's own suspects, compares them with the verdicts, and prints the table.

    Returns:
        ``suspects``: how many there are; ``orders``: name to what `judge` gives
    """
    if options.camvid is None:
        raise SystemExit("error: the verdicts are on CamVid. Give --camvid.")
    sets: dict[str, Suspects] = {}
    found = of_each_set(
        options, lambda one, audited, work, progress: _look(one, audited, work, options.seed, sets, progress), own=True
    )
    own = next(one for one in found.values() if one is not None)
    models = {PROBABILITY: learn(sets, INVERSE_PENALTY, "camvid"), SHIPPED: shipped_model()}
    scores = {EVIDENCE: own.features[:, FEATURES.index("evidence")]}
    scores |= {name: _rated(own, model) for name, model in models.items() if model is not None}
    verdicts = [verdict_on(place, read_verdicts(VERDICTS)) for place in own.places]
    orders = {name: judge(verdicts, score, rated=name != EVIDENCE) for name, score in scores.items()}
    _print(orders)
    return {"suspects": len(own.places), "orders": orders}


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


def _look(
    one: NoisySet, audited: Audited, work: Path, seed: int, sets: dict[str, Suspects], progress: Progress
) -> OwnSuspects | None:
    """Measures a set to learn from, into ``sets``; or the suspects of the masks as they are."""
    if one.kind == OWN:
        return _own_suspects(one, audited, progress)
    if domain_of(one.name) != "camvid":
        sets[one.name] = measure(one, audited, work / "measures", seed, progress)
    return None


def _own_suspects(one: NoisySet, audited: Audited, progress: Progress) -> OwnSuspects:
    store = audited.store
    table, factor = ClassTable.from_dict(store.content["class_table"]), store.content["config"]["pooling"]
    usual, bank = read_usual(store), read_bank(store, len(audited.samples))
    places, features, similarity = [], [np.zeros((0, len(FEATURES)))], [np.zeros(0)]
    for number, (sample_id, image, mask) in enumerate(audited.samples):
        search = ImageSearch(store, sample_id, one.source.folder / "images" / image, factor, usual, table, bank)
        found, measured, likeness, _ = search.suspects(read_labels(one.given / mask, table))
        places += [Place(image, each.box, table.names[each.given], table.names[each.suggested]) for each in found]
        features.append(measured)
        similarity.append(likeness)
        progress(f"Measuring suspects of {one.name}", number + 1, len(audited.samples))
    return OwnSuspects(places, np.concatenate(features), np.concatenate(similarity))


def _rated(own: OwnSuspects, model: SuspectModel) -> np.ndarray:
    return at_rates(own.features, model.log_odds(own.features, own.similarity))


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
