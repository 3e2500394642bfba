"""Masks with errors of which it is known where they are: sparse, systematic, or corrected by people.

*Sparse*: in a share of the images one object has an error, of any kind. *Systematic*: an object of one class is given
another class with some probability, wherever it is, as where annotators have misunderstood a class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.base.progress import Progress
from label_quality.plugin.labels.class_files import load_classes
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.labels.masks import encode, predicted_mask

from .domains import DOMAINS
from .planted_objects import ObjectErrorRules, plant_in_object

SPARSE, SYSTEMATIC, CORRECTED, OWN = "sparse", "systematic", "corrected", "own"
#: After the kind of errors that the masks had before
REPLANTED = "replanted"
#: Share of the images that have a sparse error
_SPARSE_SHARE = 0.15
#: Smaller objects, by share of the image, have no systematic error
_LEAST_OBJECT = 0.001


@dataclass(frozen=True)
class Habit:
    """A systematic error.

    Args:
        true: the class
        given: the class that its objects are given instead
        share: of the objects to which it happens
    """

    true: str
    given: str
    share: float


#: Domain to the systematic errors in it
HABITS: Mapping[str, Sequence[Habit]] = {
    "scenes": (Habit("sign", "unlabelled", 0.15), Habit("pedestrian", "pole", 0.12), Habit("pavement", "road", 0.05)),
    "fields": (Habit("orchard", "forest", 0.2), Habit("wheat", "maize", 0.06), Habit("house", "unlabelled", 0.08)),
    "cells": (Habit("granular", "round", 0.06), Habit("debris", "background", 0.15)),
    "camvid": (Habit("car", "unlabelled", 0.25), Habit("pavement", "road", 0.15), Habit("tree", "building", 0.05)),
}


@dataclass(frozen=True)
class Source:
    """Images with masks that are right.

    Args:
        domain: what is seen in them
        folder: with ``images/``, ``masks/`` and ``classes.json``
        unlabelled: name of the class of what is nothing else
        blocks: whether the images are video frames in order
    """

    domain: str
    folder: Path
    unlabelled: str
    blocks: bool = False

    @property
    def table(self) -> ClassTable:
        """The classes, each with its mask value."""
        return ClassTable.from_targets(load_classes(self.folder / "classes.json"), unlabelled=self.unlabelled)


@dataclass(frozen=True)
class NoisySet:
    """A set of images whose masks have errors.

    Args:
        source: the images and their classes
        kind: of errors: sparse, systematic, corrected, or its own, of which nothing is known
        given: folder of the masks with errors
        true: folder of the right masks, with the same names
    """

    source: Source
    kind: str
    given: Path
    true: Path

    @property
    def name(self) -> str:
        """As it stands in tables."""
        return f"{self.source.domain} {self.kind}"

    @property
    def key(self) -> str:
        """As folders are called."""
        return f"{self.source.domain}-{self.kind}"


def read_labels(path: Path, table: ClassTable) -> np.ndarray:
    """(H, W) int16 class indices of a mask's file, negative where ignored; `LabelQualityError` if it is no image."""
    return encode(_read_mask(path), table)


def noisy_sets(
    work: Path,
    images: int,
    camvid: Path | None,
    nuclei: Path | None,
    seed: int,
    progress: Progress,
    own: bool = False,
) -> list[NoisySet]:
    """Writes all sets that are not there yet.

    Args:
        work: folder for them and for the generated domains
        images: of each generated domain; 0 to leave them out
        camvid: folder of CamVid, or None to leave it out
        nuclei: folder of masks that people have corrected, with ``corrected/``, or None
        seed: of the errors
        progress: told how many images are written
        own: whether CamVid's masks as they are make a set too

    Returns:
        the sets, those of a domain one after another
    """
    sources = []
    for name, domain in DOMAINS.items() if images else ():
        folder = work / "domains" / f"{name}-{images}"
        domain.write(folder, images, progress)
        sources.append(Source(name, folder, domain.unlabelled))
    if camvid:
        sources.append(Source("camvid", camvid, "unlabelled", blocks=True))
    sets = [_planted(source, kind, work, seed, progress) for source in sources for kind in (SPARSE, SYSTEMATIC)]
    if nuclei:
        sets.append(NoisySet(Source("nuclei", nuclei, "background"), CORRECTED, nuclei / "masks", nuclei / "corrected"))
    sets += [NoisySet(one, OWN, one.folder / "masks", one.folder / "masks") for one in sources if own and one.blocks]
    return sets


