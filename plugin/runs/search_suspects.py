"""The search for suspects: from a scored run's pooled arrays and the given masks, without predictions or model.

As in `score_samples`, every shard of samples leaves its results in the store, so a killed search goes on with the next.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import SampleError
from ..base.progress import Progress
from ..dataset.record_parts import SuspectPart
from ..dataset.run_record import RunRecord
from ..labels.class_table import ClassTable
from ..samples.failures import Failures, LeftOut, as_dict
from ..samples.inputs import SegmentationSamples
from ..scores.class_pair_evidence import Usual
from ..store.passes import members, run_pass, shards_of
from ..store.sets import ScoreSet, SuspectSet
from ..suspects.class_effects import ClassEffect, class_effects, label_miou
from ..suspects.config import SuspectConfig
from ..suspects.image_suspects import ImageSuspects
from ..suspects.issues import Group, GroupTally, find_groups
from ..suspects.regions import KINDS, Region, find_regions
from ..suspects.seen_image import SeenImage
from .kept import read_usual

_STAGE = "regions"
#: Issues in the run's record, those of the most evidence: there may be one for every two classes
_KEPT_ISSUES = 1000


@dataclass(frozen=True)
class SuspectSearch:
    """Finds the suspects of a scored run's samples.

    Args:
        samples: those that were scored
        scores: what the run keeps of them
        pooling: side of the blocks of its pooled arrays, in pixels
        config: what a suspect is
        store: where regions go; what is in it already is not searched again
        failures: samples that are left out already; whether bad ones are added to them, or raised
    """

    samples: SegmentationSamples
    scores: ScoreSet
    pooling: int
    config: SuspectConfig
    store: SuspectSet
    failures: Failures

    def run(self, progress: Progress) -> None:
        """Searches what has not been searched yet.

        Raises:
            SampleError: a mask or a file of the run cannot be read, unless bad samples are skipped
        """
        if not self.store.complete:
            work = partial(self._search_shard, read_usual(self.scores))
            run_pass(self.store, _STAGE, len(self.samples), work, "Finding suspects", progress, self.config.workers)
            self.store.finish()
        for row in self._rows():
            self.failures.recall(row["failures"])

    def images(self) -> Iterator[ImageSuspects]:
        """The regions of each sample, in order, some samples at a time in memory."""
        for row in self._rows():
            ends = row["counts"].cumsum()
            for number, (start, end) in enumerate(zip(ends - row["counts"], ends, strict=True)):
                part, sample_id = slice(int(start), int(end)), row["ids"][number]
                yield ImageSuspects(
                    sample_id=sample_id,
                    size=(int(row["sizes"][number, 0]), int(row["sizes"][number, 1])),
                    **{name: row[name][part] for name in ("given", "suggested", "kind", "evidence", "area")},
                    confidence=row["confidence"][part],
                    box=row["box"][part],
                    masks=[str(self.store.mask_file(sample_id, region)) for region in range(int(end - start))],
                )

    def lacks_masks(self) -> bool:
        """Whether masks of regions that were found have been removed since."""
        return any(not os.path.exists(path) for image in self.images() for path in image.masks)

    def write_findings(self, record: RunRecord) -> SuspectPart:
        """Writes what was found in all samples together into a run's record, and returns the part on suspects."""
        total = self._findings()
        issues = total.issues()
        record.issues, record.classes = issues[:_KEPT_ISSUES], total.classes()
        quality = label_miou(record.classes)
        record.label_miou = quality if math.isfinite(quality) else None
        record.suspects = SuspectPart(
            regions=total.regions,
            images=total.images,
            by_type=total.by_type,
            issues=len(issues),
            notes=total.notes,
            failures=total.failures,
            config=self.config.to_dict(),
            set=self.store.path.name,
        )
        return record.suspects

    def _findings(self) -> Findings:
        table = self.samples.class_table
        total = Findings(table, GroupTally(table.size), np.zeros(table.size, np.int64), np.zeros(table.size, np.int64))
        for row in self._rows():
            total.add(row)
        total.failures = self.failures.to_dicts()
        return total

    def _rows(self) -> Iterator[dict[str, Any]]:
        for shard in shards_of(len(self.samples)):
            yield self.store.read_shard(_STAGE, shard)

    def _search_shard(self, usual: Usual, shard: int) -> dict[str, Any]:
        found: list[tuple[int, tuple[int, ...], list[Region]]] = []
        failures: list[LeftOut] = []
        classes = self.samples.class_table.size
        tally, pixels = GroupTally(classes), np.zeros((len(members(shard, len(self.samples))), classes), np.int64)
        for row, index in enumerate(members(shard, len(self.samples))):
            try:
                labels = self.samples.load_labels(index)
                regions = self._search(index, labels, usual)
            except SampleError as error:
                if not self.failures.skip:
                    raise
                failures.append(as_dict(error))
                continue
            found.append((index, labels.shape, regions))
            # Ignored pixels, -1, are counted first: to pick the others costs more than counting all
            pixels[row] = np.bincount(labels.ravel() + 1, minlength=classes + 1)[1:]
            columns = _columns(regions)
            tally.update(columns["given"], columns["suggested"], columns["area"], columns["evidence"])
        return {
            "ids": [self.samples.ids[index] for index, _, _ in found],
            "failures": failures,
            "sizes": np.array([size for _, size, _ in found], np.int64).reshape(-1, 2),
            "counts": np.array([len(regions) for _, _, regions in found], np.int64),
            **_columns([region for _, _, regions in found for region in regions]),
            "tally": tally.to_dict(),
            "class_pixels": pixels.sum(axis=0),
            "class_images": (pixels > 0).sum(axis=0),
        }

    def _search(self, index: int, labels: np.ndarray, usual: Usual) -> list[Region]:
        """The regions of one sample; writes their masks."""
        sample_id = self.samples.ids[index]
        probabilities, pooled = self._pooled(sample_id)
        unlabelled = self.samples.class_table.unlabelled
        image = SeenImage(probabilities, pooled, self.pooling)
        regions = find_regions(image, labels, self.config, usual, unlabelled)
        for number, region in enumerate(regions):
            self.store.write_region(sample_id, number, region.mask)
        return regions

    def _pooled(self, sample_id: str) -> tuple[np.ndarray, np.ndarray]:
        try:
            return self.scores.read_compact(sample_id)
        except SampleError as error:
            problem = (
                "Expected a whole file of the scored run, but it is missing or damaged. Score again: "
                "score_label_quality with overwrite=True."
            )
            raise SampleError(problem, sample_id=sample_id, path=error.path) from error


