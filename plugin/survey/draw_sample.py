"""Drawing what is judged to estimate how many errors there are: pixels, suspects and images, stratum by stratum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from typing import TypeAlias

import fiftyone.core.utils as fou
import numpy as np

from ..base.errors import SampleError
from ..base.executor import map_shards
from ..dataset.suspect_fields import ERROR_TYPE
from ..dataset.verdicts import REJECTED as IS_REJECTED
from ..dataset.verdicts import WRONG, aside, is_drawn_mask
from ..documents.ownership import field_name
from ..estimate.allotment import allotment
from ..estimate.config import EstimateConfig
from ..estimate.draw import PlaceDraw
from ..estimate.levels import (
    CONFIRMED,
    IMAGE_DOUBTED,
    IMAGE_LEVELS,
    IMAGE_SURE,
    LIKELY,
    PLACE_LEVELS,
    POSSIBLE,
    REJECTED,
    Level,
    place_levels,
    suspect_level,
)
from ..estimate.spread import spread_order
from ..labels.images import read_mask
from ..passes.kept import scored_states
from ..records.sample_parts import DrawnIssue, DrawnStratum, DrawnUnits, SamplePart
from ..regions.reviewed import Region, Regions, has_suspects, pixels_of
from ..runs.run import Run
from ..store.sets import ScoreSet
from ..suspects.regions import NO_ERROR

#: Pixels, and other units, that are drawn beforehand, so that more can be judged later of the very same strata
RESERVE, OTHERS_RESERVE = 2000, 500
#: Samples whose suspects are looked up at a time
_PORTION = 64
#: Given and suggested class
_Issue: TypeAlias = tuple[str, str]


@dataclass(frozen=True)
class _Image:
    """What is looked at of an image.

    Args:
        levels: (H, W) int8
        given: (H, W) int16, negative where ignored
        suggested: (H, W) int32, 1 + suggested class where there is a suspect, else 0
        level: of the image, negative where it has no suspect
        open_suspects: level, id and issue (given and suggested class) of each suspect that nobody has reviewed
    """

    levels: np.ndarray
    given: np.ndarray
    suggested: np.ndarray
    level: int
    open_suspects: Sequence[tuple[int, str, _Issue]]


@dataclass
class _Keyed:
    """Units with random keys, those of the least keys by stratum: a simple random sample of each in one pass."""

    strata: int
    most: int
    rng: np.random.Generator
    sizes: list[int] = field(default_factory=list)
    kept: list[list[tuple[float, str, str, _Issue | None]]] = field(default_factory=list)
    issues: list[Counter[_Issue]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sizes = [0] * self.strata
        self.kept = [[] for _ in range(self.strata)]
        self.issues = [Counter() for _ in range(self.strata)]

    def add(self, stratum: int, sample_id: str, unit: str = "", issue: _Issue | None = None) -> None:
        """Counts a unit, and draws."""
        self.sizes[stratum] += 1
        if issue is not None:
            self.issues[stratum][issue] += 1
        kept = self.kept[stratum]
        kept.append((float(self.rng.random()), sample_id, unit, issue))
        if len(kept) > 2 * self.most:
            kept.sort(key=_key)
            del kept[self.most :]

    def drawn(self, levels: Sequence[Level], total: int, known: Sequence[int] = ()) -> DrawnUnits:
        """The units in the order in which they are judged; of strata that are ``known`` none is."""
        sizes = [0 if one in known else size for one, size in enumerate(self.sizes)]
        order = allotment(sizes, [level.rate for level in levels], total).tolist()
        left = [iter(self._queue(stratum)) for stratum in range(self.strata)]
        units = [next(left[stratum]) for stratum in order]
        issues = [[DrawnIssue(*one, number) for one, number in sorted(each.items())] for each in self.issues]
        parts = zip(levels, self.sizes, issues, strict=True)
        return DrawnUnits(
            strata=[DrawnStratum(level.name, size, issues=each) for level, size, each in parts],
            order=order,
            samples=[sample_id for _, sample_id, _, _ in units],
            regions=[unit for _, _, unit, _ in units],
        )

    def _queue(self, stratum: int) -> list[tuple[float, str, str, _Issue | None]]:
        """The units that were drawn of a stratum, in random order, and where they have issues spread over these."""
        kept = sorted(self.kept[stratum], key=_key)[: self.most]
        if not self.issues[stratum]:
            return kept
        order = spread_order([issue or ("", "") for _, _, _, issue in kept], float(self.rng.random()))
        return [kept[place] for place in order]


def _key(unit: tuple[float, str, str, _Issue | None]) -> float:
    return unit[0]


def draw_sample(run: Run, scores: ScoreSet, config: EstimateConfig) -> SamplePart:
    """Draws from a run that `reopen_run` has opened; looks at each image once, and keeps what is drawn.

    Args:
        run: the run
        scores: what it keeps
        config: how much is judged, and what an error is

    Returns:
        what was drawn

    Raises:
        SampleError: a mask or a file of the run cannot be read, unless bad samples are skipped
    """
    reserve, rng = max(RESERVE, config.verdicts), np.random.default_rng([config.seed, 1])
    pixels = PlaceDraw(len(PLACE_LEVELS), run.table.size, reserve, config.seed)
    suspects = _Keyed(len(PLACE_LEVELS), max(OTHERS_RESERVE, config.suspects), rng)
    images = _Keyed(len(IMAGE_LEVELS), max(OTHERS_RESERVE, config.images), rng)
    by_quality = _levels_by_quality(run)
    for index, image in _images(run, scores, config):
        sample_id = run.samples.ids[index]
        pixels.add(index, image.levels, image.given, image.suggested)
        for level, region_id, issue in image.open_suspects:
            suspects.add(level, sample_id, region_id, issue)
        images.add(image.level if image.level >= 0 else by_quality[index], sample_id)
    run.failures.require(int(sum(images.sizes)))
    drawn = SamplePart(
        created=datetime.now(timezone.utc).isoformat(),
        seed=config.seed,
        min_error=config.min_error,
        classes=list(run.table.names),
        places=_places(run, pixels, reserve),
        suspects=suspects.drawn(PLACE_LEVELS, suspects.most),
        images=images.drawn(IMAGE_LEVELS, images.most, known=(CONFIRMED,)),
    )
    states = scored_states(scores)
    units = (drawn.places, drawn.suspects, drawn.images)
    drawn.states = {one: list(states[one]) for one in sorted({each for unit in units for each in unit.samples})}
    return drawn


def _places(run: Run, pixels: PlaceDraw, total: int) -> DrawnUnits:
    sizes = pixels.class_pixels.sum(axis=1)
    order = allotment(sizes, [level.rate for level in PLACE_LEVELS], total).tolist()
    drawn, used = [pixels.places(stratum) for stratum in range(len(sizes))], [0] * len(sizes)
    made = DrawnUnits(
        strata=[
            DrawnStratum(level.name, int(size), counts)
            for level, size, counts in zip(PLACE_LEVELS, sizes, pixels.class_pixels.tolist(), strict=True)
        ],
        order=order,
    )
    for stratum in order:
        places, number = drawn[stratum], used[stratum]
        used[stratum] += 1
        made.samples.append(run.samples.ids[int(places.image[number])])
        made.rows.append(int(places.row[number]))
        made.columns.append(int(places.column[number]))
        made.given.append(int(places.given[number]))
        made.suggested.append(int(places.region[number]) - 1)
    return made


def _images(run: Run, scores: ScoreSet, config: EstimateConfig) -> Iterator[tuple[int, _Image]]:
    """Each image that can be looked at; others are failures of the run, or raised."""
    total, done = len(run.samples), 0
    found = Regions(run.dataset, run.finished) if has_suspects(run.dataset, run.key) else None
    for first in range(0, total, _PORTION):
        portion = range(first, min(first + _PORTION, total))
        regions = {} if found is None else _regions(run, found, [run.samples.ids[index] for index in portion])
        outcomes = map_shards(partial(_look, run, scores, config, regions), portion)
        for index, image in zip(portion, outcomes, strict=True):
            if isinstance(image, SampleError):
                run.failures.add(image)
            else:
                yield index, image
            done += 1
            run.times("Drawing places", done, total)


def _regions(run: Run, found: Regions, sample_ids: Sequence[str]) -> Mapping[str, Sequence[Region]]:
    """The suspects of some samples, rejected ones too."""
    regions = found.of(sample_ids)
    for sample_id, rejected in aside(run.dataset, run.key, sample_ids).items():
        for region in rejected:
            mask = region.get("mask")
            stored = {"mask": None if mask is None else fou.deserialize_numpy_array(mask), "id": str(region["_id"])}
            regions.setdefault(sample_id, []).append({**region, **stored, "found": None})
    return regions


def _look(
    run: Run, scores: ScoreSet, config: EstimateConfig, regions: Mapping[str, Sequence[Region]], index: int
) -> _Image | SampleError:
    sample_id = run.samples.ids[index]
    try:
        given, suspicion = run.samples.load_labels(index), _suspicion(scores, sample_id)
        size = (given.shape[0], given.shape[1])
        here = [(_level(one), pixels_of(one, size, sample_id), one) for one in regions.get(sample_id, ())]
    except SampleError as error:
        if not run.failures.skip:
            raise
        return error
    levels, owner = place_levels(suspicion, [(level, inside) for level, inside, _ in here])
    names = run.table.names
    suggested = [names.index(one["label"]) + 1 if one.get("label") in names else 0 for _, _, one in here]
    return _Image(
        levels,
        given,
        np.array([*suggested, 0], np.int32)[owner],
        _image_level(here, given, config.min_error),
        # What a person has deleted is no suspect any more
        [
            (level, str(one["id"]), (str(one.get("given")), str(one.get("suggested"))))
            for level, _, one in here
            if level in (LIKELY, POSSIBLE) and not one.get("verdict")
        ],
    )


def _suspicion(scores: ScoreSet, sample_id: str) -> np.ndarray:
    try:
        return read_mask(scores.file("heatmaps", sample_id), sample_id)
    except SampleError as error:
        problem = (
            "Expected the heatmap of the scored run, but it is missing or damaged. Score again: score_label_quality "
            "with overwrite=True."
        )
        raise SampleError(problem, sample_id=sample_id, path=error.path) from error


def _level(region: Region) -> int:
    """The level of a suspect; what a person has drawn is as good as confirmed."""
    verdict, mask = region.get("verdict"), region.get("mask")
    if verdict == IS_REJECTED:
        return REJECTED
    if verdict in WRONG or (mask is not None and is_drawn_mask(mask)):
        return CONFIRMED
    return suspect_level(region.get("probability"))


def _image_level(regions: Sequence[tuple[int, np.ndarray, Region]], given: np.ndarray, min_error: float) -> int:
    """The level of an image with suspects; negative without.

    Confirmed ones make it wrong by themselves if they are large enough; else the image is likely to be.
    """
    part = given >= 0
    confirmed = [inside for level, inside, _ in regions if level == CONFIRMED]
    if confirmed and np.count_nonzero(np.logical_or.reduce(confirmed) & part) >= min_error * np.count_nonzero(part):
        return CONFIRMED
    found = [level for level, _, _ in regions if level != REJECTED]
    return max(min(found), LIKELY) if found else -1


def _levels_by_quality(run: Run) -> list[int]:
    """The level that each image has if it has no suspect: by its quality, in the lower or the higher half of such."""
    kinds = field_name(run.key, ERROR_TYPE)
    quality = np.array([np.nan if one is None else one for one in run.samples.values(field_name(run.key, "quality"))])
    there = run.dataset.has_sample_field(kinds)
    calm = np.array([one == NO_ERROR for one in run.samples.values(kinds)]) if there else np.ones(quality.size, bool)
    known = quality[calm & np.isfinite(quality)]
    middle = np.median(known) if known.size else np.inf
    return np.where(quality <= middle, IMAGE_DOUBTED, IMAGE_SURE).tolist()
