"""What displaced edges add to class-pair evidence: AUPRC without each witness, and with other constants.

Reads the audits that ``python -m benchmarks errors --work DIR`` has kept, of masks that are class values::

    python -m benchmarks displaced-edges --images DIR --masks DIR --work DIR

Scores are made anew from the predictions that are there, nothing is trained. *Evidence* is the score without displaced
edges, *edges* what they say alone, and *both* the score.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from label_quality.plugin.benchmark.ranking_metrics import average_precision, bootstrap_interval
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.labels.images import read_image
from label_quality.plugin.labels.masks import encode
from label_quality.plugin.passes.kept import read_usual, scored_shards, unpack_pairs
from label_quality.plugin.pixels.resample import scorable
from label_quality.plugin.scores import displaced_edges as edges
from label_quality.plugin.scores.class_pair_evidence import _MIDDLING, evidence_score
from label_quality.plugin.store.sets import PredictionSet, ScoreSet, load_set

from .processes import print_table

WITNESSES = ("faintness", "gain", "pull")
#: Constants of `displaced_edges` that are tried at half and at twice their value, where they count while it measures
_MEASURING = ("_REACH", "_FAINTEST", "_LEAST_EDGE", "_LONGEST_SIDE")
#: Other values of those that count afterwards
_AFTERWARDS: dict[str, tuple[Any, ...]] = {
    "_LEAST_SPREAD": (edges._LEAST_SPREAD / 2, edges._LEAST_SPREAD * 2),
    "_MIDDLE": (0.3, 0.7),
    "_HIGH": (0.8, 0.95),
}
_WEIGHTS = (0.5, 2.0)


@dataclass(frozen=True)
class Audited:
    """The images of one audit, with one kind of error.

    Args:
        name: kind of the errors and number of the audit
        files: (picture, mask, sample id) of each image
        table: the classes
        is_wrong: (n,) bool
        evidence: (n,) score without displaced edges
        predictions: of the images
    """

    name: str
    files: Sequence[tuple[Path, Path, str]]
    table: ClassTable
    is_wrong: np.ndarray
    evidence: np.ndarray
    predictions: PredictionSet

    def fits(self) -> list[edges.EdgeFit]:
        """How the edges in each image fit, with the constants that there are now."""
        return [self._fit(*file) for file in self.files]

    def _fit(self, picture: Path, mask: Path, sample_id: str) -> edges.EdgeFit:
        labels = encode(cv2.imread(str(mask), cv2.IMREAD_UNCHANGED), self.table)
        size = labels.shape[0], labels.shape[1]
        return edges.edge_fit(read_image(picture), scorable(self.predictions.read(sample_id), size), labels)

    def displaced(self, fits: Sequence[edges.EdgeFit], without: int | None = None) -> np.ndarray:
        """(n,) displacement of each image; a witness that is left out is as unusual in every image."""
        counts = edges.FitCounts(self.table.size)
        for fit in fits:
            counts.update(fit)
        usual = counts.usual()
        if without is not None:
            fits = [_deaf(fit, usual, without) for fit in fits]
        return np.array([edges.displacement(fit, usual) for fit in fits])

    def score(self, displaced: np.ndarray) -> np.ndarray:
        """(n,) the score, with displaced edges."""
        return 1 / (1 / self.evidence + displaced / _MIDDLING)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--images", type=Path, required=True, help="folder of images")
    parser.add_argument("--masks", type=Path, required=True, help="folder of masks that the errors were planted in")
    parser.add_argument("--work", type=Path, required=True, help="folder that the benchmark 'errors' was told to keep")
    parser.add_argument("--ablate", action="store_true", help="also without each witness, and with other constants")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Scores anew and prints the tables.

    Returns:
        name of each audit to the AUPRC of each variant; the first have their intervals
    """
    pictures, masks = (sorted(folder.iterdir()) for folder in (options.images, options.masks))
    results: dict[str, dict[str, Any]] = {}
    for audited in _audits(options.work, pictures, masks):
        results[audited.name] = _main_figures(audited) | (_ablation(audited) if options.ablate else {})
    names = list(results)
    rows = [[variant, *(_shown(results[name][variant]) for name in names)] for variant in results[names[0]]]
    print_table(["AUPRC", *names], rows)
    return {"auprc": results}


