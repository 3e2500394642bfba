"""How often suspects of planted errors have the right type, by what counts as a narrow band.

Reads the audits that ``python -m benchmarks errors --work DIR`` has kept, of masks that are class values::

    python -m benchmarks error-types --masks DIR --work DIR

Beside the Drop, Swap and Shift errors of those audits, *part* is an object of which a straight cut leaves 20 to 60 % in
the mask, and *hole* one with a disc taken out, half to nine tenths as wide as the widest that fits in; the rest is
unlabelled, and a Drop that adjoins what is labelled. One of each is planted in each correct mask of the first audit. A
region is the error's where most of its pixels were changed; the share of those that have the right type
is given.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from label_quality.plugin.benchmark.assess import region_pixels
from label_quality.plugin.benchmark.planted_errors import DROP, ERROR_KINDS, InjectionRules
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.labels.masks import encode
from label_quality.plugin.pixels.pooling import pool_labels
from label_quality.plugin.scores.class_pair_evidence import Usual
from label_quality.plugin.store.sets import ScoreSet, load_set
from label_quality.plugin.suspects import regions
from label_quality.plugin.suspects.config import SuspectConfig
from label_quality.plugin.suspects.seen_image import SeenImage
from skimage.measure import label as connected_components

from .processes import print_table

PART, HOLE = "part", "hole"
_KINDS = (*ERROR_KINDS, PART, HOLE)


@dataclass(frozen=True)
class Mislabelled:
    """An image with a planted error: ``given`` and ``true`` are (H, W) class indices, the rest as `find_regions`."""

    kind: str
    probabilities: np.ndarray
    given: np.ndarray
    true: np.ndarray
    usual: Usual
    unlabelled: int
    factor: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--masks", type=Path, required=True, help="folder of masks that the errors were planted in")
    parser.add_argument("--work", type=Path, required=True, help="folder that the benchmark 'errors' was told to keep")
    parser.add_argument(
        "--narrow",
        type=float,
        nargs="+",
        default=[1.0, 1.5, 2.0, 2.5, regions.NARROW, 3.5, 4.0, 5.0],
        metavar="TIMES",
        help="least length of an edge and width of an object, in widths of a band (default around the rule's own)",
    )
    parser.add_argument("--seed", type=int, default=51, help="of the cuts (default 51)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Types the suspects by each value and prints the shares.

    Returns:
        ``errors``: kind to the number of images, ``right``: a row a value, with the share of each kind
    """
    images = list(_mislabelled(options.work, sorted(options.masks.iterdir()), options.seed))
    before = regions.NARROW
    right: list[dict[str, float]] = []
    try:
        for value in options.narrow:
            regions.NARROW = value
            right.append({"narrow": value, **_right(images)})
    finally:
        regions.NARROW = before
    rows = [[f"{row['narrow']:g}", *(f"{row[kind]:.3f}" for kind in _KINDS if kind in row)] for row in right]
    print_table(["times as narrow", *(kind.capitalize() for kind in _KINDS if kind in right[0])], rows)
    return {"errors": {kind: sum(one.kind == kind for one in images) for kind in _KINDS}, "right": right}


def cut_object(labels: np.ndarray, unlabelled: int, rng: np.random.Generator) -> np.ndarray | None:
    """The labels with 40 to 80 % of an object unlabelled, on one side of a line; None where none is large enough."""
    chosen = _large_object(labels, unlabelled, rng)
    if chosen is None:
        return None
    rows, columns = np.nonzero(chosen)
    angle = rng.uniform(0, 2 * np.pi)
    along = columns * np.cos(angle) + rows * np.sin(angle)
    dropped = along < np.quantile(along, rng.uniform(0.4, 0.8))
    cut = labels.copy()
    cut[rows[dropped], columns[dropped]] = unlabelled
    return cut