def found_masks(store: SuspectSet, sample_ids: Collection[str]) -> dict[tuple[str, float], tuple[list[int], Path]]:
    """The regions that a finished search has found in some samples.

    Args:
        store: the run's suspects
        sample_ids: the samples

    Returns:
        (sample id, evidence) of each region to its box (left, top, width, height) in pixels, and the file of its mask
    """
    found: dict[tuple[str, float], tuple[list[int], Path]] = {}
    for shard in takewhile(lambda index: store.shard_done(_STAGE, index), count()):
        row = store.read_shard(_STAGE, shard)
        ends = row["counts"].cumsum().tolist()
        for sample_id, regions, end in zip(row["ids"], row["counts"].tolist(), ends, strict=True):
            for number in range(regions if sample_id in sample_ids else 0):
                place = end - regions + number
                region = row["box"][place].tolist(), store.mask_file(sample_id, number)
                found[sample_id, float(row["evidence"][place])] = region
    return found


@dataclass
class Findings:
    """What a search has found, counted up; memory is that of the pairs of classes.

    Args:
        table: the classes
        tally: the regions by pair of classes
        class_pixels: (K,) int64 pixels given each class
        class_images: (K,) int64 images that show it
        by_type: regions of each type of error
        images: images with a region
        regions: all regions
        large: regions that cover more than half of their image
        failures: samples that could not be searched
    """

    table: ClassTable
    tally: GroupTally
    class_pixels: np.ndarray
    class_images: np.ndarray
    by_type: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    images: int = 0
    regions: int = 0
    large: int = 0
    failures: list[LeftOut] = field(default_factory=list)

    def add(self, row: dict[str, Any]) -> None:
        """Counts a shard's results."""
        self.tally.merge(GroupTally.from_dict(row["tally"]))
        self.class_pixels += row["class_pixels"]
        self.class_images += row["class_images"]
        for kind in row["kind"]:
            self.by_type[kind] += 1
        self.images += int((row["counts"] > 0).sum())
        self.regions += int(row["counts"].sum())
        self.large += int((2 * row["area"] > row["sizes"].prod(axis=1).repeat(row["counts"])).sum())

    @property
    def notes(self) -> list[str]:
        """Sentences on the suspects that the user must know."""
        notes = []
        if self.table.unlabelled is None:
            notes.append(
                "No unlabelled class is known, so no suspect can be a Drop; `unlabelled` names it where there is one."
            )
        if self.large:
            one = self.large == 1
            notes.append(
                f"{self.large} suspect{'' if one else 's'} cover{'s' if one else ''} more than half of "
                f"{'its' if one else 'their'} image: the whole mask may be wrong there, or the predictions."
            )
        if self.failures:
            one = len(self.failures) == 1
            notes.append(
                f"{len(self.failures)} of the samples could not be searched for suspects and {'has' if one else 'have'}"
                " none."
            )
        return notes

    def issues(self) -> list[Group]:
        """The regions by given and suggested class, the most evidence first."""
        names, unlabelled = self.table.names, self.table.unlabelled
        return find_groups(self.tally, self.class_pixels, self.class_images, names, unlabelled=unlabelled)

    def classes(self) -> list[ClassEffect]:
        """Each class before and after all suggestions."""
        return class_effects(self.tally, self.class_pixels, self.table.names)


def _columns(regions: Sequence[Region]) -> dict[str, Any]:
    """What is kept of m regions: arrays of m, and a list of their kinds."""
    return {
        "given": np.array([one.given for one in regions], np.int16),
        "suggested": np.array([one.suggested for one in regions], np.int16),
        "kind": [one.kind for one in regions],
        "evidence": np.array([one.evidence for one in regions], np.float64),
        "area": np.array([one.area for one in regions], np.int64),
        "confidence": np.array([one.confidence for one in regions], np.float64),
        "box": np.array([one.box for one in regions], np.int32).reshape(-1, 4),
    }
