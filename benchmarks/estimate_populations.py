"""Populations of which it is known how much is wrong, by the levels of suspicion that an audit gives their pixels.

Of a simple random sample of a level's pixels all that matters is how many pixels the level has of each given and each
true class, so that is all that is kept of a set of masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from label_quality.plugin.base.progress import Progress
from label_quality.plugin.estimate.levels import (
    IMAGE_DOUBTED,
    IMAGE_LEVELS,
    IMAGE_SURE,
    PLACE_LEVELS,
    POSSIBLE,
    SURE,
    place_levels,
    suspect_level,
)
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.scores.class_pair_evidence import Usual
from label_quality.plugin.store.run_folder import content_digest
from label_quality.plugin.suspects.config import SuspectConfig
from label_quality.plugin.suspects.probability import RateEstimate, shipped_model
from label_quality.plugin.suspects.regions import DROP, Region

from .audited_sets import Audited
from .suspect_measures import find_suspects, image_qualities, opened, region_box
from .suspect_sets import NoisySet, read_labels


@dataclass(frozen=True)
class Population:
    """Pixels, suspects and images of which the truth is known.

    Args:
        pixels: (H, K, K) int64 by level, given class and true class
        region_level: (R,) int64 level of each suspect
        region_area: (R,) int64 pixels of each
        region_wrong: (R,) float64 share of them that is wrong
        region_issue: (R,) int64 number of the issue of each
        image_level: (I,) int64 level of each image
        image_wrong: (I,) float64 share of its pixels that is wrong
    """

    pixels: np.ndarray
    region_level: np.ndarray
    region_area: np.ndarray
    region_wrong: np.ndarray
    region_issue: np.ndarray
    image_level: np.ndarray
    image_wrong: np.ndarray

    @property
    def share(self) -> float:
        """The share of all pixels that is wrong."""
        return 1 - float(np.trace(self.pixels.sum(axis=0)) / self.pixels.sum())


def audited_population(one: NoisySet, audited: Audited, folder: Path, progress: Progress) -> Population:
    """The population of a set, by the suspects of its audit; kept in a file.

    Args:
        one: the set
        audited: its audit
        folder: where it is kept
        progress: told how many images are done
    """
    levels = [asdict(level) for level in (*PLACE_LEVELS, *IMAGE_LEVELS)]
    parts = [part.name for part in fields(Population)]
    file = folder / f"{one.key}-{content_digest(audited.store.path.name, audited.store.created, levels, parts)}.npz"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part.npz")
        np.savez_compressed(unfinished, **asdict(_counted(one, audited, progress)))
        unfinished.replace(file)
    with np.load(file) as content:
        return Population(**{part: content[part] for part in parts})


def _counted(one: NoisySet, audited: Audited, progress: Progress) -> Population:
    store, table = audited.store, ClassTable.from_dict(audited.store.content["class_table"])
    images = list(_searched(one, audited, table, progress))
    estimate = RateEstimate()
    for found, log_odds in images:
        estimate.update(log_odds, _drops(found))
    rates, least = estimate.rates(), SuspectConfig().min_probability
    pixels = np.zeros((len(PLACE_LEVELS), table.size, table.size), np.int64)
    rows: list[tuple[int, int, float, int]] = []
    image_level, image_wrong = np.full(len(images), -1), np.zeros(len(images))
    for number, (found, log_odds) in enumerate(images):
        sample_id, _, mask_file = audited.samples[number]
        given, true = (read_labels(folder / mask_file, table) for folder in (one.given, one.true))
        heatmap = np.asarray(cv2.imread(str(store.file("heatmaps", sample_id)), cv2.IMREAD_UNCHANGED))
        rated = rates.probabilities(log_odds, _drops(found))
        regions = [
            (suspect_level(float(each)), _whole(region, given.shape), region.given * table.size + region.suggested)
            for region, each in zip(found, rated, strict=True)
            if each >= least
        ]
        levels, _ = place_levels(heatmap, [(level, inside) for level, inside, _ in regions])
        part = given >= 0
        np.add.at(pixels, (levels[part], given[part], true[part]), 1)
        wrong = true != given
        rows += [(level, int(inside.sum()), float(wrong[inside].mean()), issue) for level, inside, issue in regions]
        image_level[number] = min((level for level, _, _ in regions), default=-1)
        image_wrong[number] = float(wrong[part].mean())
        progress(f"Counting pixels of {one.name}", number + 1, len(images))
    level, area, shares, issue = np.array(rows, float).reshape(-1, 4).T
    return Population(
        pixels,
        level.astype(np.int64),
        area.astype(np.int64),
        shares,
        issue.astype(np.int64),
        _image_levels(image_level, one, audited),
        image_wrong,
    )


def _searched(
    one: NoisySet, audited: Audited, table: ClassTable, progress: Progress
) -> Iterator[tuple[Sequence[Region], np.ndarray]]:
    """The regions of each image, and their log-odds to be mistakes."""
    search = opened(audited)
    for number, (sample_id, image_file, mask_file) in enumerate(audited.samples):
        image, given = one.source.folder / "images" / image_file, read_labels(one.given / mask_file, table)
        found, measured = find_suspects(search, audited.store, sample_id, image, given)
        yield found, shipped_model().log_odds(measured.features, measured.similarity)
        progress(f"Finding suspects of {one.name}", number + 1, len(audited.samples))


def _image_levels(of_suspects: np.ndarray, one: NoisySet, audited: Audited) -> np.ndarray:
    """(I,) level of each image, of its first suspect, or by its quality where it has none."""
    qualities = image_qualities(audited.store, Usual.from_dict(audited.store.read_shard("usual", 0)))
    quality = np.array([qualities[sample_id][0] for sample_id, _, _ in audited.samples])
    without = of_suspects < 0
    low = quality <= (np.median(quality[without]) if without.any() else 0)
    return np.where(without, np.where(low, IMAGE_DOUBTED, IMAGE_SURE), of_suspects)


def _drops(found: Sequence[Region]) -> np.ndarray:
    return np.array([region.kind == DROP for region in found], bool)


def _whole(region: Region, size: tuple[int, ...]) -> np.ndarray:
    inside = np.zeros(size, bool)
    inside[region_box(region)] = region.mask
    return inside


#: Name to the rates at which the levels' pixels are wrong, likely … sure
SYNTHETIC: Mapping[str, Sequence[float]] = {
    "nothing wrong": (0.0, 0.0, 0.0, 0.0, 0.0),
    "all where none is suspected": (0.0, 0.0, 0.0, 0.0, 0.02),
    "suspects all false": (0.0, 0.0, 0.02, 0.01, 0.002),
    "half wrong": (0.9, 0.7, 0.6, 0.5, 0.5),
}


def synthetic_population(rates: Sequence[float], seed: int) -> Population:
    """A population of four classes, one of which is rare, with these rates of wrong pixels.

    Args:
        rates: of suspects that are likely, of possible ones, and of pixels that are doubted, unsure, sure
        seed: of the suspects
    """
    shares = np.array([0.6, 0.3, 0.09, 0.01])
    pixels = np.zeros((len(PLACE_LEVELS), 4, 4), np.int64)
    sizes = dict(zip((1, 2, 4, 5, 6), (60_000, 40_000, 500_000, 1_400_000, 8_000_000), strict=True))
    for (level, size), rate in zip(sizes.items(), rates, strict=True):
        wrong = size * rate * shares[:, None] * (1 - np.eye(4)) / 3
        pixels[level] = np.rint(wrong + np.diag(size * shares * (1 - rate)))
    rng = np.random.default_rng(seed)
    level = np.repeat([1, POSSIBLE], 100)
    area = rng.lognormal(6, 1, level.size).astype(np.int64) + 1
    # Of the issues a large one is wrong as often as its level says, and of smaller ones some are wrong and others not
    issue = rng.choice(8, level.size, p=[0.4, 0.2, 0.1, 0.1, 0.08, 0.06, 0.04, 0.02])
    rate = np.array(rates)[level - 1]
    rate = np.where(issue == 0, rate, np.where(issue % 2, (1 + rate) / 2 * (rate > 0), rate / 2))
    wrong = (rng.random(level.size) < rate).astype(float)
    image_level = np.repeat([1, POSSIBLE, IMAGE_DOUBTED, IMAGE_SURE], [50, 50, 150, 250])
    image_rate = np.array([0.0, 0.9 * (rates[0] > 0), 0.5 * (rates[1] > 0), 20 * rates[-1], 5 * rates[-1]])
    image_wrong = (rng.random(image_level.size) < image_rate[image_level]) * 0.01
    assert len(PLACE_LEVELS) - 1 == SURE
    return Population(pixels, level, area, wrong, issue, image_level, image_wrong)