def pierce_object(labels: np.ndarray, unlabelled: int, rng: np.random.Generator) -> np.ndarray | None:
    """The labels with a disc within an object unlabelled; None where none has room for one that is large enough."""
    chosen = _large_object(labels, unlabelled, rng)
    if chosen is None:
        return None
    room = cv2.distanceTransform(np.pad(chosen, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(room.argmax(), room.shape)
    rows, columns = np.ogrid[: labels.shape[0], : labels.shape[1]]
    disc = np.hypot(rows - row, columns - column) <= room.max() * rng.uniform(0.5, 0.9)
    return np.where(disc, labels.dtype.type(unlabelled), labels) if _is_large(disc.sum(), labels) else None


def _large_object(labels: np.ndarray, unlabelled: int, rng: np.random.Generator) -> np.ndarray | None:
    """(H, W) bool, one of the objects that are at least twice as large as an error has to be."""
    objects = connected_components(labels + 1, background=0, connectivity=2)
    sizes = np.bincount(objects[(labels >= 0) & (labels != unlabelled)])
    large = np.flatnonzero(_is_large(sizes / 2, labels))
    return objects == rng.choice(large) if large.size else None


def _is_large(pixels: Any, labels: np.ndarray) -> Any:
    return pixels >= InjectionRules.min_fraction * labels.size


def _mislabelled(work: Path, files: Sequence[Path], seed: int) -> Iterator[Mislabelled]:
    folders = sorted(work.glob("benchmarks/*/*/masks/*/errors.json"))
    if not folders:
        raise SystemExit(f"error: {work} has no audits of 'python -m benchmarks errors --work {work}'.")
    for number, record in enumerate(folders):
        kind, folder = record.parent.name.split("-")[0], record.parent
        store = load_set(next(folder.parents[1].glob(f"runs/*-{folder.name}-*/run_*/scores-*")))
        assert isinstance(store, ScoreSet)
        table = ClassTable.from_dict(store.content["class_table"])
        if table.unlabelled is None:
            raise SystemExit(f"error: none of the classes {', '.join(table.names)} is an unlabelled one.")
        usual, factor = Usual.from_dict(store.read_shard("usual", 0)), store.content["config"]["pooling"]
        planted, rng = json.loads(record.read_text()), np.random.default_rng(seed)
        for position, sample_id in enumerate(_scored(store)):
            noisy = folder / f"{position:06d}.png"
            true, planted_here = _read(files[position], table), {}
            if str(position) in planted:
                planted_here = {kind: _read(noisy, table)}
            elif number == 0:
                makers = {PART: cut_object, HOLE: pierce_object}
                planted_here = {name: make(true, table.unlabelled, rng) for name, make in makers.items()}
            for name, given in planted_here.items():
                if given is not None:
                    probabilities = store.read_compact(sample_id)[0]
                    yield Mislabelled(name, probabilities, given, true, usual, table.unlabelled, factor)


def _scored(store: ScoreSet) -> Iterator[str]:
    for shard in count():
        if not store.shard_done("scores", shard):
            return
        yield from store.read_shard("scores", shard)["ids"]


def _read(path: Path, table: ClassTable) -> np.ndarray:
    return encode(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), table)


def _right(images: Sequence[Mislabelled]) -> dict[str, float]:
    """Kind of error to the share of its regions that have its type."""
    right: dict[str, list[bool]] = {}
    for one in images:
        pooled = pool_labels(one.given, one.factor, len(one.probabilities))
        image = SeenImage(one.probabilities, pooled, one.factor)
        for region in regions.find_regions(image, one.given, SuspectConfig(), one.usual, one.unlabelled):
            changed = (one.given != one.true)[region_pixels(region, one.given.shape)]
            if changed.mean() >= 0.5:
                right.setdefault(one.kind, []).append(region.kind == (one.kind if one.kind in ERROR_KINDS else DROP))
    return {kind: float(np.mean(values)) for kind, values in right.items()}