def plant_sparse(labels: np.ndarray, rng: np.random.Generator, table: ClassTable) -> np.ndarray:
    """Labels (H, W) int16, in some images with an error in one object; they are not changed in place."""
    if rng.random() >= _SPARSE_SHARE:
        return labels
    error = plant_in_object(labels, rng, ObjectErrorRules(table.unlabelled), range(table.size))
    return labels if error is None else error.labels


def plant_systematic(
    labels: np.ndarray, rng: np.random.Generator, table: ClassTable, habits: Sequence[Habit]
) -> np.ndarray:
    """Labels (H, W) int16 with systematic errors; they are not changed in place.

    Args:
        labels: class indices, negative where ignored
        rng: of which objects
        table: the classes
        habits: the errors; an object has at most one, as they are of what is right

    Returns:
        the labels
    """
    noisy = labels.copy()
    for habit in habits:
        true, given = (table.names.index(name) for name in (habit.true, habit.given))
        count, numbers, stats, _ = cv2.connectedComponentsWithStats((labels == true).astype(np.uint8), connectivity=8)
        for number in range(1, count):
            if stats[number, cv2.CC_STAT_AREA] >= _LEAST_OBJECT * labels.size and rng.random() < habit.share:
                noisy[numbers == number] = given
    return noisy


def plant_again(one: NoisySet, work: Path, seed: int, progress: Progress) -> NoisySet:
    """The set with sparse errors beside those that it has, which count as right; written unless it is there.

    Args:
        one: the set
        work: folder for it
        seed: of the errors
        progress: told how many images are written
    """
    made = NoisySet(one.source, f"{one.kind}-{REPLANTED}", work / "sets" / f"{one.key}-{REPLANTED}", one.given)
    table = one.source.table
    _write(made, seed, progress, lambda labels, rng: plant_sparse(labels, rng, table))
    return made


def _planted(source: Source, kind: str, work: Path, seed: int, progress: Progress) -> NoisySet:
    """The set, written unless it is there."""
    true, table = source.folder / "masks", source.table
    count = len(list(true.glob("*.png")))
    made = NoisySet(source, kind, work / "sets" / f"{source.domain}-{kind}-{count}", true)
    if kind == SPARSE:
        _write(made, seed, progress, lambda labels, rng: plant_sparse(labels, rng, table))
    else:
        _write(made, seed, progress, lambda labels, rng: plant_systematic(labels, rng, table, HABITS[source.domain]))
    return made


def _write(
    made: NoisySet, seed: int, progress: Progress, plant: Callable[[np.ndarray, np.random.Generator], np.ndarray]
) -> None:
    """Writes the masks of a set, its right ones with errors, unless they are there."""
    files = sorted(made.true.glob("*.png"))
    if not files:
        raise LabelQualityError(f"Expected masks (*.png) in {made.true}, but there are none.")
    table, rng = made.source.table, np.random.default_rng([seed, *made.name.encode()])
    # Written in order: the last one says that all are there
    if (made.given / files[-1].name).exists():
        return
    made.given.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(files):
        mask = _read_mask(path)
        labels = encode(mask, table)
        noisy = plant(labels, rng)
        changed = noisy != labels
        mask[changed] = predicted_mask(noisy[changed], table)
        cv2.imwrite(str(made.given / path.name), mask)
        progress(f"Planting errors in {made.name}", number + 1, len(files))


def _read_mask(path: Path) -> np.ndarray:
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if mask is None:
        raise LabelQualityError(f"Expected a mask in {path}, but it cannot be read.")
    return mask
