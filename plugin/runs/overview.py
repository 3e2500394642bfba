"""A run at a glance, for the panel: distributions of its scores, its worst images, and what is probably wrong.

Everything is counted up while the run's results are written, in memory of some numbers a score and a short list, and is
kept in the run's record: the panel opens as fast with a hundred thousand images as with ten.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..records.record_parts import MISSING, Distribution, Overview, WorstImage

if TYPE_CHECKING:
    from ..records.run_record import RunRecord

#: Equal steps of a histogram over [0, 1]
BINS = 50
#: Worst images kept by name
LISTED_WORST = 100
_EDGES = np.linspace(0.0, 1.0, BINS + 1)


def bin_range(first: int, last: int | None = None) -> tuple[float, float]:
    """The scores of some neighbouring bins: from the first value, up to but without the second unless that is 1.

    Args:
        first: index of the lowest bin
        last: index of the highest one, or None for ``first`` alone
    """
    return float(_EDGES[first]), float(_EDGES[(first if last is None else last) + 1])


class ScoreOverview:
    """Distributions of the scores, and the worst images, as they accumulate.

    Args:
        quality: the score that ranks the images, or None where there is none
        listed: how many of the worst images are kept
    """

    def __init__(self, quality: str | None, listed: int = LISTED_WORST) -> None:
        self.quality = quality
        self._listed = listed
        self._scores: dict[str, _Counts] = {}
        #: The worst images by (quality, place in the run), negated: a heap whose first is the least bad
        self._worst: list[tuple[float, int, str]] = []
        self._images = 0

    def update(self, ids: Sequence[str], scores: Mapping[str, np.ndarray]) -> None:
        """Adds some images.

        Args:
            ids: n sample ids
            scores: score name to (n,) floats in [0, 1]; NaN where an image has none
        """
        for name, values in scores.items():
            self._scores.setdefault(name, _Counts()).update(np.asarray(values, np.float64))
        if self.quality is not None:
            for place, (sample_id, value) in enumerate(zip(ids, scores[self.quality], strict=True), self._images):
                self._rank(sample_id, float(value), place)
        self._images += len(ids)

    @property
    def worst(self) -> list[tuple[str, float]]:
        """Id and quality of the worst images, worst first; of equals the earlier one first."""
        return [(sample_id, -value) for value, _, sample_id in sorted(self._worst, reverse=True)]

    def overview(self, filepaths: Mapping[str, str]) -> Overview:
        """What was counted, for the run's record.

        Args:
            filepaths: of the worst images, by id
        """
        return Overview(
            quality=self.quality,
            scores={name: counted.distribution() for name, counted in self._scores.items()},
            worst=[WorstImage(one, filepaths.get(one, ""), value) for one, value in self.worst],
        )

    def _rank(self, sample_id: str, value: float, place: int) -> None:
        if math.isnan(value):
            return
        entry = (-value, -place, sample_id)
        if len(self._worst) < self._listed:
            heapq.heappush(self._worst, entry)
        else:
            heapq.heappushpop(self._worst, entry)


class SuspectOverview:
    """Images by their leading type of error, and the leading suspect of the worst images, as they accumulate.

    Args:
        names: of the K classes
        listed: ids of the images whose leading suspect is kept
    """

    def __init__(self, names: Sequence[str], listed: Iterable[str]) -> None:
        self._names = names
        self._listed = set(listed)
        self._images: dict[str, int] = {}
        #: Of each listed image its leading type, and the classes of its strongest suspect where it has one
        self._leading: dict[str, tuple[str, ...]] = {}

    def update(self, sample_id: str, kind: str, given: np.ndarray, suggested: np.ndarray, strength: np.ndarray) -> None:
        """Adds an image.

        Args:
            sample_id: the image
            kind: its leading type of error
            given: (n,) class indices of its regions
            suggested: (n,) class indices
            strength: (n,) their probabilities, or their evidence
        """
        self._images[kind] = self._images.get(kind, 0) + 1
        if sample_id in self._listed:
            self._leading[sample_id] = (kind, *self._strongest(given, suggested, strength))

    def add_to(self, overview: Overview) -> None:
        """Writes what was found into what `ScoreOverview.overview` gave, in place of earlier suspects."""
        overview.images_by_type = dict(self._images)
        overview.worst = [
            WorstImage(one.id, one.filepath, one.quality, *self._leading.get(one.id, ())) for one in overview.worst
        ]

    def _strongest(self, given: np.ndarray, suggested: np.ndarray, strength: np.ndarray) -> tuple[str, ...]:
        if not len(strength):
            return ()
        row = int(np.argmax(strength))
        return self._names[int(given[row])], self._names[int(suggested[row])]


@dataclass(frozen=True)
class Estimates:
    """How much of a dataset is probably wrong, by what a run has found.

    Two ways to count, neither of which includes the other: confident learning flags single pixels, blurred edges and
    noise among them; a suspect is a connected piece of evidence, large enough to be a mistake, and all of it
    counts.

    Args:
        images: that were scored
        suspect_images: with at least one suspect; None where suspects were not looked for
        pixels: of the given masks that take part; None where not counted
        suspect_pixels: in suspects; None where suspects were not looked for
        suspect_share: of the pixels in suspects, in [0, 1]; None where suspects were not looked for
        flagged_share: of the pixels that confident learning flags, in [0, 1]; None where it did not run
    """

    images: int
    suspect_images: int | None = None
    pixels: int | None = None
    suspect_pixels: int | None = None
    suspect_share: float | None = None
    flagged_share: float | None = None

    @property
    def flagged_pixels(self) -> int | None:
        """Pixels that confident learning flags, from its share of the pooled ones; None where not known."""
        if self.flagged_share is None or self.pixels is None:
            return None
        return round(self.flagged_share * self.pixels)


def estimates(record: RunRecord) -> Estimates:
    """What a run's record says of how much is wrong."""
    found = record.scores
    flagged = (found.flagged_pixels or 0) / found.pooled_pixels if found.pooled_pixels else None
    if not record.classes:
        known = record.suspects is not None and record.suspects.status != MISSING
        suspect_images = record.suspects.images if known and record.suspects is not None else None
        return Estimates(record.scored, suspect_images, flagged_share=flagged)
    pixels = sum(one.pixels_before for one in record.classes)
    suspected = sum(one.suspected_pixels for one in record.classes)
    return Estimates(
        images=record.scored,
        suspect_images=record.suspects.images if record.suspects is not None else 0,
        pixels=pixels,
        suspect_pixels=suspected,
        suspect_share=suspected / pixels if pixels else None,
        flagged_share=flagged,
    )


@dataclass
class _Counts:
    """A score over the images.

    Args:
        counts: (BINS,) int64 images by score
        total: sum of the scores
        lowest: the smallest; inf where there is none
    """

    counts: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))
    total: float = 0.0
    lowest: float = math.inf

    def update(self, values: np.ndarray) -> None:
        values = values[~np.isnan(values)].clip(0.0, 1.0)
        if values.size:
            self.counts += np.histogram(values, bins=_EDGES)[0]
            self.total = math.fsum([self.total, *values.tolist()])
            self.lowest = min(self.lowest, float(values.min()))

    def distribution(self) -> Distribution:
        images, histogram = int(self.counts.sum()), self.counts.tolist()
        if not images:
            return Distribution(images, None, None, histogram)
        return Distribution(images, self.total / images, self.lowest, histogram)