def _main_figures(audited: Audited) -> dict[str, Any]:
    displaced = audited.displaced(audited.fits())
    scores = {"evidence": audited.evidence, "edges": -displaced, "both": audited.score(displaced)}
    return {
        name: [_auprc(audited, score), *bootstrap_interval(average_precision, audited.is_wrong, score)]
        for name, score in scores.items()
    }


def _ablation(audited: Audited) -> dict[str, float]:
    fits = audited.fits()
    both: Callable[..., float] = lambda *args: _auprc(audited, audited.score(audited.displaced(*args)))  # noqa: E731
    found = {f"without {name}": both(fits, place) for place, name in enumerate(WITNESSES)}
    for weight in _WEIGHTS:
        found[f"edges × {weight:g}"] = _auprc(audited, audited.score(weight * audited.displaced(fits)))
    for name, values in _AFTERWARDS.items():
        for value in values:
            with _changed(name, value):
                found[f"{name} {value}"] = both(fits)
    for name in _MEASURING:
        for times in (0.5, 2):
            value = type(getattr(edges, name))(getattr(edges, name) * times)
            with _changed(name, value):
                found[f"{name} {value:g}"] = both(audited.fits())
    return found


@contextmanager
def _changed(name: str, value: Any) -> Iterator[None]:
    before = getattr(edges, name)
    setattr(edges, name, value)
    try:
        yield
    finally:
        setattr(edges, name, before)


def _deaf(fit: edges.EdgeFit, usual: edges.UsualFit, witness: int) -> edges.EdgeFit:
    """The fit with one witness one unit beyond what is usual."""
    heard = fit.witnesses.astype(np.float64)
    heard[:, witness] = (usual.middle + np.nan_to_num(usual.spread, posinf=0))[fit.classes, witness]
    return edges.EdgeFit(fit.classes, heard)


def _auprc(audited: Audited, score: np.ndarray) -> float:
    return float(average_precision(audited.is_wrong, score))


def _shown(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else f"{value[0]:.3f} ({value[1]:.3f}–{value[2]:.3f})"


def _audits(work: Path, pictures: Sequence[Path], masks: Sequence[Path]) -> Iterator[Audited]:
    records = sorted(work.glob("benchmarks/*/*/masks/*/errors.json"))
    if not records:
        raise SystemExit(f"error: {work} has no audits of 'python -m benchmarks errors --work {work}'.")
    for record in records:
        planted = json.loads(record.read_text())
        folder = record.parent
        for place in sorted(folder.parents[1].glob(f"runs/*-{folder.name}-*/run_*/scores-*")):
            store, predictions = load_set(place), load_set(next(place.parent.glob("predictions-*")))
            assert isinstance(store, ScoreSet) and isinstance(predictions, PredictionSet)
            table, usual = ClassTable.from_dict(store.content["class_table"]), read_usual(store)
            ids, evidence = [], []
            for row in scored_shards(store):
                ids += row["ids"]
                images = zip(unpack_pairs(row["pairs"]), row["scores"]["softmin"], strict=True)
                evidence += [evidence_score(pairs, usual, softmin) for pairs, softmin in images]
            wrong = [str(position) in planted for position in range(len(ids))]
            given = [folder / f"{i:06d}.png" if wrong[i] else masks[i] for i in range(len(ids))]
            files = list(zip(pictures, given, ids, strict=True))
            name = f"{folder.name.split('-')[0]} {place.parent.name[-4:]}"
            yield Audited(name, files, table, np.array(wrong), np.array(evidence), predictions)
