"""The suspects of a set of masks with known errors, measured: those in the masks, and of errors planted in copies.

Nothing is trained for the copies: a mistake in one mask of many changes what a model sees but little, so the
predictions of the set's audit are those of the copies as well.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from label_quality.plugin.base.progress import Progress
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.labels.images import read_image
from label_quality.plugin.passes.kept import read_bank, read_usual, scored_shards, unpack_pairs
from label_quality.plugin.pixels.pooling import pool_labels
from label_quality.plugin.scores.class_pair_evidence import Usual, evidence_score
from label_quality.plugin.store.run_folder import content_digest
from label_quality.plugin.store.sets import ScoreSet
from label_quality.plugin.suspects import (
    appearance,
    picture,
    region_features,
    region_shapes,
    regions,
    seen_image,
    similarity,
)
from label_quality.plugin.suspects.config import SuspectConfig
from label_quality.plugin.suspects.image_search import ImageSearch, Measures, Search

from . import planted_objects
from .audited_sets import Audited
from .suspect_sets import NoisySet, read_labels

#: The column after those of the features, where columns are chosen
SIMILARITY = len(region_features.FEATURES)
#: Errors that a copy of each mask gets
_PLANTED = 2


@dataclass(frozen=True)
class Suspects:
    """The n suspects of a set, and the m of copies with planted errors.

    Args:
        images: how many images the set has
        features: (n, F) float64, see `region_features.FEATURES`
        similarity: (n,) float64, see `similarity`
        descriptors: (n, C) float64, see `appearance`
        given: (n,) int64 class
        suggested: (n,) int64 class
        image: (n,) int64, number of the image that each is in
        box: (n, 4) int64, left, top, width and height in pixels
        wrong: (n,) float64, share of its pixels that are given another class than the true one
        right: (n,) float64, share of its pixels whose true class is the suggested one; NaN where that is not known
        planted_features: (m, F) float64
        planted_wrong: (m,) float64, share of its pixels that the planted errors have changed
        mislabelled: (images,) bool, whether any pixel of the image is given another class than the true one
        evidence: (images,) float64 quality by the score ``evidence``, without displaced edges
        softmin: (images,) float64 likewise
    """

    images: int
    features: np.ndarray
    similarity: np.ndarray
    descriptors: np.ndarray
    given: np.ndarray
    suggested: np.ndarray
    image: np.ndarray
    box: np.ndarray
    wrong: np.ndarray
    right: np.ndarray
    planted_features: np.ndarray
    planted_wrong: np.ndarray
    mislabelled: np.ndarray
    evidence: np.ndarray
    softmin: np.ndarray

    def columns(self, used: Sequence[int]) -> Suspects:
        """The same with some columns of the features, and with the similarity if `SIMILARITY` is among them."""
        chosen = [column for column in used if column != SIMILARITY]
        some = replace(self, features=self.features[:, chosen], planted_features=self.planted_features[:, chosen])
        return some if SIMILARITY in used else replace(some, similarity=np.full_like(self.similarity, np.nan))


def measure(one: NoisySet, audited: Audited, folder: Path, seed: int, progress: Progress) -> Suspects:
    """Finds and measures the suspects of a set, or reads what was measured before with the same code.

    Args:
        one: the set
        audited: its audit
        folder: where measures are kept
        seed: of the planted errors
        progress: told how many images are done
    """
    file = folder / f"{one.key}-{_digest(audited.store, seed)}.npz"
    if not file.exists():
        found = _measured(one, audited, seed, progress)
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part.npz")
        np.savez_compressed(unfinished, **asdict(found))
        unfinished.replace(file)
    with np.load(file) as content:
        arrays = {part.name: content[part.name] for part in fields(Suspects)}
    return Suspects(**{**arrays, "images": int(arrays["images"])})


def _digest(store: ScoreSet, seed: int) -> str:
    return content_digest(
        store.path.name, store.created, seed, SuspectConfig().to_dict(), similarity.NEIGHBOURS, *_CODE
    )


def _measured(one: NoisySet, audited: Audited, seed: int, progress: Progress) -> Suspects:
    store, search = audited.store, opened(audited)
    table = ClassTable.from_dict(store.content["class_table"])
    rng = np.random.default_rng([seed, *one.key.encode()])
    width = len(region_features.FEATURES)
    parts: dict[str, list[np.ndarray]] = {
        **{name: [np.zeros((0, width))] for name in ("features", "planted_features")},
        **{name: [np.zeros(0)] for name in ("similarity", "wrong", "right", "planted_wrong")},
        "descriptors": [np.zeros((0, appearance.CHANNELS))],
        **{name: [np.zeros(0, np.int64)] for name in ("given", "suggested", "image")},
        "box": [np.zeros((0, 4), np.int64)],
    }
    mislabelled = np.zeros(len(audited.samples), bool)
    for number, (sample_id, image_file, mask_file) in enumerate(audited.samples):
        given, true = (read_labels(folder / mask_file, table) for folder in (one.given, one.true))
        mislabelled[number] = (true != given).any()
        image = image_search(search, store, sample_id, one.source.folder / "images" / image_file, given)
        found, measured = image.suspects(given, pool_labels(given, search.pooling, table.size))
        for name, column in vars(measured).items():
            parts[name].append(column)
        for name in ("given", "suggested"):
            parts[name].append(np.array([getattr(one, name) for one in found], np.int64))
        parts["image"].append(np.full(len(found), number))
        parts["box"].append(np.array([one.box for one in found], np.int64).reshape(-1, 4))
        parts["wrong"].append(_shares(found, true != given))
        right = [float((true[region_box(one)][one.mask] == one.suggested).mean()) for one in found]
        parts["right"].append(np.array(right))
        changed = _plant(given, rng, table)
        if changed is not None:
            found, measured = image.suspects(changed, pool_labels(changed, search.pooling, table.size))
            parts["planted_features"].append(measured.features)
            parts["planted_wrong"].append(_shares(found, changed != given))
        progress(f"Measuring suspects of {one.name}", number + 1, len(audited.samples))
    quality = image_qualities(store, search.usual)
    evidence, softmin = np.array([quality[sample_id] for sample_id, _, _ in audited.samples]).T
    return Suspects(
        **{name: np.concatenate(part) for name, part in parts.items()},
        images=len(audited.samples),
        mislabelled=mislabelled,
        evidence=evidence,
        softmin=softmin,
    )


def image_qualities(store: ScoreSet, usual: Usual) -> dict[str, tuple[float, float]]:
    """Id of each sample to its scores ``evidence`` and ``softmin``."""
    found = {}
    for row in scored_shards(store):
        for sample_id, pairs, softmin in zip(
            row["ids"], unpack_pairs(row["pairs"]), row["scores"]["softmin"], strict=True
        ):
            found[sample_id] = evidence_score(pairs, usual, softmin), float(softmin)
    return found


def opened(audited: Audited) -> Search:
    """What suspects are in an audit, with the default thresholds."""
    store = audited.store
    table, pooling = ClassTable.from_dict(store.content["class_table"]), store.content["config"]["pooling"]
    bank = read_bank(store, len(audited.samples))
    return Search(SuspectConfig(), read_usual(store), pooling, table.unlabelled, bank)


def find_suspects(
    search: Search, store: ScoreSet, sample_id: str, image_file: Path, given: np.ndarray
) -> tuple[list[regions.Region], Measures]:
    """The suspects in a mask of one image, (H, W) int16 class indices, and what they are rated by."""
    image = image_search(search, store, sample_id, image_file, given)
    return image.suspects(given, pool_labels(given, search.pooling, len(image.probabilities)))


def image_search(search: Search, store: ScoreSet, sample_id: str, image_file: Path, given: np.ndarray) -> ImageSearch:
    """Finds suspects in masks of one image, as large as (H, W) class indices."""
    probabilities, _ = store.read_compact(sample_id)
    looks, load_image = partial(store.read_appearance, sample_id), partial(read_image, image_file)
    return ImageSearch(search, (given.shape[0], given.shape[1]), sample_id, probabilities, looks, load_image)


def _plant(given: np.ndarray, rng: np.random.Generator, table: ClassTable) -> np.ndarray | None:
    """A copy of the labels with errors in single objects; None where no object is large enough."""
    rules = planted_objects.ObjectErrorRules(table.unlabelled)
    changed = given
    for _ in range(_PLANTED):
        error = planted_objects.plant_in_object(changed, rng, rules, range(table.size))
        if error is not None:
            changed = error.labels
    return None if changed is given else changed


def _shares(found: Sequence[regions.Region], pixels: np.ndarray) -> np.ndarray:
    """(n,) float64, share of each region's pixels that are among (H, W) bool ones."""
    return np.array([float(pixels[region_box(region)][region.mask].mean()) for region in found], np.float64)


def region_box(region: regions.Region) -> tuple[slice, slice]:
    """The rows and columns of a region's box."""
    left, top, width, height = region.box
    return slice(top, top + height), slice(left, left + width)


#: Changing any of these changes what is measured. Read here, so that it is the code that runs
_MEASURING: tuple[Any, ...] = (ImageSearch, _measured, image_qualities, image_search, opened, _plant, _shares)
_CODE = tuple(
    inspect.getsource(part)
    for part in (
        *(appearance, picture, planted_objects, region_features, region_shapes, regions, seen_image, similarity),
        *_MEASURING,
    )
)
